"""Are promises kept as often as was said, and how many days do they cost? On real parcels, played day by day.

    python benchmarks/promise_calibration.py [--train-to 2017-12-31] [--test-to 2018-03-31]

Reads `orders/olist_lines.parquet` of the shared data (folder in OMS_SHARED_DIR): orders of a Brazilian marketplace.
The product's own code learns and promises (`routing.promise`): on the morning of each day it is told what happened
before, and nothing else. Nothing is fitted to the test window; the settings are the defaults of the product.

Beside it stand two references: the date that the marketplace itself gave, and a table of quantiles by pair of states
that is made once from the training window (pairs with fewer than 50 parcels take those of all).

Pinball loss of a quantile q in days: q times the days by which a parcel was later than promised, 1 - q times the days
by which it was earlier. Coverage counts orders that were delivered; the last column also those that never were.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises.parcels import SHARED, Parcel, read_parcels
from benchmarks.promises.playing import Made, Player

#: The levels that are reported, then those between which the marketplace's on-time rate is found.
TARGETS = (0.8, 0.9, 0.95)
LADDER = (0.75, 0.825, 0.85, 0.875, 0.925, 0.975)
_FEWEST = 50


class Score:
    """What came of the promises for a list of parcels: `days[i]` was promised to the i-th."""

    def __init__(self, parcels: Sequence[Parcel], days: Sequence[int]) -> None:
        pairs = list(zip(parcels, days, strict=True))
        self.late = [parcel.days - promised for parcel, promised in pairs if parcel.delivered]
        self.mean_days = fmean(promised for parcel, promised in pairs if parcel.delivered)
        self.kept = fmean(late <= 0 for late in self.late)
        self.kept_of_all = sum(late <= 0 for late in self.late) / len(pairs)

    def pinball(self, level: float) -> float:
        """Mean loss in days."""
        return fmean(max(level * late, (level - 1) * late) for late in self.late)


def main() -> None:
    """Play the history and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--train-to", type=date.fromisoformat, default=date(2017, 12, 31))
    options.add_argument("--test-to", type=date.fromisoformat, default=date(2018, 3, 31))
    given = options.parse_args()
    if not (SHARED / "data" / "orders").is_dir():
        raise SystemExit(f"There is no data in {SHARED}: set OMS_SHARED_DIR.")
    parcels = [parcel for parcel in read_parcels() if parcel.bought.date() <= given.test_to]
    train = [parcel for parcel in parcels if parcel.bought.date() <= given.train_to]
    tested = parcels[len(train) :]
    print(f"{len(train):,} orders teach (to {given.train_to}), {len(tested):,} are promised (to {given.test_to}).")
    targets = sorted(TARGETS + LADDER)
    started = time.perf_counter()
    player = Player(targets)
    made = list(player.play(parcels, tested[0].bought.date(), given.test_to))
    seconds = time.perf_counter() - started
    _report(targets, made, train)
    print(f"Played in {seconds:.0f} s: {1000 * seconds / len(parcels):.2f} ms an order, learning included, "
          f"{len(targets)} levels each.")  # fmt: skip


def _report(targets: Sequence[float], made: Sequence[Made], train: Sequence[Parcel]) -> None:
    parcels = [each.parcel for each in made]
    ours = {
        target: Score(parcels, [(each.due[at] - each.parcel.bought.date()).days for each in made])
        for at, target in enumerate(targets)
    }
    plain = {
        target: Score(parcels, [(each.plain[at] - each.parcel.bought.date()).days for each in made])
        for at, target in enumerate(targets)
    }
    table = _static(train, targets)
    static = {target: Score(parcels, [table(parcel, target) for parcel in parcels]) for target in targets}
    print(f"\n{'':34}{'level':>6} {'kept':>7} {'pinball':>8} {'mean days':>10} {'kept of all':>12}")
    for name, scores in (
        ("promise engine", ours),
        ("  without calibration", plain),
        ("static table by pair of states", static),
    ):
        for target in TARGETS:
            score = scores[target]
            print(f"{name:34}{target:6.0%} {score.kept:7.1%} {score.pinball(target):8.3f} {score.mean_days:10.1f} "
                  f"{score.kept_of_all:12.1%}")  # fmt: skip
    market = Score(parcels, [(parcel.estimated - parcel.bought.date()).days for parcel in parcels])
    print(f"{'the marketplace':34}{'':6} {market.kept:7.1%} {market.pinball(0.9):8.3f} {market.mean_days:10.1f} "
          f"{market.kept_of_all:12.1%}   (pinball at 90 %)")  # fmt: skip
    print(f"\nAt the marketplace's on-time rate of {market.kept:.1%}, mean days promised:")
    print(f"  the marketplace {market.mean_days:.1f}, the promise engine {_days_at(ours, market.kept):.1f}, "
          f"the static table {_days_at(static, market.kept):.1f}")  # fmt: skip
    _by_month(targets, made)


def _by_month(targets: Sequence[float], made: Sequence[Made]) -> None:
    """How often promises of 90 % were kept, by month of purchase: whether calibration holds through drift."""
    at = list(targets).index(0.9)
    months = sorted({each.parcel.bought.strftime("%Y-%m") for each in made})
    print("\nPromised 90 %, kept by month of purchase:", end="")
    for month in months:
        some = [each for each in made if each.parcel.bought.strftime("%Y-%m") == month and each.parcel.delivered]
        kept = fmean(each.parcel.delivered is not None and each.parcel.delivered <= each.due[at] for each in some)
        print(f"  {month} {kept:.1%}", end="")
    print("\n")


def _static(train: Sequence[Parcel], targets: Sequence[float]) -> Callable[[Parcel, float], int]:
    """The quantiles of calendar days by pair of states, of what was delivered of the training window."""
    lanes: dict[str, list[int]] = {}
    for parcel in train:
        if parcel.delivered:
            lanes.setdefault(parcel.lane[1], []).append(parcel.days)
            lanes.setdefault("", []).append(parcel.days)
    quantiles = {
        lane: {target: sorted(days)[math.ceil(target * len(days)) - 1] for target in targets}
        for lane, days in lanes.items()
        if len(days) >= _FEWEST
    }
    return lambda parcel, target: quantiles.get(parcel.lane[1], quantiles[""])[target]


def _days_at(scores: Mapping[float, Score], kept: float) -> float:
    """Mean days at a share kept, on the line between the two levels around it; nan where it lies outside of them."""
    points = sorted((score.kept, score.mean_days) for score in scores.values())
    for (low, fewer), (high, more) in zip(points, points[1:], strict=False):
        if low <= kept <= high:
            return fewer + (more - fewer) * (kept - low) / (high - low) if high > low else more
    return math.nan


if __name__ == "__main__":
    main()
