"""Book a parcel with a carrier: one live booking per parcel, whatever is lost on the way.

The row with our reference is committed before the carrier is called, and no transaction is open while it is called.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from carriers.adapters.manual.awb import AwbRange
from carriers.base import BookingRequest, ReservesAwb, UnknownOutcome
from carriers.choosing import Quote
from carriers.errors import LaneNotServed, LaneRefused, NoCarrier, NotProven
from carriers.locks import lock_account, lock_booking
from carriers.models import Booking, BookingState, CarrierAccount
from carriers.registry import adapter_for
from carriers.services.accounts import account_config, note_failure, note_ok
from carriers.services.choice import choose, rate_request, terms_of
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import (
    adopt,
    call_config,
    claim,
    fail,
    lease,
    mark_unknown,
    proof_after,
    release,
    withdraw,
)
from carriers.services.settlement import settle
from carriers.services.stored_request import read_request, write_request
from oms.core import clock
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound, PermanentError, TransientError

logger = logging.getLogger(__name__)
State = BookingState

#: How long to wait for somebody else who is booking the same parcel.
WAIT_SECONDS = 25.0
_LOOK_EVERY_SECONDS = 0.1
#: How many services are tried in one go when the first ones refuse.
MAX_CANDIDATES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the caller of `book` asked for."""

    request: BookingRequest
    parcel_uid: UUID
    account_id: int | None
    promised_by: date | None
    awb: str
    fastest: bool
    channel_code: str
    but: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A service that may carry the parcel."""

    account_id: int
    courier_id: str = ""
    charge_minor: int | None = None
    currency: str = "INR"
    because: str = "Chosen by a person."


def book(
    *,
    request: BookingRequest,
    parcel_uid: UUID,
    account_id: int | None = None,
    promised_by: date | None = None,
    awb: str = "",
    fastest: bool = False,
    channel_code: str = "",
    but: Sequence[int] = (),
) -> Booking:
    """Book one parcel; a parcel that has a live booking already gets that one. Never inside a transaction.

    `request.client_reference` is replaced by our own: "<order number>-<parcel>-<try>". `account_id` picks the carrier
    account; without it the best of `choose(..., promised_by=..., fastest=...)` is taken, the next best where one
    refuses; why, is kept with the booking. `channel_code` is for the rules of choice; `but` are ids of
    accounts that are left out. `awb` is a number typed in by a person, for carriers without an API.

    Returns the booking as BOOKED, or as UNKNOWN when the carrier's reply was lost and it is not certain yet whether
    the parcel is booked: `settle_unknown` finds out and publishes BookingSettled, and then `book` is called again.
    Raises TransientError (nothing stands, call again later), PermanentError (refused; the booking is FAILED with the
    reason, the next call is a new try), NoCarrier when no account carries it (LaneNotServed where carriers answered and
    none serves this way), NetworkInsideTransaction when called inside a transaction.
    """
    refuse_open_transaction("book")
    wish = _Wish(
        request=request, parcel_uid=parcel_uid, account_id=account_id, promised_by=promised_by, awb=awb,
        fastest=fastest, channel_code=channel_code, but=tuple(but),
    )  # fmt: skip
    give_up_at = time.monotonic() + WAIT_SECONDS
    while True:
        live = live_booking(parcel_uid)
        if live is None:
            booked = _book_anew(wish)
        elif live.state == State.BOOKED:
            return live
        elif live.state == State.CANCELLING:
            raise TransientError(f"Booking {live} is being cancelled; book again after that.", retry_after_seconds=30)
        else:
            booked = _carry_on(live, wish)
        if booked is not None and booked.state in (State.BOOKED, State.UNKNOWN):
            return booked
        if time.monotonic() > give_up_at:
            raise TransientError(f"Parcel {parcel_uid} is being booked by someone else.", retry_after_seconds=5)


def live_booking(parcel_uid: UUID) -> Booking | None:
    """The one booking of a parcel that is not over."""
    return Booking.objects.select_related("account").filter(parcel_uid=parcel_uid, state__in=Booking.LIVE).first()


# -- a booking that stands already -------------------------------------------------------------------------------------


def _carry_on(live: Booking, wish: _Wish) -> Booking | None:
    """Bring a REQUESTED or UNKNOWN booking further; None means: look again what stands."""
    calling = live.state == State.REQUESTED and live.next_poll_at is not None
    if calling and live.next_poll_at is not None and live.next_poll_at > clock.now():
        time.sleep(_LOOK_EVERY_SECONDS)
        return None
    if calling or live.state == State.UNKNOWN:
        settled = settle(live)
        return settled if settled.state == State.UNKNOWN else None
    if _asks_for_something_else(live, wish):
        withdraw(live, "Asked for again with other data.")
        return None
    return _call(live) if claim(live) else None


def _asks_for_something_else(live: Booking, wish: _Wish) -> bool:
    """Whether a half-done booking must not be completed: it would go to another address, or with another carrier."""
    stored = read_request(live.request)
    wanted = replace(
        wish.request,
        client_reference=stored.client_reference,
        courier_id=wish.request.courier_id or stored.courier_id,
    )
    return stored != wanted or wish.account_id not in (None, live.account_id)


# -- a new booking -----------------------------------------------------------------------------------------------------


def _book_anew(wish: _Wish) -> Booking | None:
    # What was said, once however many services say it, and whether it was about the lane.
    refusals: dict[str, bool] = {}
    for candidate in _candidates(wish)[:MAX_CANDIDATES]:
        account = CarrierAccount.objects.get(pk=candidate.account_id)
        adapter = adapter_for(account.adapter)  # Raises NoCarrier while there is nothing yet to be in doubt about.
        try:
            reserved = "" if wish.awb or not isinstance(adapter, ReservesAwb) else _reserved(adapter, account)
            booking = _open(account, wish, candidate, " ".join([candidate.because, *refusals]), reserved)
            return None if booking is None else _call(booking)
        except PermanentError as error:
            words = f"{account.name}: {error}"
            refusals[words] = isinstance(error, LaneRefused)
    if all(refusals.values()) and wish.account_id is None:
        raise LaneNotServed(" ".join(refusals))
    raise PermanentError(" ".join(refusals))


def _candidates(wish: _Wish) -> Sequence[_Candidate]:
    """Whom to ask, best first. Raises NoCarrier, TransientError when those who might carry it do not answer."""
    if wish.account_id is not None:
        account = CarrierAccount.objects.filter(pk=wish.account_id).first()
        if account is None:
            raise NotFound(f"There is no carrier account {wish.account_id}.")
        if not account.is_active:
            raise NoCarrier(f"{account.name} is switched off. Choose another carrier.")
        return [_Candidate(account_id=account.pk, courier_id=wish.request.courier_id)]
    quotes = choose(
        request=rate_request(wish.request), promised_by=wish.promised_by, fastest=wish.fastest,
        terms=terms_of(wish.request, key=str(wish.parcel_uid), channel_code=wish.channel_code),
        but=wish.but,
    )  # fmt: skip
    fitting = [quote for quote in quotes if quote.eligible and wish.request.courier_id in ("", quote.courier_id)]
    if fitting:
        return [_candidate(quote) for quote in fitting]
    silent = [quote for quote in quotes if quote.unanswered]
    if silent:
        raise TransientError(" ".join(f"{quote.account_name}: {quote.reason}" for quote in silent))
    reasons = " ".join(f"{quote.account_name}: {quote.reason}" for quote in quotes)
    to = wish.request.ship_to.postcode
    if not reasons:
        raise NoCarrier(f"No carrier takes this parcel to {to}. There is no active carrier account.")
    raise LaneNotServed(f"No carrier takes this parcel to {to}. {reasons}")


def _candidate(quote: Quote) -> _Candidate:
    return _Candidate(
        account_id=quote.account_id,
        courier_id=quote.courier_id,
        charge_minor=quote.charge_minor,
        currency=quote.currency,
        because=quote.because,
    )


def client_reference(order_number: str, parcel_uid: UUID, number: int) -> str:
    """Our name for one try: order number, the random end of the parcel's id, the number of the try."""
    order = re.sub(r"[^A-Za-z0-9-]+", "", order_number)[:30]
    return f"{order}-{parcel_uid.hex[-6:]}-{number}"


