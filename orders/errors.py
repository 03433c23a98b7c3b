"""What orders refuse."""

from oms.core.errors import Conflict, DomainError


class UnitsNotThere(Conflict):
    """Units were to leave a bucket in which the line no longer has them: someone moved them first."""

    code = "units_not_there"


class CannotEdit(DomainError):
    """The order is past the point at which this may be changed."""

    code = "cannot_edit"


class CannotInvoice(DomainError):
    """What is sold cannot be invoiced as it stands: the sentence says what is missing."""

    code = "cannot_invoice"
