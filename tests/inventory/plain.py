"""A plain model of the stock room: what its numbers must be after each operation, worked out with dictionaries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

Key = tuple[int, int]
BALANCES = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")


@dataclass(slots=True)
class PlainClaim:
    """Open units of a line at a level: of an order, or of a checkout's hold."""

    line_uid: UUID
    key: Key
    open: int


@dataclass(slots=True)
class PlainHold:
    """A checkout's hold."""

    uid: UUID
    parts: list[tuple[Key, int]]


@dataclass(slots=True)
class PlainPurchase:
    """What is open of a placed purchase order at its node, by SKU."""

    order_id: int
    node: int
    open: dict[int, int]


@dataclass(slots=True)
class PlainTransfer:
    """A transfer: units of each line wanted, picked and in transit, by SKU."""

    transfer_id: int
    source: int
    target: int
    lines: dict[int, int]
    state: str = "reserved"
    wanted: dict[int, int] = field(default_factory=dict)
    in_transit: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Plain:
    """Every number that the stock room has to agree with."""

    levels: dict[Key, Counter[str]] = field(default_factory=dict)
    safety: dict[Key, int] = field(default_factory=dict)
    claims: list[PlainClaim] = field(default_factory=list)
    holds: list[PlainHold] = field(default_factory=list)
    purchases: list[PlainPurchase] = field(default_factory=list)
    transfers: list[PlainTransfer] = field(default_factory=list)
    shipped: Counter[int] = field(default_factory=Counter)

    def level(self, key: Key) -> Counter[str]:
        """The balances of a level."""
        return self.levels.setdefault(key, Counter())

    def free(self, key: Key) -> int:
        """Units on hand that nobody claimed."""
        level = self.level(key)
        return level["on_hand"] - level["reserved"]

    def atp(self, key: Key) -> int:
        """Units that may still be promised."""
        return self.free(key) - self.safety.get(key, 0)

    def add(self, key: Key, **changes: int) -> None:
        """Change balances; none may fall below zero, and no more may be reserved than is on hand."""
        level = self.level(key)
        for name, change in changes.items():
            level[name] += change
        assert all(level[name] >= 0 for name in BALANCES), (key, level)
        assert level["reserved"] <= level["on_hand"], (key, level)

    def rows(self) -> dict[Key, tuple[int, ...]]:
        """Every level that is not empty, as the database has them."""
        return {
            key: tuple(level[name] for name in BALANCES)
            for key, level in self.levels.items()
            if any(level[name] for name in BALANCES)
        }
