"""A state machine over the operations of the stock room, each of which may die at any statement and is then repeated.

Every operation runs against PostgreSQL and against a plain model. It may die before a statement (its transaction is
lost, as if the process had been killed) or after its commit (its answer is lost); either way the caller sends it again
with the same key, and it must have happened exactly once. After each step every balance and every claim is compared.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from inventory.models import Bucket, Node, Reservation, Sku, StockMovementReason, Supplier
from inventory.selectors import Compared, iter_differences
from inventory.services import (
    Claim,
    Consume,
    ForOrder,
    HoldLine,
    Picked,
    Posting,
    PurchaseLine,
    PurchaseTerms,
    ReceiptItem,
    Received,
    Release,
    Source,
    StockLine,
    WantedUnits,
    adjust,
    cancel_purchase_order,
    cancel_transfer,
    close_purchase_order,
    confirm_hold,
    confirm_transfer,
    consume_reservations,
    count,
    draft_purchase_order,
    draft_transfer,
    expire_due_holds,
    finish_picking,
    hold_stock,
    move,
    place_purchase_order,
    post,
    receive,
    receive_goods,
    receive_transfer,
    release_hold,
    release_reservations,
    reserve,
    resolve_difference,
    set_safety_stock,
    ship_transfer,
)
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict
from oms.core.ids import uuid7
from tests.factories import make_node, make_sku
from tests.inventory.mortal import ACTOR, AMOUNT, FATES, MortalMachine
from tests.inventory.plain import BALANCES, Key, Plain, PlainClaim, PlainHold, PlainPurchase, PlainTransfer


def open_units(claim: PlainClaim) -> int:
    """What is open of a claim. One order line may have claims at several nodes."""
    rows = Reservation.objects.filter(line_uid=claim.line_uid, node=claim.key[1])
    return sum(rows.values_list("open_quantity", flat=True))


class StockMachine(MortalMachine):
    """Two nodes and three SKUs of their own for each run, so that runs do not need an empty database."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = Plain()
        self.skus: list[Sku] = []
        self.nodes: list[Node] = []

    @initialize()
    def open_for_business(self) -> None:
        """Nodes, SKUs, a supplier, and something to sell."""
        run = uuid7().hex
        self.nodes = [make_node(f"{run}-{n}", city="Pune", postcode="411001") for n in "ab"]
        self.skus = [make_sku(f"{run}-{n}") for n in "abc"]
        self.supplier = Supplier.objects.create(code=run, name="The supplier")
        for sku in self.skus:
            receive(node_id=self.nodes[0].pk, lines=[StockLine(sku.pk, 20)], op_key=f"{run}/{sku.pk}", reference="",
                    actor=ACTOR)  # fmt: skip
            self.plain.add((sku.pk, self.nodes[0].pk), on_hand=20)

    def key(self, sku: int, node: int) -> Key:
        """A level by the numbers of its SKU and node."""
        return self.skus[sku].pk, self.nodes[node].pk

    # -- goods in the building -----------------------------------------------------------------------------------------

    @rule(sku=st.integers(0, 2), node=st.integers(0, 1), amount=AMOUNT, fate=FATES)
    def goods_come(self, sku: int, node: int, amount: int, fate: int) -> None:
        """Without a purchase order."""
        key, name = self.key(sku, node), f"come/{uuid7()}"
        self.run(fate, lambda: receive(node_id=key[1], lines=[StockLine(key[0], amount)], op_key=name, reference="",
                                       actor=ACTOR))  # fmt: skip
        self.plain.add(key, on_hand=amount)

    @rule(sku=st.integers(0, 2), node=st.integers(0, 1), amount=AMOUNT, fate=FATES,
          reason=st.sampled_from(["lost", "found", "damaged", "repaired", "to_check", "checked"]))  # fmt: skip
    def somebody_adjusts(self, sku: int, node: int, amount: int, fate: int, reason: str) -> None:
        """For one of the reasons; refused where the units are not there or are promised."""
        key, name = self.key(sku, node), f"adjust/{uuid7()}"
        changes = {
            "lost": {"on_hand": -amount}, "found": {"on_hand": amount},
            "damaged": {"on_hand": -amount, "damaged": amount}, "repaired": {"damaged": -amount, "on_hand": amount},
            "to_check": {"on_hand": -amount, "quarantine": amount},
            "checked": {"quarantine": -amount, "on_hand": amount},
        }[reason]  # fmt: skip
        level = self.plain.level(key)
        short = any(level[name] + change < 0 for name, change in changes.items())
        possible = not short and (changes["on_hand"] > 0 or self.plain.free(key) >= amount)
        self.run(fate, lambda: adjust(node_id=key[1], sku_id=key[0], reason=reason, quantity=amount, op_key=name,
                                      actor=ACTOR), possible=possible)  # fmt: skip
        if possible:
            self.plain.add(key, **changes)

    @rule(sku=st.integers(0, 2), node=st.integers(0, 1), counted=st.integers(0, 40), fate=FATES)
    def somebody_counts(self, sku: int, node: int, counted: int, fate: int) -> None:
        """Refused below what is reserved."""
        key, name = self.key(sku, node), f"count/{uuid7()}"
        level = self.plain.level(key)
        possible = counted >= level["reserved"]
        self.run(fate, lambda: count(node_id=key[1], sku_id=key[0], counted=counted, op_key=name, actor=ACTOR),
                 possible=possible)  # fmt: skip
        if possible:
            self.plain.add(key, on_hand=counted - level["on_hand"])

    @rule(sku=st.integers(0, 2), way=st.booleans(), amount=AMOUNT, fate=FATES)
    def goods_are_carried(self, sku: int, way: bool, amount: int, fate: int) -> None:
        """From one node to the other at once."""
        source, target, name = self.key(sku, int(way)), self.key(sku, int(not way)), f"move/{uuid7()}"
        possible = self.plain.free(source) >= amount
        self.run(fate, lambda: move(from_node_id=source[1], to_node_id=target[1], op_key=name, actor=ACTOR,
                                    lines=[StockLine(source[0], amount)]), possible=possible)  # fmt: skip
        if possible:
            self.plain.add(source, on_hand=-amount)
            self.plain.add(target, on_hand=amount)

    @rule(sku=st.integers(0, 2), amount=st.integers(0, 6), fate=FATES)
    def some_are_kept_back(self, sku: int, amount: int, fate: int) -> None:
        """A safety stock by hand."""
        key = self.key(sku, 0)
        self.run(fate, lambda: set_safety_stock(node_id=key[1], sku_id=key[0], quantity=amount, actor=ACTOR))
        self.plain.safety[key] = amount

    # -- orders --------------------------------------------------------------------------------------------------------

    @rule(wanted=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), AMOUNT), min_size=1, max_size=4), fate=FATES)
    def an_order_is_reserved(self, wanted: list[tuple[int, int, int]], fate: int) -> None:
        """Every line or none; lines of one SKU compete with each other."""
        lines = [(self.key(sku, node), amount) for sku, node, amount in wanted]
        order_id = int(uuid7().int % 2**60)
        claims = [Claim(uuid7(), uuid7(), order_id, "OM-1", *key, amount) for key, amount in lines]
        totals = Counter[Key]()
        for key, amount in lines:
            totals[key] += amount
        fits = all(key in self.plain.levels and total <= self.plain.atp(key) for key, total in totals.items())

        def once() -> set[int]:
            if Reservation.objects.filter(uid=claims[0].uid).exists():
                return set()
            return reserve(claims, actor=ACTOR)

        refused = self.run(fate, lambda: run_atomic(once))
        assert refused == (set() if fits else {order_id})
        if fits:
            for claim in claims:
                self.claimed(claim.line_uid, (claim.sku_id, claim.node_id), claim.quantity)

    def claimed(self, line_uid: UUID, key: Key, amount: int) -> None:
        """Note an open claim."""
        self.plain.claims.append(PlainClaim(line_uid, key, amount))
        self.plain.add(key, reserved=amount)

    @precondition(lambda self: self.plain.claims)
    @rule(data=st.data(), amount=AMOUNT, fate=FATES)
    def units_are_given_back(self, data: st.DataObject, amount: int, fate: int) -> None:
        """As many of them as are still open; a release has no key: the one who asks looks first."""
        claim = data.draw(st.sampled_from(self.plain.claims))
        given = min(amount, claim.open)
        before = claim.open

        def once() -> None:
            if open_units(claim) == before:
                release_reservations(requests=[Release(claim.line_uid, claim.key[1], amount)], actor=ACTOR)

        self.run(fate, lambda: run_atomic(once))
        claim.open -= given
        self.plain.add(claim.key, reserved=-given)
        self.plain.claims = [claim for claim in self.plain.claims if claim.open]

    @precondition(lambda self: self.plain.claims)
    @rule(data=st.data(), amount=AMOUNT, fate=st.sampled_from([-2, 0, 1, 2, 3, 4, 5]))
    def units_are_packed(self, data: st.DataObject, amount: int, fate: int) -> None:
        """Refused for more than are reserved."""
        claim = data.draw(st.sampled_from(self.plain.claims))
        possible = amount <= claim.open
        request = Consume(claim.line_uid, claim.key[1], amount, f"pack/{uuid7()}")
        before = claim.open

        def once() -> None:
            if open_units(claim) == before:
                consume_reservations(requests=[request], actor=ACTOR)

        self.run(fate, lambda: run_atomic(once), possible=possible)
        if possible:
            claim.open -= amount
            self.plain.add(claim.key, reserved=-amount, on_hand=-amount, packed=amount)
            self.plain.claims = [claim for claim in self.plain.claims if claim.open]

    @rule(sku=st.integers(0, 2), node=st.integers(0, 1), amount=AMOUNT, fate=FATES)
    def a_parcel_leaves(self, sku: int, node: int, amount: int, fate: int) -> None:
        """With packed units only."""
        key, name = self.key(sku, node), f"ship/{uuid7()}"
        possible = self.plain.level(key)["packed"] >= amount
        self.post(fate, key, Bucket.PACKED, Bucket.CUSTOMER, amount, name, possible=possible)
        if possible:
            self.plain.add(key, packed=-amount)
            self.plain.shipped[key[0]] += amount

    @rule(sku=st.integers(0, 2), node=st.integers(0, 1), amount=AMOUNT, fate=FATES)
    def something_comes_back(self, sku: int, node: int, amount: int, fate: int) -> None:
        """Into quarantine, whichever node it left from."""
        key, name = self.key(sku, node), f"return/{uuid7()}"
        if self.plain.shipped[key[0]] < amount:
            return
        self.post(fate, key, Bucket.CUSTOMER, Bucket.QUARANTINE, amount, name)
        self.plain.add(key, quarantine=amount)
        self.plain.shipped[key[0]] -= amount

    def post(
        self, fate: int, key: Key, source: Bucket, target: Bucket, amount: int, name: str, *, possible: bool = True
    ) -> None:
        """One posting by itself."""
        posting = Posting(op_key=name, sku_id=key[0], node_id=key[1], from_bucket=source, to_bucket=target,
                          quantity=amount, reason=StockMovementReason.SHIP, actor=ACTOR)  # fmt: skip
        self.run(fate, lambda: post([posting]), possible=possible)

    # -- checkouts -----------------------------------------------------------------------------------------------------

    @rule(wanted=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), AMOUNT), min_size=1, max_size=3), fate=FATES)
    def a_checkout_holds(self, wanted: list[tuple[int, int, int]], fate: int) -> None:
        """Each line at the node it names, all or nothing."""
        totals = Counter[Key]()
        for sku, node, amount in wanted:
            totals[self.key(sku, node)] += amount
        uid = uuid7()
        lines = [HoldLine(key[0], amount, node_id=key[1]) for key, amount in totals.items()]
        possible = all(key in self.plain.levels and amount <= self.plain.atp(key) for key, amount in totals.items())
        self.run(fate, lambda: hold_stock(uid=uid, owner=ACTOR, lines=lines, seconds=600, actor=ACTOR),
                 possible=possible)  # fmt: skip
        if possible:
            for key, amount in totals.items():
                self.plain.add(key, reserved=amount)
            self.plain.holds.append(PlainHold(uid, list(totals.items())))

    @precondition(lambda self: self.plain.holds)
    @rule(data=st.data(), fate=FATES)
    def a_hold_is_released(self, data: st.DataObject, fate: int) -> None:
        """Its units are free at once."""
        hold = self.some_hold(data)
        self.run(fate, lambda: release_hold(uid=hold.uid, owner=ACTOR, actor=ACTOR))
        self.free(hold)

    @precondition(lambda self: self.plain.holds)
    @rule(data=st.data(), fate=FATES)
    def a_hold_expires(self, data: st.DataObject, fate: int) -> None:
        """Nobody confirmed it in time."""
        hold = self.some_hold(data)
        with connection.cursor() as cursor:
            for table, column in (("inventory_stockhold", "id"), ("inventory_reservation", "hold_id")):
                cursor.execute(
                    f"UPDATE {table} SET expires_at = statement_timestamp() - interval '1 second' "
                    f"WHERE {column} = (SELECT id FROM inventory_stockhold WHERE uid = %s)", [hold.uid])  # fmt: skip
        self.run(fate, lambda: expire_due_holds(actor=ACTOR))
        self.free(hold)

    @precondition(lambda self: self.plain.holds)
    @rule(data=st.data(), fate=FATES)
    def a_hold_becomes_an_order(self, data: st.DataObject, fate: int) -> None:
        """Its soft claims are those of the order's lines from now on."""
        hold = self.some_hold(data)
        units: Counter[int] = Counter()
        for (sku_id, _), amount in hold.parts:
            units[sku_id] += amount
        lines = [WantedUnits(uuid7(), sku_id, amount) for sku_id, amount in units.items()]
        order = ForOrder(int(uuid7().int % 2**60), "OM-2", lines, ACTOR)
        self.run(fate, lambda: confirm_hold(uid=hold.uid, owner=ACTOR, order=order))
        of_sku = {line.sku_id: line.line_uid for line in lines}
        for key, amount in hold.parts:
            self.plain.claims.append(PlainClaim(of_sku[key[0]], key, amount))
        # Claims of one line at one node are one to whoever releases or packs them.
        self.plain.holds.remove(hold)

    def some_hold(self, data: st.DataObject) -> PlainHold:
        """One of the open holds."""
        return data.draw(st.sampled_from(self.plain.holds))

    def free(self, hold: PlainHold) -> None:
        """The hold is over."""
        for key, amount in hold.parts:
            self.plain.add(key, reserved=-amount)
        self.plain.holds.remove(hold)

    # -- goods on their way --------------------------------------------------------------------------------------------

    @rule(wanted=st.dictionaries(st.integers(0, 2), AMOUNT, min_size=1), node=st.integers(0, 1), fate=FATES)
    def goods_are_ordered(self, wanted: dict[int, int], node: int, fate: int) -> None:
        """From the supplier; from then on they are inbound."""
        lines = [PurchaseLine(sku_id=self.skus[sku].pk, quantity=amount) for sku, amount in wanted.items()]
        terms = PurchaseTerms(supplier_id=self.supplier.pk, node_id=self.nodes[node].pk)
        order = draft_purchase_order(terms=terms, lines=lines, actor=ACTOR)
        self.run(fate, lambda: place_purchase_order(order_id=order.pk, actor=ACTOR))
        for sku, amount in wanted.items():
            self.plain.add(self.key(sku, node), inbound=amount)
        open_units = {self.skus[sku].pk: amount for sku, amount in wanted.items()}
        self.plain.purchases.append(PlainPurchase(order.pk, self.nodes[node].pk, open_units))

    @precondition(lambda self: self.plain.purchases)
    @rule(data=st.data(), good=st.integers(0, 15), damaged=st.integers(0, 5), fate=FATES)
    def ordered_goods_come(self, data: st.DataObject, good: int, damaged: int, fate: int) -> None:
        """Some, all or more of one SKU."""
        purchase = data.draw(st.sampled_from(self.plain.purchases))
        if good + damaged == 0:
            return
        sku_id = data.draw(st.sampled_from(sorted(purchase.open)))
        item, name = ReceiptItem(sku_id=sku_id, good=good, damaged=damaged), f"grn/{uuid7()}"
        source = Source(order_id=purchase.order_id, accept_over=True)
        self.run(fate, lambda: receive_goods(node_id=purchase.node, items=[item], op_key=name, actor=ACTOR,
                                             source=source))  # fmt: skip
        expected = min(good + damaged, purchase.open[sku_id])
        self.plain.add((sku_id, purchase.node), on_hand=good, damaged=damaged, inbound=-expected)
        purchase.open[sku_id] -= expected
        if not any(purchase.open.values()):
            self.plain.purchases.remove(purchase)

    @precondition(lambda self: self.plain.purchases)
    @rule(data=st.data(), fate=FATES)
    def the_rest_does_not_come(self, data: st.DataObject, fate: int) -> None:
        """The purchase order is closed short, or cancelled where nothing came yet."""
        purchase = data.draw(st.sampled_from(self.plain.purchases))

        def end() -> object:
            try:
                return cancel_purchase_order(order_id=purchase.order_id, reason="no", actor=ACTOR)
            except Conflict:
                return close_purchase_order(order_id=purchase.order_id, reason="no", actor=ACTOR)

        self.run(fate, end)
        for sku_id, amount in purchase.open.items():
            self.plain.add((sku_id, purchase.node), inbound=-amount)
        self.plain.purchases.remove(purchase)

    @rule(wanted=st.dictionaries(st.integers(0, 2), AMOUNT, min_size=1), way=st.booleans(), fate=FATES)
    def a_transfer_is_confirmed(self, wanted: dict[int, int], way: bool, fate: int) -> None:
        """Refused whole where one SKU is short."""
        source, target = self.nodes[int(way)].pk, self.nodes[int(not way)].pk
        lines = {self.skus[sku].pk: amount for sku, amount in wanted.items()}
        transfer = draft_transfer(from_node_id=source, to_node_id=target, actor=ACTOR,
                                  lines=[StockLine(*line) for line in lines.items()])  # fmt: skip
        possible = all(amount <= self.plain.atp((sku_id, source)) for sku_id, amount in lines.items())
        self.run(fate, lambda: confirm_transfer(transfer_id=transfer.pk, actor=ACTOR), possible=possible)
        if possible:
            for sku_id, amount in lines.items():
                self.plain.add((sku_id, source), reserved=amount)
            ids = dict(transfer.lines.values_list("sku_id", "pk"))
            self.plain.transfers.append(PlainTransfer(transfer.pk, source, target, ids, wanted=lines))

    @precondition(lambda self: self.transfers("reserved"))
    @rule(data=st.data(), fate=FATES)
    def a_transfer_is_picked(self, data: st.DataObject, fate: int) -> None:
        """Some units are not found and are free again."""
        transfer = data.draw(st.sampled_from(self.transfers("reserved")))
        found = {sku_id: data.draw(st.integers(1, wanted)) for sku_id, wanted in transfer.wanted.items()}
        lines = [Picked(line_id=transfer.lines[sku_id], quantity=units) for sku_id, units in found.items()]
        self.run(fate, lambda: finish_picking(transfer_id=transfer.transfer_id, actor=ACTOR, lines=lines))
        for sku_id, units in found.items():
            self.plain.add((sku_id, transfer.source), reserved=units - transfer.wanted[sku_id])
        transfer.wanted, transfer.state = found, "picked"

    @precondition(lambda self: self.transfers("reserved", "picked"))
    @rule(data=st.data(), fate=FATES, cancel=st.booleans())
    def a_transfer_leaves_or_is_cancelled(self, data: st.DataObject, fate: int, cancel: bool) -> None:
        """From on hand into transit, and inbound at the other node; or back to ATP."""
        transfer = data.draw(st.sampled_from(self.transfers("reserved", "picked")))
        number = transfer.transfer_id
        self.run(fate, lambda: cancel_transfer(transfer_id=number, actor=ACTOR) if cancel
                 else ship_transfer(transfer_id=number, actor=ACTOR))  # fmt: skip
        for sku_id, units in transfer.wanted.items():
            self.plain.add((sku_id, transfer.source), reserved=-units, on_hand=0 if cancel else -units)
            if not cancel:
                self.plain.add((sku_id, transfer.target), inbound=units)
        if cancel:
            self.plain.transfers.remove(transfer)
        else:
            transfer.in_transit, transfer.state = dict(transfer.wanted), "shipped"

    @precondition(lambda self: self.transfers("shipped"))
    @rule(data=st.data(), fate=FATES, lost=st.booleans())
    def a_transfer_arrives(self, data: st.DataObject, fate: int, lost: bool) -> None:
        """Part of one line, good or damaged, or never."""
        transfer = data.draw(st.sampled_from(self.transfers("shipped")))
        sku_id = data.draw(st.sampled_from(sorted(sku for sku, units in transfer.in_transit.items() if units)))
        units = data.draw(st.integers(1, transfer.in_transit[sku_id]))
        good, name = data.draw(st.integers(0, units)), uuid7().hex
        line, number = transfer.lines[sku_id], transfer.transfer_id
        if lost:
            self.run(fate, lambda: resolve_difference(transfer_id=number, line_id=line, how="lost", quantity=units,
                                                      note="never came", op_key=name, actor=ACTOR))  # fmt: skip
            self.plain.add((sku_id, transfer.target), inbound=-units)
        else:
            came = [Received(line_id=line, good=good, damaged=units - good)]
            self.run(fate, lambda: receive_transfer(transfer_id=number, lines=came, op_key=name, actor=ACTOR))
            self.plain.add((sku_id, transfer.target), inbound=-units, on_hand=good, damaged=units - good)
        transfer.in_transit[sku_id] -= units
        if not any(transfer.in_transit.values()):
            self.plain.transfers.remove(transfer)

    def transfers(self, *states: str) -> list[PlainTransfer]:
        """Transfers in one of these states."""
        return [transfer for transfer in self.plain.transfers if transfer.state in states]

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def every_number_is_what_it_must_be(self) -> None:
        """Balances, claims, and nothing below zero."""
        ids = [sku.pk for sku in self.skus]
        rows = fetch_all(
            f"SELECT sku_id, node_id, {', '.join(BALANCES)} FROM inventory_stocklevel WHERE sku_id = ANY(%s)", [ids]
        )
        assert {(row[0], row[1]): row[2:] for row in rows if any(row[2:])} == self.plain.rows()
        claims = fetch_all(
            "SELECT sku_id, node_id, sum(open_quantity)::int FROM inventory_reservation "
            "WHERE sku_id = ANY(%s) AND open_quantity > 0 GROUP BY 1, 2", [ids])  # fmt: skip
        reserved = {key: level["reserved"] for key, level in self.plain.levels.items() if level["reserved"]}
        assert {(row[0], row[1]): row[2] for row in claims} == reserved

    def teardown(self) -> None:
        """Every stored number of the whole stock room is what the rows below it add up to."""
        assert list(iter_differences(Compared())) == []
