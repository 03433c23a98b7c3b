"""How the machine itself does: how fast it captures, decides and tells the channels, and what it could not deliver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts

#: What was promised for each lag, in seconds.
CAPTURE_TARGET = 60.0
STOCK_TARGET = 10.0
ROUTING_TARGET = 1.0
#: An event that waits longer than this in the outbox means that the relay stands still.
OUTBOX_TARGET = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealth:
    """Lags in seconds at the 95th percentile over the last hour, None without a case; depths now."""

    capture_p95: float | None
    stock_p95: float | None
    routing_p95: float | None
    outbox_waiting: int
    outbox_oldest_at: datetime | None
    steps_open: int
    steps_oldest_at: datetime | None
    dead: int
    jobs_failed: int


# A file of last week's orders says nothing about the lag of capture: only orders placed within the day count.
_LAGS = """
SELECT
    (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM captured_at - placed_at)::float)
     FROM orders_order WHERE captured_at > %(since)s AND placed_at > captured_at - interval '1 day'
        AND placed_at <= captured_at) AS capture_p95,
    (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - wanted_at)::float)
     FROM channels_listing WHERE sent_at > %(since)s AND sent_version = wanted_version AND sent_at >= wanted_at)
        AS stock_p95,
    (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_us)::float / 1000000
     FROM routing_routingdecision WHERE decided_at > %(since)s) AS routing_p95,
    (SELECT count(*) FROM core_outboxevent WHERE fanned_out_at IS NULL) AS outbox_waiting,
    (SELECT min(recorded_at) FROM core_outboxevent WHERE fanned_out_at IS NULL) AS outbox_oldest_at,
    (SELECT count(*) FROM core_delivery WHERE state IN ('pending', 'running')) AS steps_open,
    (SELECT min(e.recorded_at) FROM core_delivery d JOIN core_outboxevent e ON e.id = d.event_id
     WHERE d.state IN ('pending', 'running')) AS steps_oldest_at,
    (SELECT count(*) FROM core_delivery WHERE state = 'dead') AS dead,
    (SELECT count(*) FROM core_job WHERE state = 'failed' AND finished_at > %(day)s) AS jobs_failed
"""


def system_health(*, moment: datetime | None = None) -> SystemHealth:
    """One statement; nothing here is about particular orders, so there is no scope."""
    at = moment or now()
    rows = fetch_dicts(_LAGS, {"since": at - timedelta(hours=1), "day": at - timedelta(days=1)})
    return SystemHealth(**rows[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadGroup:
    """Deliveries of one step that gave up with the same words."""

    step: str
    error: str
    deliveries: int
    oldest_at: datetime


# The last line of a traceback names the error; numbers in it differ from case to case and are left out.
_DEAD = """
SELECT d.step, regexp_replace(regexp_replace(rtrim(d.last_error, E' \\n'), '^.*\\n', ''), '[0-9]+', '#', 'g') AS error,
    count(*) AS deliveries, min(e.recorded_at) AS oldest_at
FROM core_delivery d JOIN core_outboxevent e ON e.id = d.event_id
WHERE d.state = 'dead' GROUP BY 1, 2 ORDER BY deliveries DESC, d.step
"""


def dead_groups() -> list[DeadGroup]:
    """What was given up, by step and error, the largest group first."""
    return [DeadGroup(**row) for row in fetch_dicts(_DEAD)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCheck:
    """The newest run of the stock auditor, None where it never ran."""

    at: datetime | None
    levels: int
    differences: int


def last_stock_check() -> StockCheck:
    """What the auditor found last."""
    rows = fetch_all("SELECT at, levels, differences FROM inventory_stockaudit ORDER BY id DESC LIMIT 1")
    at, levels, differences = rows[0] if rows else (None, 0, 0)
    return StockCheck(at=at, levels=levels, differences=differences)
