"""Which SKU a channel means: the map from a channel's own codes to SKUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q
from rapidfuzz import process

from channels.kits import explode_order
from channels.locks import lock_listings
from channels.models import ChannelAccount, Listing
from channels.services.accounts import get_account
from channels.services.inbox import clean_text, replay_cause
from channels.services.sellable import refresh_sellable
from inventory.models import Sku
from inventory.selectors import Recipe, read_recipes
from oms.core.db import execute, run_atomic
from oms.core.errors import DomainError, NotFound
from orders.canonical import CanonicalOrder

#: How many suggestions are made for an unknown SKU, for how many of them at once, and how alike they must be (0-100).
SUGGESTIONS = 3
MOST_SUGGESTED = 25
CLOSE = 60

EXPECTED = "a SKU of the catalogue or a mapped listing"
EXPECTED_OF_KIT = "a kit whose components are named"

_REMEMBER = """
INSERT INTO channels_listing (account_id, external_sku, sku_id, name, external_ids, wanted_version, sent_version, error)
SELECT %s, found.code, found.sku_id, '', '{}'::jsonb, 0, 0, ''
FROM unnest(%s::text[], %s::bigint[]) AS found(code, sku_id)
ORDER BY found.code
ON CONFLICT (account_id, external_sku) DO UPDATE SET sku_id = excluded.sku_id WHERE channels_listing.sku_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an order's SKUs turned out to be, or the issues and their cause.

    `order` has `sku_id` set on every line, and kits replaced by their components. `listed` are the SKUs as the channel
    lists them: of a kit the kit, not its components.
    """

    order: CanonicalOrder
    issues: list[dict[str, Any]]
    cause: str
    listed: frozenset[int] = frozenset()


def unknown_sku_cause(external_sku: str) -> str:
    """The words under which messages wait for this SKU of a channel to be mapped."""
    return f"Unknown SKU {external_sku}"[:200]


def empty_kit_cause(code: str) -> str:
    """The words under which messages wait for the components of this kit to be named."""
    return f"Kit {code} has no components"[:200]


def resolve_skus(account: ChannelAccount, orders: Iterable[CanonicalOrder], *, remember: bool = True) -> list[Resolved]:
    """Set `sku_id` on every line by the account's listings, else by a SKU of the same code, and explode kits.

    What was found by code is remembered as a listing of the account unless `remember` is False; the caller refreshes
    what may be sold of it. A line that already names a `sku_id` keeps it where that SKU exists. Kits are read in one
    statement, and only where there are any.
    """
    orders = list(orders)
    codes = {line.sku_code for order in orders for line in order.lines if line.sku_id is None}
    given = {line.sku_id for order in orders for line in order.lines if line.sku_id is not None}
    known = _find(account, codes, remember=remember)
    existing = dict(Sku.objects.filter(pk__in=given).values_list("pk", "is_kit")) if given else {}
    missing = sorted(codes - known.keys())
    hints = _suggestions(missing) if missing else {}
    kits = {pk for pk, is_kit in [*known.values(), *existing.items()] if is_kit}
    recipes = read_recipes(kits) if kits else {}
    return [_resolve(order, known, existing, hints, recipes) for order in orders]


def find_skus(account: ChannelAccount, codes: Iterable[str], *, remember: bool = True) -> dict[str, int]:
    """SKU id of each of the channel's codes that is known."""
    return {code: pk for code, (pk, _) in _find(account, codes, remember=remember).items()}


def _find(account: ChannelAccount, codes: Iterable[str], *, remember: bool) -> dict[str, tuple[int, bool]]:
    """SKU id of each of the channel's codes that is known, and whether it is a kit."""
    wanted = sorted({code for code in codes if code})
    if not wanted:
        return {}
    rows = Listing.objects.filter(account=account, external_sku__in=wanted, sku__isnull=False)
    known = {code: (pk, kit) for code, pk, kit in rows.values_list("external_sku", "sku_id", "sku__is_kit")}
    rest = [code for code in wanted if code not in known]
    found = Sku.objects.filter(code__in=rest).values_list("code", "pk", "is_kit") if rest else ()
    by_code = {code: (pk, kit) for code, pk, kit in found}
    if by_code and remember:
        execute(_REMEMBER, [account.pk, list(by_code), [pk for pk, _ in by_code.values()]])
    return known | by_code


