"""The pool of a node on the screen: what it is narrowed to, how much each filter leaves, and the load in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.selectors.waves import ReadyOrder
from fulfillment.services.wave_plan import TOTES, Load, Suggestion
from inventory.models import Node, Sku
from oms.core.templatetags.oms_format import span
from orders.models import OrderServiceLevel

#: Units that one person takes from the shelves in an hour, until the screen is told otherwise.
AN_HOUR = 90
LATE, NO_DATE = "late", "none"
_MOST_CHIPS = 6


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands in the address. Values that mean nothing are dropped."""

    node: str = ""
    cutoff: str = ""
    service: str = ""
    zone: str = ""
    single: str = ""
    sku: str = ""
    size: int = TOTES
    pickers: int = 0
    rate: int = AN_HOUR

    def url(self, **changes: str) -> str:
        """The page with some of it changed."""
        return self._at("dashboard:fulfil_waves", changes)

    def _at(self, name: str, changes: dict[str, str]) -> str:
        values = {row.name: changes.get(row.name, getattr(self, row.name)) for row in fields(self)}
        query = {row.name: values[row.name] for row in fields(self) if values[row.name] != row.default}
        return f"{reverse(name)}?{urlencode(query)}" if query else reverse(name)

    @property
    def live_url(self) -> str:
        """How far the live waves of the node are, for a page that stays open."""
        return self._at("dashboard:fulfil_waves_live", {})

    @property
    def any(self) -> bool:
        """The pool is narrowed."""
        return bool(self.cutoff or self.service or self.zone or self.single or self.sku)

    @property
    def none_url(self) -> str:
        """The whole pool of the node."""
        return self.url(cutoff="", service="", zone="", single="", sku="")


def chosen_of(request: HttpRequest) -> Chosen:
    """The address as filters."""
    get = request.GET
    return Chosen(
        node=get.get("node", "")[:40], cutoff=get.get("cutoff", "")[:32], zone=get.get("zone", "")[:40],
        service=get.get("service", "") if get.get("service", "") in OrderServiceLevel.values else "",
        single=get.get("single", "") if get.get("single", "") in ("1", "0") else "", sku=get.get("sku", "")[:64],
        size=_number(get.get("size", ""), 1, 60, TOTES), pickers=_number(get.get("pickers", ""), 1, 200, 0),
        rate=_number(get.get("rate", ""), 1, 2_000, AN_HOUR),
    )  # fmt: skip


def _number(text: str, low: int, high: int, default: int) -> int:
    return min(high, max(low, int(text))) if text.isascii() and text.isdecimal() and len(text) < 6 else default


def cutoff_key(due_at: datetime | None, moment: datetime) -> str:
    """The name of a cut-off in addresses; everything that is late has one name."""
    if due_at is None:
        return NO_DATE
    return LATE if due_at < moment else due_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


Test = Callable[[ReadyOrder], bool]


def tests_of(chosen: Chosen, sku_id: int | None, moment: datetime) -> dict[str, Test]:
    """What each filter that is set wants of an order."""
    tests: dict[str, Test] = {}
    if chosen.cutoff:
        tests["cutoff"] = lambda order: cutoff_key(order.due_at, moment) == chosen.cutoff
    if chosen.service:
        tests["service"] = lambda order: order.service == chosen.service
    if chosen.zone:
        tests["zone"] = lambda order: chosen.zone in order.zones
    if chosen.single:
        tests["single"] = lambda order: order.is_single is (chosen.single == "1")
    if chosen.sku:
        tests["sku"] = lambda order: sku_id in order.sku_ids
    return tests


@dataclass(frozen=True, slots=True)
class Group:
    """Chips of one filter."""

    label: str
    chips: list[dict[str, Any]]


