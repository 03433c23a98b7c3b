"""Names that the whole demo world shares. All of them are invented."""

from __future__ import annotations

BRAND = "Dhaagavari"
#: Domain of everybody in the demo world; example.com is reserved for such use (RFC 2606).
MAIL_DOMAIN = "demo.example.com"
#: Of the form of a company's (PAN of type C), and nobody's.
PAN = "ZZZCD0000Z"

WEB = "webshop"
MARKETPLACE = "bazaario"
PANEL = "stylekart"
B2B = "b2b"
QUICK = "quick"
COUNTER = "counter"

AGGREGATOR = "demo-aggregator"
RIDERS = "demo-riders"
WHATSAPP = "demo-whatsapp"
RATE_CARD = "demo-surface"

GROUP_ALL = "demo-all"
GROUP_DCS = "demo-dcs"
GROUP_SHIP_STORES = "demo-ship-stores"
GROUP_STORES = "demo-stores"
GROUPS = (GROUP_ALL, GROUP_DCS, GROUP_SHIP_STORES, GROUP_STORES)
