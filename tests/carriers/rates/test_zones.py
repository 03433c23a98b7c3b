"""Zones between two places of India."""

import csv
import gzip
from pathlib import Path

import pytest

from carriers.zones import Spot, Zone, ZoneRules, distance_km, normal_state, spot_of_pin, state_of_pin, zone_between

BENGALURU = Spot(postcode="560058", district="BENGALURU URBAN", state="KARNATAKA", lat=13.03, lon=77.52)
BENGALURU_EAST = Spot(postcode="560049", district="BENGALURU RURAL", state="KARNATAKA", lat=13.05, lon=77.75)
MYSURU = Spot(postcode="570001", district="MYSURU", state="KARNATAKA", lat=12.31, lon=76.65)
CHENNAI = Spot(postcode="600001", district="CHENNAI", state="TAMIL NADU", lat=13.09, lon=80.29)
VELLORE = Spot(postcode="632001", district="VELLORE", state="TAMIL NADU", lat=12.92, lon=79.13)
DELHI = Spot(postcode="110001", district="NEW DELHI", state="DELHI", lat=28.62, lon=77.21)
SHAHDARA = Spot(postcode="110031", district="SHAHDARA", state="Delhi", lat=28.66, lon=77.27)
GURUGRAM = Spot(postcode="122001", district="GURUGRAM", state="HARYANA", lat=28.46, lon=77.03)
PATNA = Spot(postcode="800001", district="PATNA", state="BIHAR", lat=25.61, lon=85.14)
GUWAHATI = Spot(postcode="781001", district="KAMRUP METRO", state="ASSAM", lat=26.19, lon=91.75)
DISPUR = Spot(postcode="781006", district="Kamrup Metro", state="Assam", lat=26.14, lon=91.79)
SRINAGAR = Spot(postcode="190001", district="SRINAGAR", state="Jammu & Kashmir", lat=34.08, lon=74.80)
PORT_BLAIR = Spot(postcode="744101", district="SOUTH ANDAMAN", state="ANDAMAN & NICOBAR", lat=11.67, lon=92.74)


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        (BENGALURU, BENGALURU, Zone.A),
        (BENGALURU, BENGALURU_EAST, Zone.A),
        (DELHI, SHAHDARA, Zone.A),
        (GUWAHATI, DISPUR, Zone.A),
        (BENGALURU, MYSURU, Zone.B),
        (BENGALURU, VELLORE, Zone.B),
        (DELHI, GURUGRAM, Zone.B),
        (BENGALURU, DELHI, Zone.C),
        (BENGALURU, CHENNAI, Zone.C),
        (BENGALURU, PATNA, Zone.D),
        (DELHI, GUWAHATI, Zone.E),
        (SRINAGAR, DELHI, Zone.E),
        (CHENNAI, PORT_BLAIR, Zone.F),
        (GUWAHATI, PORT_BLAIR, Zone.F),
    ],
)
def test_a_way_has_one_zone_in_both_directions(start: Spot, end: Spot, zone: Zone) -> None:
    assert zone_between(start, end) is zone
    assert zone_between(end, start) is zone


def test_without_coordinates_a_neighbour_state_is_the_rest_of_india() -> None:
    assert zone_between(spot_of_pin("560058"), spot_of_pin("632001")) is Zone.D
    assert zone_between(spot_of_pin("560058"), spot_of_pin("570001")) is Zone.B
    assert zone_between(spot_of_pin("560058"), spot_of_pin("400001")) is Zone.C
    assert zone_between(spot_of_pin("570001"), spot_of_pin("570020")) is Zone.A


def test_a_card_draws_its_own_borders() -> None:
    rules = ZoneRules(
        metro_pin_prefixes={}, remote_states=frozenset({"bihar"}), special_postcodes=frozenset({"122001"})
    )

    assert zone_between(BENGALURU, DELHI, rules) is Zone.D
    assert zone_between(BENGALURU, PATNA, rules) is Zone.E
    assert zone_between(DELHI, GURUGRAM, rules) is Zone.F


def test_state_names_have_one_spelling() -> None:
    assert normal_state("Jammu & Kashmir") == normal_state("JAMMU AND KASHMIR") == "jammu and kashmir"
    assert normal_state("NCT of Delhi") == "delhi"
    assert normal_state("The Dadra and Nagar Haveli") == normal_state("Daman & Diu")


def test_a_pin_code_that_is_none_has_no_state() -> None:
    for text in ("", "12345", "012345", "9000001", "SW1A 1AA", "99999x"):
        assert state_of_pin(text) == ""


def test_distance_is_the_great_circle() -> None:
    distance = distance_km(DELHI, BENGALURU)
    assert distance is not None
    assert round(distance) == 1734
    assert distance_km(DELHI, spot_of_pin("560058")) is None


def test_prefixes_name_the_state_of_nearly_every_pin_code(shared_dir: Path) -> None:
    path = shared_dir / "data" / "places" / "india_pincode_centroids.csv.gz"
    if not path.is_file():
        pytest.skip("needs the table of Indian PIN codes, which is not part of the project")
    with gzip.open(path, "rt", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["state"]]

    right = sum(state_of_pin(row["pincode"]) == normal_state(row["state"]) for row in rows)

    assert (right, len(rows)) == (19355, 19504)
