"""A phone that kept what its person did, and sends it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client

from fulfillment.models import FulfillmentOrder
from oms.core.clock import now


def stamp_on(page: Any) -> str:
    """The proof of who is signed in that a page of the store app carries."""
    return str(page.content.decode().partition('data-stamp="')[2].partition('"')[0])


def action(stamp: str, kind: str, *work: FulfillmentOrder, **said: Any) -> dict[str, Any]:
    """One action as a phone keeps it, done a moment ago without a connection."""
    return {"uid": str(uuid4()), "stamp": stamp, "at": now().isoformat(), "kind": kind, "late": True,
            "work": [item.pk for item in work]} | said  # fmt: skip


def send(client: Client, *actions: dict[str, Any], clock_ahead: timedelta = timedelta(), **more: Any) -> Any:
    """Send them at once; the whole answer."""
    body = {"now": (now() + clock_ahead).isoformat(), "events": list(actions)} | more
    return client.post("/s/events/", json.dumps(body), content_type="application/json")


def outcomes(client: Client, *actions: dict[str, Any]) -> list[str]:
    """What became of each."""
    return [answer["outcome"] for answer in send(client, *actions).json()["answers"]]
