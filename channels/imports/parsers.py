"""Cells to values. Strict: what could mean two things is refused with what was expected, never guessed.

Every parser takes the text of a filled cell and returns a value or raises `Unreadable`. Digits are ASCII digits:
Python's own `int` and `float` also take `1_000`, full-width digits, "nan" and "inf", none of which a person meant.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from babel.numbers import list_currencies

from oms.core.places import normalise_postcode
from oms.core.values import MAX_MINOR, MAX_QUANTITY, currency_exponent

_SPREADSHEET_ERRORS = frozenset(
    {"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
_FORMULA_TEXT = re.compile(r'="(.*)"')
_WHOLE = re.compile(r"[0-9]{1,20}(?:\.0{1,6})?")
_WESTERN = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}")
_AMOUNT = re.compile(r"([0-9][0-9,]*)?(?:\.([0-9]{1,10}))?")
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,18})?")
_CURRENCY_SIGN = re.compile(r"^(?:₹|Rs\.?|INR|\$|€|£|US\$|USD|EUR|GBP)\s*|\s*(?:₹|INR|USD|EUR|GBP)$", re.IGNORECASE)
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,40}")
_CURRENCIES = frozenset(list_currencies())
_COUNTRY = re.compile(r"[A-Z]{2}")
_COUNTRY_NAMES = {
    "INDIA": "IN", "BHARAT": "IN", "UNITED STATES": "US", "UNITED STATES OF AMERICA": "US", "USA": "US",
    "UNITED KINGDOM": "GB", "UK": "GB", "GERMANY": "DE", "FRANCE": "FR", "BRAZIL": "BR", "CANADA": "CA",
    "AUSTRALIA": "AU", "SINGAPORE": "SG", "UNITED ARAB EMIRATES": "AE", "UAE": "AE", "NEPAL": "NP", "SRI LANKA": "LK",
    "BANGLADESH": "BD",
}  # fmt: skip
#: First characters that make a spreadsheet take a cell for a formula (OWASP, also full-width forms).
FORMULA_STARTS = tuple("=+-@\t\r\x00\uff1d\uff0b\uff0d\uff20")
_YES = frozenset({"yes", "y", "true", "1", "on", "active"})
_NO = frozenset({"no", "n", "false", "0", "off", "inactive"})


class Unreadable(Exception):
    """A cell that is not what its field holds. The message says what was expected."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


def parse_text(text: str, *, most: int) -> str:
    """Text in composed form (NFC), without control characters, of at most `most` characters."""
    if text in _SPREADSHEET_ERRORS:
        raise Unreadable("a value; the spreadsheet has a formula error here")
    if text.startswith("'") and text[1:].startswith(FORMULA_STARTS):
        text = text[1:]  # how a safely written CSV marks that this is text
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        for character in text:
            if character in "\n\r\t":
                continue
            if unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}:
                raise Unreadable("text without control characters")
    if len(text) > most:
        raise Unreadable(f"at most {most} characters")
    return text


def parse_code(text: str, *, most: int) -> str:
    """An identifier kept as it stands, leading zeros and all.

    A leading apostrophe (how spreadsheets and panels mark text) and `="..."` are taken off. Raises Unreadable for
    1.23E+12: the spreadsheet has thrown the last digits away.
    """
    wrapped = _FORMULA_TEXT.fullmatch(text)
    if wrapped is not None:
        text = wrapped[1]
    text = text.removeprefix("'").strip()
    if not text:
        raise Unreadable("a code")
    if _ROUNDED.fullmatch(text) and "+" in text:
        raise Unreadable("all digits; a spreadsheet has rounded this number, format the column as text")
    text = parse_text(text, most=most)
    if "\n" in text or "\r" in text or "\t" in text:
        raise Unreadable("a code on one line")
    return text


def parse_quantity(text: str, *, low: int = 0) -> int:
    """A whole number of units; 5 and 5.0 are alike, 1,000 is a thousand."""
    plain = _ungroup(text.removeprefix("'"))
    if plain is None or not _WHOLE.fullmatch(plain):
        raise Unreadable(f"a whole number from {low}")
    value = int(plain.partition(".")[0])
    if not low <= value <= MAX_QUANTITY:
        raise Unreadable(f"a whole number from {low} to {MAX_QUANTITY}")
    return value


