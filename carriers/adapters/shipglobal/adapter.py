"""ShipGlobal: parcels from India abroad. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `email`, `password` (of the Labels API). `CarrierConfig.settings`: `services` (our service
level -> the vendor's code), `weight_unit` (`grams` or `kilograms`, without a default), `seller_nickname`,
`seller_email`, `default_email`, `csb5`, `ioss_number`, `item_tax_rate`, `tracking_url`, `void_by_hand`,
`timeout_seconds`.
"""

from __future__ import annotations

import threading

from carriers.adapters.calls import Calls
from carriers.adapters.lookups import voided_by_hand
from carriers.adapters.oauth import TokenClient, TokenClients
from carriers.adapters.shipglobal import mapping
from carriers.base import Booked, BookingRequest, CarrierConfig, Certainty, Rate, RateRequest, TrackingUpdate
from carriers.errors import NoPrices, NotProven
from oms.core.errors import PermanentError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://labels.shipglobal.in/api/v1"
TRACKING_URL = "https://app.shipglobal.in/apiv1/tools/tracking"
#: Tokens last about a day; one that is refused earlier is renewed then.
_TOKEN_SECONDS = 20 * 3600.0
_NOT_KNOWN = frozenset({400, 404, 422})


class ShipGlobalAdapter:
    """Speaks the Labels API. Keeps tokens and sessions, nothing else."""

    code = "shipglobal"
    name = mapping.NAME
    certainty = Certainty.EXCERPT
    not_offered = (
        "prices", "cancellations", "pickups", "manifests", "cash on delivery", "a label whose reply was lost",
        "scans that are pushed", "answers to failed deliveries", "proofs of delivery",
    )  # fmt: skip
    look_in = "the ShipGlobal portal, under orders"
    label_is_its_own = True

    def __init__(self) -> None:
        self._clients = TokenClients(_client)
        self._calls: dict[float, Calls] = {}
        self._lock = threading.Lock()

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """The Labels API has no prices: raises NoPrices."""
        raise NoPrices(f"{self.name} tells no prices over its Labels API: give the account a rate card.")

    def invoice_number(self, request: BookingRequest) -> str:
        """Our reference."""
        return mapping.invoice_number(request)

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Order it under our reference, with its label. A reference that is sent twice may be two parcels."""
        body = mapping.order_request(request, config.settings)
        client = self._clients.of(
            config.account_id, (config.base_url or BASE_URL).rstrip("/"), config.secrets.get("email", ""),
            config.secrets.get("password", ""), _seconds(config),
        )  # fmt: skip
        reply = client.call("POST", "/addOrder.php", what="Order", safe=False, json=body)
        return mapping.read_order(reply.as_object(), request, config.settings)

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """Raises NotProven: there is no published way to look an order up by our reference."""
        raise NotProven(
            f"{self.name} publishes no way to look up {client_reference}: look in {self.look_in}, and decide."
        )

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Raises PermanentError, as the Labels API cannot void, unless `void_by_hand` is set: a person voids."""
        voided_by_hand(config, booked, name=self.name, look_in=self.look_in)

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every event so far; none while the tracking page knows none."""
        seconds = _seconds(config)
        with self._lock:
            calls = self._calls.setdefault(seconds, Calls(seconds, mapping.message_of))
        url = str(config.settings.get("tracking_url") or TRACKING_URL)
        response = calls.send("POST", url, what="Tracking", safe=True, json={"tracking": awb})
        reply = calls.judge(response, what="Tracking", safe=True, accept=_NOT_KNOWN)
        return mapping.read_tracking(reply.body if reply.ok else None, awb)

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """Raises PermanentError: the label comes with the reply to the order and is kept then."""
        raise PermanentError(
            f"{self.name} gives a label only with the reply to its order, and that of {booked.awb} had none: print it "
            f"from {self.look_in}."
        )


def _client(account_id: int, base_url: str, email: str, password: str, seconds: float) -> TokenClient:
    return TokenClient(
        base_url=base_url, sign_in_path="/customers.php", sign_in={"json": {"email": email, "password": password}},
        timeout_seconds=seconds, message_of=mapping.message_of, answer_field="token",
        lifetime_seconds=_TOKEN_SECONDS,
    )  # fmt: skip


def _seconds(config: CarrierConfig) -> float:
    return float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
