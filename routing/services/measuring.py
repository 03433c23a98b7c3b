"""Measured editions of how nodes and carriers do, and the one that routing uses.

Measuring changes nothing that is decided: a new edition is a proposal until a person applies it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Max

from oms.core.clock import now
from oms.core.db import read_only, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from routing.engine import OrderInput
from routing.locks import lock_editions
from routing.models import EditionUse, LanePerformance, NodePerformance, PerformanceEdition
from routing.performance.lanes import Carried, LaneKey, LaneScore, LaneSeen, score_lanes
from routing.performance.nodes import NodeScore, NodeWorkDone, score_nodes
from routing.services.context import lane, nodes_now, place_of

#: An edition is measured by the clock where the newest one is at least this old: running it twice measures once.
MEASURED_EVERY = timedelta(hours=20)
#: Lanes of an edition that never was in force are kept this long; what was measured of nodes is kept for good.
LANES_KEPT = timedelta(days=60)
CLOCK = "clock"


def is_measured_lately() -> bool:
    """The newest edition is not old enough for another one by the clock."""
    newest = PerformanceEdition.objects.order_by("-number").first()
    return newest is not None and newest.measured_at > now() - MEASURED_EVERY


def write_edition(
    work: Iterable[NodeWorkDone], parcels: Iterable[Carried], *, actor: str = CLOCK
) -> PerformanceEdition | None:  # fmt: skip
    """Score nodes and lanes, and keep that as the next edition; None where nothing was measured.

    By the clock (`actor` as it is) nothing is written either where another edition was measured lately.
    """
    with read_only():
        scores, lanes = score_nodes(work), score_lanes(lanes_of(parcels))

    def write() -> PerformanceEdition | None:
        lock_editions()
        if not scores and not lanes or (actor == CLOCK and is_measured_lately()):
            return None
        newest = PerformanceEdition.objects.aggregate(number=Max("number"))["number"] or 0
        edition = PerformanceEdition.objects.create(
            number=newest + 1, measured_at=now(), measured_by=actor[:120], orders=sum(score.orders for score in scores),
            parcels=sum(found.parcels for found in lanes if found.key == ("", "", "")),
        )  # fmt: skip
        NodePerformance.objects.bulk_create([_node_row(edition, score) for score in scores])
        LanePerformance.objects.bulk_create([_lane_row(edition, found) for found in lanes], batch_size=1_000)
        old = PerformanceEdition.objects.filter(measured_at__lt=now() - LANES_KEPT, uses__isnull=True)
        LanePerformance.objects.filter(edition__in=old).delete()
        return edition

    return run_atomic(write)


def lanes_of(parcels: Iterable[Carried]) -> dict[LaneKey, LaneSeen]:
    """The parcels by carrier and states. Those whose ends are not known places say nothing of a lane."""
    nodes = {node.code: node for node in nodes_now()}
    found: dict[LaneKey, LaneSeen] = {}
    for each in parcels:
        node = nodes.get(each.node_code)
        start = None if node is None else place_of("IN", node.postcode)
        end = place_of(each.country, each.postcode)
        if node is None or start is None or end is None:
            continue
        way = lane(OrderInput(0, (), postcode=each.postcode, country=each.country), node)
        found.setdefault((each.carrier, start.state, end.state), LaneSeen()).note(each, way.transit_days)
    return found


def _node_row(edition: PerformanceEdition, score: NodeScore) -> NodePerformance:
    stages = {
        name: [round(number, 4) for number in (stage.share, stage.low, stage.high, stage.seen)]
        for name, stage in score.stages.items()
    }
    return NodePerformance(
        edition=edition, node_id=score.node_id, score=score.score, low=score.low, high=score.high, orders=score.orders,
        stages=stages, accept_hours=score.accept_hours, ship_hours=score.ship_hours, of_promise=score.of_promise,
        units=score.units, short_units=score.short_units,
    )  # fmt: skip


def _lane_row(edition: PerformanceEdition, found: LaneScore) -> LanePerformance:
    carrier, origin, destination = found.key
    return LanePerformance(
        edition=edition, carrier=carrier[:40], origin=origin[:80], destination=destination[:80],
        parcels=found.parcels, seen=found.seen, days_median=found.days_median, days_slow=found.days_slow,
        shares={name: [round(number, 4) for number in bounds] for name, bounds in found.shares.items()},
        beyond_days=found.beyond_days, counted_days=found.counted_days, cost_minor=found.cost_minor,
        charged_share=found.charged_share,
    )  # fmt: skip


def edition_in_use() -> EditionUse | None:
    """What is in force: the newest use, whose edition may be none; None where none was ever applied."""
    return EditionUse.objects.select_related("edition", "replaced").order_by("-pk").first()


def apply_edition(*, number: int | None, seen: int | None, note: str, actor: str) -> EditionUse:
    """Let routing use an edition from now on, none where `number` is None. Applying what is in force changes nothing.

    `seen` is the number that the caller saw in force. Raises Conflict where it was replaced since, NotFound for an
    edition that does not exist, DomainError without a note.
    """
    if not note.strip():
        raise DomainError("Say why: the note stands in the history.", field="note")

    def work() -> EditionUse:
        lock_editions()
        edition = None if number is None else PerformanceEdition.objects.filter(number=number).first()
        if number is not None and edition is None:
            raise NotFound(f"There is no edition {number}.")
        last = edition_in_use()
        current = last.edition if last else None
        if last is not None and current == edition:
            return last
        if (current.number if current else None) != seen:
            raise Conflict(f"{last.used_by if last else 'Somebody'} applied another edition after you opened the page.")
        return EditionUse.objects.create(
            edition=edition, replaced=current, used_by=actor[:120], note=note.strip()[:300]
        )  # fmt: skip

    return run_atomic(work)
