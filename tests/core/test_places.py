"""Postcodes: read as people and spreadsheets write them, found, guessed, measured and searched."""

import subprocess
import sys
from pathlib import Path

import pytest

from oms.core.places import (
    Place,
    distance_km,
    find_place,
    great_circle_km,
    guess_place,
    normalise_postcode,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("110001", "110001"),
        (" 110 001 ", "110001"),
        ("110-001", "110001"),
        ("110001.0", "110001"),
        ("110001.", "110001"),
        ("1.10001E+05", "110001"),
        ("5.6E5", "560000"),
        ("PIN 560001", "560001"),
        ("Pincode: 560 001", "560001"),
        ("५६०००१", "560001"),
        ("５６０００１", "560001"),
        ("110\u00a0001", "110001"),
        ("010001", None),
        ("11001", None),
        ("1100011", None),
        ("110001.5", None),
        ("11000A", None),
        ("", None),
        ("Delhi", None),
    ],
)
def test_an_indian_pin_is_understood_however_it_is_written(written: str, meant: str | None) -> None:
    assert normalise_postcode("IN", written) == meant


def test_a_foreign_postcode_is_only_tidied() -> None:
    assert normalise_postcode("GB", " sw1a  1aa ") == "SW1A 1AA"
    assert normalise_postcode("US", "94107") == "94107"
    assert normalise_postcode("US", "") is None
    assert normalise_postcode("US", "x" * 17) is None


def test_a_known_pin_is_found_with_its_names_and_point() -> None:
    assert find_place("IN", "110 001") == Place("110001", "IN", "New Delhi", "Delhi", 28.6205, 77.2128, "offices")


def test_an_unknown_or_foreign_postcode_is_not_found() -> None:
    assert find_place("IN", "110999") is None
    assert find_place("IN", "nonsense") is None
    assert find_place("US", "94107") is None


def test_an_unknown_pin_is_guessed_from_its_group_and_says_so() -> None:
    # Given Connaught Place, which the directory knows, and a PIN of the same sorting district that it does not
    known = find_place("IN", "110001")
    # When that is guessed
    guessed = guess_place("IN", "110999")
    # Then it lies in Delhi
    assert known is not None
    assert guessed is not None
    assert (guessed.postcode, guessed.state, guessed.quality) == ("110999", "Delhi", "guessed")
    assert distance_km(known, guessed) < 15


def test_a_guess_prefers_the_exact_pin_and_gives_up_without_a_group() -> None:
    assert guess_place("IN", "110001") == find_place("IN", "110001")
    assert guess_place("IN", "999999") is None
    assert guess_place("US", "94107") is None
    assert guess_place("IN", "12") is None


def test_an_impossible_point_of_the_directory_is_corrected_and_marked() -> None:
    # The directory puts 391445 (Vadodara, Gujarat) at 16.54 N 74.44 E, in Maharashtra, 640 km to the south.
    place, vadodara = find_place("IN", "391445"), find_place("IN", "390001")
    assert place is not None
    assert vadodara is not None
    assert place.quality == "corrected"
    assert distance_km(place, vadodara) < 60


@pytest.mark.parametrize(
    ("displaced", "near", "within_km"),
    [("391410", "390001", 60), ("276001", "275101", 100), ("230001", "229001", 120)],
)
def test_groups_that_the_directory_displaces_are_brought_home(displaced: str, near: str, within_km: float) -> None:
    # 391 Vadodara, 276 Azamgarh and 230 Pratapgarh, against a sound PIN of the neighbouring group.
    place, neighbour = find_place("IN", displaced), find_place("IN", near)
    assert place is not None
    assert neighbour is not None
    assert place.quality == "corrected"
    assert distance_km(place, neighbour) < within_km


def test_a_pin_far_from_its_group_but_inside_its_district_is_kept() -> None:
    # 413705 is in Ahmednagar district, most of group 413 around Solapur, 160 km away.
    place = find_place("IN", "413705")
    assert place is not None
    assert (place.quality, place.lat, place.lon) == ("offices", 19.3993, 74.6663)


def test_the_distance_between_two_cities_is_right() -> None:
    # Delhi to Bengaluru, great circle: about 1,740 km.
    delhi, bengaluru = find_place("IN", "110001"), find_place("IN", "560001")
    assert delhi is not None
    assert bengaluru is not None
    assert distance_km(delhi, bengaluru) == pytest.approx(1741, abs=6)
    assert distance_km(delhi, bengaluru) == distance_km(bengaluru, delhi)
    assert distance_km(delhi, delhi) == 0


def test_a_quarter_of_the_meridian_is_ten_thousand_kilometres() -> None:
    assert great_circle_km(0, 0, 90, 0) == pytest.approx(10007.5, abs=0.1)
    assert great_circle_km(0, 0, 0, 180) == pytest.approx(20015.1, abs=0.1)


def test_every_place_lies_in_india() -> None:
    pins = (*range(110_000, 200_000), *range(700_000, 800_000))
    places = [place for pin in pins if (place := find_place("IN", str(pin))) is not None]
    assert len(places) > 4000
    for place in places:
        assert 6 < place.lat < 37.1
        assert 68 < place.lon < 97.5
        assert place.state


def test_reading_the_places_is_quick_and_small() -> None:
    # Generous against a busy machine: some 20 ms and 5 MB where this was written.
    program = (
        "import time, tracemalloc\n"
        "from oms.core.places import find_place\n"
        "start = time.process_time(); find_place('IN', '110001'); spent = time.process_time() - start\n"
        "from oms.core.places import _india\n"
        "_india.cache_clear(); tracemalloc.start(); _india(); kept, peak = tracemalloc.get_traced_memory()\n"
        "print(spent, peak)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    seconds, peak_bytes = (float(part) for part in done.stdout.split())
    assert seconds < 0.5
    assert peak_bytes < 20_000_000
