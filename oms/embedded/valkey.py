"""The embedded Valkey, which carries wake-ups for the workers and nothing that PostgreSQL does not know."""

import socket
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.accounts import make_private
from oms.embedded.programs import Programs
from oms.embedded.state import StateDirectory


@dataclass(frozen=True)
class ValkeyServer:
    """One server in a state directory."""

    state: StateDirectory
    programs: Programs
    throwaway: bool = False

    @property
    def data(self) -> Path:
        """Where the append-only file lies."""
        return self.state.root / "valkey"

    @property
    def socket(self) -> Path:
        """The one door; there is no TCP port."""
        return self.state.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """What REDIS_URL has to be, in the form that Celery's transport reads."""
        return f"redis+socket://{self.socket}"

    def command(self) -> list[str]:
        """How to start the server in the foreground."""
        command = [
            str(self.programs.valkey),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--unixsocketperm",
            "700",
        ]
        # A queue must refuse a new message rather than forget an old one.
        command += ["--maxmemory-policy", "noeviction", "--dir", str(self.data), "--save", "", "--daemonize", "no"]
        command += ["--appendonly", "no" if self.throwaway else "yes", "--appendfsync", "everysec"]
        return [*command, "--loglevel", "nothing" if self.throwaway else "warning"]

    def ensure_data(self) -> None:
        """Create the data directory on the first run."""
        make_private(self.data, self.state.account)

    def answers(self) -> bool:
        """True once the server takes commands; it answers LOADING while it reads its file."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False
