"""The command itself, once there is a database: its arguments, its table, its verdict."""

from __future__ import annotations

import argparse
import logging
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence

from carriers.models import Booking, BookingState
from tests.labels_once.carrier import Held, simulated_carrier
from tests.labels_once.packers import (
    Parcel,
    Worked,
    ask_blindly,
    bookings_of,
    make_account,
    make_parcels,
    work,
)

#: So many parcels are enough to show what asking blindly costs.
CONTROL_PARCELS = 60
_IN_DOUBT = (BookingState.REQUESTED, BookingState.UNKNOWN, BookingState.CANCELLING)


def main(arguments: list[str]) -> int:
    """Book all parcels and print what came of it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.labels_once", description="Labels are bought once.")
    parser.add_argument("--parcels", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None, help="decides parcels, fates, and which process dies")
    parser.add_argument("--packers", type=int, default=6)
    parser.add_argument("--lost", type=float, default=0.3, help="share of the replies to bookings that are lost")
    parser.add_argument("--kills", type=int, default=6)
    chosen = parser.parse_args(arguments)
    # What is lost and found again would fill the screen.
    logging.disable(logging.WARNING)
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}: {chosen.parcels} parcels, {chosen.packers} packers, {chosen.lost:.0%} of replies lost")
    result = burst(chosen.parcels, seed, packers=chosen.packers, lost=chosen.lost, kills=chosen.kills)
    for line in result.lines:
        print(line)
    for fault in result.faults:
        print(f"FAULT {fault}")
    return 1 if result.faults else 0


class Result:
    """What came of a burst: lines for people, and what must not be."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults: list[str] = []


def burst(count: int, seed: int, *, packers: int, lost: float, kills: int) -> Result:
    """One burst against a carrier of its own, then the control against the same carrier."""
    chance = random.Random(seed)
    parcels = make_parcels(count, chance)
    result = Result()
    with simulated_carrier(seed) as carrier:
        account = make_account(carrier.base_url)
        carrier.misbehave(lost)
        worked = work(parcels, packers=packers, kills=kills, chance=chance)
        held, bookings = carrier.held(), bookings_of(parcels)
        _tell(result, parcels, worked, held, bookings)
        _judge(result, parcels, worked, held, bookings)
        started, blind = time.monotonic(), parcels[:CONTROL_PARCELS]
        believed = ask_blindly(blind, account)
        naive = len(carrier.held().charges) - len(held.charges)
    result.lines.append(
        f"the control, asking blindly: {believed} of {len(blind)} labels, {naive} live at the carrier, "
        f"{naive - believed} charges too many ({time.monotonic() - started:.0f} s)"
    )
    if naive <= believed:
        result.faults.append("The control was not caught: this carrier loses too little to prove anything.")
    return result


def _tell(
    result: Result, parcels: Sequence[Parcel], worked: Worked, held: Held, bookings: Sequence[Booking]
) -> None:  # fmt: skip
    states = Counter(booking.state for booking in bookings)
    tries = sum(booking.attempts for booking in bookings)
    result.lines += [
        f"{len(held.charges)} live labels for {len(parcels)} parcels in {worked.seconds:.1f} s; "
        f"{worked.kills} packers killed in the middle",
        f"{len(bookings)} bookings ({', '.join(f'{number} {state}' for state, number in sorted(states.items()))}), "
        f"{tries} calls to book; {held.half_done} orders left half-done at the carrier",
        f"charged {sum(held.charges.values()) / 100:,.2f} by the carrier, "
        f"{sum(b.expected_charge_minor or 0 for b in bookings if b.state == BookingState.BOOKED) / 100:,.2f} expected",
    ]


def _judge(
    result: Result, parcels: Sequence[Parcel], worked: Worked, held: Held, bookings: Sequence[Booking]
) -> None:  # fmt: skip
    ours = {booking.awb: booking for booking in bookings if booking.state == BookingState.BOOKED}
    checks = (
        (worked.stuck, "parcels have no label in the end"),
        (len(parcels) - len({booking.parcel_uid for booking in ours.values()}), "parcels are not booked"),
        (len(held.charges.keys() - ours.keys()), "parcels are carried and charged that no booking of ours has"),
        (len(ours.keys() - held.charges.keys()), "bookings of ours are not carried"),
        (held.half_done, "orders are left half-done at the carrier"),
        (sum(booking.state in _IN_DOUBT for booking in bookings), "bookings are still in doubt"),
        (sum(held.charges.get(awb) != booking.expected_charge_minor for awb, booking in ours.items()),
         "charges are not what was expected"),
        (sum(booking.awb not in booking.label.zpl for booking in ours.values()), "labels do not show their AWB"),
    )  # fmt: skip
    result.faults += [f"{number} {words}." for number, words in checks if number]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
