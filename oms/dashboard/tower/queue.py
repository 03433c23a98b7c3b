"""The exception queue: everything that needs a person, one row per cause, the next broken promise first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from channels.selectors import ChannelHealth, QuarantineGroup, channel_health, quarantine_groups
from fulfillment.selectors.hand_offs import wms_troubles
from fulfillment.selectors.held import count_held
from inventory.models import Node, StockAdjustment
from inventory.selectors import adjustments_waiting, differences_waiting
from inventory.selectors.lots import promised_unsold
from oms.accounts.access import Principal, in_node_scope
from oms.core.clock import now
from oms.core.templatetags.oms_format import money_compact, span
from oms.dashboard.fulfil.hand_offs import hand_offs_of, instructions_of
from oms.dashboard.inventory.transfer_access import transfers_of
from oms.dashboard.tower.kinds import KINDS, Kind
from oms.dashboard.tower.sentences import sentence_of
from oms.integrations.selectors import stopped_endpoints
from oms.reporting.node_load import NodeLoadNow
from oms.reporting.scope import Scope
from oms.reporting.system_health import dead_groups, last_stock_check
from oms.reporting.trouble_sql import UNKNOWN_CARRIER
from oms.reporting.troubles import TroubleGroup, trouble_groups

#: Rows of one kind that stand alone; the causes behind them are counted together.
MOST_OF_A_KIND = 5
_NEVER = datetime.max.replace(tzinfo=UTC)
#: Verb that the action of a kind needs.
ACT_VERBS = {"reroute": "orders.reroute", "release": "orders.release", "labels": "fulfillment.work",
             "messages": "quarantine.fix", "deliveries": "deliveries.replay", "save": "orders.reroute",
             "hasten": "orders.reroute", "tell": "orders.note"}  # fmt: skip
_ACT_WORDS = {"labels": "Ask again", "messages": "Replay", "deliveries": "Replay", "release": "Release",
              "save": "Reroute", "hasten": "Go faster", "tell": "Tell them"}  # fmt: skip
_REROUTE_WORDS = {"late": "Reroute", "at_risk": "Reroute", "undecided": "Decide now"}
#: A channel that has not answered for so many of its own polling periods is in trouble.
_POLLS_MISSED = 5
_STOCK_LAG_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One row. `due_at` is the next promise that breaks; `act_url` leads to a preview of the suggested action."""

    key: str
    kind: Kind
    sentence: str
    count: int
    url: str
    cause: str = ""
    value: str = ""
    value_minor: int = 0
    oldest_at: datetime | None = None
    due_at: datetime | None = None
    drawer: bool = False
    act_label: str = ""
    act_url: str = ""

    def rank(self, moment: datetime) -> tuple[datetime, int]:
        """Sorts by the next broken promise, then by what is at stake. Promises that broke are all equally late:
        among them only the value counts, so that one forgotten order does not push a hundred down.
        """
        due = moment if self.kind.by_money else self.due_at or moment + timedelta(minutes=self.kind.grace_minutes)
        return max(due, moment), -self.value_minor

    @property
    def noun(self) -> str:
        """What is counted."""
        if not self.kind.noun or self.count == 1:
            return self.kind.noun
        return "deliveries" if self.kind.noun == "delivery" else f"{self.kind.noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """All rows and how many of what they count."""

    rows: tuple[QueueRow, ...]
    orders: int
    next_breach: QueueRow | None


def build_queue(principal: Principal, nodes: Sequence[NodeLoadNow], *, moment: datetime | None = None) -> Queue:
    """The queue of what this person sees. Ten statements at most."""
    at = moment or now()
    scope = Scope.of(principal)
    groups = trouble_groups(scope, moment=at)
    rows = [*_order_rows(groups, principal), *_node_rows(nodes, principal)]
    if principal.may("channels.view"):
        rows += _channel_rows(scope, principal, at)
    if principal.may("deliveries.replay") and principal.sees_everything:
        rows += _dead_rows(principal)
    if principal.may("settings.edit") and principal.sees_everything:
        rows += _webhook_rows()
    if principal.may("inventory.view") and principal.all_nodes:
        rows += _stock_rows()
    if principal.may("fulfillment.view"):
        rows += _wms_rows(principal)
    rows += _document_rows(principal)
    rows.sort(key=lambda row: row.rank(at))
    coming = [row for row in rows if row.due_at is not None and row.due_at > at]
    next_breach = min(coming, key=lambda row: (row.due_at or at, -row.value_minor), default=None)
    return Queue(rows=tuple(rows), orders=sum(group.orders for group in groups), next_breach=next_breach)


def trouble_url(name: str, kind: str, cause: str) -> str:
    """Address of a group, or of its action."""
    return f"{reverse(f'dashboard:{name}', args=[kind])}?{urlencode({'cause': cause})}"


def _order_rows(groups: Iterable[TroubleGroup], principal: Principal) -> list[QueueRow]:
    by_kind: dict[str, list[TroubleGroup]] = {}
    for group in groups:
        by_kind.setdefault(group.kind, []).append(group)
    rows: list[QueueRow] = []
    for kind, found in by_kind.items():
        money = KINDS[kind].by_money
        found.sort(key=lambda group: (-_worth(group) if money else 0, -group.orders, group.due_at or _NEVER,
                                      group.cause))  # fmt: skip
        shown = found if len(found) <= MOST_OF_A_KIND + 1 else found[:MOST_OF_A_KIND]
        rows += [_order_row(group, principal) for group in shown]
        if len(shown) < len(found):
            rows.append(_rest_row(kind, found[len(shown) :]))
    return rows


def _worth(group: TroubleGroup) -> int:
    """To sort by: amounts of different currencies count alike."""
    return sum(group.value_minor.values())


def _order_row(group: TroubleGroup, principal: Principal) -> QueueRow:
    kind = KINDS[group.kind]
    may_act = bool(kind.action) and principal.may(ACT_VERBS[kind.action])
    words = _ACT_WORDS.get(kind.action) or _REROUTE_WORDS.get(group.kind, "Try again")
    queue = _queue_of(group)
    return QueueRow(
        key=f"{group.kind}:{group.cause}", kind=kind, cause=group.cause, sentence=sentence_of(group),
        count=group.orders, value=_value(group.value_minor), value_minor=sum(group.value_minor.values()),
        oldest_at=group.oldest_at, due_at=group.due_at,
        url=queue or trouble_url("tower_trouble", group.kind, group.cause), drawer=not queue,
        act_label=words if may_act else "",
        act_url=trouble_url("tower_act", group.kind, group.cause) if may_act else "",
    )  # fmt: skip


def _queue_of(group: TroubleGroup) -> str:
    """The address of the screen that is the queue of this kind, narrowed to the group; empty where there is none."""
    if group.kind == "ndr":
        asked = {} if group.cause == UNKNOWN_CARRIER else {"courier": group.cause}
        return f"{reverse('dashboard:fulfil_ndr')}?{urlencode(asked)}"
    if group.kind == "road":
        return f"{reverse('dashboard:fulfil_road')}?{urlencode({'kind': group.cause})}"
    return ""


def _rest_row(kind: str, groups: Sequence[TroubleGroup]) -> QueueRow:
    """The causes that are too small for a row of their own, together."""
    values: dict[str, int] = {}
    for group in groups:
        for currency, minor in group.value_minor.items():
            values[currency] = values.get(currency, 0) + minor
    dues = [group.due_at for group in groups if group.due_at]
    ages = [group.oldest_at for group in groups if group.oldest_at]
    return QueueRow(
        key=f"{kind}:*", kind=KINDS[kind], cause="", sentence=f"{len(groups)} more causes with fewer orders each",
        count=sum(group.orders for group in groups), value=_value(values), value_minor=sum(values.values()),
        oldest_at=min(ages, default=None), due_at=min(dues, default=None),
        url=reverse("dashboard:tower_kind", args=[kind]),
    )  # fmt: skip


def _value(amounts: dict[str, int]) -> str:
    """Amounts of different currencies stand side by side, they are never added."""
    ordered = sorted(amounts.items(), key=lambda amount: -amount[1])
    return " + ".join(str(money_compact(minor, currency)) for currency, minor in ordered[:2] if minor)


def _system_row(
    key: str, kind: str, *, sentence: str, count: int, url: str, cause: str = "", oldest_at: datetime | None = None,
    act_label: str = "", act_url: str = "",
) -> QueueRow:  # fmt: skip
    """A row about a part of the system: no promise to a customer hangs on it, and no order's value."""
    return QueueRow(
        key=f"{kind}:{key}", kind=KINDS[kind], cause=cause, sentence=sentence, count=count, oldest_at=oldest_at,
        url=url, act_label=act_label, act_url=act_url,
    )  # fmt: skip


