"""What the environment says wins; what it leaves out comes from the embedded services."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.embedded.environment import point_at_embedded_services


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="oms-environment-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_an_empty_environment_is_filled_in(root: Path) -> None:
    environment = {"OMS_STATE_DIR": str(root)}
    point_at_embedded_services(environment)
    assert environment["DATABASE_URL"] == f"postgres://oms@{str(root).replace('/', '%2F')}%2Frun/oms"
    assert environment["REDIS_URL"] == f"redis+socket://{root}/run/valkey.sock"
    assert len(environment["OMS_SECRET_KEY"]) == 64
    assert environment["OMS_MEDIA_ROOT"] == f"{root}/media"


def test_the_secret_key_stays_the_same_and_is_private(root: Path) -> None:
    first, second = {"OMS_STATE_DIR": str(root)}, {"OMS_STATE_DIR": str(root)}
    point_at_embedded_services(first)
    point_at_embedded_services(second)
    assert first["OMS_SECRET_KEY"] == second["OMS_SECRET_KEY"]
    assert (root / "secret_key").stat().st_mode & 0o777 == 0o600


def test_what_is_named_wins(root: Path) -> None:
    named = {"DATABASE_URL": "postgres://db/oms", "REDIS_URL_FILE": "/run/secrets/redis", "OMS_SECRET_KEY": "mine"}
    environment = named | {"OMS_STATE_DIR": str(root)}
    point_at_embedded_services(environment)
    assert environment == named | {"OMS_STATE_DIR": str(root)}
    assert list(root.iterdir()) == []


def test_only_what_is_missing_is_filled_in(root: Path) -> None:
    environment = {"OMS_STATE_DIR": str(root), "DATABASE_URL": "postgres://db/oms"}
    point_at_embedded_services(environment)
    assert environment["DATABASE_URL"] == "postgres://db/oms"
    assert environment["REDIS_URL"].endswith("/run/valkey.sock")
