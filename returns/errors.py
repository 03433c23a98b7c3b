"""What the returns desk refuses."""

from oms.core.errors import Conflict


class OtherUnit(Conflict):
    """What came back is not what was sent; the message names both. A person may take it as found."""

    code = "other_unit"
