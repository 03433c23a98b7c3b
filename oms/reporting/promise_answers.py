"""An answer of the promise as plain values, for the API and for the screen that shows what the API says."""

from __future__ import annotations

from typing import Any

from oms.accounts.access import Principal
from oms.core.places import country_name
from routing.promise.options import Option
from routing.services import Answered


def answer_values(answered: Answered, principal: Principal) -> dict[str, Any]:
    """All options. Nodes out of the principal's scope stay without a name, and stores among them are left out."""
    answer, place = answered.answer, answered.place
    return {
        "postcode": answered.question.postcode,
        "place": f"{place.district}, {place.state}" if place else _abroad(answered.question.country),
        "moment": answered.moment.isoformat(),
        "serviceable": any(option.kind != "pickup" for option in answer.options),
        "reason": reason_for(answered, principal),
        "missing": [{"sku": sku, "quantity": units} for sku, units in answered.missing],
        "options": [option_values(option, principal) for option in shown_options(answered, principal)],
    }


def _abroad(country: str) -> str:
    return "" if country == "IN" else country_name(country)


def shown_options(answered: Answered, principal: Principal) -> list[Option]:
    """The options without stores that the principal may not see: their name is all that collection says."""
    return [
        option for option in answered.answer.options
        if option.kind != "pickup" or principal.sees_node(option.sources[0].code)
    ]  # fmt: skip


def reason_for(answered: Answered, principal: Principal) -> str:
    """Why nothing is delivered. The sentence of routing names nodes, so it is for those who see all of them."""
    if not answered.answer.refusal or principal.all_nodes:
        return answered.answer.refusal
    return "Nothing can be delivered there now."


def option_values(option: Option, principal: Principal) -> dict[str, Any]:
    """One option."""
    return {
        "kind": option.kind, "service": option.service, "name": option.name,
        "promised_by": option.promised_by.isoformat(),
        "starts_at": option.starts_at.isoformat() if option.starts_at else None, "date": option.day.isoformat(),
        "probability": round(option.probability, 3), "cost_minor": option.cost_minor, "currency": option.currency,
        "order_by": option.order_by.isoformat(), "minutes_to_cutoff": option.minutes_to_cutoff,
        "nodes": [
            {"node": source.code if principal.sees_node(source.code) else "",
             "name": source.name if principal.sees_node(source.code) else "",
             "units": sum(source.units.values()), "leaves_at": source.leaves_at.isoformat(), "zone": source.zone,
             "km": source.km}
            for source in option.sources
        ],
        "parts": [
            {"part": part.key, "starts_at": part.starts_at.isoformat(), "ends_at": part.ends_at.isoformat()}
            for part in option.parts
        ],
    }  # fmt: skip