def _node_rows(nodes: Sequence[NodeLoadNow], principal: Principal) -> list[QueueRow]:
    rows: list[QueueRow] = []
    may_switch = principal.may("nodes.switch")
    for node in nodes:
        url = reverse("dashboard:node", args=[node.code])
        switch = reverse("dashboard:node_switch", args=[node.code]) if may_switch else ""
        held = node.waiting + node.scheduled + node.packed
        if not node.is_active and (held or not node.offline_reason.startswith("Closed")):
            why = f": {node.offline_reason}" if node.offline_reason else ""
            left = f"; {held} orders are still there" if held else ""
            rows.append(_system_row(
                node.code, "node_off", sentence=f"{node.code} is switched off{why}{left}", count=held, url=url,
                act_label="Switch on" if may_switch else "", act_url=switch,
            ))  # fmt: skip
        elif node.is_active and node.limit and node.is_full:
            rows.append(_system_row(
                node.code, "node_full", sentence=f"{node.code} took {node.used} of {node.limit} orders today",
                count=node.waiting, url=url,
            ))  # fmt: skip
    return rows


def _channel_rows(scope: Scope, principal: Principal, at: datetime) -> list[QueueRow]:
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    troubled = ((row, _channel_problem(row, at)) for row in channel_health(midnight, scope.channels))
    rows = [
        _system_row(row.code, "channel", sentence=f"{row.name}: {problem}", count=0, url="/channels/",
                    oldest_at=row.last_error_at)
        for row, problem in troubled if problem
    ]  # fmt: skip
    return rows + [_quarantine_row(group, principal) for group in quarantine_groups(scope.channels)[:MOST_OF_A_KIND]]


