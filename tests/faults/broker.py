"""A Valkey of one test's own, which may be killed and comes back empty."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field

import redis

from oms.embedded.processes import spawn, stop
from oms.embedded.programs import find_programs
from oms.embedded.throwaway import temporary_state
from oms.embedded.valkey import ValkeyServer
from tests.embedded.living import wait_until


@dataclass(slots=True)
class Broker:
    """The server, and the processes that guard it, the last of which takes the directory away."""

    server: ValkeyServer
    guards: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def create(cls) -> Broker:
        """A running server in a directory of its own."""
        state = temporary_state()
        state.create()
        server = ValkeyServer(state, find_programs(state), throwaway=True)
        server.ensure_data()
        broker = cls(server)
        broker.start()
        return broker

    @property
    def url(self) -> str:
        """What REDIS_URL has to be."""
        return self.server.url

    def client(self) -> redis.Redis:
        """A connection to look into it."""
        return redis.Redis(unix_socket_path=str(self.server.socket))

    def start(self) -> None:
        """Start, with nothing in it."""
        self.server.socket.unlink(missing_ok=True)
        self.guards.append(spawn(self.server.command(), account=self.server.state.account, grace_seconds=2))
        wait_until(self.server.answers, "an answer of Valkey")

    def kill(self) -> None:
        """SIGKILL the server itself: all that it held is gone."""
        with self.client() as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)
        self.guards[-1].wait()

    def stop(self) -> None:
        """End what still runs and take the directory away."""
        for guard in self.guards:
            stop(guard)
        subprocess.run(["rm", "-rf", str(self.server.state.root)], check=True)
