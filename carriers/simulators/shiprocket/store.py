"""What the simulator holds: parcels, tokens, webhooks to send. In memory, written through to SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Scan:
    """One scan that happened. `at` is Indian time as text, as the vendor writes it."""

    at: str
    status_number: int
    code: str
    activity: str
    location: str


@dataclass(slots=True)
class Parcel:
    """An order with its one shipment. Times named `_sim` are seconds of the simulator's clock."""

    order_id: int
    shipment_id: int
    reference: str
    payload: dict[str, Any]
    created_at: str
    awb: str = ""
    courier_id: int = 0
    courier_name: str = ""
    assigned_at: str = ""
    cancelled: bool = False
    pickup_token: str = ""
    pickup_at: str = ""
    slot_sim: float | None = None
    handed_over: bool = False
    manifested: bool = False
    started_sim: float | None = None
    outcome: str = ""
    reason: str = ""
    days: int = 1
    origin: str = ""
    done_steps: int = 0
    finished: bool = False
    status_number: int = 0
    charge_minor: int = 0
    scans: list[Scan] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """A parcel that a courier would carry: it has an AWB and is not cancelled."""
        return bool(self.awb) and not self.cancelled


class Store:
    """Parcels by order id, reference and AWB. Take `lock` around every look and change."""

    def __init__(self, path: str = ":memory:") -> None:
        self.lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS parcels (order_id INTEGER PRIMARY KEY, body TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
            """
        )
        self.parcels: dict[int, Parcel] = {}
        self.by_reference: dict[str, Parcel] = {}
        self.by_shipment: dict[int, Parcel] = {}
        self.by_awb: dict[str, Parcel] = {}
        for (body,) in self._database.execute("SELECT body FROM parcels ORDER BY order_id").fetchall():
            row = json.loads(body)
            row["scans"] = [Scan(**scan) for scan in row["scans"]]
            self._index(Parcel(**row))

    def add(self, parcel: Parcel) -> None:
        """Keep a new parcel."""
        self._index(parcel)
        self.save(parcel)

    def save(self, parcel: Parcel) -> None:
        """Write a parcel's present state down."""
        if parcel.awb:
            self.by_awb[parcel.awb] = parcel
        row = (parcel.order_id, json.dumps(asdict(parcel)))
        self._database.execute("INSERT OR REPLACE INTO parcels VALUES (?, ?)", row)

    def fact(self, name: str, default: str) -> str:
        """A remembered value, such as the clock."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def remember(self, name: str, value: str) -> None:
        """Keep a value over a restart."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._database.close()

    def _index(self, parcel: Parcel) -> None:
        self.parcels[parcel.order_id] = parcel
        self.by_reference[parcel.reference] = parcel
        self.by_shipment[parcel.shipment_id] = parcel
        if parcel.awb:
            self.by_awb[parcel.awb] = parcel
