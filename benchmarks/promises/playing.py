"""Plays a history day by day: each morning only what happened before it is known, and the day's orders get promises."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from benchmarks.promises.parcels import WORKING, Parcel, days_lived
from routing.promise.calibration import GROUP_STEP, STEP, Calibrator
from routing.promise.transit import HANDLING, TRANSIT, Days, DayTable, Memory, arrivals, date_at

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Settings:
    """What the product's defaults are, to be varied here."""

    handling: Memory = HANDLING
    transit: Memory = TRANSIT
    step: float = STEP
    group_step: float = GROUP_STEP


@dataclass
class Made:
    """The dates promised to one order, one for each target, and the plain quantiles without calibration."""

    parcel: Parcel
    due: list[date]
    plain: list[date]


@dataclass
class Player:
    """The tables and calibrators as they stand on the morning of a day."""

    targets: Sequence[float]
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self.handling, self.transit = DayTable(self.settings.handling), DayTable(self.settings.transit)
        self.calibrators = [Calibrator(target, self.settings.step, self.settings.group_step) for target in self.targets]
        self._seen: dict[date, list[tuple[DayTable, tuple[str, ...], int, bool]]] = defaultdict(list)
        self._waiting: Counter[tuple[int, str]] = Counter()
        self._falls_due: dict[date, list[tuple[int, Parcel]]] = defaultdict(list)

    def play(self, parcels: Sequence[Parcel], start: date, end: date) -> Iterator[Made]:
        """Every order from `start` up to and with `end`; those before only teach."""
        for parcel in parcels:
            self._note(parcel)
        bought = [parcel.bought.date() for parcel in parcels]
        today = bought[0]
        while today <= end:
            self._learn(today - _DAY)
            self._judge(today - _DAY)
            known: dict[tuple[str, ...], Days] = {}
            for parcel in parcels[bisect_left(bought, today) : bisect_left(bought, today + _DAY)]:
                made = self._promise(parcel, today, known)
                if today >= start:
                    yield made
            today += _DAY

    def _note(self, parcel: Parcel) -> None:
        """Put down on which days it will be seen to live on, or to have arrived."""
        for day, age, ended in days_lived(parcel.planned, parcel.handed):
            self._seen[day].append((self.handling, parcel.handling, age, ended))
        if parcel.handed is not None:
            for day, age, ended in days_lived(parcel.handed, parcel.delivered):
                self._seen[day].append((self.transit, parcel.lane, age, ended))

    def _learn(self, day: date) -> None:
        for table, path, age, ended in self._seen.pop(day, ()):
            table.observe(path, age, arrived=ended, on=day)

    def _judge(self, day: date) -> None:
        fallen = self._falls_due.pop(day, ())
        for index, parcel in fallen:
            self._waiting[index, ""] -= 1
            self._waiting[index, parcel.to_state] -= 1
        for index, parcel in fallen:
            kept = parcel.delivered is not None and parcel.delivered <= day
            self.calibrators[index].due(
                kept=float(kept), waiting=self._waiting[index, ""], group=parcel.to_state,
                group_waiting=self._waiting[index, parcel.to_state],
            )  # fmt: skip

    def _promise(self, parcel: Parcel, today: date, known: dict[tuple[str, ...], Days]) -> Made:
        for table, path in ((self.handling, parcel.handling), (self.transit, parcel.lane)):
            if path not in known:
                known[path] = table.of(path, today)
        leaves = arrivals({parcel.planned: 1.0}, known[parcel.handling], WORKING)
        chances = arrivals(leaves, known[parcel.lane], WORKING)
        due = [date_at(chances, calibrator.level(parcel.to_state))[0] for calibrator in self.calibrators]
        for index, day in enumerate(due):
            self._falls_due[day].append((index, parcel))
            self._waiting[index, ""] += 1
            self._waiting[index, parcel.to_state] += 1
        return Made(parcel, due, [date_at(chances, target)[0] for target in self.targets])
