"""A state machine over units that have a name: lots with expiry, blocked and put aside, and serial numbers.

Beside the stock levels the plain model knows how many units of each lot lie in which bucket of which node, and the one
place where each serial number is. Lots are taken first expired, first out, by the code that packs orders.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from inventory.models import Bucket, Lot, LotLevel, SerialNumber, Sku, StockMovementReason
from inventory.selectors import Compared, iter_differences
from inventory.services import (
    Claim,
    Consume,
    Posting,
    ReceiptItem,
    Release,
    Units,
    Wanted,
    adjust,
    block_lot,
    consume_reservations,
    count,
    post,
    receive_goods,
    release_reservations,
    reserve,
    set_aside_unsold_lots,
    unblock_lot,
)
from oms.core.db import fetch_all, run_atomic
from oms.core.ids import uuid7
from tests.factories import make_node, make_sku
from tests.inventory.machine import open_units
from tests.inventory.mortal import ACTOR, AMOUNT, FATES, MortalMachine
from tests.inventory.plain import BALANCES, Key, PlainClaim

#: Lots in the order in which they expire. Only the first one is ever blocked.
DAYS = {"A": date(2098, 1, 1), "B": date(2099, 1, 1), "C": None}
PLACES = ("on_hand", "packed", "damaged", "quarantine")
NODE = st.integers(0, 1)
LOT = st.sampled_from(sorted(DAYS))
#: A lot at a node, and the place of a phone: a node's bucket, or outside.
LotKey = tuple[int, str]
Place = tuple[int | None, str]


@dataclass(slots=True)
class PlainNames:
    """What is where. `aside` are those units in quarantine that are there because their lot is blocked."""

    lots: dict[LotKey, Counter[str]] = field(default_factory=dict)
    aside: Counter[LotKey] = field(default_factory=Counter)
    shipped: Counter[str] = field(default_factory=Counter)
    phones: dict[str, Place] = field(default_factory=dict)
    blocked: bool = False

    def lot(self, key: LotKey) -> Counter[str]:
        """The balances of a lot at a node."""
        return self.lots.setdefault(key, Counter())

    def move(self, key: LotKey, units: int, source: str, target: str) -> None:
        """Units of a lot change places; what is no place of a node is outside."""
        if source in PLACES:
            self.lot(key)[source] -= units
        if target in PLACES:
            self.lot(key)[target] += units
        assert min(self.lot(key).values()) >= 0, (key, self.lots)

    def on_hand(self, node: int) -> int:
        """Milk on hand at a node."""
        return sum(lot["on_hand"] for (place, _), lot in self.lots.items() if place == node)

    def sold_first(self, node: int, amount: int) -> dict[str, int]:
        """What is packed where no lot is named; fewer units where there are not enough that may be sold."""
        taken: dict[str, int] = {}
        for code in sorted(DAYS):
            part = 0 if code == "A" and self.blocked else min(amount, self.lot((node, code))["on_hand"])
            if part:
                taken[code] = part
                amount -= part
        return taken

    def phones_at(self, place: Place) -> list[str]:
        """The serial numbers there."""
        return sorted(number for number, where in self.phones.items() if where == place)


class TrackedMachine(MortalMachine):
    """Two nodes, milk that is kept by lot, and phones that are kept by serial number."""

    def __init__(self) -> None:
        super().__init__()
        self.names = PlainNames()
        self.claims: list[PlainClaim] = []

    @initialize()
    def open_for_business(self) -> None:
        """Each lot at the first node, and two phones."""
        run = uuid7().hex
        self.nodes = [make_node(f"{run}-{n}", city="Pune", postcode="411001") for n in "ab"]
        self.milk, self.phone = make_sku(f"{run}-m", tracking="lot"), make_sku(f"{run}-p", tracking="serial")
        for code in DAYS:
            self.milk_comes(node=0, code=code, good=8, damaged=0, fate=-2)
        self.lots = dict(Lot.objects.filter(sku=self.milk).values_list("code", "pk"))
        self.phones_come(node=0, amount=2, fate=-2)

    def at(self, node: int) -> int:
        """The id of a node."""
        return self.nodes[node].pk

    def reserved(self, sku: Sku, node: int) -> int:
        """Units that orders have."""
        return sum(claim.open for claim in self.claims if claim.key == (sku.pk, node))

    def free(self, sku: Sku, node: int) -> int:
        """Units on hand that no order has."""
        there = self.names.on_hand(node) if sku == self.milk else len(self.names.phones_at((node, "on_hand")))
        return there - self.reserved(sku, node)

    # -- milk ----------------------------------------------------------------------------------------------------------

    @rule(node=NODE, code=LOT, good=st.integers(0, 12), damaged=st.integers(0, 3), fate=FATES)
    def milk_comes(self, node: int, code: str, good: int, damaged: int, fate: int) -> None:
        """Units of one lot."""
        if good + damaged == 0:
            return
        place, name = self.at(node), f"come/{uuid7()}"
        item = ReceiptItem(sku_id=self.milk.pk, good=good, damaged=damaged, lot_code=code, expires_on=DAYS[code])
        self.run(fate, lambda: receive_goods(node_id=place, items=[item], op_key=name, actor=ACTOR))
        self.names.lot((place, code)).update(on_hand=good, damaged=damaged)

    @rule(node=NODE, code=LOT, amount=AMOUNT, fate=FATES,
          reason=st.sampled_from(["lost", "found", "damaged", "to_check", "checked"]))  # fmt: skip
    def somebody_adjusts_a_lot(self, node: int, code: str, amount: int, fate: int, reason: str) -> None:
        """Refused where the lot has not so many there, or orders have them."""
        key, name = (self.at(node), code), f"adjust/{uuid7()}"
        source, target = {
            "lost": ("on_hand", ""), "found": ("", "on_hand"), "damaged": ("on_hand", "damaged"),
            "to_check": ("on_hand", "quarantine"), "checked": ("quarantine", "on_hand"),
        }[reason]  # fmt: skip
        possible = not source or self.names.lot(key)[source] >= amount
        if source == "on_hand":
            possible = possible and self.free(self.milk, key[0]) >= amount
        units = [Units(amount, lot_id=self.lots[code])]
        self.run(fate, lambda: adjust(node_id=key[0], sku_id=self.milk.pk, reason=reason, quantity=amount, op_key=name,
                                      actor=ACTOR, units=units), possible=possible)  # fmt: skip
        if possible:
            self.names.move(key, amount, source, target)
            # What was taken out by hand was first of what was put there by hand.
            self.names.aside[key] = min(self.names.aside[key], self.names.lot(key)["quarantine"])

    @rule(node=NODE, code=LOT, counted=st.integers(0, 20), fate=FATES)
    def somebody_counts_a_lot(self, node: int, code: str, counted: int, fate: int) -> None:
        """Refused below what orders have."""
        key, name = (self.at(node), code), f"count/{uuid7()}"
        change = counted - self.names.lot(key)["on_hand"]
        possible = change >= 0 or self.free(self.milk, key[0]) >= -change
        self.run(fate, lambda: count(node_id=key[0], sku_id=self.milk.pk, counted=counted, op_key=name, actor=ACTOR,
                                     lot_id=self.lots[code]), possible=possible)  # fmt: skip
        if possible:
            self.names.lot(key)["on_hand"] = counted

    @rule(way=st.booleans(), code=LOT, amount=AMOUNT, fate=FATES)
    def milk_is_carried(self, way: bool, code: str, amount: int, fate: int) -> None:
        """From one node to the other, through transit."""
        source, target, name = self.at(int(way)), self.at(int(not way)), f"move/{uuid7()}"
        possible = min(self.names.lot((source, code))["on_hand"], self.free(self.milk, source)) >= amount
        postings = [
            self.posting(name, leg, self.milk, node, *buckets, amount, lot=code)
            for leg, (node, buckets) in enumerate([
                (source, (Bucket.ON_HAND, Bucket.TRANSIT)), (target, (Bucket.TRANSIT, Bucket.ON_HAND))
            ], start=1)
        ]  # fmt: skip
        self.run(fate, lambda: post(postings), possible=possible)
        if possible:
            self.names.move((source, code), amount, "on_hand", "")
            self.names.move((target, code), amount, "", "on_hand")

    @rule(fate=FATES)
    def the_first_lot_is_blocked(self, fate: int) -> None:
        """What no order has reserved is put aside; refused where it is blocked."""
        possible = not self.names.blocked
        self.run(fate, lambda: block_lot(lot_id=self.lots["A"], reason="a recall", actor=ACTOR), possible=possible)
        self.names.blocked = True
        if possible:
            self.put_aside()

    @precondition(lambda self: self.names.blocked)
    @rule(fate=FATES)
    def the_clock_looks_at_lots(self, fate: int) -> None:
        """Units that came after the lot was blocked, or that orders gave back."""
        self.run(fate, lambda: set_aside_unsold_lots(actor=ACTOR))
        self.put_aside()

    def put_aside(self) -> None:
        """What the stock room does with a blocked lot."""
        for node in self.nodes:
            key = (node.pk, "A")
            units = min(self.names.lot(key)["on_hand"], self.free(self.milk, node.pk))
            self.names.move(key, units, "on_hand", "quarantine")
            self.names.aside[key] += units

    @rule(fate=FATES)
    def the_first_lot_may_be_sold_again(self, fate: int) -> None:
        """What was put aside comes back, and nothing else; refused where it is not blocked."""
        possible = self.names.blocked
        self.run(fate, lambda: unblock_lot(lot_id=self.lots["A"], actor=ACTOR), possible=possible)
        self.names.blocked = False
        for key in [key for key, units in self.names.aside.items() if units]:
            self.names.move(key, self.names.aside.pop(key), "quarantine", "on_hand")

    # -- phones --------------------------------------------------------------------------------------------------------

    @rule(node=NODE, amount=st.integers(1, 3), fate=FATES)
    def phones_come(self, node: int, amount: int, fate: int) -> None:
        """With numbers that nobody has seen."""
        numbers = tuple(uuid7().hex for _ in range(amount))
        self.receive_phones(node, numbers, fate, possible=True)

    @precondition(lambda self: self.names.phones)
    @rule(data=st.data(), node=NODE, fate=FATES)
    def a_phone_comes_that_is_here(self, data: st.DataObject, node: int, fate: int) -> None:
        """Refused: a serial number is in one place only."""
        here = sorted(number for number, (place, _) in self.names.phones.items() if place is not None)
        if here:
            self.receive_phones(node, (data.draw(st.sampled_from(here)), uuid7().hex), fate, possible=False)

    def receive_phones(self, node: int, numbers: tuple[str, ...], fate: int, *, possible: bool) -> None:
        """One receipt."""
        place, name = self.at(node), f"come/{uuid7()}"
        item = ReceiptItem(sku_id=self.phone.pk, good=len(numbers), serials=numbers)
        self.run(fate, lambda: receive_goods(node_id=place, items=[item], op_key=name, actor=ACTOR), possible=possible)
        if possible:
            self.names.phones |= dict.fromkeys(numbers, (place, "on_hand"))

    @precondition(lambda self: self.names.phones)
    @rule(data=st.data(), node=NODE, fate=FATES,
          way=st.sampled_from([(Bucket.ON_HAND, Bucket.DAMAGED), (Bucket.DAMAGED, Bucket.ON_HAND),
                               (Bucket.PACKED, Bucket.CUSTOMER), (Bucket.CUSTOMER, Bucket.QUARANTINE)]))  # fmt: skip
    def a_phone_moves(self, data: st.DataObject, node: int, fate: int, way: tuple[Bucket, Bucket]) -> None:
        """Refused where it is not in the place that it is taken from, or orders have it."""
        number, place, name = data.draw(st.sampled_from(sorted(self.names.phones))), self.at(node), f"ph/{uuid7()}"
        source, target = way
        possible = self.names.phones[number] == ((None if source == Bucket.CUSTOMER else place), source)
        if source == Bucket.ON_HAND:
            possible = possible and self.free(self.phone, place) >= 1
        posting = self.posting(name, 1, self.phone, place, source, target, 1, serial=number)
        self.run(fate, lambda: post([posting]), possible=possible)
        if possible:
            self.names.phones[number] = ((None if target == Bucket.CUSTOMER else place), target)

    def posting(
        self, name: str, leg: int, sku: Sku, node: int, source: Bucket, target: Bucket, amount: int, *,
        lot: str = "", serial: str = "",
    ) -> Posting:  # fmt: skip
        """One posting of named units."""
        serial_id = SerialNumber.objects.get(sku=sku, number=serial).pk if serial else None
        return Posting(op_key=name, leg=leg, sku_id=sku.pk, node_id=node, from_bucket=source, to_bucket=target,
                       quantity=amount, reason=StockMovementReason.SHIP, actor=ACTOR, lot_id=self.lots.get(lot),
                       serial_id=serial_id)  # fmt: skip

    # -- orders --------------------------------------------------------------------------------------------------------

    @rule(node=NODE, milk=st.integers(0, 8), phones=st.integers(0, 3), fate=FATES)
    def an_order_is_reserved(self, node: int, milk: int, phones: int, fate: int) -> None:
        """Both or none."""
        place, order_id = self.at(node), int(uuid7().int % 2**60)
        wanted = [(sku, amount) for sku, amount in ((self.milk, milk), (self.phone, phones)) if amount]
        if not wanted:
            return
        claims = [Claim(uuid7(), uuid7(), order_id, "OM-1", sku.pk, place, amount) for sku, amount in wanted]

        def once() -> set[int]:
            known = fetch_all("SELECT FROM inventory_reservation WHERE order_id = %s", [order_id])
            return set() if known else reserve(claims, actor=ACTOR)

        fits = all(amount <= self.free(sku, place) for sku, amount in wanted)
        assert self.run(fate, lambda: run_atomic(once)) == (set() if fits else {order_id})
        if fits:
            self.claims += [PlainClaim(claim.line_uid, (claim.sku_id, place), claim.quantity) for claim in claims]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), amount=AMOUNT, fate=FATES)
    def units_are_given_back(self, data: st.DataObject, amount: int, fate: int) -> None:
        """As many as are still open."""
        claim = data.draw(st.sampled_from(self.claims))
        before = claim.open

        def once() -> None:
            if open_units(claim) == before:
                release_reservations(requests=[Release(claim.line_uid, claim.key[1], amount)], actor=ACTOR)

        self.run(fate, lambda: run_atomic(once))
        self.closed(claim, min(amount, before))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), amount=st.integers(1, 8), by_name=st.booleans(), code=LOT, fate=FATES)
    def units_are_packed(self, data: st.DataObject, amount: int, by_name: bool, code: str, fate: int) -> None:
        """Of the lot or numbers that are named, or of the lots that expire first; never of a blocked one."""
        claim = data.draw(st.sampled_from(self.claims))
        node, is_milk = claim.key[1], claim.key[0] == self.milk.pk
        taken: dict[str, int] = {}
        if is_milk:
            taken = {code: amount} if by_name else self.names.sold_first(node, amount)
            there = not (by_name and code == "A" and self.names.blocked)
            there = there and all(self.names.lot((node, lot))["on_hand"] >= part for lot, part in taken.items())
            wanted = Wanted(sku=self.milk, quantity=amount, lots=tuple(taken.items()) if by_name else (),
                            sold_on=self.nodes[0].today())  # fmt: skip
        else:
            here = self.names.phones_at((node, "on_hand"))
            taken, there = dict.fromkeys(here[:amount], 1), True
            wanted = Wanted(sku=self.phone, quantity=amount, serials=tuple(taken))
        possible = there and amount <= claim.open and sum(taken.values()) == amount
        before, name = claim.open, f"pack/{uuid7()}"

        def once() -> None:
            if open_units(claim) == before:
                request = Consume(claim.line_uid, node, amount, name, units=(wanted,))
                consume_reservations(requests=[request], actor=ACTOR)

        self.run(fate, lambda: run_atomic(once), possible=possible)
        if not possible:
            return
        self.closed(claim, amount)
        for what, units in taken.items():
            if is_milk:
                self.names.move((node, what), units, "on_hand", "packed")
            else:
                self.names.phones[what] = (node, "packed")

    def closed(self, claim: PlainClaim, units: int) -> None:
        """So many units of the claim are no longer open."""
        claim.open -= units
        self.claims = [claim for claim in self.claims if claim.open]

    @rule(node=NODE, code=LOT, amount=AMOUNT, fate=FATES, back=st.booleans())
    def a_parcel_of_milk_moves(self, node: int, code: str, amount: int, fate: int, back: bool) -> None:
        """To the customer, or from there into quarantine."""
        key = (self.at(node), code)
        source, target = (Bucket.CUSTOMER, Bucket.QUARANTINE) if back else (Bucket.PACKED, Bucket.CUSTOMER)
        there = self.names.shipped[code] if back else self.names.lot(key)["packed"]
        if back and there < amount:
            return
        posting = self.posting(f"par/{uuid7()}", 1, self.milk, key[0], source, target, amount, lot=code)
        self.run(fate, lambda: post([posting]), possible=there >= amount)
        if there >= amount:
            self.names.move(key, amount, source, target)
            self.names.shipped[code] += -amount if back else amount

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def every_unit_is_where_it_must_be(self) -> None:
        """Lots, serial numbers and levels."""
        rows = LotLevel.objects.filter(lot__sku=self.milk).values_list("node_id", "lot__code", *PLACES)
        lots = {(row[0], row[1]): row[2:] for row in rows if any(row[2:])}
        plain = {key: tuple(lot[name] for name in PLACES) for key, lot in self.names.lots.items()}
        assert lots == {key: numbers for key, numbers in plain.items() if any(numbers)}
        serials = SerialNumber.objects.filter(sku=self.phone).values_list("number", "node_id", "bucket")
        assert {number: (node, bucket) for number, node, bucket in serials} == self.names.phones
        ids = [self.milk.pk, self.phone.pk]
        levels = fetch_all(
            f"SELECT sku_id, node_id, {', '.join(BALANCES)} FROM inventory_stocklevel WHERE sku_id = ANY(%s)", [ids]
        )
        assert {(row[0], row[1]): row[2:] for row in levels if any(row[2:])} == self.levels()

    def levels(self) -> dict[Key, tuple[int, ...]]:
        """The balances that the units add up to."""
        sums: dict[Key, Counter[str]] = {}
        for (node, _), lot in self.names.lots.items():
            sums.setdefault((self.milk.pk, node), Counter()).update(lot)
        for node_id, bucket in self.names.phones.values():
            if node_id is not None:
                sums.setdefault((self.phone.pk, node_id), Counter())[bucket] += 1
        for claim in self.claims:
            sums.setdefault(claim.key, Counter())["reserved"] += claim.open
        found = {key: tuple(level[name] for name in BALANCES) for key, level in sums.items()}
        return {key: numbers for key, numbers in found.items() if any(numbers)}

    def teardown(self) -> None:
        """Every stored number is what the rows below it add up to."""
        assert list(iter_differences(Compared())) == []
