"""Which sales channels this installation can talk to. A new channel is one line here."""

from __future__ import annotations

from channels.adapters.api.adapter import InboundOnlyAdapter
from channels.adapters.api.mapping import to_canonical as api_to_canonical
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import ChannelAdapter
from channels.canonical_json import canonical_from_json
from oms.core.errors import DomainError

ADAPTERS: dict[str, ChannelAdapter] = {
    "woocommerce": WooCommerceAdapter(),
    "api": InboundOnlyAdapter("api", "REST API", api_to_canonical),
    "files": InboundOnlyAdapter("files", "Files", canonical_from_json),
}

#: Connectors that have no far end: never polled, never told anything.
INBOUND_ONLY = frozenset({"api", "files"})


def adapter_for(code: str) -> ChannelAdapter:
    """The connector of this code. Raises DomainError for one that is not registered."""
    try:
        return ADAPTERS[code]
    except KeyError:
        raise DomainError(f"There is no channel connector {code!r}.", field="connector") from None
