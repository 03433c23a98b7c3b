"""Events: what happened, in the past tense, with everything a step needs to know and nothing it must look up twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self

_REGISTRY: dict[str, type[Event]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. Fields are JSON primitives. `kind` is "<room>.<ClassName>" and never changes."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # dataclass(slots=True) makes the class twice; the second, final one replaces the first here.
        cls.kind = f"{cls.__module__.split('.')[-2]}.{cls.__name__}"
        _REGISTRY[cls.kind] = cls

    @property
    def aggregate(self) -> str:
        """The object it happened to, for people who search the outbox: "order:17"."""
        first = fields(self)[0].name
        return f"{first.removesuffix('_id')}:{getattr(self, first)}"

    def payload(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Read what `payload` wrote. Unknown keys are dropped, so that old workers survive new events."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in payload.items() if key in known})


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the outbox has it: `id` names it for ever, `at` is when it was recorded."""

    id: int
    at: datetime
    event: Event


def event_class(kind: str) -> type[Event] | None:
    """The class of a stored event, None where this version of the code does not know it."""
    return _REGISTRY.get(kind)


def order_ids(events: Iterable[Event]) -> list[int]:
    """The orders that the events speak of, each once, oldest event first."""
    return list(dict.fromkeys(event.order_id for event in events if hasattr(event, "order_id")))