def groups_of(
    pool: Sequence[ReadyOrder], chosen: Chosen, tests: dict[str, Test], skus: dict[int, Sku], node: Node,
    moment: datetime,
) -> list[Group]:  # fmt: skip
    """A row of chips for each filter; a count is what would be shown with the other filters as they are."""

    def counted(name: str, keys: Callable[[ReadyOrder], Iterable[str]]) -> Counter[str]:
        others = [test for own, test in tests.items() if own != name]
        return Counter(key for order in pool if all(test(order) for test in others) for key in keys(order))

    def chips(name: str, counts: Iterable[tuple[str, int]], words: Callable[[str], str]) -> list[dict[str, Any]]:
        current = getattr(chosen, name)
        rows = [(key, count) for key, count in counts if key]
        if current and current not in dict(rows):
            rows.append((current, 0))
        return [
            {"label": words(key), "value": count, "on": key == current,
             "url": chosen.url(**{name: "" if key == current else key})}
            for key, count in rows
        ]  # fmt: skip

    dates = {cutoff_key(order.due_at, moment): order.due_at for order in pool}
    names = dict(OrderServiceLevel.choices)
    codes = {sku.code: sku for sku in skus.values()}
    by_date = sorted(counted("cutoff", lambda order: [cutoff_key(order.due_at, moment)]).items(), key=_by_date)
    return [
        Group(_("Due"), chips("cutoff", by_date[:_MOST_CHIPS], lambda key: _date(key, dates.get(key), node, moment))),
        Group(_("Service"), chips("service", sorted(counted("service", lambda order: [order.service]).items()),
                                  lambda key: str(names.get(key, key)))),
        Group(_("Zone"), chips("zone", sorted(counted("zone", lambda order: order.zones).items())[:12], str)),
        Group(_("Items"), chips("single", sorted(counted("single", lambda order: "1" if order.is_single else "0")
                                                 .items(), reverse=True),
                                lambda key: _("One item") if key == "1" else _("Several items"))),
        Group(_("SKU"), chips("sku", counted("sku", lambda order: (skus[pk].code for pk in order.sku_ids if pk in skus))
                              .most_common(_MOST_CHIPS), lambda key: codes[key].code if key in codes else key)),
    ]  # fmt: skip


def _by_date(row: tuple[str, int]) -> tuple[int, str]:
    return ({LATE: 0, NO_DATE: 2}.get(row[0], 1), row[0])


def _date(key: str, due_at: datetime | None, node: Node, moment: datetime) -> str:
    if key == LATE:
        return _("Late")
    return _("No date") if due_at is None else clock_of(due_at, node, moment)


def clock_of(due_at: datetime, node: Node, moment: datetime) -> str:
    """The time where the node is, with the day where that is not today."""
    local = due_at.astimezone(ZoneInfo(node.time_zone))
    return date_format(local, "H:i" if node.day_of(moment) == local.date() else "j M, H:i")


def most_wanted(pool: Sequence[ReadyOrder], most: int = _MOST_CHIPS) -> list[int]:
    """Ids of the SKUs that most orders want, in every group of a filter at least."""
    return [pk for pk, _ in Counter(pk for order in pool for pk in order.sku_ids).most_common(most)]


def title_of(item: Suggestion, node: Node, moment: datetime) -> str:
    """`42 single-item orders of 6 SKUs, 17:00`."""
    count = len(item.orders)
    if item.kind == "singles":
        orders = ngettext("%(n)d single-item order", "%(n)d single-item orders", count) % {"n": count}
    else:
        orders = ngettext("%(n)d order", "%(n)d orders", count) % {"n": count}
    skus = ngettext("%(n)d SKU", "%(n)d SKUs", item.skus) % {"n": item.skus}
    text = _("%(orders)s of %(skus)s") % {"orders": orders, "skus": skus}
    return f"{text}, {clock_of(item.due_at, node, moment)}" if item.due_at else text


def load_in_words(load: Load, chosen: Chosen, node: Node, moment: datetime) -> str:
    """`214 items until 17:00 at 90 an hour: 40 minutes late with 2 pickers`."""
    items = ngettext("%(n)d item", "%(n)d items", load.units) % {"n": load.units}
    pickers = ngettext("%(n)d picker", "%(n)d pickers", chosen.pickers) % {"n": chosen.pickers}
    words = {"items": items, "time": clock_of(load.due_at, node, moment), "rate": chosen.rate, "pickers": pickers}
    if load.due_at <= moment:
        text = _("%(items)s due since %(time)s at %(rate)d an hour: %(span)s of work with %(pickers)s")
        return text % (words | {"span": span(load.minutes_needed * 60)})
    if load.late:
        text = _("%(items)s until %(time)s at %(rate)d an hour: %(span)s late with %(pickers)s")
        return text % (words | {"span": span(load.late * 60)})
    text = _("%(items)s until %(time)s at %(rate)d an hour: done %(span)s before with %(pickers)s")
    return text % (words | {"span": span((load.minutes_there - load.minutes_needed) * 60)})
