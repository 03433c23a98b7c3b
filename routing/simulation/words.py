"""The difference between a version and the baseline, in sentences. Takes results as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.engine.wording import money

#: Of fewer orders nothing should be concluded.
SMALL_SAMPLE = 100
#: Nodes whose change is told.
_MOST_NODES = 3


def differences(base: Mapping[str, Any], mine: Mapping[str, Any], currency: str) -> list[str]:
    """What a version does otherwise than the baseline, the most important first; one sentence where it is nothing."""
    if not mine["changed"]:
        return ["It sends every order from the same nodes."]
    said = [f"It sends {_orders(mine['changed'])} of {mine['orders']:,} from other nodes."]
    said += _freight(mine, currency)
    said += _points("Orders that no node can ship", base["unroutable"], mine["unroutable"], mine["orders"])
    said += _points("Units that are shipped at once", base["shipped_units"], mine["shipped_units"], mine["units"])
    said += _points("Promises kept by the days of the rate card", base["in_time"], mine["in_time"], mine["promised"])
    said += _points("Orders in more than one parcel", base["split"], mine["split"], mine["orders"])
    if base["parcels"] and mine["parcels"]:
        km = mine["km"] / mine["parcels"] - base["km"] / base["parcels"]
        if abs(km) >= 0.5:
            said.append(f"A parcel travels {abs(km):,.0f} km {'more' if km > 0 else 'less'}.")
    return said + node_differences(base["nodes"], mine["nodes"])


def _freight(mine: Mapping[str, Any], currency: str) -> list[str]:
    known = mine["known"]
    if not known["orders"]:
        return []
    each = (known["after_minor"] - known["before_minor"]) / known["orders"]
    if abs(each) < 1:
        return [f"Couriers ask the same for orders that both ship whole ({known['orders']:,})."]
    share = abs(each) * known["orders"] / known["before_minor"] if known["before_minor"] else 0.0
    return [
        f"Couriers ask {money(round(abs(each)), currency)} {'less' if each < 0 else 'more'} for an order that both "
        f"ship whole ({100 * share:.1f} %, {known['orders']:,} orders)."
    ]


def _points(what: str, before: int, after: int, of: int) -> list[str]:
    """How a share moved, in percentage points; nothing where it did not."""
    if before == after or not of:
        return []
    return [
        f"{what}: {before:,} before, {after:,} now "
        f"({'+' if after > before else '−'}{100 * abs(after - before) / of:.1f} points)."
    ]


def node_differences(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The nodes whose orders change most."""
    moved = {
        code: after.get(code, {}).get("orders", 0) - before.get(code, {}).get("orders", 0) for code in {*before, *after}
    }
    most = sorted((code for code in moved if moved[code]), key=lambda code: (-abs(moved[code]), code))[:_MOST_NODES]
    return [f"{code} ships {_orders(abs(moved[code]))} {'more' if moved[code] > 0 else 'fewer'}." for code in most]


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count:,} orders"
