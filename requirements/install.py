"""Install the hashed locks into .venv, once per content of the locks.

Needs nothing but the standard library: it runs before anything is installed. A file lock makes two calls at the same
time safe, and the stamp makes a second call free of work and of network.
"""

import fcntl
import hashlib
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
#: Python's own pip can be years old; this one takes half the time for a lock of this size.
PIP_LOCK = ROOT / "requirements" / "pip.txt"
LOCKS = [ROOT / "requirements" / name for name in ("base.txt", "embedded.txt", "dev.txt")]
#: pip waits for the network half of the time, so two of them, each with its own packages, take half as long.
INSTALLERS = 2


def fingerprint() -> str:
    """What the environment depends on: the locks, the interpreter, and the path (scripts in .venv/bin hold it)."""
    digest = hashlib.sha256(f"{sys.version}\n{VENV}\n".encode())
    for lock in (PIP_LOCK, *LOCKS):
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
    finish([start_pip(PIP_LOCK)])
    with tempfile.TemporaryDirectory() as name:
        finish([start_pip(share) for share in shares(Path(name))])
    put_checkout_on_path()
    STAMP.write_text(wanted)


def start_pip(lock: Path) -> "subprocess.Popen[bytes]":
    """Install one lock. It is complete, so nothing is resolved; modules are compiled when first imported."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--no-deps", "--no-compile", "--require-hashes", "--requirement", str(lock)]
    return subprocess.Popen(command)


def finish(installers: "list[subprocess.Popen[bytes]]") -> None:
    """Wait for all of them. Raises CalledProcessError when one failed."""
    for installer in installers:
        installer.wait()
    for installer in installers:
        if installer.returncode != 0:
            raise subprocess.CalledProcessError(installer.returncode, installer.args)


def shares(directory: Path) -> list[Path]:
    """The packages of all locks dealt out to files of their own; one that stands in two locks goes to one file."""
    blocks: dict[str, set[str]] = {}
    for lock in LOCKS:
        # A package starts in the first column; its hashes are indented.
        for block in re.split(r"\n(?=\S)", lock.read_text()):
            if not block.startswith("#"):
                blocks.setdefault(block.partition("==")[0], set()).add(block.rstrip())
    names = sorted(blocks)
    files = []
    for number in range(INSTALLERS):
        file = directory / f"{number}.txt"
        file.write_text("\n".join(block for name in names[number::INSTALLERS] for block in sorted(blocks[name])) + "\n")
        files.append(file)
    return files


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
    if VENV.is_symlink():
        return 0  # somebody else's environment, lent to this checkout: not ours to change, let alone to clear
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
