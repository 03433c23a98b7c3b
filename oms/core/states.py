"""State machines of own rows: legality, compare-and-swap and a Transition row, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from oms.core.errors import Conflict, IllegalTransition
from oms.core.models import Transition


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine over one field. `edges` maps a state to the states that may follow it."""

    name: str
    edges: Mapping[str, frozenset[str]]
    field: str = "state"

    def allows(self, from_state: str, to_state: str) -> bool:
        """True where the machine has this edge."""
        return to_state in self.edges.get(from_state, frozenset())

    def sources(self, to_state: str) -> list[str]:
        """Every state from which `to_state` can be reached in one step."""
        return [state for state, targets in self.edges.items() if to_state in targets]


def machine(name: str, edges: Mapping[str, Iterable[str]], field: str = "state") -> Machine:
    """Build a Machine from plain collections."""
    return Machine(name, {state: frozenset(targets) for state, targets in edges.items()}, field)


def advance(
    obj: models.Model, to_state: str, *, using: Machine, actor: str = "", reason: str = "", **changes: Any
) -> None:
    """Move one object to `to_state` and set `changes` in the same statement.

    Raises IllegalTransition when the machine has no such edge, Conflict when somebody moved the object first. The
    object in hand is refreshed to what was written.
    """
    from_state = getattr(obj, using.field)
    label = f"{obj._meta.verbose_name} {obj}"
    if not using.allows(from_state, to_state):
        raise IllegalTransition(
            f"{label} is {from_state} and cannot become {to_state}.", from_state=from_state, to_state=to_state
        )
    manager = type(obj)._default_manager
    with transaction.atomic():
        moved = manager.filter(pk=obj.pk, **{using.field: from_state}).update(**{using.field: to_state}, **changes)
        if moved != 1:
            raise Conflict(f"{label} was changed by someone else a moment ago. Reload and try again.")
        Transition.objects.create(
            model=using.name, object_id=obj.pk, from_state=from_state, to_state=to_state, actor=actor, reason=reason
        )
    setattr(obj, using.field, to_state)
    for name, value in changes.items():
        setattr(obj, name, value)


def advance_many(
    model: type[models.Model],
    ids: Iterable[int],
    to_state: str,
    *,
    using: Machine,
    actor: str = "",
    reason: str = "",
    **changes: Any,
) -> list[int]:
    """Move every object that may move to `to_state`; the ids of those that did, in order.

    Objects in a state without this edge are left alone: the caller compares the ids where it matters.
    """
    with transaction.atomic():
        rows = (
            model._default_manager.select_for_update()
            .filter(pk__in=list(ids), **{f"{using.field}__in": using.sources(to_state)})
            .order_by("pk")
            .values_list("pk", using.field)
        )
        before = dict(rows)
        if not before:
            return []
        model._default_manager.filter(pk__in=list(before)).update(**{using.field: to_state}, **changes)
        Transition.objects.bulk_create(
            Transition(model=using.name, object_id=pk, from_state=state, to_state=to_state, actor=actor, reason=reason)
            for pk, state in before.items()
        )
    return list(before)