def parse_money(text: str, *, currency: str, decimal: str = ".") -> int:
    """An amount of at least 0 in minor units. Understands 1,23,456.78, 123,456.78, ₹ 500 and Rs. 500.

    Raises Unreadable for more decimals than the currency has, for negative amounts and for groups that are neither
    Indian nor Western, such as 12,50: that is a decimal comma, which must be declared.
    """
    exponent = currency_exponent(currency)
    expected = f"an amount such as {'1,23,456.78' if exponent == 2 else '1,23,456'}"
    plain = _CURRENCY_SIGN.sub("", text.removeprefix("'").strip()).strip()
    if decimal == ",":
        plain = plain.translate({ord("."): ",", ord(","): "."})
        expected = "an amount such as 1.234,56"
    match = _AMOUNT.fullmatch(plain)
    if match is None or not (match[1] or match[2]):
        raise Unreadable(f"{expected}, not negative")
    whole = _ungroup(match[1] or "0")
    if whole is None:
        raise Unreadable(f"{expected}; declare the decimal sign if this is a decimal comma")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > exponent:
        raise Unreadable(f"at most {exponent} decimals for {currency}")
    scale: int = 10**exponent
    minor = int(whole) * scale + int(fraction.ljust(exponent, "0") or "0")
    if minor > MAX_MINOR:
        raise Unreadable(f"an amount up to {MAX_MINOR // scale}")
    return minor


def parse_number(text: str, *, low: float, high: float, decimal: str = ".") -> Decimal:
    """A decimal number within bounds, for weights, lengths and coordinates. Never NaN, infinity or 1e5."""
    plain = text.removeprefix("'")
    if decimal == ",":
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        raise Unreadable(f"a number from {low:,g} to {high:,.10g}")
    value = Decimal(plain)
    if not Decimal(str(low)) <= value <= Decimal(str(high)):
        raise Unreadable(f"a number from {low:,g} to {high:,.10g}")
    return value


def parse_flag(text: str) -> bool:
    """yes or no, also true/false, 1/0, y/n."""
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable("yes or no")


def parse_slug(text: str) -> str:
    """A short code of ASCII letters, digits, hyphens and underscores."""
    plain = parse_code(text, most=40)
    if not _SLUG.fullmatch(plain):
        raise Unreadable("a code of letters, digits, - and _, at most 40")
    return plain


def parse_currency(text: str) -> str:
    """An ISO 4217 code."""
    code = text.upper()
    if code not in _CURRENCIES:
        raise Unreadable("an ISO 4217 code such as INR")
    return code


def parse_country(text: str) -> str:
    """An ISO 3166 code of two letters, or the name of one of the usual countries."""
    plain = text.upper()
    code = _COUNTRY_NAMES.get(plain, plain)
    if not _COUNTRY.fullmatch(code):
        raise Unreadable("a country code of two letters such as IN")
    return code


def parse_postcode(text: str, *, country: str) -> str:
    """A postcode as it is stored; in India six digits, the first not 0. Also understands "411033.0"."""
    plain = normalise_postcode(country, text.removeprefix("'"))
    if plain is None or len(plain) > 16:
        raise Unreadable("a PIN code of six digits" if country == "IN" else f"a postcode of {country}")
    return plain


def parse_choice(text: str, choices: dict[str, str], *, expected: str) -> str:
    """One of the words (keys in lower case), as its value."""
    value = choices.get(" ".join(text.lower().split()))
    if value is None:
        raise Unreadable(expected)
    return value


def _ungroup(text: str) -> str | None:
    """The digits without thousands separators; None where the groups are neither Western nor Indian."""
    if "," not in text:
        return text
    whole, point, rest = text.partition(".")
    if not (_WESTERN.fullmatch(whole) or _INDIAN.fullmatch(whole)):
        return None
    return whole.replace(",", "") + point + rest
