"""How many units of an order are really cancelled, where others stand in for some of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orders.models import OrderLine


def really_cancelled(lines: Iterable[OrderLine]) -> dict[int, int]:
    """Units by line that the customer does not get; of all lines of whole orders, those without any are left out.

    Units that are sold as another SKU are cancelled on their line only: the substitute's line has them. Units of a
    substitute that are cancelled count for the line that was ordered, unless they were taken back and wait there.
    """
    gone: dict[int, int] = {}
    for line in lines:
        if line.substitute_for_id is None:
            gone[line.pk] = gone.get(line.pk, 0) + line.cancelled
        else:
            original = line.substitute_for_id
            gone[original] = gone.get(original, 0) + line.cancelled - line.quantity
    return {line_id: units for line_id, units in gone.items() if units > 0}
