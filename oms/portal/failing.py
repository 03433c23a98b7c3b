"""What a customer is told of an attempt that failed, and what they may answer; what they say did not come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import pgettext

from carriers.base import SubStatus
from fulfillment.models import (
    AnsweredBy,
    AnswerKind,
    AnswerState,
    DeliveryAnswer,
    FailedDelivery,
    FailureReason,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.failures import disputed, open_failures, standing_answer
from fulfillment.services.care_terms import care_terms
from fulfillment.services.road import may_dispute
from oms.portal.days import day_text

_KNOWN = (AnswerState.ACCEPTED, AnswerState.BY_PHONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A failed attempt: why, what was answered, and the days to choose from (none: it cannot be asked for again)."""

    failure_id: int
    why: str
    answered: str = ""
    passed_on: str = ""
    wished: date | None = None
    by_customer: bool = False
    may_answer: bool = False
    may_again: bool = False
    days: Sequence[tuple[str, str]] = ()


def failing_of(shipments: Sequence[Shipment], *, may_have: bool) -> dict[int, Failing]:
    """By parcel; `may_have` says that a scan tells of a failed attempt: without one nothing is asked."""
    if not may_have:
        return {}
    rows = open_failures([shipment.pk for shipment in shipments])
    return {shipment.pk: _failing(shipment, rows[shipment.pk]) for shipment in shipments if shipment.pk in rows}


def _failing(shipment: Shipment, failure: FailedDelivery) -> Failing:
    answers = list(failure.answers.all())
    standing = standing_answer(answers)
    terms = care_terms(shipment.carrier_account)
    gone_back = any(row.kind == AnswerKind.RETURN and row.state in DeliveryAnswer.STANDING for row in answers)
    said = any(row.answered_by == AnsweredBy.CUSTOMER and row.state in DeliveryAnswer.STANDING for row in answers)
    refused = not said and any(row.answered_by == AnsweredBy.CUSTOMER for row in answers)
    may_again = failure.number < terms.attempts
    passed_on = pgettext("portal", "The courier did not take your answer. Choose again, or write to us.")
    if not refused:
        passed_on = _passed_on(standing)
    days = [(day.isoformat(), day_text(day)) for day in terms.days_from(shipment.node.today())]
    return Failing(
        failure_id=failure.pk, why=reason_words(failure.reason), answered=_answered(standing), passed_on=passed_on,
        wished=standing.deliver_on if standing else None,
        by_customer=standing is not None and standing.answered_by == AnsweredBy.CUSTOMER,
        may_answer=not (said or gone_back), may_again=may_again, days=days if may_again else (),
    )  # fmt: skip


def _answered(answer: DeliveryAnswer | None) -> str:
    if answer is None:
        return ""
    match answer.kind:
        case AnswerKind.RETURN:
            return pgettext("portal", "It goes back to us.")
        case AnswerKind.ON_DAY if answer.deliver_on is not None:
            values = {"day": day_text(answer.deliver_on)}
            return pgettext("portal", "The courier is to come again on %(day)s.") % values
        case AnswerKind.CORRECT:
            return pgettext("portal", "The courier is to come again with the corrected address or phone number.")
        case _:
            return pgettext("portal", "The courier is to come again.")


def _passed_on(answer: DeliveryAnswer | None) -> str:
    if answer is None:
        return ""
    if answer.state in _KNOWN:
        return pgettext("portal", "The courier knows.")
    return pgettext("portal", "We pass it on to the courier.")


def reason_words(reason: str) -> str:
    """Why an attempt failed, as it is said to a customer."""
    words: dict[str, str] = {
        FailureReason.CUSTOMER_UNAVAILABLE: pgettext("portal", "The courier found nobody there."),
        FailureReason.REFUSED: pgettext("portal", "The courier says that the parcel was refused."),
        FailureReason.WRONG_ADDRESS: pgettext("portal", "The courier could not find the address."),
        FailureReason.PHONE_UNREACHABLE: pgettext("portal", "The courier could not reach you by phone."),
        FailureReason.COD_NOT_READY: pgettext("portal", "The courier says that the cash was not ready."),
        FailureReason.OUT_OF_AREA: pgettext("portal", "The courier says that they do not come to your address."),
        FailureReason.RESCHEDULED: pgettext("portal", "The courier says that you asked for another day."),
    }
    return words.get(reason) or pgettext("portal", "The courier could not deliver.")


def scan_words(sub_status: str) -> str:
    """What a scan says beyond its milestone, in the customer's language; empty where that is not known."""
    words: dict[str, str] = {
        SubStatus.ARRIVED_AT_HUB: pgettext("portal", "Arrived at a hub of the courier"),
        SubStatus.LEFT_HUB: pgettext("portal", "Left a hub of the courier"),
        SubStatus.AT_DESTINATION: pgettext("portal", "Arrived near you"),
        SubStatus.MISROUTED: pgettext("portal", "Took a wrong way, and is being sent on"),
        SubStatus.DELAYED: pgettext("portal", "Held up on the way"),
        SubStatus.TO_CUSTOMER: pgettext("portal", "Handed to the recipient"),
        SubStatus.TO_NEIGHBOUR: pgettext("portal", "Handed to a neighbour or somebody you named"),
        SubStatus.TO_SECURITY: pgettext("portal", "Left with security or at the reception"),
    }
    return words.get(sub_status, "")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whether a delivered parcel may be called missing, and whether it was."""

    may_say: bool
    said: bool


def doubts_of(shipments: Sequence[Shipment]) -> dict[int, Doubt]:
    """By parcel that was delivered. One statement where there is any."""
    delivered = [row for row in shipments if row.state == ShipmentState.DELIVERED]
    if not delivered:
        return {}
    said = disputed([row.pk for row in delivered])
    return {
        row.pk: Doubt(row.pk not in said and may_dispute(row), row.pk in said and said[row.pk].closed_at is None)
        for row in delivered
    }
