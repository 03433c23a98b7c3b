"""Where the embedded services keep their data, sockets and copies of programs."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.accounts import Account, make_private, service_account
from oms.embedded.errors import EmbeddedError

CHECKOUT = Path(__file__).resolve().parents[2]
#: sockaddr_un.sun_path holds 108 bytes, the last of which is the closing NUL.
LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class StateDirectory:
    """One set of embedded services: a root directory and the account that owns what is in it."""

    root: Path
    account: Account

    @property
    def sockets(self) -> Path:
        """Directory of the sockets; under /tmp when the path would be too long for a socket."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"oms-{self.account.user_id}-{digest}"  # noqa: S108 - checked by create()

    def create(self) -> None:
        """Make the directories. Raises EmbeddedError when they cannot be made or belong to someone else."""
        try:
            self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not self.account.can_enter(self.root):
                raise EmbeddedError(
                    f"The account {self.account.name} cannot enter {self.root}. "
                    "Set OMS_STATE_DIR to a directory that it can reach."
                )
            if self.sockets.is_symlink():
                raise EmbeddedError(f"{self.sockets} is a symbolic link; remove it.")
            make_private(self.sockets, self.account)
        except PermissionError as error:
            raise EmbeddedError(
                f"{error.filename} belongs to another user, perhaps from a start as root. "
                "Remove it, or set OMS_STATE_DIR to a directory of your own."
            ) from error


def state_directory(environment: Mapping[str, str]) -> StateDirectory:
    """The state of this checkout: OMS_STATE_DIR, or .oms in the checkout, or /var/lib when root hides the checkout.

    Raises EmbeddedError when root has no unprivileged account to give PostgreSQL to.
    """
    account = service_account()
    named = environment.get("OMS_STATE_DIR")
    if named:
        return StateDirectory(Path(named).resolve(), account)
    if os.geteuid() == 0 and not account.can_enter(CHECKOUT):
        digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:16]
        return StateDirectory(Path("/var/lib/oms") / digest, account)
    return StateDirectory(CHECKOUT / ".oms", account)
