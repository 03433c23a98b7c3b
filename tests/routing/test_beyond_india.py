"""Orders that go to another country, or within one: the nodes that may send them, and which is nearest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carriers.models import CarrierAccount
from inventory.models import Node
from oms.core.values import Address
from routing.engine import NodeInput, OrderInput
from routing.models import RoutingDecision
from routing.services import forget_policy, route_orders
from routing.services.context import lane, region_of
from tests.factories import ASHA, World, capture, make_line, make_node, make_order, make_world, stock
from tests.fulfillment.floor import card_to, make_carrier

pytestmark = pytest.mark.django_db(transaction=True)

SINGAPORE = Address(name="Mei Tan", line1="1 Raffles Place", city="Singapore", postcode="560058", country="SG",
                    phone="+6561234567", email="mei@example.com")  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


def carrier_to(*countries: str) -> CarrierAccount:
    """A courier by hand whose card goes to these countries."""
    forget_policy()
    return make_carrier("abroad", rate_card=card_to("D", *countries))


def routed(world: World, ship_to: Address = SINGAPORE, number: str = "1") -> RoutingDecision:
    order_id = capture(world, make_order(number, make_line(world.kurta), ship_to=ship_to))
    route_orders([order_id], trigger="captured")
    return RoutingDecision.objects.get(order_id=order_id)


def node_of(decision: RoutingDecision) -> str:
    [assignment] = decision.assignments
    return Node.objects.get(pk=assignment["node_id"] if isinstance(assignment, dict) else assignment[2]).code


def test_an_order_goes_abroad_where_a_carrier_goes_there(world: World) -> None:
    carrier_to("SG")
    decision = routed(world)
    assert decision.outcome == "routed"
    # 560058 is Bengaluru in India, and nothing of the kind in Singapore.
    way = lane(OrderInput(0, (), postcode="560058", country="SG"), NodeInput(1, "x", postcode="560058"))
    assert (way.serviceable, way.zone) == (True, "abroad")
    assert way.km > 1_000


def test_where_no_carrier_goes_it_waits_and_says_so(world: World) -> None:
    carrier_to("US")
    decision = routed(world)
    assert decision.outcome == "unroutable"
    assert "No carrier goes to Singapore." in decision.trace
    CarrierAccount.objects.update(is_active=False)
    forget_policy()
    assert routed(world, replace(SINGAPORE, country="US"), "2").outcome == "unroutable"


def test_a_card_for_every_country_is_one_for_this(world: World) -> None:
    carrier_to("*")
    assert routed(world).outcome == "routed"


def test_a_country_without_postcodes_is_reached(world: World) -> None:
    carrier_to("AE")
    assert routed(world, replace(SINGAPORE, city="Dubai", country="AE", postcode="")).outcome == "routed"


def test_a_node_in_the_country_goes_before_one_that_sends_across_the_border(world: World) -> None:
    carrier_to("SG")
    near = make_node("sg-01", city="Singapore", postcode="018956", country="SG")
    near.groups.set(world.blr.groups.all())
    stock(world.kurta, near, 5)
    assert node_of(routed(world)) == "sg-01"
    # And into India from there is abroad, too.
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    assert routed(world, ASHA, "2").outcome == "unroutable"


def test_days_are_learned_by_country_beyond_india() -> None:
    assert region_of("SG", "560058") == ("SG", "")
    assert region_of("IN", "560058") == ("Karnataka", "Bengaluru Urban")
    assert region_of("IN", "999999") == ("", "")
