"""Personal data as it is shown to people who may not read it: enough to recognise, too little to use."""

from __future__ import annotations

from oms.core.templatetags.oms_format import masked_phone


def masked_name(name: str) -> str:
    """`Asha Rao` becomes `A•• R••`."""
    return " ".join(f"{word[:1]}••" for word in name.split())


def masked_email(email: str) -> str:
    """`asha@example.com` becomes `a•••@example.com`."""
    local, at, domain = email.partition("@")
    return f"{local[:1]}•••{at}{domain}" if at else "•••"


def shown_name(name: str, *, masked: bool) -> str:
    """The name, or its mask."""
    return masked_name(name) if masked else name


def shown_email(email: str, *, masked: bool) -> str:
    """The address, or its mask; nothing stays nothing."""
    return masked_email(email) if masked and email else email


def shown_phone(phone: str, *, masked: bool) -> str:
    """The number, or its mask; nothing stays nothing."""
    return str(masked_phone(phone)) if masked and phone else phone


def shown_recipient(recipient: str, *, masked: bool) -> str:
    """Whom a message went to, an address or a number, or the mask of it."""
    return (shown_email if "@" in recipient else shown_phone)(recipient, masked=masked)


def shown_words(words: str, recipient: str, *, masked: bool) -> str:
    """What was said of a message, with whom it went to masked: providers repeat numbers and addresses in refusals."""
    if not masked or not recipient:
        return words
    for name in (recipient, recipient.removeprefix("+")):
        words = words.replace(name, shown_recipient(recipient, masked=True))
    return words
