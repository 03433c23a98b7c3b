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
