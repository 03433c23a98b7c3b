"""Where parcels can go beyond India, and what a card, a list or a bill says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carriers.models import Booking, CarrierAccount, LaneRecord, RateCard, Serviceability, TrackingEvent
from carriers.rates import RateCardInvalid, read_card
from carriers.selectors import countries_reached
from carriers.services import choose
from carriers.services.cards import spot_of
from carriers.services.imports import ServiceabilityInvalid, import_rate_card, import_serviceability
from carriers.services.lanes import lanes_of, learn_lanes
from oms.core.clock import now
from oms.core.ids import uuid7
from tests.carriers.services.world import rate_request

pytestmark = pytest.mark.django_db(transaction=True)

CARD = (
    "zone,first_grams,first_minor,additional_grams,additional_minor,cod_fixed_minor,cod_bp,fuel_bp,"
    "rto_first_minor,rto_additional_minor,transit_days\n"
    "B,500,5000,500,4000,0,0,0,0,0,2\n"
    "US,500,150000,500,60000,0,0,1000,0,0,6\n"
    "*,500,200000,500,80000,0,0,0,0,0,9\n"
)


def card(code: str = "world", text: str = CARD) -> RateCard:
    return import_rate_card(code=code, name="World", text=text)


def account(code: str = "dhl", adapter: str = "dhl_express", **fields: Any) -> CarrierAccount:
    return CarrierAccount.objects.create(code=code, name=code.upper(), adapter=adapter, **fields)


def test_a_card_says_what_a_country_costs() -> None:
    account(rate_card=card())
    [quote] = choose(request=rate_request(to_postcode="78701", country="US", weight_grams=900, cod_minor=0))
    assert (quote.eligible, quote.charge_minor, quote.transit_days) == (True, 231_000, 6)
    # Six digits in Singapore are no PIN code: it is the row for every other country.
    [quote] = choose(request=rate_request(to_postcode="560058", country="SG", weight_grams=400, cod_minor=0))
    assert (quote.eligible, quote.charge_minor) == (True, 200_000)
    assert spot_of("SG", "560058").state == ""
    # A parcel that comes from there is not one within India.
    request = rate_request(
        from_country="SG", from_postcode="560058", to_postcode="560001", weight_grams=400, cod_minor=0
    )
    assert choose(request=request)[0].charge_minor == 200_000


def test_a_card_without_the_country_says_so() -> None:
    account(rate_card=card(text=CARD.rsplit("*", 1)[0]))
    [quote] = choose(request=rate_request(to_postcode="10115", country="DE", weight_grams=400, cod_minor=0))
    assert (quote.eligible, quote.reason) == (False, "The rate card has no price for Germany.")


def test_rows_of_a_card_are_zones_countries_or_everywhere() -> None:
    with pytest.raises(RateCardInvalid) as caught:
        read_card("Mine", CARD.replace("US,", "USA,").replace("\n*,", "\nEU,"))
    assert [(fault["line"], fault["column"]) for fault in caught.value.data["errors"]] == [(3, "zone"), (4, "zone")]
    assert "'USA' is not one of A, B, C, D, E, F, a country of two letters as US, or *" in caught.value.message


def test_a_list_names_whole_countries_and_postcodes_that_differ() -> None:
    dhl = account(rate_card=card())
    text = "postcode,country,prepaid,cod\n*,US,yes,no\n99950,us,no,no\n560001,IN,yes,yes\n"
    assert import_serviceability(account_code="dhl", text=text).rows == 3
    reasons = {
        (country, to): choose(request=rate_request(to_postcode=to, country=country, cod_minor=0))[0].reason
        for country, to in (("US", "99950"), ("DE", "10115"))
    }
    assert reasons["US", "99950"] == "Takes only cash on delivery at 99950, United States."
    assert reasons["DE", "10115"] == "Does not deliver to 10115, Germany."
    assert choose(request=rate_request(to_postcode="78701", country="US", cod_minor=0))[0].eligible
    assert countries_reached() == {"US", "IN"}
    with pytest.raises(ServiceabilityInvalid, match="appears a second time"):
        import_serviceability(account_code="dhl", text="postcode,country\n*,US\n*,US\n")
    assert Serviceability.objects.filter(account=dhl).count() == 3


def test_countries_are_reached_by_cards_and_by_carriers_that_tell_prices() -> None:
    dhl = account()
    assert countries_reached() == set()
    dhl.rate_card = card()
    dhl.save()
    assert countries_reached() == {"US", "*"}
    CarrierAccount.objects.update(is_active=False)
    assert countries_reached() == set()
    account("ups", "ups")
    assert countries_reached() == {"*"}
    CarrierAccount.objects.filter(code="ups").delete()
    account("van", "manual")
    assert countries_reached() == set()
    account("truck", "manual", settings={"rate_card": CARD.replace("\n*,", "\nNP,")})
    assert countries_reached() == {"US", "NP"}


def test_lanes_abroad_are_those_of_their_country() -> None:
    dhl = account(rate_card=card())
    for destination, day in (("", 3), ("560", 2), ("SG", 8)):
        by_day = [0] * day + [30] * (30 - day)
        LaneRecord.objects.create(
            account=dhl, origin="", destination=destination, parcels=30, returned=0, by_day=by_day,
            learned_at="2026-11-20T00:00:00Z",
        )  # fmt: skip
    known = lanes_of({dhl.pk: "dhl"}, rate_request(to_postcode="560058", country="SG"))["dhl"]
    assert known.by_day.index(30) == 8
    assert known.parent is None
    # What its parcels take in India says nothing of Germany.
    assert lanes_of({dhl.pk: "dhl"}, rate_request(to_postcode="10115", country="DE")) == {}


def test_parcels_abroad_are_learned_by_country_and_change_nothing_in_india() -> None:
    dhl, moment = account(rate_card=card()), now() - timedelta(days=30)
    for number, (country, postcode, days) in enumerate((("SG", "560058", 9), ("IN", "560058", 2))):
        booking = Booking.objects.create(
            account=dhl, client_reference=f"r{number}", parcel_uid=uuid7(), state="booked", booked_at=moment,
            request={"ship_from": {"country": "IN", "postcode": "110001"},
                     "ship_to": {"country": country, "postcode": postcode}},
        )  # fmt: skip
        for milestone, at in (("picked_up", moment), ("delivered", moment + timedelta(days=days))):
            TrackingEvent.objects.create(booking=booking, scan_key=milestone, milestone=milestone, occurred_at=at)
    learn_lanes()
    assert {(row.account_id, row.origin, row.destination) for row in LaneRecord.objects.all()} == {
        (dhl.pk, "110", "SG"), (dhl.pk, "", "SG"),
        (dhl.pk, "110", "560"), (dhl.pk, "", "560"), (dhl.pk, "", ""), (None, "", ""),
    }  # fmt: skip
    assert LaneRecord.objects.get(account=None).parcels == 1
