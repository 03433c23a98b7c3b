"""An amount in words, as Indian invoices write it."""

from __future__ import annotations

_ONES = (
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_STEPS = ((10_000_000, "crore"), (100_000, "lakh"), (1_000, "thousand"), (100, "hundred"))


def rupees_in_words(paise: int) -> str:
    """`One lakh two thousand rupees and fifty paise only`."""
    rupees, rest = divmod(paise, 100)
    text = f"{_words(rupees) or 'zero'} {'rupee' if rupees == 1 else 'rupees'}"
    if rest:
        text += f" and {_words(rest)} {'paisa' if rest == 1 else 'paise'}"
    return f"{text[0].upper()}{text[1:]} only"


def _words(number: int) -> str:
    parts: list[str] = []
    for size, name in _STEPS:
        count, number = divmod(number, size)
        if count:
            parts.append(f"{_words(count)} {name}")
    if number >= 20:
        tens, ones = divmod(number, 10)
        parts.append("-".join(part for part in (_TENS[tens], _ONES[ones]) if part))
    elif number:
        parts.append(_ONES[number])
    return " ".join(parts)
