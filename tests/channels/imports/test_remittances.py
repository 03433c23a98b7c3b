"""Remittances from a file: rows of one UTR are one payment, kept together, and matched to parcels."""

from __future__ import annotations

import pytest

from carriers.models import RemittanceLine
from channels.imports.services import plan
from channels.imports.types import Options
from tests.carriers.services.test_cash import parcel
from tests.channels.imports.conftest import WriteFile, look, run

pytestmark = pytest.mark.django_db

HEADER = "UTR No,Waybill,Remitted Amount,Deduction,Remittance Date"
OPTIONS = Options(carrier="riders")


@pytest.fixture(autouse=True)
def parcels(db: None) -> None:
    parcel("AW1")
    parcel("AW2")


def lines() -> list[tuple[str, str, int, int, str]]:
    rows = RemittanceLine.objects.order_by("remittance_id", "row")
    return list(rows.values_list("remittance__utr", "awb", "amount_minor", "deducted_minor", "finding"))


def test_a_file_of_a_carrier_is_matched_and_again_changes_nothing(write_file: WriteFile) -> None:
    path = write_file(HEADER, "U1,AW1,500.00,,2026-11-20", "U2,AW9,10,0,2026-11-21", "U1,AW2,450.00,25.00,2026-11-20")

    results = [run(path, "remittances", carrier="riders") for _ in range(2)]

    assert [(each.created, each.skipped) for each in results] == [(2, 0), (0, 2)]
    assert lines() == [
        ("U1", "AW1", 50_000, 0, "matched"), ("U1", "AW2", 45_000, 2_500, "short"), ("U2", "AW9", 1_000, 0, "unknown")
    ]  # fmt: skip


def test_a_row_at_fault_keeps_its_whole_remittance_out_and_says_why(write_file: WriteFile) -> None:
    path = write_file(
        HEADER, "U1,AW1,five,,2026-11-20", "U1,AW2,500,,2026-11-20", "U2,AW1,1,,2026-11-20", "U2,AW1,2,,2026-11-21"
    )
    inspection = look(path, "remittances")
    found = plan(inspection, inspection.mapping, OPTIONS)
    told = {(group.field, group.expected): list(group.rows) for group in found.errors}

    assert told["utr", "a remittance whose rows are all right; row 2 is not"] == [3]
    assert told["awb", "each AWB once in a remittance, with the sum; row 4 has it too"] == [5]
    assert told["paid_on", "2026-11-20 as in row 4 of the same UTR"] == [5]
    run(path, "remittances", carrier="riders")
    assert lines() == []


def test_what_was_written_before_is_not_contradicted_and_an_unknown_carrier_is_refused(write_file: WriteFile) -> None:
    run(write_file(HEADER, "U1,AW1,500,,2026-11-20"), "remittances", carrier="riders")
    again = look(write_file(HEADER, "U1,AW1,400,,2026-11-20", name="again.csv"), "remittances")

    wrong = plan(again, again.mapping, OPTIONS).errors
    nobody = plan(again, again.mapping, Options(carrier="nobody")).errors

    assert [(group.field, list(group.rows)) for group in wrong] == [("amount", [2])]
    assert "has AW1 with another amount already" in wrong[0].expected
    assert [(group.field, group.expected) for group in nobody] == [("carrier", "the code of a carrier account")]
