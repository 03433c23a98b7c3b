"""Install the hashed locks into .venv, once per content of the locks.

Needs nothing but the standard library: it runs before anything is installed. A file lock makes two calls at the same
time safe, and the stamp makes a second call free of work and of network.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
LOCKS = [ROOT / "requirements" / name for name in ("base.txt", "embedded.txt", "dev.txt")]


def fingerprint() -> str:
    """What the environment depends on: the locks, the interpreter, and the path (scripts in .venv/bin hold it)."""
    digest = hashlib.sha256(f"{sys.version}\n{VENV}\n".encode())
    for lock in LOCKS:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def is_installed(wanted: str) -> bool:
    """True when .venv was completed from exactly these locks."""
    return STAMP.is_file() and STAMP.read_text() == wanted


def install(wanted: str) -> None:
    """Create or update .venv. Raises CalledProcessError when pip refuses, for instance on a hash that differs."""
    # An update keeps .venv, since something may be running from it; another path or interpreter needs a new one.
    venv.create(VENV, with_pip=True, symlinks=True, clear=not is_usable())
    STAMP.unlink(missing_ok=True)
    arguments = [argument for lock in LOCKS for argument in ("-r", str(lock))]
    # The locks are complete, so pip need not resolve anything (--no-deps). Modules are compiled when first imported.
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-compile", "--require-hashes", *arguments], check=True)
    put_checkout_on_path()
    STAMP.write_text(wanted)


def put_checkout_on_path() -> None:
    """Let programs in .venv/bin (pytest, celery, gunicorn) import the project from any working directory."""
    for packages in VENV.glob("lib/python3*/site-packages"):
        (packages / "oms_checkout.pth").write_text(f"{ROOT}\n")


def is_usable() -> bool:
    """True when .venv was made here and by this minor version of Python."""
    config = VENV / "pyvenv.cfg"
    if not config.is_file() or not (VENV / "bin" / "python").exists():
        return False
    text = config.read_text()
    version = f"version = {sys.version_info.major}.{sys.version_info.minor}."
    return version in text and f"-m venv {VENV}" in text.replace(" --clear", "")


def main() -> int:
    """Bring .venv up to date; print nothing when it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells a person with an older Python
        sys.exit("Python 3.11 or newer is needed. Name one with: make env PYTHON=/path/to/python3.11")
    wanted = fingerprint()
    if is_installed(wanted):
        return 0
    with (ROOT / "requirements" / "base.txt").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if is_installed(wanted):
            return 0
        print("Installing into .venv (about a minute the first time) ...", flush=True)
        try:
            install(wanted)
        except subprocess.CalledProcessError as error:
            return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
