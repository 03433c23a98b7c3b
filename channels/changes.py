"""What a newer version of an order means for the order we hold. Pure: values in, changes out.

Three versions are compared, as in a merge: what the channel said before (`base`), what it says now, and what we hold.
Only what the channel itself changed since `base` is carried over, so that a correction made here is not undone by the
next message that repeats the channel's old address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from oms.core.values import Address
from orders.canonical import CanonicalOrder, CanonicalPayment

#: Handles of the holds that these changes place and release. The first two are those of `orders.validation`.
CHANNEL_HOLD = "channel"
PAYMENT_HOLD = "payment_pending"
CHANGED_HOLD = "channel-changed"
SHIPPED_HOLD = "channel-shipped"

_SETTLED = frozenset({"paid", "authorized"})


class HeldPart(NamedTuple):
    """A component of a kit: `each` units of it are in one, `live` units have not left us."""

    line_id: int
    each: int
    live: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """A line as the channel sold it and we hold it. `external_id` is the channel's.

    Of a kit the quantities are whole kits; `parts` are the order lines that are its components: their id, their units
    in one kit, and their units that have not left us. `shipped` counts kits of which anything has left us.
    `substitutes` are lines that stand in for some of its units: their id, and their units that have not left us.
    """

    line_id: int
    external_id: str
    sku_code: str
    quantity: int
    cancelled: int
    shipped: int
    parts: tuple[HeldPart, ...] = ()
    substitutes: tuple[tuple[int, int], ...] = ()

    @property
    def cancellable(self) -> int:
        """Units that have not left us yet."""
        return self.quantity - self.cancelled - self.shipped

    def units_of(self, quantity: int) -> dict[int, int]:
        """So many of it as units by our line id, as far as they have not left us.

        Kits beyond the whole ones are those that left in part: the rest of them is of no use alone.
        """
        if not self.parts:
            return self._own_first(min(quantity, self.cancellable))
        found = {part.line_id: min(part.live, quantity * part.each) for part in self.parts}
        return {line_id: units for line_id, units in found.items() if units > 0}

    def left_units(self) -> dict[int, int]:
        """Everything of it that has not left us, by our line id; of a kit that has left in part the rest, too."""
        if not self.parts:
            return self._own_first(self.cancellable)
        return {part.line_id: part.live for part in self.parts if part.live > 0}

    def _own_first(self, wanted: int) -> dict[int, int]:
        """So many units by line id: those of the line itself, then those that stand in for others of it."""
        own = self.cancellable - sum(live for _, live in self.substitutes)
        found: dict[int, int] = {}
        for line_id, live in ((self.line_id, own), *self.substitutes):
            units = min(wanted, live)
            if units > 0:
                found[line_id] = units
                wanted -= units
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order as we hold it: what a newer version can change. `holds` are the handles of its open holds."""

    lines: tuple[HeldLine, ...]
    address: Address
    payment: CanonicalPayment
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CancelUnits:
    """Cancel units that have not left us, by our line id; `whole` says that these are all of them."""

    lines: dict[int, int]
    reason: str
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.reason}: cancel {sum(self.lines.values())} units"


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Send it somewhere else."""

    address: Address

    def __str__(self) -> str:
        return f"Ship to {', '.join(self.address.lines())}"


@dataclass(frozen=True, slots=True)
class ChangePayment:
    """Record what became of the money."""

    payment: CanonicalPayment

    def __str__(self) -> str:
        return f"Payment is {self.payment.state.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class ChangeSubstitutes:
    """The customer takes substitutes, or takes none any more."""

    allowed: bool

    def __str__(self) -> str:
        return "The customer takes substitutes" if self.allowed else "The customer takes no substitutes"


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Do not release the order before somebody has looked."""

    handle: str
    note: str

    def __str__(self) -> str:
        return f"Hold: {self.note}"


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """What the hold waited for has come."""

    handle: str
    note: str

    def __str__(self) -> str:
        return f"Release hold: {self.note}"


@dataclass(frozen=True, slots=True)
class Note:
    """Nothing can be done about it, but people must be able to read it."""

    message: str

    def __str__(self) -> str:
        return self.message


Change = CancelUnits | ChangeAddress | ChangePayment | ChangeSubstitutes | PlaceHold | ReleaseHold | Note


def plan_deletion(held: HeldOrder) -> tuple[Change, ...]:
    """The channel removed the order: what has not left us is cancelled."""
    return tuple(_cancel_all(held, "The channel deleted the order"))


