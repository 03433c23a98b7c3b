"""How long carriers wait for answers and how long parcels may stand: `CarrierAccount.settings["care"]`, else these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from carriers.models import CarrierAccount
from fulfillment.models import AnswerKind

#: What may be answered by rule once nobody answered in time.
_RULES = {"again": AnswerKind.AGAIN, "return": AnswerKind.RETURN}
_SILENT_DAYS = {"express": 2, "same_day": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class CareTerms:
    """The terms of one carrier account. Days of standing still are working days of the node."""

    answer_hours: int = 24
    attempts: int = 3
    days_ahead: int = 7
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    act_hours: int = 36
    dispute_days: int = 7
    silent_days: int = 3
    silent_by_service: Mapping[str, int] = field(default_factory=lambda: dict(_SILENT_DAYS))
    stuck_days: int = 3
    collect_days: int = 2
    after_due: AnswerKind | None = None

    def silent_for(self, service: str) -> int:
        """Days without a scan that are too many for a service."""
        return self.silent_by_service.get(service, self.silent_days)

    def days_from(self, today: date) -> list[date]:
        """The days on which a parcel may be asked for, tomorrow first."""
        days = (today + timedelta(days=ahead) for ahead in range(1, self.days_ahead + 1))
        return [day for day in days if day.isoweekday() in self.weekdays]


def care_terms(account: CarrierAccount | None) -> CareTerms:
    """The terms of an account. What is not a sensible number there counts as not said."""
    said = account.settings.get("care") if account is not None and isinstance(account.settings, dict) else None
    if not isinstance(said, dict):
        return CareTerms()
    terms: dict[str, Any] = {}
    for name in ("answer_hours", "attempts", "days_ahead", "act_hours", "dispute_days", "stuck_days", "collect_days"):
        if (number := _number(said.get(name))) is not None:
            terms[name] = number
    silent = said.get("silent_days")
    if isinstance(silent, dict):
        by_service = {str(name): number for name, value in silent.items() if (number := _number(value)) is not None}
        terms["silent_days"] = by_service.pop("standard", CareTerms().silent_days)
        terms["silent_by_service"] = _SILENT_DAYS | by_service
    elif (number := _number(silent)) is not None:
        terms |= {"silent_days": number, "silent_by_service": {}}
    weekdays = said.get("weekdays")
    if isinstance(weekdays, list) and weekdays and all(day in range(1, 8) for day in weekdays):
        terms["weekdays"] = tuple(weekdays)
    terms["after_due"] = _RULES.get(str(said.get("after_due", "")))
    return CareTerms(**terms)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1000 else None
