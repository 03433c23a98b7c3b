"""The short form of `make labels-once`: few parcels, with everything that goes wrong in it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.labels_once.burst import burst

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_parcel_gets_one_label_whatever_is_lost_and_whoever_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"])))

    result = burst(50, seed=3, packers=3, lost=0.3, kills=2)

    assert result.faults == []
    assert result.lines[0].startswith("50 live labels for 50 parcels")
    assert "2 packers killed" in result.lines[0]
