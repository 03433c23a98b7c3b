"""Empties the database after a test that commits: row by row where there are any.

Django truncates every table, and PostgreSQL gives a truncated table new files, and each of its indexes and partitions:
of two thousand files a few hold anything after a test. Then it writes content types and permissions anew, which no test
changes: they stay. And it does so in a session that has planned nothing yet, which costs more than all the deletions:
here one session for each process empties after every test, with plans that it made once.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection, connections

#: What Django itself writes after it migrated.
KEPT = frozenset({"django_content_type", "auth_permission"})

# Locks every table first, as TRUNCATE does: whoever still writes ends before it, and nothing comes after it.
_FUNCTION = """
CREATE FUNCTION pg_temp.empty_tables() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
    {deletions}
END $$
"""
_DELETION = "IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;"

_session: list[psycopg.Connection[Any]] = []


def empty_tables(*_args: object) -> None:
    """Take all rows away. Sequences go on: no test can lean on an id.

    Sessions of the test end first, so that none holds a lock that is waited for here.
    """
    for each in connections.all(initialized_only=True):
        each.close()
    if not _session:
        _session.append(_new_session())
    _session[0].execute("SELECT pg_temp.empty_tables()")


def end_session() -> None:
    """Let go of the database, before it is dropped."""
    while _session:
        _session.pop().close()


def _new_session() -> psycopg.Connection[Any]:
    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT
    parameters = connection.get_connection_params()
    connection.close()
    wanted = ("dbname", "host", "port", "user", "password")
    made = psycopg.connect(**{name: parameters[name] for name in wanted if name in parameters}, autocommit=True)
    # Foreign keys and the triggers that forbid a deletion do not count in the role of a replica.
    made.execute("SET session_replication_role = replica")
    tables = sorted(connection.ops.quote_name(name) for name in names)
    deletions = "\n    ".join(_DELETION.format(table=table) for table in tables)
    made.execute(_FUNCTION.format(tables=", ".join(tables), deletions=deletions).encode())
    return made
