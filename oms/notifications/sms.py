"""How long a text message is: in parts, as networks count and bill them (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: These take two places, the first being an escape.
_EXTENDED = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class SmsLength:
    """A text's alphabet ("GSM-7" or "UCS-2"), its length in the units of that alphabet, and its parts."""

    alphabet: str
    units: int
    parts: int


def is_gsm7(text: str) -> bool:
    """The text has only signs of the small alphabet, of which 160 fit in one part."""
    return all(sign in _BASIC or sign in _EXTENDED for sign in text)


def sms_length(text: str) -> SmsLength:
    """How a text is billed: 160 or 153 units a part in GSM-7, 70 or 67 in UCS-2. No part ends inside of a sign."""
    if is_gsm7(text):
        return _counted("GSM-7", [2 if sign in _EXTENDED else 1 for sign in text], 160, 153)
    return _counted("UCS-2", [len(sign.encode("utf-16-be")) // 2 for sign in text], 70, 67)


def _counted(alphabet: str, sizes: list[int], alone: int, joined: int) -> SmsLength:
    units = sum(sizes)
    if units <= alone:
        return SmsLength(alphabet, units, 1 if units else 0)
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return SmsLength(alphabet, units, parts)