def plan_changes(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> tuple[Change, ...]:
    """The changes that bring what we hold to what the channel says now; none when it says nothing new.

    `base` is the version accepted last, None where it is not known: then the order as we hold it takes its place.
    A version without a time (`external_updated_at` is None) may be older than what we hold. It can therefore only
    take away: cancel an order or units of it, which no channel takes back.
    """
    changes = [*_cancellation(held, incoming, base)]
    if incoming.external_updated_at is None:
        return tuple(changes)
    if not incoming.cancelled:
        changes += _address(held, incoming, base)
        changes += _holds(held, incoming, base)
        if base is not None and base.substitutions != incoming.substitutions:
            changes.append(ChangeSubstitutes(incoming.substitutions == "allowed"))
        changes += _differences(held, incoming, base)
    changes += _payment(held, incoming, base)
    return tuple(changes)


def _cancel_all(held: HeldOrder, reason: str) -> Iterator[Change]:
    lines = {line_id: units for line in held.lines for line_id, units in line.left_units().items()}
    if lines:
        yield CancelUnits(lines, reason, whole=True)
    left = sum(line.shipped for line in held.lines)
    if left:
        yield Note(f"{reason}, but {left} units have been shipped: expect them back.")


def _cancellation(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[Change]:
    if incoming.cancelled:
        if base is None or not base.cancelled:
            yield from _cancel_all(held, "The channel cancelled the order")
        return
    stated = {line.external_id: line for line in incoming.lines}
    before = {line.external_id: line for line in base.lines} if base else {}
    lines: dict[int, int] = {}
    gone, torn = 0, False
    for line in held.lines:
        now = stated.get(line.external_id)
        wanted = line.quantity - (now.quantity - now.cancelled_quantity if now else 0)
        known = before.get(line.external_id)
        told = line.quantity - (known.quantity - known.cancelled_quantity) if known else 0
        more = min(wanted - line.cancelled, line.quantity - line.cancelled)
        if more <= 0 or wanted <= told:
            continue
        units = line.units_of(more)
        lines |= units
        over = max(0, more - line.cancellable)
        gone += over
        torn = torn or bool(over and units and line.parts)
    if lines:
        whole = lines == {line_id: units for line in held.lines for line_id, units in line.left_units().items()}
        yield CancelUnits(lines, "The channel took units off the order", whole)
    if gone:
        back = ", at least in part: expect back what has left." if torn else ": expect them back."
        yield Note(f"The channel took {gone} units off the order that have been shipped{back}")


def _address(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[Change]:
    before = base.ship_to if base else held.address
    if incoming.ship_to not in (before, held.address, Address()):
        yield ChangeAddress(incoming.ship_to)


def _payment(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[Change]:
    said, mine = incoming.payment, held.payment
    # Never more captured than agreed, never more refunded than captured: the rows refuse it.
    captured = min(said.captured_minor, mine.amount_minor)
    refunded = min(said.refunded_minor, captured)
    changed = base is None or base.payment != said
    if changed and (said.state, captured, refunded) != (mine.state, mine.captured_minor, mine.refunded_minor):
        yield ChangePayment(
            CanonicalPayment(
                method=mine.method, state=said.state, gateway=said.gateway, reference=said.reference,
                amount_minor=mine.amount_minor, captured_minor=captured, refunded_minor=refunded,
            )
        )  # fmt: skip
    if said.state in _SETTLED and PAYMENT_HOLD in held.holds:
        yield ReleaseHold(PAYMENT_HOLD, "The payment is confirmed.")


def _holds(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[Change]:
    if incoming.on_hold_by_channel:
        if CHANNEL_HOLD not in held.holds and not (base and base.on_hold_by_channel):
            yield PlaceHold(CHANNEL_HOLD, "The channel asks to wait with this order.")
    elif CHANNEL_HOLD in held.holds:
        yield ReleaseHold(CHANNEL_HOLD, "The channel no longer asks to wait.")
    unshipped = sum(line.cancellable for line in held.lines)
    if incoming.shipped and unshipped and not (base and base.shipped):
        yield PlaceHold(SHIPPED_HOLD, "The channel reports it shipped, but it has not left us: it may go out twice.")


def _differences(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[Change]:
    """What cannot be carried over to an order that exists; a person must decide before it goes out."""
    found = [*_line_differences(held, incoming, base)]
    if base is not None:
        if base.cancelled:
            found.append("the order was cancelled and is open again; what was cancelled here stays cancelled")
        if base.payment.method != incoming.payment.method:
            found.append(f"payment by {base.payment.method} became {incoming.payment.method}")
        if base.service_level != incoming.service_level:
            found.append(f"{base.service_level} became {incoming.service_level}".replace("_", " "))
        if base.currency != incoming.currency:
            found.append(f"{base.currency} became {incoming.currency}")
    if found:
        text = f"The channel changed the order: {'; '.join(found)}."
        if any(line.cancellable for line in held.lines):
            yield PlaceHold(CHANGED_HOLD, text)
        else:
            yield Note(text)


def _line_differences(held: HeldOrder, incoming: CanonicalOrder, base: CanonicalOrder | None) -> Iterator[str]:
    mine: Mapping[str, HeldLine] = {line.external_id: line for line in held.lines}
    before = {line.external_id: line.quantity for line in base.lines} if base else {}
    for line in incoming.lines:
        ours = mine.get(line.external_id)
        known = before.get(line.external_id, ours.quantity if ours else 0)
        if line.quantity <= known:
            continue
        if ours is None:
            yield f"{line.quantity} x {line.sku_code} were added"
        elif line.quantity > ours.quantity:
            yield f"{line.sku_code} grew from {ours.quantity} to {line.quantity}"
