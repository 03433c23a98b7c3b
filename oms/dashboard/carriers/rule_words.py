"""Rules of choice in words."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext as _

from carriers.models import ChoiceRule, RuleEffect
from oms.core.clock import now
from oms.core.templatetags.oms_format import grams, money


def about(rule: ChoiceRule) -> str:
    """Which parcels it is about."""
    parts = [
        _listed(_("from %(list)s"), rule.nodes),
        _listed(_("of %(list)s"), rule.channels),
        _listed(_("by %(list)s"), rule.services),
        _listed(_("to %(list)s"), rule.states),
        _listed(_("to PIN codes that begin with %(list)s"), rule.postcodes),
        {"cod": _("paid on delivery"), "prepaid": _("prepaid")}.get(rule.payment, ""),
        _range(_("weighing"), rule.grams_from, rule.grams_to, grams),
        _range(_("worth"), rule.value_from_minor, rule.value_to_minor, _money),
    ]
    found = [part for part in parts if part]
    return _("Parcels %(conditions)s") % {"conditions": ", ".join(found)} if found else _("Every parcel")


def _listed(text: str, values: list[str]) -> str:
    return text % {"list": " or ".join(values)} if values else ""


def _money(minor: int) -> str:
    return str(money(minor, settings.DEFAULT_CURRENCY))


def _range(word: str, least: int | None, most: int | None, written: object) -> str:
    assert callable(written)
    if least is None and most is None:
        return ""
    if most is None:
        return _("%(word)s %(least)s or more") % {"word": word, "least": written(least)}
    if least is None:
        return _("%(word)s %(most)s or less") % {"word": word, "most": written(most)}
    return _("%(word)s %(least)s to %(most)s") % {"word": word, "least": written(least), "most": written(most)}


def does(rule: ChoiceRule, names: Mapping[str, str]) -> str:
    """What it does to them. `names` is account code -> name."""
    if rule.effect == RuleEffect.BLOCK:
        accounts = ", ".join(names.get(code, code) for code in rule.accounts)
        return _("Do not use %(accounts)s: %(reason)s") % {"accounts": accounts, "reason": rule.reason}
    if rule.effect == RuleEffect.SHARE:
        total = sum(rule.accounts.values()) or 1
        by_weight = sorted(rule.accounts.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{names.get(code, code)} {weight / total:.0%}" for code, weight in by_weight]
        return _("Share between %(parts)s") % {"parts": ", ".join(parts)}
    return _("Choose: %(strategy)s") % {"strategy": rule.get_strategy_display()}


def state(rule: ChoiceRule) -> tuple[str, str]:
    """Tone and word of its pill."""
    moment = now()
    if not rule.is_active:
        return "off", _("Off")
    if rule.valid_until is not None and rule.valid_until <= moment:
        return "off", _("Over")
    if rule.valid_from is not None and rule.valid_from > moment:
        return "info", _("Planned")
    return "good", _("In force")
