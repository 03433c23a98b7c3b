"""What a search by our reference proves, and what a person voids. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from carriers.base import Booked, CarrierConfig
from carriers.errors import NotProven
from oms.core.errors import PermanentError


def the_one(
    found: Iterable[str], reference: str, *, name: str, look_in: str, what: str = "parcel", several: str
) -> str:  # fmt: skip
    """The one AWB under our reference. Raises NotProven for none, which proves nothing, and for more than one."""
    awbs = sorted(set(found))
    if len(awbs) == 1:
        return awbs[0]
    if awbs:
        raise NotProven(f"{name} shows several {what}s under {reference}: {', '.join(awbs)}. {several}")
    raise NotProven(
        f"{name} shows no {what} under {reference}. It may show one only after its first scan, so that proves nothing: "
        f"look in {look_in}."
    )


def voided_by_hand(config: CarrierConfig, booked: Booked, *, name: str, look_in: str) -> None:
    """Nothing, where the setting `void_by_hand` says that a person voids; else PermanentError that says where."""
    if not config.settings.get("void_by_hand"):
        raise PermanentError(
            f"{name} publishes no way to void {booked.awb}: take it back in {look_in}, and say so with the account's "
            "setting void_by_hand."
        )
