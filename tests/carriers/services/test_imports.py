"""Rate cards and serviceability lists from CSV files."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from carriers.models import RateCard, Serviceability
from carriers.services import choose
from tests.carriers.services.world import manual_account, rate_request

pytestmark = pytest.mark.django_db

HEADER = (
    "zone,first_grams,first_minor,additional_grams,additional_minor,cod_fixed_minor,cod_bp,fuel_bp,"
    "rto_first_minor,rto_additional_minor,transit_days\n"
)
GOOD = HEADER + "A,500,3200,500,2600,3500,150,1000,2900,2400,1\nD,500,5400,500,4900,3500,150,1000,4900,4500,5\n"


def run(command: str, *arguments: str) -> tuple[str, str]:
    """What a command says on its two outputs; a CommandError is added to the second."""
    out, faults = StringIO(), StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=faults)
    except CommandError as error:
        faults.write(f"{error}\n")
    return out.getvalue(), faults.getvalue()


def file_of(folder: Path, text: str | bytes) -> str:
    """A file with this content."""
    path = folder / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_an_imported_rate_card_prices_a_parcel(tmp_path: Path) -> None:
    out, _ = run("import_rate_card", file_of(tmp_path, GOOD), "--code", "mine", "--name", "Mine")
    manual_account(rate_card=RateCard.objects.get(code="mine"))

    (quote,) = choose(request=rate_request(cod_minor=400_000))

    assert out == "Rate card mine has 2 zones.\n"
    # 5,400 and two slabs of 4,900; fuel 10 %; COD 1.5 % of 4,000 rupees
    assert quote.charge_minor == 15_200 + 1_520 + 6_000
    assert quote.transit_days == 5


def test_importing_a_card_again_replaces_it(tmp_path: Path) -> None:
    run("import_rate_card", file_of(tmp_path, GOOD), "--code", "mine")
    run("import_rate_card", file_of(tmp_path, "\ufeff" + GOOD.replace("5400", "6400")), "--code", "mine")

    card = RateCard.objects.get()
    assert card.zones["D"]["first_minor"] == 6400
    assert card.zones["D"]["days"] == 5


def test_faults_of_a_card_are_grouped_and_nothing_is_imported(tmp_path: Path) -> None:
    bad = GOOD.replace("A,500", "Q,500") + "E,500,x,500,1,0,0,0,0,0,1\nB,500,y,500,1,0,0,0,0,0,0\n"

    _, faults = run("import_rate_card", file_of(tmp_path, bad), "--code", "mine")

    assert "1 x zone: 'Q' is not one of A, B, C, D, E, F, a country of two letters as US, or * for" in faults
    assert "transit_days" in faults
    assert faults.endswith("Nothing was imported.\n")
    assert not RateCard.objects.filter(code="mine").exists()


def test_a_serviceability_list_is_written_and_changed(tmp_path: Path) -> None:
    account = manual_account()
    first = "Postcode,COD\n421204,yes\n 560 001 ,no\n110001.0,\n"

    out, faults = run("import_serviceability", file_of(tmp_path, first), "--account", account.code)
    assert (out, faults) == ("3 postcodes were written, 0 removed.\n", "")
    second = "postcode,prepaid,cod\n421204,Y,n\n400001,1,0\n"
    out, _ = run("import_serviceability", file_of(tmp_path, second), "--account", account.code, "--replace")

    assert out == "2 postcodes were written, 2 removed.\n"
    assert list(Serviceability.objects.order_by("postcode").values_list("country", "postcode", "prepaid", "cod")) == [
        ("IN", "400001", True, False),
        ("IN", "421204", True, False),
    ]


def test_faults_of_a_list_are_grouped_by_kind_and_nothing_is_imported(tmp_path: Path) -> None:
    account = manual_account()
    bad = (
        "postcode,cod,country\n"
        + "12,yes,IN\n" * 7
        + "421204,perhaps,IN\n421204,yes,India\n560001,yes,\n560001,no,IN\n"
    )

    _, faults = run("import_serviceability", file_of(tmp_path, bad), "--account", account.code)

    assert faults.splitlines() == [
        "7 x postcode: not a postcode (line 2, 3, 4, 5, 6)",
        "1 x cod: neither yes nor no (line 9)",
        "1 x country: not a country code of two letters (line 10)",
        "1 x postcode: appears a second time (line 12)",
        "Nothing was imported.",
    ]
    assert Serviceability.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pin\n560001\n", "postcode: This column is missing."),
        ("postcode,zone\n560001,A\n", "zone: No such column is known."),
        ("postcode\n", "postcode: The list has no row."),
        ("", "postcode: This column is missing."),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    account = manual_account()

    assert message in run("import_serviceability", file_of(tmp_path, text), "--account", account.code)[1]


def test_a_missing_file_and_an_unknown_account_are_named(tmp_path: Path) -> None:
    assert "cannot be read" in run("import_rate_card", str(tmp_path / "none.csv"), "--code", "x")[1]
    assert (
        "There is no carrier account 'x'."
        in run("import_serviceability", file_of(tmp_path, "postcode\n560001\n"), "--account", "x")[1]
    )
