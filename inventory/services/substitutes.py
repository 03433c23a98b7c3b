"""Which SKU may stand in for which: entered, ranked, and put back as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inventory.locks import lock_skus
from inventory.models import MAX_SUBSTITUTES, Sku, Substitute
from inventory.services.kits import HISTORY
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.models import Transition


def set_substitutes(
    *, sku_id: int, substitute_ids: Sequence[int], actor: str, seen: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Say which SKUs may stand in for a SKU, best first; the ids that stood there before.

    Giving those back undoes it. `seen` are the ids that the caller saw: Conflict where somebody changed them since. The
    same again changes nothing. Raises NotFound, and DomainError with the field: the SKU itself, a kit on either side,
    the same SKU twice, too many.
    """
    return set_many_substitutes(wanted={sku_id: substitute_ids}, actor=actor, seen={sku_id: seen})[sku_id]


def set_many_substitutes(
    *, wanted: Mapping[int, Sequence[int]], actor: str, seen: Mapping[int, Sequence[int] | None] | None = None
) -> dict[int, tuple[int, ...]]:
    """`set_substitutes` for many SKUs by id, all or none; the ids that stood there before, by SKU."""

    def work() -> dict[int, tuple[int, ...]]:
        skus = lock_skus([*wanted, *(pk for ids in wanted.values() for pk in ids)])
        before: dict[int, tuple[int, ...]] = dict.fromkeys(wanted, ())
        for sku_id, substitute_id in (
            Substitute.objects.filter(sku__in=wanted).order_by("sku_id", "rank").values_list("sku_id", "substitute_id")
        ):
            before[sku_id] += (substitute_id,)
        for sku_id, ids in sorted(wanted.items()):
            known = None if seen is None else seen.get(sku_id)
            if known is not None and tuple(known) != before[sku_id]:
                raise Conflict("The substitutes were changed by someone else. Look at them again, then save.")
            _refuse(skus, sku_id, ids)
            if tuple(ids) != before[sku_id]:
                _store(skus, sku_id, ids, actor)
        return before

    return run_atomic(work)


def _refuse(skus: Mapping[int, Sku], sku_id: int, ids: Sequence[int]) -> None:
    sku = skus.get(sku_id)
    if sku is None:
        raise NotFound(f"There is no SKU {sku_id}.", field="sku")
    if ids and sku.is_kit:
        raise DomainError(f"{sku.code} is a kit: its components are shipped, so it has no substitute.", field="sku")
    if len(ids) > MAX_SUBSTITUTES:
        raise DomainError(f"{len(ids)} substitutes of {sku.code}; at most {MAX_SUBSTITUTES}.", field="substitute")
    for position, pk in enumerate(ids):
        other = skus.get(pk)
        if other is None:
            raise NotFound(f"There is no SKU {pk}.", field="substitute")
        if pk == sku_id:
            raise DomainError(f"{sku.code} cannot stand in for itself.", field="substitute")
        if other.is_kit:
            raise DomainError(f"{other.code} is a kit: it cannot stand in for a single SKU.", field="substitute")
        if pk in ids[:position]:
            raise DomainError(f"{other.code} stands in for {sku.code} already.", field="substitute")


def _store(skus: Mapping[int, Sku], sku_id: int, ids: Sequence[int], actor: str) -> None:
    Substitute.objects.filter(sku=sku_id).exclude(substitute__in=ids).delete()
    Substitute.objects.bulk_create(
        [
            Substitute(sku_id=sku_id, substitute_id=pk, rank=rank, created_by=actor[:120])
            for rank, pk in enumerate(ids, start=1)
        ],
        update_conflicts=True, update_fields=["rank"], unique_fields=["sku", "substitute"],
    )  # fmt: skip
    codes = ", ".join(skus[pk].code for pk in ids) or "nothing"
    Transition.objects.create(
        model=HISTORY, object_id=sku_id, from_state="single", to_state="single", actor=actor[:120],
        reason=f"Substitutes: {codes}"[:200],
    )  # fmt: skip