def _reserved(adapter: ReservesAwb, account: CarrierAccount) -> str:
    """An AWB of the carrier for a booking that is about to be opened: nothing stands yet that could be in doubt."""
    try:
        return adapter.reserve_awb(account_config(account))
    except (TransientError, UnknownOutcome) as error:
        note_failure(account, error)
        raise TransientError(str(error)) from error


def _open(
    account: CarrierAccount, wish: _Wish, candidate: _Candidate, because: str, reserved: str = ""
) -> Booking | None:  # fmt: skip
    """Commit the row that the call will be made for; None when somebody else has just opened one."""
    earlier = Booking.objects.filter(parcel_uid=wish.parcel_uid).count()
    reference = client_reference(wish.request.order_number, wish.parcel_uid, earlier + 1)
    request = replace(wish.request, client_reference=reference, courier_id=candidate.courier_id)

    def work() -> Booking:
        with transaction.atomic():
            given = wish.awb or reserved or _next_awb(account)
            return Booking.objects.create(
                account=account,
                client_reference=reference,
                parcel_uid=wish.parcel_uid,
                order_number=wish.request.order_number,
                request=write_request(request, given),
                expected_charge_minor=candidate.charge_minor,
                currency=candidate.currency,
                chosen_because=because[:500],
                next_poll_at=clock.now() + lease(account),
                attempts=1,
            )

    try:
        return run_atomic(work)
    except IntegrityError:
        return None


