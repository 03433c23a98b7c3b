"""A courier without an API: a local firm, own riders, a person with a booking pad. Nothing here leaves the process.

`CarrierConfig.settings` (all optional):
`rate_card`      CSV text as in `carriers.rates.read_card`; without it the sample card
`max_grams`      heaviest parcel, 0 for no limit
`card_name`      what the service is called, "Standard" without it
`awb_prefix`     put before our reference to make an AWB, "M" without it
`awb`            the AWB of this one booking, typed in or taken from a range by the caller; wins over the prefix
`takes_cod`      whether cash is collected, true without it
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from carriers.adapters.manual.awb import awb_of_reference, clean_awb
from carriers.base import Booked, BookingRequest, CarrierConfig, Certainty, Rate, RateRequest, TrackingUpdate
from carriers.rates import (
    NotServiceable,
    RateCard,
    RateCardInvalid,
    billed_grams,
    charge_between,
    read_card,
    sample_card,
    transit_days,
)
from carriers.zones import Spot, Zone, is_pin, spot_of_pin
from oms.core.errors import DomainError, PermanentError


class ManualAdapter:
    """Prices from a rate card, AWBs of our own, scans recorded by people."""

    code = "manual"
    name = "Manual courier"
    certainty = Certainty.OWN

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """One rate by the card, zone taken from PIN codes and countries; empty when the card does not carry it."""
        ends = ((request.from_country, request.from_postcode), (request.country, request.to_postcode))
        if any(country == "IN" and not is_pin(postcode) for country, postcode in ends):
            return []
        card = _card(config.settings)
        grams = billed_grams(request.weight_grams, request.length_mm, request.width_mm, request.height_mm)
        start, end = (
            spot_of_pin(postcode) if country == "IN" else Spot(postcode=postcode, country=country)
            for country, postcode in ends
        )
        try:
            charge = charge_between(card, start, end, grams, request.cod_minor)
        except NotServiceable:
            return []
        return [
            Rate(
                courier_id="manual",
                courier_name=_service_name(config.settings),
                charge_minor=charge.total_minor,
                transit_days=transit_days(card, charge.zone),
                supports_cod=bool(config.settings.get("takes_cod", True)),
            )
        ]

    def countries(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """The countries that the card in the settings has rows for."""
        return frozenset(zone for zone in _card(settings).rates if zone not in Zone.__members__)

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Give the parcel an AWB: the typed one, else prefix and reference. The same call gives the same AWB."""
        typed = str(config.settings.get("awb", ""))
        prefix = str(config.settings.get("awb_prefix", "M"))
        try:
            awb = clean_awb(typed) if typed else awb_of_reference(prefix, request.client_reference)
        except DomainError as error:
            raise PermanentError(error.message) from error
        return Booked(
            awb=awb,
            courier_name=_service_name(config.settings),
            external_ids={"reference": request.client_reference},
        )

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """Always None: nobody outside holds anything, so a booking that was not written down never was."""
        return None

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Nothing to tell anybody; a person strikes it from the pad."""

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """No scans: people record them."""
        return TrackingUpdate(awb=awb, scans=())


def _service_name(settings: Mapping[str, Any]) -> str:
    return str(settings.get("card_name") or "Standard")


def _card(settings: Mapping[str, Any]) -> RateCard:
    text = str(settings.get("rate_card", ""))
    return _read(text, int(settings.get("max_grams", 0))) if text else _sample()


@lru_cache(maxsize=32)
def _read(text: str, max_grams: int) -> RateCard:
    try:
        return read_card("of this carrier account", text, max_grams=max_grams)
    except RateCardInvalid as error:
        raise PermanentError(error.message) from error


@lru_cache(maxsize=1)
def _sample() -> RateCard:
    return sample_card()
