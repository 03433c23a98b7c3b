"""Which providers this installation can talk to. A new provider is one line here."""

from __future__ import annotations

from oms.core.errors import DomainError
from oms.notifications.base import MessageProvider
from oms.notifications.providers.exotel import ExotelSms
from oms.notifications.providers.mail import MailServer
from oms.notifications.providers.twilio import TwilioSms
from oms.notifications.providers.whatsapp import WhatsAppCloud

MAIL = MailServer()
PROVIDERS: dict[str, MessageProvider] = {
    "mail": MAIL,
    "exotel": ExotelSms(),
    "twilio": TwilioSms(),
    "whatsapp_cloud": WhatsAppCloud(),
}


class NoProvider(DomainError):
    """No provider is registered under this code."""

    code = "no_provider"


def provider_for(code: str) -> MessageProvider:
    """The provider of a code. Raises `NoProvider` for a code that nobody registered."""
    try:
        return PROVIDERS[code]
    except KeyError:
        raise NoProvider(f"No provider of messages is registered as {code!r}.", code_given=code) from None
