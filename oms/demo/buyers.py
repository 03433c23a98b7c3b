"""Who orders what, when and from where: canonical orders of the past, drawn from a seed. Pure.

Shares and their sources are those of `channels.simulators.woocommerce.world`; the shares of the channels are assumed.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from string import ascii_uppercase
from zoneinfo import ZoneInfo

from channels.simulators.woocommerce import world
from oms.core.places import find_place
from oms.core.values import Address
from oms.demo import brand
from oms.demo.catalogue import DemoSku
from oms.demo.nodes import STORES, DemoNode
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment, PaymentMethod
from orders.gst.gstin import check_sign
from orders.gst.places import state_code
from orders.validation import WantedHold

INDIA = ZoneInfo(world.TIME_ZONE)
_CHANNELS = {brand.WEB: 0.46, brand.MARKETPLACE: 0.22, brand.PANEL: 0.17, brand.QUICK: 0.12, brand.B2B: 0.03}
_COD = {brand.WEB: 0.62, brand.MARKETPLACE: 0.60, brand.PANEL: 0.66, brand.QUICK: 0.30, brand.B2B: 0.0}
_FREE_SHIPPING_MINOR = 99_900
_SHIPPING_MINOR = 7_900
_COD_FEE_MINOR = 4_900

#: What people and rules hold orders for, beside what validation finds: share of orders, reason, note.
_HOLDS = (
    (0.012, "cod_unconfirmed", "Cash on delivery above the limit: confirm by phone."),
    (0.006, "fraud_risk", "Third address of this buyer in a week."),
    (0.004, "duplicate", "The same goods to the same phone within ten minutes."),
    (0.004, "customer_request", "The customer is away and asks to wait."),
    (0.002, "other", "Waiting for an answer about the size."),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One order of the past and what else the story knows of it."""

    channel: str
    order: CanonicalOrder
    #: The address as the customer would say it on the phone, where the order has it wrong.
    address: Address
    holds: tuple[WantedHold, ...] = ()
    luck: random.Random = field(default_factory=random.Random)


