"""The number under which a business is registered for GST."""

from __future__ import annotations

import re

from orders.gst.places import STATES

_FORM = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def what_is_wrong(gstin: str) -> str:
    """Why this is no GSTIN, as a sentence; empty where it is one.

    15 signs: state, PAN, entity of that PAN in the state, `Z`, check sign (CGST Rules 2017, rule 10).
    """
    if not _FORM.fullmatch(gstin):
        return f"{gstin or 'Nothing'} is no GSTIN: expected 15 signs such as 29AAGCB7383J1Z4."
    if gstin[:2] not in STATES:
        return f"{gstin} is no GSTIN: no state has the number {gstin[:2]}."
    if gstin[-1] != check_sign(gstin[:14]):
        return f"{gstin} is no GSTIN: its last sign would be {check_sign(gstin[:14])}. Is there a slip in it?"
    return ""


def check_sign(body: str) -> str:
    """The fifteenth sign for the fourteen before it: weights 1 and 2 in base 36, as the GST portal computes it."""
    total = 0
    for position, sign in enumerate(body):
        product = _SIGNS.index(sign) * (1 + position % 2)
        total += product // 36 + product % 36
    return _SIGNS[-total % 36]
