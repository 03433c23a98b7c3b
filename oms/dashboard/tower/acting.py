"""The suggested action of a group: what it will do, told first, and the doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from channels.models import InboundMessage, InboundMessageState
from channels.services import replay
from fulfillment.services import retry_labels
from oms.accounts.access import Principal, in_channel_scope
from oms.core.errors import DomainError, NotFound
from oms.core.jobs import run_slice
from oms.core.models import Delivery, DeliveryState, Job
from oms.core.templatetags.oms_format import money
from oms.dashboard.orders.consequences import bulk_consequences
from oms.dashboard.orders.results import sentence
from oms.dashboard.tower.kinds import KINDS
from oms.dashboard.tower.queue import ACT_VERBS
from oms.flow.bulk_jobs import INLINE_ROWS, start_bulk
from oms.flow.deliveries import replay_deliveries
from oms.flow.jobs import RUNNERS
from oms.flow.table import STEPS
from oms.reporting.scope import Scope
from oms.reporting.troubles import Member, trouble_members
from orders.models import OrderStage

#: Objects that one click acts upon; the others stay in the queue for the next.
MOST_AT_ONCE = 500
#: Parcels that are asked for again at once, so that a carrier in trouble is not flooded.
MOST_LABELS = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """What will happen: a title, rows for `<c-effects>`, the words of the button, and the objects it is about."""

    title: str
    confirm: str
    ids: tuple[int, ...]
    effects: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""


#: What an action leaves to be told: `text`, or the `job` that does it.
Done = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One kind of action. `run` works in one transaction, together with the key that makes a repeat harmless.

    What changes many orders is left to a job, which has a transaction for each.
    """

    preview: Callable[[Principal, str, str], Preview]
    run: Callable[[Principal, Sequence[int]], Done]


def act_of(kind: str, principal: Principal) -> Act:
    """The action of a kind of trouble. Raises NotFound, and Forbidden without its verb."""
    known = KINDS.get(kind)
    if known is None or known.action not in ACTS:
        raise NotFound(f"There is no action for {kind}.")
    principal.require(ACT_VERBS[known.action])
    return ACTS[known.action]


def still_there(now_there: Sequence[int], shown: Sequence[int]) -> list[int]:
    """What was shown in the preview and is still in trouble; what came later was not agreed to.

    Raises DomainError when nothing is left.
    """
    present = set(now_there)
    wanted = [pk for pk in shown if pk in present]
    if not wanted:
        raise DomainError("Nothing is left to do here: somebody or the system was first.")
    return wanted


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _members(principal: Principal, kind: str, cause: str) -> list[Member]:
    return trouble_members(Scope.of(principal), kind=kind, cause=cause, limit=MOST_AT_ONCE)


def _worth(members: Sequence[Member]) -> str:
    totals: dict[str, int] = {}
    for member in {member.order_id: member for member in members}.values():
        totals[member.currency] = totals.get(member.currency, 0) + member.total_minor
    return " + ".join(str(money(minor, currency)) for currency, minor in totals.items())


def _preview_reroute(principal: Principal, kind: str, cause: str) -> Preview:
    members = _members(principal, kind, cause)
    ids = tuple(dict.fromkeys(member.order_id for member in members))
    planned = bulk_consequences("reroute", ids)
    effects = list(planned.effects)
    effects += [{"icon": "lock", "text": f"{count} x {words}: left as it is"} for words, count in planned.unable]
    return Preview(
        title=f"Decide again for {_plural(len(ids), 'order')}?", confirm=f"Decide again for {planned.able}", ids=ids,
        effects=effects, message=f"Worth {_worth(members)}. Work that has begun is not touched.",
    )  # fmt: skip


def _preview_release(principal: Principal, kind: str, cause: str) -> Preview:
    members = _members(principal, kind, cause)
    ids = tuple(dict.fromkeys(member.order_id for member in members))
    waiting = sum(member.stage in (OrderStage.CAPTURED, OrderStage.BACKORDERED) for member in members)
    effects: list[dict[str, Any]] = [
        {"icon": "player-play", "text": f"{_plural(len(ids), 'order')} go to their nodes to be picked."},
        {"kind": "money", "text": "Worth", "after": _worth(members)},
    ]
    if waiting:
        effects.append({"kind": "stock", "text": f"{waiting} of them still wait for a node.", "tone": "warn"})
    return Preview(
        title=f"Release {_plural(len(ids), 'order')}?", confirm=f"Release {len(ids)}", ids=ids, effects=effects,
        message="Every hold of these orders is cleared, whatever its reason. Release only what was checked.",
    )  # fmt: skip


