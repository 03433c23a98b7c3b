"""The embedded PostgreSQL: where it lies, what it refuses, and what it was created with."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import psycopg
import pytest

from oms.embedded.accounts import Account, service_account
from oms.embedded.errors import EmbeddedError
from oms.embedded.postgres import PostgresServer
from oms.embedded.programs import Programs, find_programs
from oms.embedded.state import StateDirectory, state_directory
from oms.embedded.throwaway import throwaway_services


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory that the service account can enter."""
    with tempfile.TemporaryDirectory(prefix="oms-postgres-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def server_in(root: Path) -> PostgresServer:
    return PostgresServer(StateDirectory(root, service_account()), Programs(Path("/no/bin"), Path("/no/valkey")))


def test_a_cluster_sorts_by_code_point_checks_its_pages_and_listens_on_no_port() -> None:
    with throwaway_services() as services, psycopg.connect(services.postgres.url) as connection:

        def show(name: str) -> str:
            row = connection.execute(f"SHOW {name}".encode()).fetchone()
            assert row is not None
            return str(row[0])

        assert show("server_version").startswith("18.")
        assert show("data_checksums") == "on"
        assert show("listen_addresses") == ""
        assert show("TimeZone") == "UTC"
        assert show("server_encoding") == "UTF8"
        locale = connection.execute(
            "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert locale == ("b", "C.UTF-8")
        sockets = services.postgres.state.sockets
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert sockets.stat().st_uid == service_account().user_id


def test_the_extensions_that_the_project_needs_are_there() -> None:
    with throwaway_services() as services, psycopg.connect(services.postgres.url) as connection:
        rows = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    assert {"pg_trgm", "btree_gist", "pg_stat_statements"} <= {name for (name,) in rows}


def test_commits_of_a_durable_throwaway_wait_for_the_disk() -> None:
    with throwaway_services(durable=True) as services, psycopg.connect(services.postgres.url) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
        ).fetchall()
    assert dict(rows) == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def test_the_directory_of_throwaway_services_is_gone_afterwards() -> None:
    with throwaway_services() as services:
        root = services.postgres.state.root
        assert root.is_dir()
    assert not root.exists()


def test_data_of_another_major_version_is_refused_and_left_alone(root: Path) -> None:
    server = server_in(root)
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 17; this release runs PostgreSQL 18"):
        server.ensure_data()
    assert [path.name for path in server.data.iterdir()] == ["PG_VERSION"]


def test_the_address_survives_the_way_through_the_settings(root: Path) -> None:
    server = server_in(root / "With Blank%20and-Capitals")
    config = dj_database_url.parse(server.url)
    assert config["HOST"] == str(root / "With Blank%20and-Capitals" / "run")
    assert config["USER"] == "oms"
    assert config["NAME"] == "oms"


def test_sockets_move_to_tmp_when_their_path_would_be_too_long(root: Path) -> None:
    deep = root / ("long" * 25)
    state = StateDirectory(deep, service_account())
    try:
        state.create()
        assert state.sockets.parent == Path("/tmp")
        assert len(os.fsencode(state.sockets / ".s.PGSQL.5432.lock")) <= 107
        assert state.sockets.stat().st_mode & 0o777 == 0o700
    finally:
        state.sockets.rmdir()


def test_a_link_in_the_place_of_the_sockets_is_refused(root: Path) -> None:
    state = StateDirectory(root / "state", service_account())
    state.root.mkdir()
    (root / "elsewhere").mkdir()
    state.sockets.symlink_to(root / "elsewhere")
    with pytest.raises(EmbeddedError, match="symbolic link"):
        state.create()


def test_the_state_directory_can_be_named(root: Path) -> None:
    assert state_directory({"OMS_STATE_DIR": str(root)}).root == root


def test_an_account_sees_what_the_mode_bits_let_it_see(root: Path) -> None:
    stranger = Account(user_id=54_321, group_id=54_321, name="stranger")
    secret = root / "secret"
    secret.mkdir(mode=0o700)
    (secret / "file").touch()
    assert stranger.can_enter(root)
    assert not stranger.can_enter(secret)
    assert not stranger.can_enter(secret / "file")
    secret.chmod(0o711)
    assert stranger.can_enter(secret / "file")
    assert not stranger.can_enter(root / "missing")


def test_programs_are_copied_once_for_an_account_that_cannot_read_them(root: Path) -> None:
    stranger = Account(user_id=54_321, group_id=54_321, name="stranger")
    state = StateDirectory(root, stranger)
    found = find_programs(StateDirectory(root, service_account()))
    hidden = not all(stranger.can_enter(path) for path in (found.postgres / "postgres", found.valkey))
    copied = find_programs(state)
    assert copied.postgres.is_relative_to(root) == hidden
    assert stranger.can_enter(copied.postgres / "postgres")
    assert stranger.can_enter(copied.valkey)
