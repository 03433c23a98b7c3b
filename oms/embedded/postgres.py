"""The embedded PostgreSQL: create its data directory, say how to start it, and tell when it answers."""

import shutil
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from oms.embedded.accounts import make_private
from oms.embedded.errors import EmbeddedError
from oms.embedded.processes import spawn
from oms.embedded.programs import Programs
from oms.embedded.state import StateDirectory

MAJOR_VERSION = "18"
NAME = "oms"  # of the superuser and of the database
#: Room for two web processes with their pools, a worker, the relay, beat, and a person with psql.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_line_prefix": "",
}
#: For clusters that live as long as one run of the tests: nothing needs to survive a crash.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "log_min_messages": "panic",
}
#: On top of those, for benchmarks: commits wait for the disk and rows are cleaned up, as in production. They have to
#: stand on the command line, because what is switched off there cannot be switched on by ALTER SYSTEM.
DURABLE_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum_naptime": "1min",
    "shared_buffers": SETTINGS["shared_buffers"],
}


@dataclass(frozen=True)
class PostgresServer:
    """One cluster in a state directory."""

    state: StateDirectory
    programs: Programs
    throwaway: bool = False
    durable: bool = False

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.state.root / "postgres"

    @property
    def url(self) -> str:
        """What DATABASE_URL has to be. A host that is a path is percent-encoded."""
        return f"postgres://{NAME}@{urllib.parse.quote(str(self.state.sockets), safe='')}/{NAME}"

    def command(self) -> list[str]:
        """How to start the server in the foreground."""
        settings = SETTINGS | (THROWAWAY_SETTINGS if self.throwaway else {})
        settings |= DURABLE_SETTINGS if self.durable else {}
        settings["unix_socket_directories"] = str(self.state.sockets)
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [str(self.programs.postgres / "postgres"), "-D", str(self.data), *options]

    def ensure_data(self) -> None:
        """Create the cluster on the first run. Raises EmbeddedError for one that this version cannot read."""
        written_by = self._data_version()
        if written_by is None:
            self._initialise()
        elif written_by != MAJOR_VERSION:
            raise EmbeddedError(
                f"The data in {self.data} was written by PostgreSQL {written_by}; this release runs PostgreSQL "
                f"{MAJOR_VERSION}. Dump it with the old version and load it here, or move it away to start empty."
            )

    def _data_version(self) -> str | None:
        """Content of PG_VERSION, or None when there is no cluster yet."""
        try:
            return (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise EmbeddedError(
                f"{self.data} belongs to another user, perhaps from a start as root. "
                "Start as that user, or set OMS_STATE_DIR to a directory of your own."
            ) from error

    def _initialise(self) -> None:
        """Run initdb beside the final place and rename, so that a killed initdb leaves nothing half made."""
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished, self.state.account)
        command = [str(self.programs.postgres / "initdb"), "--pgdata", str(unfinished), "--username", NAME]
        command += ["--auth", "trust", "--encoding", "UTF8", "--data-checksums", "--locale", "C"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        if self.throwaway:
            command.append("--no-sync")
        guard = spawn(command, account=self.state.account, output=subprocess.PIPE)
        output = guard.communicate()[0].decode(errors="replace")
        if guard.returncode != 0:
            raise EmbeddedError(f"initdb failed in {unfinished}:\n{output}")
        unfinished.rename(self.data)

    def _is_ready(self) -> bool:
        """What the server says of itself in the last line of its lock file; asking earlier would only fill its log."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False

    def answers(self) -> bool:
        """True once the server takes connections; creates the database on the way when it is missing."""
        if not self._is_ready():
            return False
        maintenance = self.url.removesuffix(NAME) + "postgres"
        try:
            with psycopg.connect(maintenance, autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        except psycopg.OperationalError:
            return False
        return True
