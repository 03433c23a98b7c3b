"""State machines of the channels' rows."""

from __future__ import annotations

from channels.models import InboundMessageState as Inbound
from channels.models import OutboundUpdateState as Outbound
from channels.models import Publication
from oms.core.states import machine

#: A quarantined or ignored message may be taken up again; what was captured or applied is history.
INBOUND_MESSAGE = machine(
    "channels.inbound_message",
    {
        Inbound.PENDING: {Inbound.CAPTURED, Inbound.APPLIED, Inbound.UNCHANGED, Inbound.QUARANTINED},
        Inbound.QUARANTINED: {Inbound.PENDING, Inbound.IGNORED},
        Inbound.IGNORED: {Inbound.PENDING},
    },
)

#: A refused update may be tried again by a person, or dropped.
OUTBOUND_UPDATE = machine(
    "channels.outbound_update",
    {
        Outbound.PENDING: {Outbound.SENT, Outbound.FAILED, Outbound.SKIPPED},
        Outbound.FAILED: {Outbound.PENDING, Outbound.SKIPPED},
    },
)

_PUBLICATION: dict[str, set[str]] = {
    Publication.ON: {Publication.PAUSED, Publication.STOPPED},
    Publication.PAUSED: {Publication.ON, Publication.STOPPED},
    Publication.STOPPED: {Publication.ON, Publication.PAUSED},
}

#: What a channel is told of one listing, and of all of them.
LISTING_PUBLICATION = machine("channels.listing", _PUBLICATION, field="publication")
ACCOUNT_PUBLICATION = machine("channels.account", _PUBLICATION, field="publication")
