"""The couriers that the simulator offers, and what they cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from carriers.rates import billed_grams, charge_between, sample_card
from carriers.zones import Zone, is_pin, spot_of_pin, zone_between

_CARD = sample_card()


@dataclass(frozen=True, slots=True)
class Courier:
    """One service. `factor_percent` is its price against the sample card, `days` what it adds to the card's days."""

    courier_id: int
    name: str
    factor_percent: int
    days: int
    takes_cod: bool
    surface: bool
    rating: float
    max_grams: int
    leaves_out: frozenset[Zone] = frozenset()


COURIERS = (
    Courier(43, "Delhivery Surface", 100, 0, True, True, 4.6, 20_000),
    Courier(1, "Blue Dart Air", 168, -1, True, False, 4.8, 10_000, frozenset({Zone.F})),
    Courier(51, "Xpressbees Surface", 92, 1, True, True, 4.2, 15_000, frozenset({Zone.E, Zone.F})),
    Courier(19, "Ecom Express Surface", 96, 1, True, True, 4.1, 30_000),
    Courier(225, "India Post Business Parcel Surface", 84, 3, False, True, 3.9, 35_000),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What one courier asks for one way."""

    courier: Courier
    freight_minor: int
    cod_fee_minor: int
    rto_minor: int
    days: int
    zone: Zone
    billed_grams: int

    @property
    def total_minor(self) -> int:
        """Freight with fuel, and the COD fee."""
        return self.freight_minor + self.cod_fee_minor


def offers(
    origin: str, destination: str, grams: int, cod_minor: int, sides_mm: tuple[int, int, int] = (0, 0, 0)
) -> list[Offer]:
    """What carries it, cheapest first. PIN codes that end in 999 are served by nobody, so that a test can name one."""
    if not (is_pin(origin) and is_pin(destination)) or destination.endswith("999"):
        return []
    start, end = spot_of_pin(origin), spot_of_pin(destination)
    zone = zone_between(start, end)
    weight = billed_grams(grams, *sides_mm)
    if weight > _CARD.max_grams:
        return []
    charge = charge_between(_CARD, start, end, weight, cod_minor)
    found = [
        Offer(
            courier=courier,
            freight_minor=(charge.freight_minor + charge.fuel_minor) * courier.factor_percent // 100,
            cod_fee_minor=charge.cod_fee_minor,
            rto_minor=charge.rto_minor * courier.factor_percent // 100,
            days=max(1, _CARD.rates[zone].transit_days + courier.days),
            zone=zone,
            billed_grams=charge.billed_grams,
        )
        for courier in COURIERS
        if zone not in courier.leaves_out and weight <= courier.max_grams and (courier.takes_cod or not cod_minor)
    ]
    return sorted(found, key=lambda offer: (offer.total_minor, offer.courier.courier_id))
