"""What happens to orders."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCaptured(Event):
    """An order came in and is stored, with its holds."""

    order_id: int
    number: str
    channel_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(Event):
    """The first hold of an order was placed: its work may not go on to a node."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReleased(Event):
    """The last open hold of an order was cleared."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """Units of an order were cancelled; `whole` says that nothing of it is left to fulfill.

    `seq` tells several cancellations of one order apart: the number of units of it that are cancelled by then.
    `not_collected`: they lay ready at a store for as long as it keeps them, and nobody came.
    """

    order_id: int
    number: str
    units: int
    whole: bool
    seq: int = 0
    not_collected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSubstituted(Event):
    """Units of a line that no node could ship are sold as another SKU, on a line of its own."""

    order_id: int
    line_id: int
    substitute_line_id: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionTakenBack(Event):
    """Units that were sold as another SKU are those of the original line again, and wait there."""

    order_id: int
    line_id: int
    substitute_line_id: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanged(Event):
    """The shipping address was edited; another postcode or country may call for another node."""

    order_id: int
    postcode_changed: bool
