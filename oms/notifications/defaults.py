"""The texts that the program brings along: version 1 of each, until somebody writes their own.

In GSM-7 where English: a rupee sign or a curly quotation mark would more than halve what fits into one SMS.
"""

from __future__ import annotations

_SMS: dict[str, tuple[str, str]] = {
    "confirmation": (
        "{brand}: we have your order {number}. Details: {link}",
        "{brand}: आपका ऑर्डर {number} मिल गया। विवरण: {link}",
    ),
    "shipped": (
        "{brand}: your order {number} is on its way with {carrier}, {awb}. Track: {link}",
        "{brand}: आपका ऑर्डर {number} {carrier} से भेज दिया गया है, {awb}। देखें: {link}",
    ),
    "out_for_delivery": (
        "{brand}: your order {number} comes today with {carrier}. Track: {link}",
        "{brand}: आपका ऑर्डर {number} आज {carrier} से पहुँचेगा। देखें: {link}",
    ),
    "delivered": (
        "{brand}: your order {number} was delivered. {link}",
        "{brand}: आपका ऑर्डर {number} पहुँचा दिया गया है। {link}",
    ),
    "delivery_failed": (
        "{brand}: {carrier} could not deliver your order {number}. Tell them when to come again: {link}",
        "{brand}: {carrier} आपका ऑर्डर {number} नहीं पहुँचा सका। दोबारा कब आएँ, यहाँ बताएँ: {link}",
    ),
    "ready_for_pickup": (
        "{brand}: your order {number} is ready at {store}. Pickup code {code}. We keep it until {kept_until}.",
        "{brand}: आपका ऑर्डर {number} {store} पर तैयार है। कोड {code}। {kept_until} तक रखेंगे।",
    ),
    "cancelled": (
        "{brand}: your order {number} was cancelled. {link}",
        "{brand}: आपका ऑर्डर {number} रद्द कर दिया गया है। {link}",
    ),
    "not_collected": (
        "{brand}: what lay ready of your order {number} at {store} was not collected and went back. {link}",
        "{brand}: आपके ऑर्डर {number} का जो सामान {store} पर तैयार था, वह लिया नहीं गया और वापस रख दिया गया। {link}",
    ),
    "substituted": (
        "{brand}: a part of your order {number} comes as something else. See: {link}",
        "{brand}: आपके ऑर्डर {number} के एक हिस्से की जगह दूसरा सामान आएगा। देखें: {link}",
    ),
    "substitute_taken_back": (
        "{brand}: your order {number} comes as you ordered it. {link}",
        "{brand}: आपका ऑर्डर {number} वैसे ही आएगा जैसा आपने मँगाया था। {link}",
    ),
    "new_date": (
        "{brand}: there is a new date for your order {number}: {arriving}. {link}",
        "{brand}: आपके ऑर्डर {number} की नई तारीख: {arriving}। {link}",
    ),
}
_GREETING = ("Hello {name}, ", "नमस्ते {name}, ")


def default_body(event: str, medium: str, language: str) -> str:
    """The text that the program brings along; empty where it has none."""
    pair = _SMS.get(event)
    if pair is None:
        return ""
    place = 1 if language == "hi" else 0
    return f"{_GREETING[place]}{pair[place]}" if medium == "whatsapp" else pair[place]


def default_template_name(event: str) -> str:
    """The name under which the text is registered with Meta unless somebody says otherwise."""
    return f"oms_{event}"