def _resolve(
    order: CanonicalOrder, known: Mapping[str, tuple[int, bool]], existing: Mapping[int, bool],
    hints: Mapping[str, list[dict[str, Any]]], recipes: Mapping[int, Recipe],
) -> Resolved:  # fmt: skip
    lines, issues, causes = [], [], []
    for index, line in enumerate(order.lines):
        sku_id = known.get(line.sku_code, (None,))[0] if line.sku_id is None else line.sku_id
        field = f"lines[{index}].sku"
        if sku_id is None or (line.sku_id is not None and line.sku_id not in existing):
            issues.append(
                {"field": field, "got": line.sku_code, "expected": EXPECTED,
                 "suggestions": hints.get(line.sku_code, [])}
            )  # fmt: skip
            causes.append(unknown_sku_cause(line.sku_code))
        elif sku_id in recipes and not recipes[sku_id].components:
            issues.append({"field": field, "got": line.sku_code, "expected": EXPECTED_OF_KIT})
            causes.append(empty_kit_cause(recipes[sku_id].code))
        else:
            lines.append(replace(line, sku_id=sku_id))
    if issues:
        return Resolved(order, issues, causes[0])
    listed = frozenset(line.sku_id for line in lines if line.sku_id is not None)
    return Resolved(explode_order(replace(order, lines=tuple(lines)), recipes), [], "", listed)


def _suggestions(codes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The SKUs whose codes look most like each unknown code, best first."""
    catalogue = {code: (pk, name) for pk, code, name in Sku.objects.values_list("pk", "code", "name")}
    upper = {code: code.upper() for code in catalogue}
    found: dict[str, list[dict[str, Any]]] = {}
    for code in codes[:MOST_SUGGESTED]:
        close = process.extract(code.upper(), upper, limit=SUGGESTIONS, score_cutoff=CLOSE)
        found[code] = [
            {"sku_id": catalogue[key][0], "code": key, "name": catalogue[key][1], "score": round(score)}
            for _, score, key in close
        ]
    return found


def suggest_skus(codes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """For the first 25 of these codes: the SKUs that look most like each, best first, with a score of 60 to 100."""
    return _suggestions(list(codes))


def map_listing(*, account_id: int, external_sku: str, sku_id: int, actor: str) -> list[int]:
    """Say which SKU a channel's code means, and replay the messages that waited for it; their ids.

    The quantity to tell the channel is worked out anew. Orders captured before keep the SKU they were captured with.
    Raises NotFound for an unknown account or SKU, DomainError for an empty code.
    """
    code = clean_text(external_sku.strip(), 120)
    if not code:
        raise DomainError("Give the channel's own code of the product.", field="external_sku")
    account = get_account(account_id)
    if not Sku.objects.filter(pk=sku_id).exists():
        raise NotFound(f"There is no SKU {sku_id}.")

    def work() -> list[int]:
        Listing.objects.get_or_create(account=account, external_sku=code)
        lock_listings(Q(account=account, external_sku=code))
        before = Listing.objects.get(account=account, external_sku=code)
        Listing.objects.filter(pk=before.pk).update(sku_id=sku_id)
        refresh_sellable([sku_id])
        return replay_cause(account_id=account_id, cause=unknown_sku_cause(code), actor=actor)

    return run_atomic(work)


def unmap_listing(*, listing_id: int) -> None:
    """Forget which SKU a listing means; nothing is told to the channel about it until it is mapped again."""
    if not Listing.objects.filter(pk=listing_id).update(sku=None):
        raise NotFound(f"There is no listing {listing_id}.")


_STORE_LISTINGS = """
INSERT INTO channels_listing
    (account_id, external_sku, name, external_ids, reported_quantity, sku_id, wanted_version, sent_version, error)
SELECT %s, seen.code, seen.name, seen.ids::jsonb, seen.quantity,
    (SELECT sku.id FROM inventory_sku sku WHERE sku.code = seen.code), 0, 0, ''
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[]) AS seen(code, name, ids, quantity)
ORDER BY seen.code
ON CONFLICT (account_id, external_sku) DO UPDATE SET
    name = excluded.name, external_ids = excluded.external_ids, reported_quantity = excluded.reported_quantity,
    sku_id = coalesce(channels_listing.sku_id, excluded.sku_id)
"""


def store_listings(account: ChannelAccount, rows: Mapping[str, tuple[str, str, int | None]]) -> int:
    """Write what the channel says it lists, by its code: name, its own ids as JSON, its quantity. The number of rows.

    A code that is also a SKU's is mapped to it, unless a person has mapped it to another.
    """
    codes = list(rows)
    columns = [list(column) for column in zip(*rows.values(), strict=True)] if rows else [[], [], []]
    return execute(_STORE_LISTINGS, [account.pk, codes, *columns])