def _bulk(action: str) -> Callable[[Principal, Sequence[int]], Done]:
    return lambda principal, ids: {"job": start_bulk(action=action, order_ids=ids, principal=principal).pk}


def tell(done: Done) -> str:
    """What came of it, in a sentence. A small job is run now, while the person waits."""
    if "text" in done:
        return str(done["text"])
    job = Job.objects.get(pk=done["job"])
    if len(job.args["order_ids"]) > INLINE_ROWS:
        return f"{job.title}: started. The result is under Jobs."
    run_slice(job.pk, RUNNERS)
    job.refresh_from_db()
    return f"{sentence(job)}{_why_not(job)}"


def _why_not(job: Job) -> str:
    """The reason of what was refused where it is one, else where all of them stand."""
    reasons = set(job.result.get("refused", {}).values())
    if len(reasons) > 1:
        return " Each with its reason under Jobs."
    return f" {reasons.pop()}" if reasons else ""


def _preview_labels(principal: Principal, kind: str, cause: str) -> Preview:
    members = _members(principal, kind, cause)[:MOST_LABELS]
    return Preview(
        title=f"Ask the carriers again for {_plural(len(members), 'parcel')}?",
        confirm=f"Ask for {len(members)} labels",
        ids=tuple(member.object_id for member in members),
        effects=[
            {"icon": "printer", "text": "Each parcel is booked with the best carrier that serves its address now."},
            {"kind": "money", "text": "What a carrier has booked already is found again and not bought twice."},
        ],
        message=f"They were refused: {cause}",
    )  # fmt: skip


def _run_labels(principal: Principal, ids: Sequence[int]) -> Done:
    return {"text": f"Asking the carriers again for {_plural(len(retry_labels(shipment_ids=ids)), 'parcel')}."}


def _at_stake(members: Sequence[Member]) -> str:
    totals: dict[str, int] = {}
    for member in members:
        totals[member.currency] = totals.get(member.currency, 0) + (member.at_risk_minor or 0)
    return " + ".join(str(money(minor, currency)) for currency, minor in totals.items())


def _preview_save(principal: Principal, kind: str, cause: str) -> Preview:
    members = _members(principal, kind, cause)
    count = len(members) or 1
    costs: dict[str, int] = {}
    for member in members:
        costs[member.currency] = costs.get(member.currency, 0) + (member.remedy_cost_minor or 0)
    nodes = sorted({code for member in members for code in member.remedy_nodes or ()})
    return Preview(
        title=f"Move {_plural(len(members), 'order')} to another node?", confirm=f"Move {len(members)}",
        ids=tuple(member.object_id for member in members),
        effects=[
            {"kind": "promise", "text": "Likely to miss the date",
             "before": f"{sum(member.breach or 0 for member in members) / count:.0%}",
             "after": f"{sum(member.remedy_breach or 0 for member in members) / count:.0%}"},
            {"kind": "stock", "text": f"Each goes where routing sends it now, as found last: {', '.join(nodes)}."},
            {"kind": "money", "text": "More cost, as routing counts it",
             "after": " + ".join(str(money(minor, currency)) for currency, minor in costs.items())},
            {"icon": "lock", "text": "The node that an order leaves is not asked again for it. Work that somebody has "
                                     "begun stays, and so does an order that no other node has whole."},
        ],
        message=f"{_at_stake(members)} hang on it: the value of each order times the chance that it is late.",
    )  # fmt: skip


