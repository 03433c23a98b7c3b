"""What the stock room refuses."""

from oms.core.errors import Conflict, DomainError


class NotEnoughStock(Conflict):
    """Fewer units are there than were to be taken."""

    code = "not_enough_stock"


class BadQuantity(DomainError):
    """A quantity is not a whole number in the allowed range."""

    code = "bad_quantity"


class SerialElsewhere(Conflict):
    """A serial number is not where a posting would take it from."""

    code = "serial_elsewhere"


class TrackingNeeded(DomainError):
    """A SKU is kept by lot or serial number, and a posting named none."""

    code = "tracking_needed"


class KitHasNoStock(DomainError):
    """Units of a kit were posted, which has none of its own."""

    code = "kit_has_no_stock"


class AreaHeld(Conflict):
    """Somebody else, or another device, counts this area."""

    code = "area_held"


class AreaCounted(Conflict):
    """The area was counted and submitted before."""

    code = "area_counted"


class LockLost(Conflict):
    """The area is no longer held by this device."""

    code = "lock_lost"


class HoldUnknown(Conflict):
    """There is no such hold of this caller on this channel."""

    code = "hold_unknown"


class HoldExpired(Conflict):
    """The hold is over: its units may be anybody's by now."""

    code = "hold_expired"


class HoldReleased(Conflict):
    """The hold was given back before."""

    code = "hold_released"


class HoldUsed(Conflict):
    """The hold became an order before."""

    code = "hold_used"


class TooManyUnits(DomainError):
    """More units came than were ordered and may come on top."""

    code = "too_many_units"
