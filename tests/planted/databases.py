"""The migrated database that a bug is tried on: as it is, without some constraints, or made by its own migrations."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from oms.embedded.postgres import NAME
from oms.embedded.throwaway import ThrowawayServices
from tests.planted.bugs import PatchError, Plant
from tests.planted.trees import Tree

#: Long enough on a busy machine.
MIGRATE_SECONDS = 600


class Databases:
    """Templates in one cluster, from which each run of tests copies its own database."""

    def __init__(self, services: ThrowawayServices, compiled: Path) -> None:
        self._services = services
        self._made: set[str] = {NAME}
        # Compiled files are kept from run to run, whatever the caller does with its own.
        own = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._environment = {**own, **services.environment, "PYTHONPYCACHEPREFIX": str(compiled)}

    def environment(self, template: str) -> dict[str, str]:
        """What tells a run of the tests to use this cluster and template."""
        return {**self._environment, "OMS_TEST_TEMPLATE": template}

    def template_for(self, plant: Plant, tree: Tree, *, walls: bool) -> str:
        """The template that fits the planted tree; its constraints away where `walls` is False. Raises PatchError."""
        base = self._migrated(plant, tree) if plant.changes_migrations else NAME
        if walls or not plant.walls:
            return base
        name = "no_" + hashlib.sha256(f"{base} {plant.walls}".encode()).hexdigest()[:16]
        if name not in self._made:
            self._create(name, template=base)
            self._drop(name, plant.walls)
        return name

    def _migrated(self, plant: Plant, tree: Tree) -> str:
        changed = [path for path in plant.paths if "/migrations/" in path]
        digest = hashlib.sha256(b"".join((tree.root / path).read_bytes() for path in changed)).hexdigest()
        name = f"made_{digest[:16]}"
        if name not in self._made:
            self._create(name, template="template0")
            command = [sys.executable, "manage.py", "migrate", "--noinput", "--skip-checks", "--verbosity", "0"]
            environment = self._environment | {"DATABASE_URL": self._url(name)}
            done = subprocess.run(command, cwd=tree.root, env=environment, capture_output=True, check=False,
                                  timeout=MIGRATE_SECONDS)  # fmt: skip
            if done.returncode:
                raise PatchError(f"{plant.name}: its migrations fail: {done.stderr.decode()[-500:]}")
        return name

    def _create(self, name: str, *, template: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        self._made.add(name)

    def _drop(self, database: str, constraints: tuple[str, ...]) -> None:
        """Take constraints away. Raises PatchError for one that is not there."""
        with psycopg.connect(self._url(database), autocommit=True) as connection:
            for name in constraints:
                found = connection.execute(
                    "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s AND coninhcount = 0", [name]
                ).fetchone()
                if found is None:
                    raise PatchError(f"There is no constraint {name}.")
                connection.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        sql.Identifier(str(found[0])), sql.Identifier(name)
                    )
                )

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._services.postgres.url)._replace(path=f"/{database}"))
