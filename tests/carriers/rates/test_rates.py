"""What a rate card charges."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.rates import (
    COLUMNS,
    Charge,
    NotServiceable,
    RateCard,
    RateCardInvalid,
    ZoneRate,
    billed_grams,
    charge,
    charge_between,
    read_card,
    sample_card,
    serviceable,
    transit_days,
    volumetric_grams,
)
from carriers.zones import Zone, spot_of_pin

RATE = ZoneRate(
    first_grams=500,
    first_minor=4540,
    additional_grams=500,
    additional_minor=4480,
    cod_fixed_minor=3500,
    cod_bp=150,
    fuel_bp=1000,
    rto_first_minor=4130,
    rto_additional_minor=4100,
    transit_days=5,
)
CARD = RateCard(name="Test", rates={Zone.D: RATE}, max_grams=5000)
HEADER = ",".join(COLUMNS)


def test_every_part_of_a_charge_is_exact() -> None:
    # 1,250 g are 500 g and two slabs; 1.5 % of 2,499.50 rupees is less than 35 rupees plus nothing
    assert charge(CARD, Zone.D, 1250, 249950) == Charge(
        zone=Zone.D,
        billed_grams=1500,
        first_minor=4540,
        additional_minor=8960,
        fuel_minor=1350,
        cod_fee_minor=3749,
        rto_minor=13563,
    )
    assert charge(CARD, Zone.D, 1250, 249950).total_minor == 18599


@pytest.mark.parametrize(
    ("grams", "billed", "freight"),
    [(0, 500, 4540), (1, 500, 4540), (500, 500, 4540), (501, 1000, 9020), (1000, 1000, 9020), (1001, 1500, 13500)],
)
def test_a_slab_begins_one_gram_after_the_last(grams: int, billed: int, freight: int) -> None:
    result = charge(CARD, Zone.D, grams)

    assert (result.billed_grams, result.freight_minor) == (billed, freight)


def test_the_cod_fee_is_the_greater_of_fixed_and_share() -> None:
    assert charge(CARD, Zone.D, 500, 0).cod_fee_minor == 0
    assert charge(CARD, Zone.D, 500, 100).cod_fee_minor == 3500
    assert charge(CARD, Zone.D, 500, 233333).cod_fee_minor == 3500
    assert charge(CARD, Zone.D, 500, 1_000_000).cod_fee_minor == 15000


def test_what_the_card_does_not_carry_is_refused() -> None:
    assert not serviceable(CARD, Zone.A)
    assert not serviceable(CARD, Zone.D, 5001)
    with pytest.raises(NotServiceable):
        charge(CARD, Zone.A, 500)
    with pytest.raises(NotServiceable):
        charge(CARD, Zone.D, 5001)
    with pytest.raises(NotServiceable):
        transit_days(CARD, Zone.F)
    assert charge(replace(CARD, max_grams=0), Zone.D, 50_000).billed_grams == 50_000


def test_volume_counts_when_it_is_more_than_the_weight() -> None:
    assert volumetric_grams(300, 220, 85) == 1122
    assert volumetric_grams(100, 100, 101) == 202
    assert billed_grams(1250, 300, 220, 85) == 1250
    assert billed_grams(500, 300, 220, 85) == 1122
    assert billed_grams(500) == 500


@given(st.integers(0, 30_000), st.integers(0, 30_000), st.integers(0, 10_000_000), st.sampled_from(list(Zone)))
def test_more_weight_never_costs_less(light: int, more: int, cod_minor: int, zone: Zone) -> None:
    card = replace(sample_card(), max_grams=0)

    assert charge(card, zone, light, cod_minor).total_minor <= charge(card, zone, light + more, cod_minor).total_minor


def test_the_sample_card_serves_every_zone_and_farther_costs_more() -> None:
    card = sample_card()

    totals = [charge(card, zone, 500).total_minor for zone in Zone]
    days = [transit_days(card, zone) for zone in Zone]

    assert totals == [3520, 4400, 5170, 5940, 7920, 9680]
    assert days == [1, 2, 3, 5, 7, 9]


def test_a_charge_between_two_places_takes_the_cards_zone() -> None:
    result = charge_between(sample_card(), spot_of_pin("560058"), spot_of_pin("400001"), 700)

    assert (result.zone, result.total_minor) == (Zone.C, 9790)


def test_a_card_is_read_from_csv_with_columns_in_any_order() -> None:
    columns = list(reversed(COLUMNS))
    values = {
        "zone": "d", "first_grams": "500", "first_minor": "4540", "additional_grams": "500",
        "additional_minor": "4480", "cod_fixed_minor": "3500", "cod_bp": "150", "fuel_bp": "1000",
        "rto_first_minor": "4130", "rto_additional_minor": "4100", "transit_days": "5",
    }  # fmt: skip
    text = "\ufeff" + ",".join(columns) + "\r\n" + ",".join(f" {values[column]}" for column in columns) + "\r\n"

    assert read_card("Test", text, max_grams=5000) == CARD


def test_every_fault_of_a_card_is_named_by_line_and_column() -> None:
    text = "\n".join(
        (
            HEADER,
            "A,500,100,500,50,0,0,0,0,0,1",
            "G,500,100,500,50,0,0,0,0,0,1",
            "B,0,-1,500,5.5,0,10001,0,0,0,x",
            "A,500,100,500,50,0,0,0,0,0,1",
            "C,500",
        )
    )

    with pytest.raises(RateCardInvalid) as caught:
        read_card("Mine", text)

    assert caught.value.message.startswith(
        "Rate card Mine: line 3, column zone: 'G' is not one of A, B, C, D, E, F, a country"
    )
    assert [(error["line"], error["column"]) for error in caught.value.data["errors"]] == [
        (3, "zone"),
        (4, "first_grams"),
        (4, "first_minor"),
        (4, "additional_minor"),
        (4, "cod_bp"),
        (4, "transit_days"),
        (5, "zone"),
        (6, "zone"),
    ]


@pytest.mark.parametrize(
    ("text", "column"), [("", "zone"), (HEADER, "zone"), (HEADER.replace("cod_bp", "cod_pct"), "cod_bp")]
)
def test_a_card_without_rows_or_columns_is_refused(text: str, column: str) -> None:
    with pytest.raises(RateCardInvalid) as caught:
        read_card("Mine", text)

    assert caught.value.data["errors"][0]["column"] == column
