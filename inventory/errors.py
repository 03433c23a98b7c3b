"""What the stock room refuses."""

from oms.core.errors import Conflict, DomainError


class NotEnoughStock(Conflict):
    """Fewer units are there than were to be taken."""

    code = "not_enough_stock"


class BadQuantity(DomainError):
    """A quantity is not a whole number in the allowed range."""

    code = "bad_quantity"
