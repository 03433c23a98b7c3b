"""What is watched while the history is played: every change that matters to a listing, and the lowest balances.

Triggers of this database only, which is thrown away, note each change when its transaction commits: a deferred
constraint trigger runs as the last thing before. They are not part of the product, and nothing of it knows of them.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import connection

from benchmarks.replay.lag import Step
from oms.core.db import fetch_all

_SETUP = """
CREATE TABLE replay_note (
    id bigserial PRIMARY KEY, transaction xid8 DEFAULT pg_current_xact_id(), at timestamptz DEFAULT clock_timestamp(),
    kind text NOT NULL, sku_id bigint NOT NULL, units int NOT NULL);

CREATE FUNCTION replay_note_stock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    units int := greatest(0, NEW.on_hand - NEW.reserved - NEW.safety_stock);
BEGIN
    IF TG_OP = 'UPDATE' THEN units := units - greatest(0, OLD.on_hand - OLD.reserved - OLD.safety_stock); END IF;
    IF units <> 0 THEN INSERT INTO replay_note (kind, sku_id, units) VALUES ('truth', NEW.sku_id, units); END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION replay_note_demand() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    units int := NEW.unallocated + NEW.backordered;
BEGIN
    IF TG_OP = 'UPDATE' THEN units := units - OLD.unallocated - OLD.backordered; END IF;
    IF units <> 0 AND NEW.sku_id IS NOT NULL THEN
        INSERT INTO replay_note (kind, sku_id, units) VALUES ('truth', NEW.sku_id, -units);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION replay_note_listing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.wanted_version <> OLD.wanted_version THEN
        INSERT INTO replay_note (kind, sku_id, units) VALUES ('wanted', NEW.sku_id, NEW.wanted_quantity);
    END IF;
    IF NEW.sent_at IS DISTINCT FROM OLD.sent_at AND NEW.sent_at IS NOT NULL THEN
        INSERT INTO replay_note (kind, sku_id, units) VALUES ('claimed', NEW.sku_id, NEW.wanted_quantity);
    END IF;
    IF NEW.sent_version <> OLD.sent_version AND NEW.error = '' THEN
        INSERT INTO replay_note (kind, sku_id, units) VALUES ('taken', NEW.sku_id, NEW.sent_quantity);
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER replay_stock AFTER INSERT OR UPDATE ON inventory_stocklevel
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION replay_note_stock();
CREATE CONSTRAINT TRIGGER replay_demand AFTER INSERT OR UPDATE ON orders_orderline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION replay_note_demand();
CREATE CONSTRAINT TRIGGER replay_listing AFTER UPDATE ON channels_listing
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.account_id = {account}) EXECUTE FUNCTION replay_note_listing();
"""

#: What may be sold of each SKU by the balances and the lines alone, not yet cut off at nothing.
TRUTH = """
SELECT sku.id,
    coalesce((SELECT sum(greatest(0, level.on_hand - level.reserved - level.safety_stock))
              FROM inventory_stocklevel level WHERE level.sku_id = sku.id), 0)
    - coalesce((SELECT sum(line.unallocated + line.backordered)
                FROM orders_orderline line WHERE line.sku_id = sku.id), 0)
FROM inventory_sku sku
"""

_BEGINNINGS = """
SELECT sku_id, coalesce(wanted_quantity, 0), coalesce(sent_quantity, 0) FROM channels_listing WHERE account_id = %s
"""

#: Rows of one transaction became true together.
_NOTES = """
SELECT kind, sku_id, extract(epoch FROM max(at) OVER (PARTITION BY transaction))::float8 AS committed, units
FROM replay_note ORDER BY committed, transaction, id
"""


@dataclass(frozen=True, slots=True)
class Notes:
    """For each SKU: what was true, what stood in the queue, and what the shop had taken, each as steps in time."""

    truth: Mapping[int, list[Step]]
    wanted: Mapping[int, list[Step]]
    taken: Mapping[int, list[Step]]
    #: When a worker took the listing of a SKU in hand.
    claimed: Mapping[int, list[Step]]


class Watch:
    """Installs the triggers when it is made; `notes` reads what they wrote of the listings of one account."""

    def __init__(self, account_id: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SETUP.replace("{account}", str(int(account_id))))
        self._truth = {pk: int(units) for pk, units in fetch_all(TRUTH)}
        rows = fetch_all(_BEGINNINGS, [account_id])
        self._wanted = {sku_id: units for sku_id, units, _ in rows}
        self._taken = {sku_id: units for sku_id, _, units in rows}
        self._began = time.time()

    def notes(self) -> Notes:
        """Everything so far, each series begun with what was there when the watch began."""
        raw = dict(self._truth)
        series: dict[str, dict[int, list[Step]]] = {
            "truth": {pk: [Step(self._began, max(0, units))] for pk, units in self._truth.items()},
            "wanted": {pk: [Step(self._began, units)] for pk, units in self._wanted.items()},
            "taken": {pk: [Step(self._began, units)] for pk, units in self._taken.items()},
            "claimed": defaultdict(list),
        }
        for kind, sku_id, at, units in fetch_all(_NOTES):
            if kind == "truth":
                raw[sku_id] += units
                units = max(0, raw[sku_id])
                steps = series["truth"][sku_id]
                if steps[-1].at == at and len(steps) > 1:
                    # Several rows of one transaction: only what it left behind was ever seen.
                    steps.pop()
                if steps[-1].units == units:
                    continue
            series[kind][sku_id].append(Step(at, units))
        return Notes(series["truth"], series["wanted"], series["taken"], series["claimed"])


_LOWEST = """
SELECT coalesce(min(on_hand - reserved), 0), coalesce(min(on_hand - reserved - safety_stock), 0),
    coalesce(min(least(on_hand, reserved, packed, damaged, quarantine, inbound)), 0), coalesce(sum(reserved), 0)
FROM inventory_stocklevel
"""


@dataclass(slots=True)
class Sampler:
    """Reads the lowest balances of all stock levels so many times a second, in a thread of its own."""

    per_second: float = 5.0
    samples: int = 0
    lowest_unreserved: int = 0
    lowest_atp: int = 0
    lowest_balance: int = 0
    longest_gap: float = 0.0
    error: str = ""
    _first: bool = True
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        last = time.monotonic()
        try:
            while not self._stop.wait(max(0.0, last + 1 / self.per_second - time.monotonic())):
                moment = time.monotonic()
                self.longest_gap = max(self.longest_gap, moment - last)
                last = moment
                self._look()
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def _look(self) -> None:
        unreserved, atp, balance, _ = fetch_all(_LOWEST)[0]
        self.samples += 1
        if self._first:
            self._first = False
            self.lowest_unreserved, self.lowest_atp, self.lowest_balance = unreserved, atp, balance
        self.lowest_unreserved = min(self.lowest_unreserved, unreserved)
        self.lowest_atp = min(self.lowest_atp, atp)
        self.lowest_balance = min(self.lowest_balance, balance)
