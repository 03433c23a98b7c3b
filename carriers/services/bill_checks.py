"""What a billed line should have been, and what it turns out to be beside that. Pure.

Amounts are minor units, weights grams. The expected amounts come from the rate card of the account, else from what the
carrier said the parcel would cost when it was booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from carriers.base import BookingRequest
from carriers.models import BillFinding
from carriers.rates import Charge, RateCard, billed_grams, charge, serviceable, volumetric_grams, zone_of
from carriers.zones import Spot

#: Where the account says nothing else (`bill_tolerance_minor`, `bill_gst_bp` of its settings).
TOLERANCE_MINOR = 100
GST_BP = 1800
#: The step in which weight is billed where no rate card says.
SLAB_GRAMS = 500


class Billed(Protocol):
    """A line of a bill."""

    awb: str
    billed_grams: int | None
    zone: str
    freight_minor: int
    fuel_minor: int
    cod_fee_minor: int
    return_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed with the carrier. Without a card, prices are those that were said at booking."""

    card: RateCard | None
    tolerance_minor: int = TOLERANCE_MINOR
    gst_bp: int = GST_BP

    def with_tax(self, net_minor: int) -> int:
        """An amount with GST, rounded half up."""
        return net_minor + (net_minor * self.gst_bp + 5_000) // 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A parcel as we know it. `said_minor` is its price at booking without GST, None where nobody said one."""

    request: BookingRequest
    start: Spot
    end: Spot
    said_minor: int | None
    came_back: bool
    cancelled: bool

    @property
    def grams(self) -> int:
        """The weight that should be billed: the dead or the volumetric one."""
        asked = self.request
        return billed_grams(asked.weight_grams, asked.length_mm, asked.width_mm, asked.height_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a line turned out to be. `claim_minor` is what a dispute would ask back, with GST."""

    finding: BillFinding
    expected_minor: int | None = None
    expected_grams: int | None = None
    expected_zone: str = ""
    slabs_over: int = 0
    claim_minor: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)


def judge(line: Billed, carried: Carried | None, terms: Terms, *, first_bill: str = "") -> Verdict:
    """Compare a line with what is known of its parcel. `first_bill` is the bill that charges for the same already."""
    if first_bill:
        return Verdict(finding=BillFinding.TWICE, expected_minor=0, claim_minor=line.total_minor,
                       evidence={"first_bill": first_bill})  # fmt: skip
    if carried is None:
        return Verdict(finding=BillFinding.UNKNOWN, claim_minor=line.total_minor)
    if carried.cancelled:
        return Verdict(finding=BillFinding.CANCELLED, expected_minor=0, claim_minor=line.total_minor)
    ours = _priced(carried, terms)
    net = _expected_net(line, carried, ours)
    evidence = _evidence(carried)
    if net is None:
        return Verdict(finding=BillFinding.NO_PRICE, claim_minor=line.total_minor, evidence=evidence)
    expected = terms.with_tax(net)
    over = line.total_minor - expected
    slabs, grams = _slabs_over(line, carried, terms, ours)
    if slabs > 0:
        evidence |= {"weight_minor": _weight_minor(line, carried, terms, ours)}
    return Verdict(
        finding=_finding(line, carried, terms, over, slabs), expected_minor=expected, expected_grams=grams,
        expected_zone=str(ours.zone) if ours else "", slabs_over=slabs, claim_minor=max(over, 0), evidence=evidence,
    )  # fmt: skip


def _finding(line: Billed, carried: Carried, terms: Terms, over: int, slabs: int) -> BillFinding:
    if abs(over) <= terms.tolerance_minor:
        return BillFinding.EQUAL
    if over < 0:
        return BillFinding.LESS
    if line.return_minor and not carried.came_back:
        return BillFinding.RETURN
    return BillFinding.WEIGHT if slabs > 0 else BillFinding.RATE


def _priced(carried: Carried, terms: Terms, grams: int = 0) -> Charge | None:
    """What the card charges, for our weight or another one; None without a card that has a price."""
    card = terms.card
    if card is None:
        return None
    weight = grams or carried.grams
    zone = zone_of(card, carried.start, carried.end)
    return charge(card, zone, weight, carried.request.cod_minor) if serviceable(card, zone, weight) else None


def _expected_net(line: Billed, carried: Carried, ours: Charge | None) -> int | None:
    """What the ways that are billed should cost, without GST; None where nothing says."""
    if ours is None:
        # Nobody says what a way back costs where there is no card.
        return None if line.return_minor and carried.came_back else carried.said_minor
    out = line.freight_minor or line.fuel_minor or line.cod_fee_minor
    # Cash that was never collected costs no fee.
    fee = 0 if carried.came_back else ours.cod_fee_minor
    net = ours.freight_minor + ours.fuel_minor + fee if out or not line.return_minor else 0
    return net + (ours.rto_minor if line.return_minor and carried.came_back else 0)


def _slabs_over(line: Billed, carried: Carried, terms: Terms, ours: Charge | None) -> tuple[int, int]:
    """By how many slabs the billed weight is above ours, and the weight that ours should be billed as."""
    card = terms.card
    if ours is None or card is None:
        grams = -(-carried.grams // SLAB_GRAMS) * SLAB_GRAMS
        step = SLAB_GRAMS
    else:
        grams, step = ours.billed_grams, card.rates[ours.zone].additional_grams
    return -(-max((line.billed_grams or 0) - grams, 0) // step), grams


def _weight_minor(line: Billed, carried: Carried, terms: Terms, ours: Charge | None) -> int | None:
    """What the weight alone adds by our card, with GST; None where no card says."""
    theirs = _priced(carried, terms, line.billed_grams or 0)
    if ours is None or theirs is None:
        return None
    more = theirs.freight_minor + theirs.fuel_minor - ours.freight_minor - ours.fuel_minor
    return terms.with_tax(more)


def _evidence(carried: Carried) -> dict[str, Any]:
    """What we can show: the weight and size that were declared, and what they count as."""
    asked = carried.request
    sides = (asked.length_mm, asked.width_mm, asked.height_mm)
    return {
        "declared_grams": asked.weight_grams, "size_mm": list(sides) if all(sides) else [],
        "volumetric_grams": volumetric_grams(*sides), "from": asked.ship_from.postcode, "to": asked.ship_to.postcode,
        "cod_minor": asked.cod_minor,
    }  # fmt: skip
