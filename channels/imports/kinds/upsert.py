"""Create what is new and change what differs, set-based, leaving alone what a file says nothing of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Model

from channels.imports.types import Counts

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which records are new, which differ (and in what), and how many are already so."""

    create: dict[str, dict[str, Any]] = field(default_factory=dict)
    update: dict[str, dict[str, Any]] = field(default_factory=dict)
    skip: int = 0

    @property
    def counts(self) -> Counts:
        """As numbers."""
        return Counts(create=len(self.create), update=len(self.update), skip=self.skip)


def compare(existing: Mapping[str, Model], wanted: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Compare by code. A mapping among the values (options) is merged into the stored one, everything else replaced."""
    create: dict[str, dict[str, Any]] = {}
    update: dict[str, dict[str, Any]] = {}
    skip = 0
    for code, values in wanted.items():
        row = existing.get(code)
        if row is None:
            create[code] = dict(values)
            continue
        changed = {}
        for name, value in values.items():
            stored = getattr(row, name)
            new = {**stored, **value} if isinstance(value, dict) else value
            if stored != new:
                changed[name] = new
        if changed:
            update[code] = changed
        else:
            skip += 1
    return Plan(create, update, skip)


def apply_plan(
    model: type[M], existing: Mapping[str, M], plan: Plan, defaults: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write the plan in two statements. `defaults` by code fill in what a new row needs and the file does not say."""
    model._default_manager.bulk_create(
        [model(code=code, **{**defaults.get(code, {}), **values}) for code, values in sorted(plan.create.items())]
    )
    rows: list[M] = []
    names: set[str] = set()
    for code, changed in sorted(plan.update.items()):
        row = existing[code]
        for name, value in changed.items():
            setattr(row, name, value)
        rows.append(row)
        names |= changed.keys()
    if rows:
        model._default_manager.bulk_update(rows, sorted(names))


def codes(units: Sequence[Any]) -> list[str]:
    """Keys in the order in which rows are locked."""
    return sorted(unit.key for unit in units)
