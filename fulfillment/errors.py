"""What the floor refuses."""

from oms.core.errors import Conflict, DomainError


class WrongItem(DomainError):
    """The scanned code is not something this work needs; the message names both."""

    code = "wrong_item"


class NothingLeft(Conflict):
    """All units of the line are picked or reported already."""

    code = "nothing_left"


class CannotCancel(Conflict):
    """The goods are on the road: they must come back first."""

    code = "cannot_cancel"


class MayNotLeave(Conflict):
    """A lot in it was blocked or expired since, a serial number is not packed by the books, or the store is off."""

    code = "may_not_leave"


class CheckOpen(Conflict):
    """A step of quality control that the order wants was not done."""

    code = "check_open"


class WeightOff(Conflict):
    """The scale says something else than the catalogue, and nobody said that it is right."""

    code = "weight_off"


class WithWms(Conflict):
    """The WMS of the node does this work; a person takes it over first."""

    code = "with_wms"


class NotYours(Conflict):
    """The WMS speaks of work that was taken from it: its goods go back to the shelf."""

    code = "not_yours"


class OldVersion(Conflict):
    """What is confirmed was changed since: the newer instruction counts."""

    code = "old_version"
