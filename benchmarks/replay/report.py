"""What the replay prints, and whether it is good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.replay.checking import Check
from benchmarks.replay.history import History
from benchmarks.replay.lag import Lag, Step, lags, percentile
from benchmarks.replay.playing import Played
from benchmarks.replay.watching import Notes, Sampler

_LATEST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what may be sold of a SKU: when the queue and when the shop had caught up with it."""

    sku_id: int
    queue: Lag
    shop: Lag


@dataclass(frozen=True, slots=True)
class Effort:
    """Processor seconds by process, and the share of the whole machine that programs of others took."""

    spent: Mapping[str, float]
    others: float


def changes(notes: Notes) -> list[Change]:
    """Every change while the history was played."""
    return [
        Change(sku_id, queue, shop)
        for sku_id, truth in notes.truth.items()
        for queue, shop in zip(
            lags(truth, notes.wanted.get(sku_id, [])), lags(truth, notes.taken.get(sku_id, [])), strict=True
        )
    ]


def print_history(history: History, speed: float) -> None:
    """What is about to be replayed."""
    units = sum(sale.units for sale in history.sales)
    cancelled = sum(sale.cancelled_at is not None for sale in history.sales)
    print(f"History: {history.name}")
    for note in history.notes:
        print(f"  {note}")
    hours = (history.ends - history.begins).total_seconds() / 3600
    print(
        f"  {history.begins:%Y-%m-%d %H:%M} to {history.ends:%Y-%m-%d %H:%M}: {hours:g} h, at {speed:g} times the "
        f"speed {hours * 3600 / speed:.0f} s"
    )
    print(
        f"  {len(history.sales):,} orders, {units:,} units, {cancelled:,} cancellations, "
        f"{len(history.deliveries)} deliveries; {len(history.skus):,} SKUs at {len(history.nodes)} nodes"
    )


def print_pace(played: Played, parcels: int, faults: Mapping[str, int]) -> None:
    """How fast the history was played."""
    per_second = Counter(int(moment.timestamp()) for moment in played.handed_in.values())
    handed = len(played.handed_in)
    print(
        f"\nPlayed: {handed:,} orders handed in within {played.seconds:.0f} s, {handed / played.seconds:.1f} a second, "
        f"{max(per_second.values(), default=0)} in the busiest second"
    )
    print(
        f"  {played.cancelled} cancelled, {played.received} deliveries received, {parcels} parcels handed over; "
        f"{played.again} orders handed in twice, {faults.get('duplicate_webhooks', 0)} webhooks sent twice, "
        f"{faults.get('lost_webhooks', 0)} never"
    )
    print(
        f"  the replay itself was late by p99 {percentile(played.late, 0.99):.2f} s, "
        f"max {max(played.late, default=0):.2f} s"
    )


def print_effort(effort: Effort, orders: int) -> None:
    """Processor time by process, and what others took of the machine meanwhile."""
    parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in effort.spent.items())
    print(f"  processor seconds: {parts}; {sum(effort.spent.values()) / max(1, orders) * 1000:.0f} ms an order")
    print(f"  other programs took {effort.others:.0%} of the processors meanwhile")


def print_times(name: str, seconds: Iterable[float]) -> None:
    """One line of percentiles."""
    values = list(seconds)
    shown = [percentile(values, share) for share in (0.5, 0.95, 0.99)] + [max(values, default=0.0)]
    print(f"  {name:<44}{len(values):>8,}" + "".join(f"{value:>10.2f}" for value in shown))


def print_lags(found: Sequence[Change], order_times: Iterable[tuple[str, list[float]]]) -> None:
    """The table of times."""
    print(f"\n{'Times, seconds':<46}{'number':>8}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}")
    for name, values in order_times:
        print_times(name, values)
    print_times("stock change to the channel's queue", (change.queue.seconds for change in found))
    print_times("stock change to the shop's having taken it", (change.shop.seconds for change in found))


def print_steps(rows: Iterable[tuple[str, list[float]]]) -> None:
    """How long events waited for each step that follows them, the slowest first."""
    print("\nFrom an event to the end of the step that follows it")
    for name, values in sorted(rows, key=lambda row: -percentile(row[1], 0.99)):
        print_times(name, values)


def print_late(found: Sequence[Change], notes: Notes, codes: dict[int, str], goal: float) -> None:
    """The changes that took longer than the goal, the worst first, and where their time went."""
    late = sorted((change for change in found if change.shop.seconds > goal), key=lambda change: -change.shop.seconds)
    if not late:
        return
    print(f"\nLate: {len(late):,} of {len(found):,} changes took longer than {goal:g} s; the worst of them:")
    for change in late[:_LATEST_SHOWN]:
        began = change.queue.changed_at
        until = change.shop.caught_up_at
        claims = [step for step in notes.claimed.get(change.sku_id, []) if began <= step.at <= (until or step.at)]
        parts = [f"queued after {change.queue.seconds:.2f} s", _claims(began, claims)]
        parts.append("never taken" if until is None else f"taken after {until - began:.2f} s")
        moment = datetime.fromtimestamp(began, UTC)
        print(f"  {codes.get(change.sku_id, change.sku_id)} at {moment:%H:%M:%S.%f}: {', '.join(parts)}")
    busiest = Counter(int(change.queue.changed_at) // 5 * 5 for change in late).most_common(3)
    moments = ", ".join(f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} ({count})" for at, count in busiest)
    print(f"  most of them changed within the five seconds from {moments}")


def _claims(began: float, claims: Sequence[Step]) -> str:
    if not claims:
        return "in nobody's hands"
    last = claims[-1]
    return f"last taken in hand after {last.at - began:.2f} s (of {len(claims)} times)"


def lag_check(found: Sequence[Change], goal: float) -> Check:
    """The goal for what the shop is told."""
    p99 = percentile((change.shop.seconds for change in found), 0.99)
    what = f"99 of 100 stock changes reach the shop within {goal:g} s"
    return Check(what, p99 <= goal, f"p99 {p99:.2f} s")


def sampler_checks(sampler: Sampler) -> list[Check]:
    """What the lowest balances say."""
    seen = f"{sampler.samples:,} samples, longest gap {sampler.longest_gap:.2f} s"
    return [
        Check("on hand less reserved was never below zero", sampler.lowest_unreserved >= 0 and not sampler.error,
              sampler.error or f"lowest {sampler.lowest_unreserved}; {seen}"),
        Check("ATP was never below zero", sampler.lowest_atp >= 0, f"lowest {sampler.lowest_atp}"),
        Check("no balance was ever below zero", sampler.lowest_balance >= 0, f"lowest {sampler.lowest_balance}"),
    ]  # fmt: skip


def print_checks(checks: Iterable[Check]) -> bool:
    """Every check with its mark; True when all of them hold."""
    print()
    good = True
    for check in checks:
        good = good and check.ok
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.what}{f': {check.found}' if check.found else ''}")
    return good