def _next_awb(account: CarrierAccount) -> str:
    """The next number of the account's setting `awb_range` (prefix, first, last); empty without one.

    Raises PermanentError when it is used up. Joins the transaction that opens the booking, so that no number is lost
    or given twice.
    """
    if not account.settings.get("awb_range"):
        return ""
    locked = lock_account(account.pk)
    numbers: dict[str, Any] = locked.settings["awb_range"]
    used = int(locked.settings.get("awb_used", 0))
    try:
        allotted = AwbRange(
            prefix=str(numbers.get("prefix", "")), first=int(numbers["first"]), last=int(numbers["last"])
        )
        given = allotted.number_at(used)
    except DomainError as error:
        raise PermanentError(f"{error.message} Give {account.name} a new one.") from error
    except (KeyError, ValueError) as error:
        raise PermanentError(f"The setting awb_range of {account.name} needs the numbers first and last.") from error
    locked.settings["awb_used"] = used + 1
    CarrierAccount.objects.filter(pk=locked.pk).update(settings=locked.settings)
    return given


# -- the call ----------------------------------------------------------------------------------------------------------


def _call(booking: Booking) -> Booking:
    """Ask the carrier, as the one caller that `claim` or `_open` made us, and write down what came of it."""
    account = booking.account
    try:
        booked = adapter_for(account.adapter).book(call_config(booking), read_request(booking.request))
    except TransientError as error:
        release(booking, error)
        note_failure(account, error)
        raise
    except PermanentError as error:
        return _refused(booking, error)
    except UnknownOutcome as error:
        note_failure(account, error)
        return _look_at_once(mark_unknown(booking, error, proof_in=proof_after(account)))
    except Exception as error:
        # A fault of the adapter: nobody knows how far the call came.
        mark_unknown(booking, error, proof_in=proof_after(account))
        raise
    note_ok(account)
    if not booked.awb:
        return mark_unknown(booking, "The carrier gave no AWB.", proof_in=proof_after(account))
    current = adopt(booking, booked)
    if current.state == State.FAILED:
        raise PermanentError(current.error)
    return current


def _look_at_once(booking: Booking) -> Booking:
    """A lost reply is often a call that went through: ask right away, quietly."""
    try:
        return settle(booking)
    except (TransientError, PermanentError, DomainError) as error:
        logger.info("Booking %s stays unknown: %s", booking.pk, error)
        return booking


def _refused(booking: Booking, refusal: PermanentError) -> Booking:
    """Close a refused booking and void what the refused call may have left half-done at the carrier."""
    adapter, config = adapter_for(booking.account.adapter), call_config(booking)
    try:
        left = adapter.find_booking(config, booking.client_reference)
        if left is not None and left.awb:
            return adopt(booking, left)
        if left is not None:
            adapter.cancel(config, left)
    except NotProven:
        # It said that it refused, and shows nothing: there is nothing to void.
        pass
    except (TransientError, PermanentError, UnknownOutcome) as error:
        note_failure(booking.account, error)
        logger.warning("What booking %s left at the carrier is not known: %s", booking.pk, error)

    def work() -> None:
        locked = lock_booking(booking.pk)
        if locked.state in (State.REQUESTED, State.UNKNOWN):
            fail(locked, str(refusal))

    run_atomic(work)
    raise refusal
