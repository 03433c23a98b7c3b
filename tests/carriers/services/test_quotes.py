"""Who carries a parcel, at what price, by when, and why not."""

from datetime import date, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from carriers.base import Rate, RateRequest
from carriers.choosing import Quote
from carriers.models import CarrierAccount, RateCard, Serviceability
from carriers.selectors import quotes_for_screen
from carriers.services import choose
from carriers.services.cards import RateCardUnreadable, card_of
from carriers.services.network import NetworkInsideTransaction
from carriers.zones import Zone
from oms.core.errors import PermanentError, TransientError
from tests.carriers.services.world import (
    TODAY,
    ScriptedCarrier,
    flat_zones,
    manual_account,
    rate,
    rate_request,
    scripted_account,
)

pytestmark = pytest.mark.django_db


def short(quotes: list[Quote]) -> list[tuple[str, bool, int | None]]:
    """What a test compares."""
    return [(quote.account_code, quote.eligible, quote.charge_minor) for quote in quotes]


def test_a_rate_card_gives_price_and_day() -> None:
    # 1,250 g: 5,000 for the first 500 g and 4,000 for each of two further slabs
    manual_account()

    (quote,) = choose(request=rate_request(), pickup_on=TODAY)

    assert (quote.eligible, quote.charge_minor, quote.currency, quote.transit_days) == (True, 13_000, "INR", 4)
    assert quote.expected_delivery == date(2026, 11, 25)
    assert quote.meets_promise is None
    assert quote.reason == "Arrives by 25 Nov 2026."


def test_the_promise_comes_before_the_price_and_the_price_before_the_speed() -> None:
    fast = RateCard.objects.create(code="fast", name="Fast", zones=flat_zones(9000, days=1))
    slow = RateCard.objects.create(code="slow", name="Slow", zones=flat_zones(1000, days=9))
    manual_account("flat")
    manual_account("fast", rate_card=fast)
    manual_account("slow", rate_card=slow)

    promised = choose(request=rate_request(), promised_by=date(2026, 11, 22), pickup_on=TODAY)
    free = choose(request=rate_request(), pickup_on=TODAY)

    hurried = choose(request=rate_request(), pickup_on=TODAY, fastest=True)

    assert short(hurried) == [("fast", True, 17_000), ("flat", True, 13_000), ("slow", True, 9_000)]
    assert short(promised) == [("fast", True, 17_000), ("slow", True, 9_000), ("flat", True, 13_000)]
    assert [quote.meets_promise for quote in promised] == [True, False, False]
    assert promised[0].reason == "Arrives by 22 Nov 2026, within the promise of 22 Nov 2026."
    assert promised[1].reason == "Arrives by 30 Nov 2026, after the promised 22 Nov 2026."
    assert [quote.account_code for quote in free] == ["slow", "flat", "fast"]


def test_equal_prices_and_days_fall_to_the_account_with_priority() -> None:
    manual_account("later", priority=20)
    manual_account("sooner", priority=10)

    assert [quote.account_code for quote in choose(request=rate_request())] == ["sooner", "later"]


def test_every_account_that_cannot_carry_it_says_why() -> None:
    manual_account("light", max_weight_grams=1000)
    manual_account("prepaid", supports_cod=False)
    manual_account("elsewhere")
    nocod = manual_account("nocod")
    cards_only = RateCard.objects.create(code="a", name="City card", zones={"A": flat_zones()["A"]})
    manual_account("city", rate_card=cards_only)
    manual_account("off", is_active=False)
    Serviceability.objects.create(account=CarrierAccount.objects.get(code="elsewhere"), postcode="110001")
    Serviceability.objects.create(account=nocod, postcode="421204", cod=False)

    quotes = quotes_for_screen(rate_request(cod_minor=50_000))

    assert {quote.account_code: quote.reason for quote in quotes} == {
        "light": "Carries up to 1 kg; this parcel counts as 1.25 kg.",
        "prepaid": "Takes no cash on delivery.",
        "elsewhere": "Does not deliver to 421204.",
        "nocod": "Takes no cash on delivery at 421204.",
        "city": "The rate card has no price for zone D.",
    }
    assert not any(quote.eligible for quote in quotes)


def test_volume_counts_as_weight() -> None:
    manual_account(max_weight_grams=5000)

    (quote,) = choose(request=rate_request(length_mm=400, width_mm=400, height_mm=400))

    assert quote.reason == "Carries up to 5 kg; this parcel counts as 12.8 kg."


def test_an_account_without_a_list_delivers_everywhere_and_one_with_a_list_only_there() -> None:
    listed = manual_account("listed")
    manual_account("everywhere")
    Serviceability.objects.create(account=listed, postcode="421204")

    here = choose(request=rate_request())
    there = choose(request=rate_request(to_postcode="421301"))

    assert [(quote.account_code, quote.eligible) for quote in here] == [("everywhere", True), ("listed", True)]
    assert [(quote.account_code, quote.eligible) for quote in there] == [("everywhere", True), ("listed", False)]


