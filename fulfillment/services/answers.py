"""Answers to failed deliveries: stored first, told to the carrier afterwards, each seen by whoever answers next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from carriers.base import AnswersNdr
from carriers.models import CarrierAccount
from carriers.registry import ADAPTERS
from fulfillment.events import DeliveryAnswered
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    AnsweredBy,
    AnswerKind,
    AnswerState,
    DeliveryAnswer,
    FailedDelivery,
    FailureState,
    Shipment,
)
from fulfillment.services.care_terms import CareTerms, care_terms
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.outbox import publish
from orders.services import TimelineEntry, record

#: A customer changes their mind now and then; a machine does so all day.
CUSTOMER_ANSWERS_A_DAY = 5
_PIN = re.compile(r"(?<!\d)\d{6}(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is answered. `deliver_on` belongs to another day, the lines and the phone to a correction."""

    kind: AnswerKind
    note: str = ""
    deliver_on: date | None = None
    line1: str = ""
    line2: str = ""
    phone: str = ""


def takes_answers(account: CarrierAccount | None) -> bool:
    """Whether the carrier is told by the system; the others are told by phone."""
    return account is not None and isinstance(ADAPTERS.get(account.adapter), AnswersNdr)


def answer_failure(
    *, failure_id: int, wish: Wish, by: AnsweredBy, actor: str, seen: int | None = None, by_phone: bool = False
) -> DeliveryAnswer:
    """Store an answer; the carrier is told of it by the flow. The same answer once more is the one that stands.

    `seen` is the newest answer that the caller saw (0 for none): Conflict where another one came since. `by_phone`: the
    carrier knows already. Two answers of different people are both told, in the order in which they were stored; after
    a return nothing more is taken. Raises NotFound, Conflict once the parcel has moved on, DomainError for a wish that
    makes no sense.
    """
    shipment_id = FailedDelivery.objects.filter(pk=failure_id).values_list("shipment_id", flat=True).first()
    if shipment_id is None:
        raise NotFound(f"There is no failed delivery {failure_id}.")

    def work() -> DeliveryAnswer:
        [shipment] = lock_shipments([shipment_id])
        failure = FailedDelivery.objects.get(pk=failure_id)
        terms = care_terms(shipment.carrier_account)
        given = list(failure.answers.order_by("pk"))
        last = given[-1] if given else None
        if last is not None and last.state in DeliveryAnswer.STANDING and _same(last, wish, by):
            return last
        number = shipment.order.number
        if failure.closed_at is not None:
            raise Conflict(f"The parcel of {number} has moved on: {failure.get_ended_display().lower()}.")
        if any(row.kind == AnswerKind.RETURN and row.state in DeliveryAnswer.STANDING for row in given):
            raise Conflict(f"The carrier brings the parcel of {number} back: that was answered before.")
        if seen is not None and seen != (last.pk if last else 0):
            who = last.actor if last else ""
            raise Conflict(f"{who} answered for {number} meanwhile. Look at it again.")
        check_wish(wish, failure, shipment, terms, by_phone=by_phone)
        if by == AnsweredBy.CUSTOMER:
            _check_customer(given, shipment)
        return _store(failure, shipment, wish, by=by, actor=actor, by_phone=by_phone)

    return run_atomic(work)


def check_wish(
    wish: Wish, failure: FailedDelivery, shipment: Shipment, terms: CareTerms, *, by_phone: bool = False
) -> None:
    """Whether this can be asked of the carrier. Raises DomainError, naming the field."""
    if failure.number >= terms.attempts and wish.kind != AnswerKind.RETURN and not by_phone:
        raise DomainError(
            f"The carrier tried {failure.number} times and does not come again by itself. Call them, or send the "
            "parcel back.", field="kind",
        )  # fmt: skip
    if wish.kind == AnswerKind.ON_DAY:
        days = terms.days_from(shipment.node.today())
        if wish.deliver_on not in days:
            raise DomainError(
                f"{wish.deliver_on or 'No day'} is not a day on which the carrier can come: choose one from "
                f"{days[0]} to {days[-1]}.", field="deliver_on",
            )  # fmt: skip
    if wish.kind == AnswerKind.CORRECT:
        _check_correction(wish, shipment)


def _check_correction(wish: Wish, shipment: Shipment) -> None:
    if not (wish.line1 or wish.phone):
        raise DomainError("Give the corrected address or phone number.", field="line1")
    if wish.phone:
        digits = re.sub(r"\D", "", wish.phone)
        if not 10 <= len(digits) <= 15:
            raise DomainError(f"{wish.phone!r} is not a phone number: it takes ten digits or more.", field="phone")
    pin = shipment.order.ship_postcode
    other = next((found for found in _PIN.findall(f"{wish.line1} {wish.line2}") if found != pin), None)
    if other is not None and shipment.order.ship_country == "IN":
        raise DomainError(
            f"The parcel is on its way to PIN code {pin}; carriers do not take it to {other}.", field="line1"
        )


