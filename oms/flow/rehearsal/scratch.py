"""A database for one rehearsal, beside the installation's own on the same server, and gone when it is over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError, ProgrammingError
from psycopg import errors, sql

from oms.core.errors import DomainError

#: Begins the name of every scratch database; a rehearsal runs in no other.
PREFIX = "oms_rehearsal_"


@contextmanager
def scratch_database(template: str = "template1") -> Iterator[str]:
    """An empty database for the length of a `with` block; its name. Those that a crash left behind are dropped first.

    `template` names a database to copy, to which nobody may be connected. Nothing is written to the installation's own
    database: its connection only says CREATE and DROP DATABASE. Raises DomainError where its user may not.
    """
    drop_leftovers()
    name = f"{PREFIX}{uuid4().hex[:12]}"
    try:
        _run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    except ProgrammingError as error:
        if isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise DomainError(
                "The database user may not create databases. As a superuser: ALTER ROLE ... CREATEDB;"
            ) from error
        raise
    keeper = _keeper(name)
    try:
        yield name
    finally:
        keeper.close()
        _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_leftovers() -> list[str]:
    """Drop scratch databases that nobody is connected to: rehearsals that were killed. Their names."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT datname FROM pg_database d WHERE starts_with(datname, %s)
               AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid) ORDER BY 1""",
            [PREFIX],
        )
        names = [row[0] for row in cursor.fetchall()]
    dropped = []
    for name in names:
        try:
            _run(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except OperationalError as error:
            # Somebody connected in this moment: it is in use after all.
            if not isinstance(error.__cause__, errors.ObjectInUse):
                raise
        else:
            dropped.append(name)
    return dropped


def _run(statement: sql.Composed) -> None:
    """One statement by itself: databases are not made inside of transactions."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _keeper(name: str) -> BaseDatabaseWrapper:
    """A connection that shows that the database is in use, however long nothing else is connected to it."""
    keeper = connection.copy()
    keeper.settings_dict["NAME"] = name
    keeper.settings_dict["OPTIONS"] = {**keeper.settings_dict["OPTIONS"]}
    keeper.settings_dict["OPTIONS"].pop("pool", None)
    keeper.connect()
    return keeper


def environment_of(name: str) -> dict[str, str]:
    """This process's environment for a process that works in the scratch database and tells nobody anything."""
    kept = {key: value for key, value in os.environ.items() if key != "DATABASE_URL_FILE"}
    return kept | {
        "DATABASE_URL": urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}")),
        "DJANGO_SETTINGS_MODULE": "oms.settings", "OMS_SECRET_KEY": settings.SECRET_KEY, "OMS_PROCESS": "worker",
        "OMS_EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend", "PYTHONPATH": str(settings.BASE_DIR),
    }  # fmt: skip