def test_services_of_a_carrier_are_quoted_one_by_one(scripted: ScriptedCarrier) -> None:
    scripted_account(settings={"currency": "INR"})
    scripted.on_rates = lambda request: [
        rate(9000, 2, courier_id="air", courier_name="Air"),
        rate(5000, 6, courier_id="road", courier_name="Road", supports_cod=False),
    ]

    quotes = choose(request=rate_request(cod_minor=50_000))

    assert [(quote.courier_id, quote.eligible, quote.reason[:5]) for quote in quotes] == [
        ("air", True, "Arriv"),
        ("road", False, "Takes"),
    ]


def test_prices_are_remembered_by_slab_lane_and_cash(scripted: ScriptedCarrier) -> None:
    scripted_account()
    scripted.on_rates = lambda request: [rate(9000)]

    for request in (
        rate_request(weight_grams=1010),
        rate_request(weight_grams=1500),
        rate_request(from_postcode="560001"),
    ):
        choose(request=request)
    assert scripted.asked_rates == 1

    choose(request=rate_request(weight_grams=1501))
    choose(request=rate_request(to_postcode="421301"))
    for cod_minor in (100, 200, 100):
        choose(request=rate_request(cod_minor=cod_minor))
    assert scripted.asked_rates == 5


def test_a_carrier_that_does_not_answer_never_stops_the_others(scripted: ScriptedCarrier) -> None:
    account = scripted_account(priority=1)
    manual_account()

    def silent(request: RateRequest) -> list[Rate]:
        raise TransientError("Gateway Time-out")

    scripted.on_rates = silent
    quotes = choose(request=rate_request())
    choose(request=rate_request())

    assert [(quote.account_code, quote.eligible, quote.unanswered) for quote in quotes] == [
        ("riders", True, False),
        ("scripted", False, True),
    ]
    assert scripted.asked_rates == 1
    account.refresh_from_db()
    assert account.last_error == "Gateway Time-out"


def test_a_carrier_that_refuses_or_serves_nothing_says_so(scripted: ScriptedCarrier) -> None:
    scripted_account()
    first = choose(request=rate_request())

    def refuse(request: RateRequest) -> list[Rate]:
        raise PermanentError("Sign-in was refused.")

    scripted.on_rates = refuse
    second = choose(request=rate_request(to_postcode="421301"))

    assert [quote.reason for quote in first] == ["Offers no service to 421204."]
    assert [(quote.reason, quote.unanswered) for quote in second] == [("Gave no price: Sign-in was refused.", False)]


@pytest.mark.django_db(transaction=True)
def test_rate_cards_answer_inside_a_transaction_and_carriers_do_not(scripted: ScriptedCarrier) -> None:
    manual_account()
    with transaction.atomic():
        assert choose(request=rate_request())[0].eligible
    scripted_account()
    with transaction.atomic(), pytest.raises(NetworkInsideTransaction):
        choose(request=rate_request())


def test_the_number_of_queries_does_not_grow_with_the_accounts(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(6):
        account = manual_account(f"m{number}")
        Serviceability.objects.create(account=account, postcode="421204")

    with django_assert_num_queries(4):
        assert len(choose(request=rate_request())) == 6


def test_a_card_of_tomorrow_is_not_used_today() -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    card = RateCard.objects.create(code="next", name="Next", zones=flat_zones(), valid_from=tomorrow)
    manual_account(rate_card=card)

    (quote,) = choose(request=rate_request())

    assert not quote.eligible
    assert quote.reason.startswith("The rate card is valid from ")


def test_a_zones_own_fees_win_over_those_of_the_card() -> None:
    zones = flat_zones() | {"E": flat_zones()["A"] | {"fuel_bp": 0, "cod_fixed_minor": 9_900, "transit_days": 8}}
    card = card_of(RateCard(name="Mixed", zones=zones, cod_minor=3_000, cod_bp=150, fuel_bp=1_000))

    a, e = card.rates[Zone.A], card.rates[Zone.E]

    assert (a.cod_fixed_minor, a.cod_bp, a.fuel_bp, a.transit_days) == (3_000, 150, 1_000, 4)
    assert (e.cod_fixed_minor, e.cod_bp, e.fuel_bp, e.transit_days) == (9_900, 150, 0, 8)


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        ({}, "has no zones"),
        ({"Q": {}}, "'Q' is not one of A, B, C, D, E, F, a country"),
        ({"A": 3}, "an object is expected"),
        ({"A": {"first_grams": 500}}, "first_minor is missing"),
        ({"A": flat_zones()["A"] | {"first_minor": -1}}, "first_minor is -1"),
        ({"A": flat_zones()["A"] | {"additional_grams": 0}}, "additional_grams is 0"),
        ({"A": flat_zones()["A"] | {"first_minor": 12.5}}, "first_minor is 12.5"),
    ],
)
def test_a_card_that_cannot_be_read_says_where(zones: object, message: str) -> None:
    with pytest.raises(RateCardUnreadable, match=message):
        card_of(RateCard(name="Bad", zones=zones))


def test_a_carrier_that_tells_no_prices_is_not_failing() -> None:
    account = CarrierAccount.objects.create(code="dtdc", name="DTDC", adapter="dtdc")

    (quote,) = choose(request=rate_request(), pickup_on=TODAY)

    account.refresh_from_db()
    assert (quote.eligible, account.last_error_at, account.last_ok_at) == (False, None, None)
    assert "give the account a rate card" in quote.reason
