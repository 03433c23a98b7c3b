"""Which account the databases run as: PostgreSQL refuses to run as root, so root hands it to an unprivileged one."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.errors import EmbeddedError

UNPRIVILEGED = ("nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """A user of this machine, by number."""

    user_id: int
    group_id: int
    name: str

    def can_enter(self, path: Path) -> bool:
        """True when the account may reach and read `path`, by the mode bits of it and of its parents."""
        resolved = path.resolve()
        parents = all(self._may(parent, stat.S_IXOTH) for parent in resolved.parents)
        return parents and self._may(resolved, stat.S_IROTH | (stat.S_IXOTH if resolved.is_dir() else 0))

    def _may(self, path: Path, others: int) -> bool:
        """Whether mode bits, given as those for others, apply to this account on `path`."""
        if self.user_id == 0:
            return True
        try:
            found = path.stat()
        except OSError:
            return False
        if found.st_uid == self.user_id:
            wanted = others << 6
        elif found.st_gid == self.group_id:
            wanted = others << 3
        else:
            wanted = others
        return found.st_mode & wanted == wanted


def service_account() -> Account:
    """The present account, or an unprivileged one when this is root. Raises EmbeddedError when there is none."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), str(os.geteuid()))
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine has no account named nobody or daemon to run it as. "
        "Start as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def make_private(path: Path, account: Account) -> None:
    """Create a directory, with its parents, that only `account` can enter (and root)."""
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(path, account.user_id, account.group_id)
    path.chmod(0o700)
