"""Telling carriers what was answered to failed deliveries: outside of any transaction, in the order of the answers.

To try again, to come on another day, to take a corrected address and to turn round are wishes: said twice they are the
same wish, so a lost reply is followed by saying it again. That nobody came is a complaint: said twice it is two, so
after a lost reply a person decides.
"""

from __future__ import annotations

from datetime import timedelta

from carriers.base import NdrAction, NdrAnswer, UnknownOutcome
from carriers.services import answer_ndr
from fulfillment.locks import lock_shipments
from fulfillment.models import AnswerKind, AnswerState, DeliveryAnswer, Shipment
from fulfillment.services.answers import follow, words_of
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, PermanentError, TransientError
from orders.services import TimelineEntry, record

_CLAIM = timedelta(minutes=2)
_ACTIONS = {AnswerKind.RETURN: NdrAction.RETURN, AnswerKind.FAKE: NdrAction.FAKE_ATTEMPT}
_COMMENTS = {
    AnswerKind.AGAIN: "The customer waits for the parcel. Please deliver again.",
    AnswerKind.ON_DAY: "The customer asks for delivery on this day.",
    AnswerKind.CORRECT: "Please deliver with the corrected address or phone number.",
    AnswerKind.RETURN: "The customer does not want the parcel. Please return it.",
    AnswerKind.FAKE: "The customer says that nobody came. Please deliver again.",
}


def tell_carrier(answer_id: int) -> None:
    """Tell the carrier every answer of this failed delivery that it was not told yet, the oldest first.

    Each is told by one worker at a time. Raises TransientError where the carrier cannot be reached, or another worker
    is telling it; what the carrier refuses is kept with its words.
    """
    failure_id = DeliveryAnswer.objects.filter(pk=answer_id).values_list("failure_id", flat=True).first()
    while failure_id is not None and (answer := _claim(failure_id)) is not None:
        _tell(answer)


def _claim(failure_id: int) -> DeliveryAnswer | None:
    """The next answer to tell, claimed for a while; None where all were told."""
    rows = DeliveryAnswer.objects.filter(failure=failure_id, state__in=[AnswerState.QUEUED, AnswerState.SENDING])

    def work() -> DeliveryAnswer | None:
        shipment_id = rows.values_list("failure__shipment_id", flat=True).first()
        if shipment_id is None:
            return None
        [shipment] = lock_shipments([shipment_id])
        for answer in rows.select_related("failure").order_by("pk"):
            if answer.claimed_until is not None and answer.claimed_until > now():
                raise TransientError(f"Answer {answer.pk} is being told at this moment.")
            if answer.failure.closed_at is not None:
                _settle(answer, AnswerState.LATE)
            elif answer.state == AnswerState.SENDING and answer.kind == AnswerKind.FAKE:
                _settle(answer, AnswerState.UNSURE, "It is not known whether the carrier got this.")
                _follow_newest(answer, shipment)
            else:
                answer.state, answer.claimed_until = AnswerState.SENDING, now() + _CLAIM
                answer.save(update_fields=["state", "claimed_until"])
                return answer
        return None

    return run_atomic(work)


def _tell(answer: DeliveryAnswer) -> None:
    booking_id = Shipment.objects.values_list("booking_id", flat=True).get(pk=answer.failure.shipment_id)
    kind = AnswerKind(answer.kind)
    message = NdrAnswer(
        action=_ACTIONS.get(kind, NdrAction.REATTEMPT), comments=answer.note or _COMMENTS[kind], phone=answer.phone,
        address1=answer.line1, address2=answer.line2, deferred_date=answer.deliver_on,
    )  # fmt: skip
    try:
        answer_ndr(booking_id=booking_id or 0, answer=message)
    except TransientError as error:
        _finish(answer, AnswerState.QUEUED, str(error))
        raise
    except UnknownOutcome as error:
        _finish(answer, AnswerState.UNSURE, str(error))
    except (PermanentError, DomainError) as error:
        _finish(answer, AnswerState.REFUSED, str(error))
    else:
        _finish(answer, AnswerState.ACCEPTED)


def _finish(answer: DeliveryAnswer, state: AnswerState, error: str = "") -> None:
    def work() -> None:
        [shipment] = lock_shipments([answer.failure.shipment_id])
        fresh = DeliveryAnswer.objects.select_related("failure").get(pk=answer.pk)
        if fresh.state != AnswerState.SENDING:
            # A person said meanwhile what became of it.
            return
        _settle(fresh, state, error)
        _follow_newest(fresh, shipment)
        if state == AnswerState.QUEUED:
            return
        what = f"{shipment.courier_name or 'The carrier'}: {fresh.get_state_display().lower()}"
        record([TimelineEntry(order_id=shipment.order_id, kind="delivery_answered", actor="carrier",
                              message=f"{what} ({words_of(fresh)}). {error}".strip())])  # fmt: skip

    run_atomic(work)


def _follow_newest(answer: DeliveryAnswer, shipment: Shipment) -> None:
    newest = answer.failure.answers.order_by("-pk").values_list("pk", flat=True).first()
    if newest == answer.pk:
        follow(answer.failure, answer, shipment)


def _settle(answer: DeliveryAnswer, state: AnswerState, error: str = "") -> None:
    answer.state, answer.claimed_until, answer.error = state, None, error[:500]
    if state == AnswerState.ACCEPTED:
        answer.told_at = now()
    answer.save(update_fields=["state", "claimed_until", "error", "told_at"])


def give_up_telling(answer_id: int, reason: str) -> None:
    """The carrier could not be reached for good: the answer comes back as refused, for a person."""
    DeliveryAnswer.objects.filter(pk=answer_id, state__in=[AnswerState.QUEUED, AnswerState.SENDING]).update(
        state=AnswerState.SENDING
    )
    answer = DeliveryAnswer.objects.select_related("failure").filter(pk=answer_id, state=AnswerState.SENDING).first()
    if answer is not None:
        _finish(answer, AnswerState.REFUSED, f"The carrier could not be reached: {reason}")


def tell_again(answer_id: int) -> None:
    """A person has it tried again: what was given up waits to be told once more."""
    rows = DeliveryAnswer.objects.filter(pk=answer_id, state=AnswerState.REFUSED, failure__closed_at__isnull=True)
    rows.update(state=AnswerState.QUEUED, error="")
