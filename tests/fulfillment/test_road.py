"""Parcels that do not travel as they should: found by the clock, closed by themselves, by people, or once more open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import RoadTrouble, Shipment
from fulfillment.services.road import ask_carrier, close_trouble, dispute, look_at_the_road, mark_lost, snooze
from inventory.models import NodeHoliday
from oms.core.errors import Conflict, DomainError
from tests.factories import World, make_world
from tests.fulfillment.failing import by_shiprocket, on_the_road, scan
from tests.fulfillment.floor import make_carrier

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 24.0


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


def tracked(world: World, name: str, days_ago: float = 6) -> Shipment:
    """A parcel of a carrier that scans, handed over some days ago."""
    shipment = on_the_road(world, name)
    by_shiprocket(shipment)
    Shipment.objects.filter(pk=shipment.pk).update(handed_over_at=timezone.now() - timedelta(days=days_ago))
    return shipment


def kinds(shipment: Shipment) -> set[str]:
    return set(RoadTrouble.objects.filter(shipment=shipment, closed_at__isnull=True).values_list("kind", flat=True))


def test_each_kind_is_found_once_and_what_travels_well_is_left_alone(world: World) -> None:
    never, silent, stuck, late, well = (tracked(world, str(n)) for n in range(5))
    riders = on_the_road(world, "riders")
    Shipment.objects.filter(pk=riders.pk).update(handed_over_at=timezone.now() - timedelta(days=9))
    scan(silent, "in_transit", 5 * DAY, location="Nagpur hub")
    for hours in (5 * DAY, 3 * DAY, 5):
        scan(stuck, "in_transit", hours, location="Pune hub")
    for parcel in (late, well):
        scan(parcel, "in_transit", 2, location="Delhi hub")
    Shipment.objects.filter(pk=late.pk).update(expected_delivery=timezone.localdate() - timedelta(days=2))

    assert look_at_the_road() == (4, 0)
    assert look_at_the_road() == (0, 0)

    found = [kinds(parcel) for parcel in (never, silent, stuck, late, well, riders)]
    assert found == [{"not_collected"}, {"silent"}, {"stuck"}, {"overdue"}, set(), set()]
    row = RoadTrouble.objects.get(kind="stuck")
    assert (row.place, row.days) == ("Pune hub", 5)


def test_days_on_which_the_node_does_not_work_do_not_count(world: World) -> None:
    shipment = tracked(world, "1")
    scan(shipment, "in_transit", 3 * DAY)
    NodeHoliday.objects.create(node=world.blr, day=world.blr.today() - timedelta(days=1))
    assert look_at_the_road() == (0, 0)
    NodeHoliday.objects.all().delete()
    assert look_at_the_road() == (1, 0)


def test_it_closes_by_itself_and_opens_again_but_not_what_a_person_closed(world: World) -> None:
    shipment = tracked(world, "1", 12)
    scan(shipment, "in_transit", 9 * DAY)
    look_at_the_road()
    row = RoadTrouble.objects.get()
    with pytest.raises(DomainError, match="Say why"):
        close_trouble(trouble_id=row.pk, reason=" ", actor="Asha")
    ask_carrier(trouble_id=row.pk, ticket="T-1", note="", actor="Asha")
    snooze(trouble_id=row.pk, days=2, actor="Asha")
    close_trouble(trouble_id=row.pk, reason="The carrier has it", actor="Asha")
    assert look_at_the_road() == (0, 0)

    scan(shipment, "in_transit", 5 * DAY)
    assert look_at_the_road() == (1, 0)
    row.refresh_from_db()
    assert (row.closed_at, row.ticket, row.snoozed_until) == (None, "", None)
    scan(shipment, "in_transit", 1)
    assert look_at_the_road() == (0, 1)
    assert kinds(shipment) == set()


def test_what_the_carrier_cannot_find_is_lost_and_stays_so(world: World) -> None:
    shipment = tracked(world, "1")
    scan(shipment, "in_transit", 5 * DAY)
    look_at_the_road()
    mark_lost(trouble_id=RoadTrouble.objects.get().pk, reason="They searched", actor="Asha")
    look_at_the_road()
    shipment.refresh_from_db()
    assert (shipment.state, kinds(shipment)) == ("lost", set())


def test_a_customer_disputes_a_delivery_once_within_the_days(world: World) -> None:
    shipment = tracked(world, "1")
    with pytest.raises(Conflict):
        dispute(shipment_id=shipment.pk)
    scan(shipment, "delivered", 2)
    first, again = dispute(shipment_id=shipment.pk), dispute(shipment_id=shipment.pk)
    assert (first.pk, look_at_the_road(), kinds(shipment)) == (again.pk, (0, 0), {"disputed"})
    with pytest.raises(Conflict, match="cannot be marked as lost"):
        mark_lost(trouble_id=first.pk, reason="", actor="Asha")
    close_trouble(trouble_id=first.pk, reason="A neighbour has it", actor="Asha")
    with pytest.raises(Conflict, match="looked into"):
        dispute(shipment_id=shipment.pk)
    other = tracked(world, "2", 30)
    scan(other, "delivered", 8 * DAY)
    with pytest.raises(Conflict, match="any more"):
        dispute(shipment_id=other.pk)
