"""States and union territories with their numbers in GSTINs and invoices (GST portal, list of state codes)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """A state; `letters` as vehicles and shops write it. A territory without a legislature levies UTGST for SGST."""

    code: str
    name: str
    letters: str = ""
    levies_utgst: bool = False


_ALL = (
    State("01", "Jammu and Kashmir", "JK"), State("02", "Himachal Pradesh", "HP"), State("03", "Punjab", "PB"),
    State("04", "Chandigarh", "CH", True), State("05", "Uttarakhand", "UK"), State("06", "Haryana", "HR"),
    State("07", "Delhi", "DL"), State("08", "Rajasthan", "RJ"), State("09", "Uttar Pradesh", "UP"),
    State("10", "Bihar", "BR"), State("11", "Sikkim", "SK"), State("12", "Arunachal Pradesh", "AR"),
    State("13", "Nagaland", "NL"), State("14", "Manipur", "MN"), State("15", "Mizoram", "MZ"),
    State("16", "Tripura", "TR"), State("17", "Meghalaya", "ML"), State("18", "Assam", "AS"),
    State("19", "West Bengal", "WB"), State("20", "Jharkhand", "JH"), State("21", "Odisha", "OD"),
    State("22", "Chhattisgarh", "CG"), State("23", "Madhya Pradesh", "MP"), State("24", "Gujarat", "GJ"),
    State("26", "Dadra and Nagar Haveli and Daman and Diu", "DD", True), State("27", "Maharashtra", "MH"),
    State("29", "Karnataka", "KA"), State("30", "Goa", "GA"), State("31", "Lakshadweep", "LD", True),
    State("32", "Kerala", "KL"), State("33", "Tamil Nadu", "TN"), State("34", "Puducherry", "PY"),
    State("35", "Andaman and Nicobar Islands", "AN", True), State("36", "Telangana", "TS"),
    State("37", "Andhra Pradesh", "AP"), State("38", "Ladakh", "LA", True), State("97", "Other Territory", "", True),
)  # fmt: skip
STATES = {state.code: state for state in _ALL}
#: Place of supply of what leaves India.
ABROAD = "96"
_BY_NAME = {state.name.casefold(): state.code for state in _ALL}
_BY_LETTERS = {state.letters: state.code for state in _ALL if state.letters} | {
    "OR": "21", "CT": "22", "TG": "36", "UT": "05", "DN": "26", "DH": "26",
}  # fmt: skip


def state_code(name: str) -> str:
    """The number of a state by its name in any case, or by its letters; empty for none."""
    text = name.strip().removeprefix("IN-")
    return _BY_NAME.get(text.casefold()) or _BY_LETTERS.get(text.upper(), "")


def place_name(code: str) -> str:
    """`29 Karnataka`, as invoices write a place of supply."""
    if code == ABROAD:
        return f"{code} Outside India"
    return f"{code} {STATES[code].name}" if code in STATES else code