def _check_customer(given: list[DeliveryAnswer], shipment: Shipment) -> None:
    if any(row.answered_by == AnsweredBy.CUSTOMER and row.state in DeliveryAnswer.STANDING for row in given):
        raise Conflict("You have answered already.")
    since = now() - timedelta(days=1)
    answers = DeliveryAnswer.objects.filter(failure__shipment__order_id=shipment.order_id, created_at__gt=since)
    if answers.filter(answered_by=AnsweredBy.CUSTOMER).count() >= CUSTOMER_ANSWERS_A_DAY:
        raise Conflict("That was changed often today. Write to us instead.")


def _same(row: DeliveryAnswer, wish: Wish, by: AnsweredBy) -> bool:
    told = Wish(kind=AnswerKind(row.kind), note=row.note, deliver_on=row.deliver_on, line1=row.line1, line2=row.line2,
                phone=row.phone)  # fmt: skip
    return row.answered_by == by and told == wish


def _store(
    failure: FailedDelivery, shipment: Shipment, wish: Wish, *, by: AnsweredBy, actor: str, by_phone: bool
) -> DeliveryAnswer:
    told = takes_answers(shipment.carrier_account)
    state = AnswerState.BY_PHONE if by_phone else AnswerState.QUEUED if told else AnswerState.TO_CALL
    answer = DeliveryAnswer.objects.create(
        failure=failure, kind=wish.kind, answered_by=by, actor=actor[:120], note=wish.note, deliver_on=wish.deliver_on,
        line1=wish.line1, line2=wish.line2, phone=wish.phone, state=state, created_at=now(),
        told_at=now() if by_phone else None,
    )  # fmt: skip
    message = f"Answer to failed attempt {failure.number}: {words_of(answer)}."
    if state == AnswerState.TO_CALL:
        message += " The carrier is to be told by phone."
    record([TimelineEntry(order_id=shipment.order_id, kind="delivery_answered", actor=actor, message=message,
                          data={"answer": answer.pk, "by": by})])  # fmt: skip
    follow(failure, answer, shipment)
    if state == AnswerState.QUEUED:
        publish([DeliveryAnswered(answer_id=answer.pk, order_id=shipment.order_id)])
    return answer


def words_of(answer: DeliveryAnswer) -> str:
    """What was answered, in a phrase."""
    parts = [str(AnswerKind(answer.kind).label).lower()]
    if answer.deliver_on:
        parts.append(f"{answer.deliver_on:%d %b}")
    if answer.note:
        parts.append(answer.note)
    return ", ".join(parts)


_FOLLOWS = {
    AnswerState.QUEUED: FailureState.TELLING,
    AnswerState.SENDING: FailureState.TELLING,
    AnswerState.ACCEPTED: FailureState.TOLD,
    AnswerState.BY_PHONE: FailureState.TOLD,
    AnswerState.TO_CALL: FailureState.WAITING,
    AnswerState.REFUSED: FailureState.REFUSED,
    AnswerState.UNSURE: FailureState.REFUSED,
}


def follow(failure: FailedDelivery, answer: DeliveryAnswer, shipment: Shipment) -> None:
    """Bring the failed delivery to where its newest answer leaves it. Accepted is not done: a scan must follow."""
    state = _FOLLOWS.get(AnswerState(answer.state))
    if state is None or failure.closed_at is not None:
        return
    failure.state = state
    failure.act_by = _act_by(answer, shipment) if state == FailureState.TOLD else None
    failure.save(update_fields=["state", "act_by"])


def _act_by(answer: DeliveryAnswer, shipment: Shipment) -> datetime:
    begins = answer.told_at or now()
    if answer.deliver_on is not None:
        zone = ZoneInfo(shipment.node.time_zone)
        begins = max(begins, datetime.combine(answer.deliver_on, time(0), zone))
    return begins + timedelta(hours=care_terms(shipment.carrier_account).act_hours)


def mark_told(*, answer_id: int, actor: str) -> DeliveryAnswer:
    """A person told the carrier by phone what could not be told otherwise. Again changes nothing.

    Raises NotFound, and Conflict for an answer that the carrier has, or is being told.
    """
    found = DeliveryAnswer.objects.filter(pk=answer_id).values_list("failure__shipment_id", flat=True).first()
    if found is None:
        raise NotFound(f"There is no answer {answer_id}.")

    def work() -> DeliveryAnswer:
        [shipment] = lock_shipments([found])
        answer = DeliveryAnswer.objects.select_related("failure").get(pk=answer_id)
        if answer.state == AnswerState.BY_PHONE:
            return answer
        if answer.state not in (AnswerState.TO_CALL, AnswerState.REFUSED, AnswerState.UNSURE):
            raise Conflict(f"The answer for {shipment.order.number} is {answer.get_state_display().lower()}.")
        answer.state, answer.told_at = AnswerState.BY_PHONE, now()
        answer.save(update_fields=["state", "told_at"])
        record([TimelineEntry(order_id=shipment.order_id, kind="delivery_answered", actor=actor,
                              message=f"Told {shipment.courier_name} by phone: {words_of(answer)}.")])  # fmt: skip
        follow(answer.failure, answer, shipment)
        return answer

    return run_atomic(work)
