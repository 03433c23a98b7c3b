"""Which carriers this installation can talk to. A new carrier is one line here."""

from __future__ import annotations

from carriers.adapters.blue_dart.adapter import BlueDartAdapter
from carriers.adapters.delhivery.adapter import DelhiveryAdapter
from carriers.adapters.dhl_express.adapter import DhlExpressAdapter
from carriers.adapters.dtdc.adapter import DtdcAdapter
from carriers.adapters.ecom_express.adapter import EcomExpressAdapter
from carriers.adapters.fedex.adapter import FedexAdapter
from carriers.adapters.manual.adapter import ManualAdapter
from carriers.adapters.shipglobal.adapter import ShipGlobalAdapter
from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.adapters.ups.adapter import UpsAdapter
from carriers.base import CarrierAdapter
from carriers.errors import NoCarrier

ADAPTERS: dict[str, CarrierAdapter] = {
    "blue_dart": BlueDartAdapter(),
    "delhivery": DelhiveryAdapter(),
    "dhl_express": DhlExpressAdapter(),
    "dtdc": DtdcAdapter(),
    "ecom_express": EcomExpressAdapter(),
    "fedex": FedexAdapter(),
    "manual": ManualAdapter(),
    "shipglobal": ShipGlobalAdapter(),
    "shiprocket": ShiprocketAdapter(),
    "ups": UpsAdapter(),
}


def adapter_for(code: str) -> CarrierAdapter:
    """The adapter of a carrier code. Raises `NoCarrier` for a code that nobody registered."""
    try:
        return ADAPTERS[code]
    except KeyError:
        raise NoCarrier(f"No carrier adapter is registered as {code!r}.", code_given=code) from None