def _preview_hasten(principal: Principal, kind: str, cause: str) -> Preview:
    members = _members(principal, kind, cause)
    count = len(members) or 1
    return Preview(
        title=f"Send {_plural(len(members), 'order')} by the fastest service?", confirm=f"Hasten {len(members)}",
        ids=tuple(member.object_id for member in members),
        effects=[
            {"kind": "promise", "text": "Likely to miss the date",
             "before": f"{sum(member.breach or 0 for member in members) / count:.0%}",
             "after": f"{sum(member.remedy_breach or 0 for member in members) / count:.0%}"},
            {"icon": "truck", "text": "Each parcel without a label is booked with the fastest service that serves its "
                                      "address when it is packed. Labels that are bought stay."},
            {"kind": "money", "text": "The shop pays what that service costs more; the customer pays nothing."},
        ],
        message=f"{_at_stake(members)} hang on it: the value of each order times the chance that it is late.",
    )  # fmt: skip


def _preview_tell(principal: Principal, kind: str, cause: str) -> Preview:
    members = [member for member in _members(principal, kind, cause) if member.sure_by is not None]
    days = sorted(member.sure_by for member in members if member.sure_by is not None)
    span = " – ".join(dict.fromkeys(f"{timezone.localtime(day):%a %d %b}" for day in (days[:1] + days[-1:])))
    return Preview(
        title=f"Tell {_plural(len(members), 'customer')} a new date?", confirm=f"Tell {len(members)}",
        ids=tuple(member.object_id for member in members),
        effects=[
            {"kind": "message", "text": f"Each gets one e-mail with the date that can be kept now: {span}."},
            {"kind": "promise", "text": "The order is promised by that date from now on. The first date stays known: "
                                        "whether it was kept is measured by it."},
            {"icon": "lock", "text": "A letter cannot be called back.", "tone": "warn"},
        ],
        message=f"{_at_stake(members)} hang on it: the value of each order times the chance that it is late.",
    )  # fmt: skip


def _quarantined(principal: Principal, cause: str) -> list[int]:
    account, _, words = cause.partition(":")
    if not account.isdecimal():
        raise NotFound("There is no such group of messages.")
    rows = InboundMessage.objects.filter(account_id=int(account), cause=words, state=InboundMessageState.QUARANTINED)
    rows = in_channel_scope(rows, principal, "account__channel__code")
    return list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _preview_messages(principal: Principal, kind: str, cause: str) -> Preview:
    ids = _quarantined(principal, cause)
    return Preview(
        title=f"Replay {_plural(len(ids), 'message')}?", confirm=f"Replay {len(ids)}", ids=tuple(ids),
        effects=[
            {"kind": "message", "text": "Each message is read again as it came. What is right now becomes an order."},
            {"icon": "webhook", "text": "What is still wrong comes back to the quarantine; nothing is captured twice."},
        ],
        message=cause.partition(":")[2],
    )  # fmt: skip


def _run_messages(principal: Principal, ids: Sequence[int]) -> Done:
    return {"text": f"{_plural(len(replay(ids, actor=principal.name)), 'message')} will be read again now."}


def _preview_deliveries(principal: Principal, kind: str, cause: str) -> Preview:
    principal.require_everywhere()
    rows = Delivery.objects.filter(state=DeliveryState.DEAD, step=cause)
    ids = tuple(rows.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    return Preview(
        title=f"Replay “{cause}” {len(ids)} times?", confirm=f"Replay {len(ids)}", ids=ids,
        effects=[{"icon": "refresh", "text": "The step runs again from the start, with five tries each. Steps are safe "
                                             "to repeat: what was done already is not done twice."}],
    )  # fmt: skip


def _run_deliveries(principal: Principal, ids: Sequence[int]) -> Done:
    count = replay_deliveries(ids, STEPS)
    return {"text": f"{count} {'delivery runs' if count == 1 else 'deliveries run'} again."}


ACTS: dict[str, Act] = {
    "reroute": Act(_preview_reroute, _bulk("reroute")),
    "release": Act(_preview_release, _bulk("release")),
    "labels": Act(_preview_labels, _run_labels),
    "save": Act(_preview_save, _bulk("save")),
    "hasten": Act(_preview_hasten, _bulk("hasten")),
    "tell": Act(_preview_tell, _bulk("tell")),
    "messages": Act(_preview_messages, _run_messages),
    "deliveries": Act(_preview_deliveries, _run_deliveries),
}