def _channel_problem(row: ChannelHealth, at: datetime) -> str:
    """What is wrong with a channel, nothing where it does well."""
    if not row.is_active:
        return ""
    if row.last_error_at and (row.last_ok_at is None or row.last_error_at > row.last_ok_at):
        return f"does not answer ({row.last_error.strip().splitlines()[-1][:120] if row.last_error else 'no reason'})"
    if row.next_poll_at and (at - row.next_poll_at).total_seconds() > _POLLS_MISSED * 60:
        return f"was not asked for {span((at - row.next_poll_at).total_seconds())}"
    if row.stock_lag_seconds > _STOCK_LAG_SECONDS:
        return f"has not been told {row.stock_dirty} stock changes for {span(row.stock_lag_seconds)}"
    if row.updates_failed:
        return f"refused {row.updates_failed} updates about its orders"
    return ""


def _quarantine_row(group: QuarantineGroup, principal: Principal) -> QueueRow:
    may = principal.may("quarantine.fix")
    cause = f"{group.account_id}:{group.cause}"
    return _system_row(
        cause, "quarantine", cause=cause, sentence=f"{group.name}: {group.cause}", count=group.messages,
        oldest_at=group.oldest_at, url=f"/channels/quarantine/?{urlencode({'account': group.account_id})}",
        act_label="Replay" if may else "", act_url=trouble_url("tower_act", "quarantine", cause) if may else "",
    )  # fmt: skip


