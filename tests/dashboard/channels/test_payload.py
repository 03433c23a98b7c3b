"""Payloads as people see them: masked, marked, with spaces that can be seen."""

from __future__ import annotations

import json

from oms.dashboard.channels.payload import cause_words, masked, payload_lines, shown_issues, visible_spaces

PAYLOAD = {
    "external_id": "1", "customer_name": "Asha Rao", "customer_email": "asha@example.com",
    "ship_to": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "postcode": "560001", "phone": "+91"},
    "lines": [{"sku_code": "KRT_M", "name": "Kurta", "quantity": 1}],
}  # fmt: skip


def test_personal_data_is_masked_and_the_rest_is_not() -> None:
    seen = masked(PAYLOAD)
    assert seen["customer_name"] == "A•••"
    assert seen["customer_email"] == "a•••"
    assert seen["ship_to"] == {
        "name": "A•••", "line1": "1•••", "city": "Bengaluru", "postcode": "560001", "phone": "+•••",
    }  # fmt: skip
    assert seen["lines"] == PAYLOAD["lines"]
    assert PAYLOAD["customer_name"] == "Asha Rao"


def test_a_shop_systems_own_words_are_masked_too() -> None:
    billing = {"first_name": "Asha", "last_name": "Rao", "address_1": "12 MG Road", "company": "Rao & Co", "email": ""}
    assert masked({"billing": billing})["billing"] == {
        "first_name": "A•••", "last_name": "R•••", "address_1": "1•••", "company": "R•••", "email": "",
    }  # fmt: skip


def test_the_lines_are_the_json_and_the_fault_is_marked() -> None:
    lines = payload_lines(PAYLOAD, ["lines[0].sku", "ship_to.city"])
    assert json.loads("\n".join(line.text for line in lines)) == PAYLOAD
    assert [line.text.strip() for line in lines if line.flagged] == ['"city": "Bengaluru",', '"sku_code": "KRT_M",']
    assert payload_lines({}, [""])[0].text == "{}"


def test_a_huge_payload_is_cut() -> None:
    assert len(payload_lines({"items": list(range(5000))}, [])) == 1501


def test_spaces_that_nobody_sees_are_shown() -> None:
    assert visible_spaces(" KRT-M  ") == "␣KRT-M␣␣"
    assert visible_spaces("KRT M") == "KRT M"
    assert visible_spaces("  ") == "␣␣"


def test_what_came_is_masked_in_issues_about_people() -> None:
    phone = {"field": "ship_to.phone", "got": "'98450'", "expected": "text"}
    issues = [phone, {"field": "kind", "got": "x ", "expected": "an order"}]
    assert [issue["got"] for issue in shown_issues(issues, masked_for_viewer=True)] == ["•••", "x␣"]
    assert [issue["got"] for issue in shown_issues(issues, masked_for_viewer=False)] == ["'98450'", "x␣"]


def test_a_cause_is_told_with_a_real_example() -> None:
    issues = [{"field": "lines[0].price", "got": "x", "expected": "such as 49900 for 499.00"}]
    assert cause_words("lines[].price: expected such as n for n.n", issues) == (
        "lines[0].price: expected such as 49900 for 499.00"
    )
    assert cause_words("Unknown SKU KRT_1", issues) == "Unknown SKU KRT_1"
    assert cause_words("", []) == "Not understood"
