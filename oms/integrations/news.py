"""What there is to tell, before it is known whom: one piece of news of one topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms.core.events import Event, Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One piece of news. `key` names it among all of its topic: the outbox event, and its part where it has several.

    `node_codes` and `sku_ids` say what it concerns, for endpoints that want some of it only: no node at all is an empty
    set, and None means that the question does not arise. `data` is None where the newest truth is read when it is
    sent; `fold_key` then names what is read.
    """

    key: str
    at: datetime
    subject: str
    data: dict[str, Any] | None
    node_codes: frozenset[str] | None
    sku_ids: frozenset[int] | None
    fold_key: str = ""


#: Makes news of events, all of one kind, in a number of queries that does not depend on how many they are.
Build = Callable[[Sequence[Recorded]], list[News]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic: the event it follows, what is told, and an example of its data for the documentation and the screens."""

    name: str
    event: type[Event]
    title: str
    build: Build
    example: dict[str, Any]