def _webhook_rows() -> list[QueueRow]:
    return [
        _system_row(
            str(endpoint.pk), "webhook", count=0, oldest_at=endpoint.paused_at,
            sentence=f"{endpoint.name}: {endpoint.get_paused_reason_display()}",
            url=reverse("dashboard:webhook", args=[endpoint.pk]),
        )
        for endpoint in stopped_endpoints()
    ]  # fmt: skip


def _wms_rows(principal: Principal) -> list[QueueRow]:
    """Nodes whose WMS does not answer, refuses to cancel, or cannot be reached."""
    url = reverse("dashboard:fulfil_hand_offs")
    found = wms_troubles(hand_offs_of(principal).order_by(), instructions_of(principal))
    return [
        _system_row(
            trouble.node, "handoff", sentence=trouble.sentence, count=trouble.count, oldest_at=trouble.since,
            url=f"{url}?{urlencode({'show': trouble.show, 'node': trouble.node})}",
        )
        for trouble in found
    ]  # fmt: skip


def _dead_rows(principal: Principal) -> list[QueueRow]:
    url = reverse("dashboard:deliveries")
    return [
        _system_row(
            f"{group.step}:{group.error}", "dead", cause=group.step, count=group.deliveries,
            sentence=f"“{group.step}” failed for good: {group.error[:140]}", oldest_at=group.oldest_at,
            url=f"{url}?{urlencode({'step': group.step})}", act_label="Replay",
            act_url=trouble_url("tower_act", "dead", group.step),
        )
        for group in dead_groups()[:MOST_OF_A_KIND]
    ]  # fmt: skip


def _stock_rows() -> list[QueueRow]:
    check = last_stock_check()
    if not check.differences:
        return []
    sentence = f"{check.differences} of {check.levels} stock levels are not what their ledger adds up to"
    url = reverse("dashboard:stock_differences")
    return [_system_row("", "stock", sentence=sentence, count=check.differences, url=url, oldest_at=check.at)]


def _document_rows(principal: Principal) -> list[QueueRow]:
    """Documents of the stock room that wait for a person: units that did not come, changes to be approved."""
    rows: list[QueueRow] = []
    if principal.may("inventory.view"):
        found = differences_waiting(transfers_of(principal), timezone.localdate())
        if found.count:
            rows.append(_system_row(
                "", "transfer", sentence=f"{found.units} units of transfers did not come, or are late",
                count=found.count, oldest_at=found.oldest_at, url=f"{reverse('dashboard:transfers')}?show=differences",
            ))  # fmt: skip
        rows += _lot_rows(principal)
    if principal.may("inventory.approve"):
        waiting = adjustments_waiting(in_node_scope(StockAdjustment.objects.all(), principal))
        if waiting.count:
            rows.append(_system_row(
                "", "adjustment", sentence="Adjustments above the limit wait for a second person",
                count=waiting.count, oldest_at=waiting.oldest_at,
                url=f"{reverse('dashboard:adjustments')}?show=waiting",
            ))  # fmt: skip
    return rows


def _lot_rows(principal: Principal) -> list[QueueRow]:
    """Orders that wait for units which may not be sold any more, and packed parcels that hold such units."""
    nodes = None if principal.all_nodes else list(
        in_node_scope(Node.objects.all(), principal, "code").values_list("pk", flat=True)
    )  # fmt: skip
    found, held = promised_unsold(now(), node_ids=nodes), count_held(nodes)
    parts = []
    if found:
        parts.append(f"orders wait for {sum(min(row.units, row.reserved) for row in found)} units")
    if held.parcels:
        parts.append(f"{held.parcels} packed parcel{'s hold' if held.parcels > 1 else ' holds'} {held.units} units")
    if not parts:
        return []
    kinds = ["lots that expired or are blocked"] if found or held.lots else []
    kinds += ["serial numbers that are elsewhere by the books"] if held.serials else []
    sentence = f"{' and '.join(parts)} of {' or '.join(kinds)}"
    return [_system_row(
        "", "lot", sentence=sentence[0].upper() + sentence[1:], url=f"{reverse('dashboard:lots')}?show=unsold",
        count=len({row.lot_id for row in found} | held.lots) + held.serials,
    )]  # fmt: skip