class Buyers:
    """Draws orders. The same seed and arguments draw the same orders."""

    def __init__(self, skus: Sequence[DemoSku], sku_ids: Mapping[str, int], seed: int) -> None:
        self.skus, self.sku_ids = skus, sku_ids
        self.luck = random.Random(seed)
        self._popularity = list(accumulate(sku.rank**-world.ZIPF_EXPONENT for sku in skus))
        self._places = list(accumulate(world.place_weights()))
        self._numbers = dict.fromkeys(_CHANNELS, 0)

    def draw_days(self, count: int, days: int, until: datetime) -> list[list[Drawn]]:
        """`count` orders placed in the `days` days before `until`, by local day, each day in order of time."""
        last = until.astimezone(INDIA).date()
        start = until - timedelta(days=days)
        moments: list[datetime] = []
        while len(moments) < count:
            day = last - timedelta(days=self.luck.randrange(days + 1))
            # Saturdays and Sundays sell a fifth more, and the brand grows by a third over the time.
            growth = 0.75 + 0.25 * (1 - (last - day).days / max(1, days))
            if self.luck.random() > growth * (1.0 if day.isoweekday() >= 6 else 0.83):
                continue
            moment = self._moment(day)
            if start <= moment <= until - timedelta(minutes=2):
                moments.append(moment)
        by_day: dict[date, list[Drawn]] = {}
        for moment in sorted(moments):
            by_day.setdefault(moment.astimezone(INDIA).date(), []).append(self._draw(moment))
        return [by_day[day] for day in sorted(by_day)]

    def _moment(self, day: date) -> datetime:
        hour = self.luck.choices(range(24), world.HOUR_SHARES)[0]
        local = datetime.combine(day, time(hour), INDIA) + timedelta(seconds=self.luck.uniform(0, 3599))
        return local.astimezone(UTC)

    # -- one order ----------------------------------------------------------------------------------------------------

    def _draw(self, placed_at: datetime) -> Drawn:
        channel = self.luck.choices(list(_CHANNELS), list(_CHANNELS.values()))[0]
        lines = self._b2b_lines() if channel == brand.B2B else self._lines()
        address = self._near_a_store() if channel == brand.QUICK else self._address()
        cod = self.luck.random() < _COD[channel]
        pickup = self._pickup_store(channel, address)
        method: PaymentMethod = "credit" if channel == brand.B2B else "cod" if cod and not pickup else "prepaid"
        goods = sum(line.unit_price_minor * line.quantity - line.discount_minor for line in lines)
        shipping = 0 if goods >= _FREE_SHIPPING_MINOR or channel == brand.B2B or pickup else _SHIPPING_MINOR
        fee = _COD_FEE_MINOR if method == "cod" else 0
        external_id, number = self._name(channel)
        gift = self.luck.random() < 0.03
        order = CanonicalOrder(
            external_id=external_id, external_number=number, placed_at=placed_at, lines=tuple(lines),
            customer_name=address.name, customer_email="" if channel == brand.MARKETPLACE else address.email,
            customer_phone=address.phone, ship_to=self._spoil(address), shipping_minor=shipping, cod_fee_minor=fee,
            payment=self._payment(method, goods + shipping + fee, placed_at), is_b2b=channel == brand.B2B,
            service_level="pickup" if pickup else "same_day" if channel == brand.QUICK else
            "express" if self.luck.random() < 0.08 else "standard", pickup_node_code=pickup, is_gift=gift,
            gift_message=self.luck.choice(world.GIFT_MESSAGES) if gift else "",
            customer_note=self.luck.choice(world.NOTES) if self.luck.random() < 0.05 else "",
            buyer_gstin=_gstin(address.region, self.luck) if channel == brand.B2B else "",
            on_hold_by_channel=channel == brand.PANEL and self.luck.random() < 0.01,
        )  # fmt: skip
        return Drawn(channel, order, address, self._holds(), random.Random(self.luck.random()))

    def _name(self, channel: str) -> tuple[str, str]:
        """The channel's id and number of its next order."""
        self._numbers[channel] += 1
        nth = self._numbers[channel]
        if channel == brand.MARKETPLACE:
            text = f"405-{3_100_000 + nth * 7919 % 6_899_999:07d}-{1_000_000 + nth * 104729 % 8_999_999:07d}"
            return text, text
        prefix = {brand.WEB: "", brand.PANEL: "SK", brand.QUICK: "QK-", brand.B2B: "PO-"}[channel]
        text = f"{prefix}{700_000 + nth}"
        return text, f"#{text}" if channel == brand.WEB else text

    def _payment(self, method: PaymentMethod, amount: int, placed_at: datetime) -> CanonicalPayment:
        if method != "prepaid":
            return CanonicalPayment(method=method, state="pending", gateway=method, amount_minor=amount)
        reference = f"pay_{self.luck.getrandbits(48):012x}"
        if self.luck.random() < 0.025:
            return CanonicalPayment(method=method, state="pending", gateway="upi", amount_minor=amount)
        return CanonicalPayment(
            method=method, state="paid", gateway=self.luck.choice(("upi", "upi", "card", "netbanking")),
            reference=reference, amount_minor=amount, captured_minor=amount,
        )  # fmt: skip

    def _holds(self) -> tuple[WantedHold, ...]:
        draw = self.luck.random()
        for share, reason, note in _HOLDS:
            draw -= share
            if draw < 0:
                return (WantedHold(reason, f"rule:{reason}", note),)
        return ()

    # -- goods --------------------------------------------------------------------------------------------------------

    def _lines(self) -> list[CanonicalLine]:
        number = self.luck.choices(list(world.LINES_PER_ORDER), list(world.LINES_PER_ORDER.values()))[0]
        units = self.luck.choices(list(world.UNITS_PER_LINE), list(world.UNITS_PER_LINE.values()), k=number)
        return self._of(units)

    def _b2b_lines(self) -> list[CanonicalLine]:
        return self._of([self.luck.randint(4, 12) for _ in range(self.luck.randint(2, 6))])

    def _of(self, units: Sequence[int]) -> list[CanonicalLine]:
        chosen: dict[int, DemoSku] = {}
        while len(chosen) < len(units):
            at = bisect.bisect_left(self._popularity, self.luck.random() * self._popularity[-1])
            chosen[at] = self.skus[at]
        return [self._line(sku, quantity, at) for at, (sku, quantity) in
                enumerate(zip(chosen.values(), units, strict=True), start=1)]  # fmt: skip

    def _line(self, sku: DemoSku, quantity: int, position: int) -> CanonicalLine:
        price = sku.style.price_minor
        off = price * quantity // 10 if self.luck.random() < 0.12 else 0
        paid = price * quantity - off
        rate = sku.style.tax_rate_bp
        return CanonicalLine(
            external_id=str(position), sku_code=sku.code, sku_id=self.sku_ids.get(sku.code), quantity=quantity,
            name=sku.name, unit_price_minor=price, discount_minor=off, tax_minor=paid * rate // (10_000 + rate),
            options={"size": sku.size} if sku.size else {},
        )  # fmt: skip

    # -- people -------------------------------------------------------------------------------------------------------

    def _address(self) -> Address:
        at = bisect.bisect_left(self._places, self.luck.random() * self._places[-1])
        postcode, city, _ = world.PLACES[at]
        return self._person(postcode, city)

    def _near_a_store(self) -> Address:
        store = self.luck.choice([node for node in STORES if node.ships])
        return self._person(store.postcode, store.city)

    def _person(self, postcode: str, city: str) -> Address:
        first, last = self.luck.choice(world.FIRST_NAMES), self.luck.choice(world.LAST_NAMES)
        place = find_place("IN", postcode)
        number = self.luck.randint(1, 420)
        return Address(
            name=f"{first} {last}", line1=f"{number}, {self.luck.choice(world.STREETS)}", city=city,
            region=place.state if place else "", postcode=postcode, country="IN",
            phone=f"+919{self.luck.randrange(10**9):09d}",
            email=f"{first}.{last}{self.luck.randrange(1000)}@example.com".lower(),
        )  # fmt: skip

    def _spoil(self, address: Address) -> Address:
        """One address in a hundred lacks something, one in two hundred has a PIN that nobody knows."""
        draw = self.luck.random()
        values = address.as_json()
        if draw < 0.006:
            values["line1"] = ""
        elif draw < 0.010:
            values["postcode"] = "999999"
        return Address(**values)

    def _pickup_store(self, channel: str, address: Address) -> str:
        """Some buyers of the own shop who live near a store collect there."""
        if channel != brand.WEB or self.luck.random() > 0.10:
            return ""
        near = [store.code for store in _stores_by_city().get(address.city, ())]
        return self.luck.choice(near) if near else ""


@lru_cache(maxsize=1)
def _stores_by_city() -> dict[str, list[DemoNode]]:
    found: dict[str, list[DemoNode]] = {}
    for store in STORES:
        found.setdefault(store.city, []).append(store)
    return found


def _gstin(region: str, luck: random.Random) -> str:
    """A GSTIN of the right form with a right check sign, of no real company."""
    letters = "".join(luck.choices(ascii_uppercase, k=5))
    body = f"{state_code(region) or '29'}{letters}{luck.randint(1000, 9999)}{luck.choice(ascii_uppercase)}1Z"
    return body + check_sign(body)
