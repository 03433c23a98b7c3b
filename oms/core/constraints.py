"""Bounds for what rows may hold: nothing negative, nothing absurd, nothing unknown.

PostgreSQL reads the text of a condition again in every statement that writes to the table, so that long conditions
cost an order more than its rows do. Hence the two short forms here: least and greatest of many columns, and one array
of the words that are known.
"""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import F, Func, Q
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from oms.core.values import MAX_MINOR, MAX_QUANTITY


def quantity_bounds(*fields: str, prefix: str, low: int = 0) -> models.CheckConstraint:
    """Every field lies in [low, MAX_QUANTITY]."""
    return _bounds(fields, low, MAX_QUANTITY, f"{prefix}_quantities_bounded")


def money_bounds(*fields: str, prefix: str, low: int = 0) -> models.CheckConstraint:
    """Every amount in minor units lies in [low, MAX_MINOR]."""
    return _bounds(fields, low, MAX_MINOR, f"{prefix}_money_bounded")


def not_negative(*fields: str, prefix: str) -> models.CheckConstraint:
    """No field is below zero. For quantities whose sum is bounded by another condition."""
    return models.CheckConstraint(
        condition=Q(GreaterThanOrEqual(Least(*fields), 0)), name=f"{prefix}_quantities_not_negative"
    )


def _bounds(fields: tuple[str, ...], low: int, high: int, name: str) -> models.CheckConstraint:
    if len(fields) == 1:
        condition = Q(**{f"{fields[0]}__gte": low, f"{fields[0]}__lte": high})
    else:
        condition = Q(GreaterThanOrEqual(Least(*fields), low)) & Q(LessThanOrEqual(Greatest(*fields), high))
    return models.CheckConstraint(condition=condition, name=name)


def one_of(field: str, choices: type[models.TextChoices], *, prefix: str) -> models.CheckConstraint:
    """The field holds one of the choices: a state machine's last wall."""
    return models.CheckConstraint(condition=among(field, *choices.values), name=f"{prefix}_{field}_known")


def among(field: str, *words: str) -> Func:
    """The field holds one of the words."""
    array = ",".join(f'"{word}"' for word in words)
    return Func(F(field), template=f"%(expressions)s = ANY ('{{{array}}}'::text[])", output_field=models.BooleanField())


def keep_parents(parent: str, *children: str) -> migrations.RunSQL:
    """Refuse, at commit, to delete a row of the table `parent` that a "table.column" of `children` still names.

    For keys of hot tables, which carry no foreign key constraint of their own: such a constraint looks up, and locks, a
    row of the parent for each row written, which for an order costs as much as writing it. The rows are written by
    statements that read the parent first, and parents are hardly ever deleted, so the check is made there.
    """
    name = f"kept_for_{children[0].partition('_')[0]}"
    arguments = ", ".join(f"'{part}'" for child in children for part in child.split("."))
    return migrations.RunSQL(
        f"""CREATE CONSTRAINT TRIGGER {name} AFTER DELETE ON {parent} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION core_refuse_orphans({arguments})""",
        f"DROP TRIGGER {name} ON {parent}",
    )
