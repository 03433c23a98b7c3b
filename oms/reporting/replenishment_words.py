"""The sum behind a suggestion as one sentence, from the figures that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Sums = Mapping[str, Any]


def number(value: float) -> str:
    """A figure of a sum, to be worked with: 2.3, 9, 0.0357."""
    return _trimmed(f"{value:.4f}")


def rough(value: float) -> str:
    """The same as people read it in a sentence: 2.35, 9, 0.036."""
    return _trimmed(f"{value:.{2 if abs(value) >= 0.1 else 3}f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") or "0"


def sum_in_words(sums: Sums, *, to_whom: str = "") -> str:
    """ "Order 48 from Mill: 2.3 a day x 9 days + 10 safety (95 %, deviation 1.9) = reorder at 31; position 12 = ..."

    `to_whom` names the supplier; a transfer's node stands in the sums. Figures that play no part are left out.
    """
    parts = [reorder_in_words(sums), position_in_words(sums), _up_to(sums), _packs(sums), _source(sums)]
    return f"{_head(sums, to_whom)}: {'; '.join(part for part in parts if part)}."


def _head(sums: Sums, to_whom: str) -> str:
    quantity = sums.get("quantity", sums["wanted"])
    if sums["way"] == "transfer":
        return _("Move %(n)s from %(node)s") % {"n": quantity, "node": sums.get("source") or ""}
    if to_whom:
        return _("Order %(n)s from %(supplier)s") % {"n": quantity, "supplier": to_whom}
    return _("%(n)s missing, and no supplier sells it") % {"n": quantity}


def reorder_in_words(sums: Sums) -> str:
    """How the reorder point comes about."""
    at = sums["reorder_at"]
    if not sums["per_day"] and not sums["deviation"]:
        return _("no demand known, least stock = reorder at %(at)s") % {"at": at}
    told = {
        "d": rough(sums["per_day"]), "days": rough(sums["lead_days"]), "safety": sums["safety"],
        "level": rough(sums["service_bp"] / 100), "s": rough(sums["deviation"]), "at": at,
        "lead_s": rough(sums["lead_deviation"]),
    }  # fmt: skip
    if sums["lead_deviation"]:
        text = _("%(d)s a day × %(days)s days + %(safety)s safety (%(level)s %%, deviation %(s)s and %(lead_s)s days)")
    else:
        text = _("%(d)s a day × %(days)s days + %(safety)s safety (%(level)s %%, deviation %(s)s)")
    natural = ceil(round(sums["per_day"] * sums["lead_days"] + sums["safety"], 6))
    if sums["least"] > natural:
        text += _(", but at least %(at)s = reorder at %(at)s")
    elif at < natural:
        text += _(", but at most %(at)s = reorder at %(at)s")
    else:
        text += _(" = reorder at %(at)s")
    return text % told


def position_in_words(sums: Sums) -> str:
    """What is there, what comes and what is decided, less what is waited for."""
    parts = [_("%(n)s ATP") % {"n": sums["atp"]}]
    for sign, name, text in (
        ("+", "inbound", _("%(n)s inbound")), ("+", "drafted", _("%(n)s in drafts")),
        ("−", "waiting", _("%(n)s that orders wait for")),
    ):  # fmt: skip
        if sums[name]:
            parts.append(f"{sign} {text % {'n': sums[name]}}")
    return _("position %(n)s = %(parts)s") % {"n": sums["position"], "parts": " ".join(parts)}


def _up_to(sums: Sums) -> str:
    if sums["up_to"] == sums["most"]:
        return _("up to %(n)s, the most there may be") % {"n": sums["up_to"]}
    if not sums["per_day"]:
        return _("up to %(n)s") % {"n": sums["up_to"]}
    text = ngettext(
        "up to %(n)s = %(at)s + %(days)s day", "up to %(n)s = %(at)s + %(days)s days", sums["review_days"]
    )  # fmt: skip
    return text % {"n": sums["up_to"], "at": sums["reorder_at"], "days": sums["review_days"]}


def _packs(sums: Sums) -> str:
    if sums["way"] == "transfer":
        return ""
    parts = []
    if sums["pack"] > 1:
        parts.append(_("in packs of %(n)s") % {"n": sums["pack"]})
    if sums["least_order"] > -(-sums["missing"] // sums["pack"]) * sums["pack"]:
        parts.append(_("the least order is %(n)s") % {"n": sums["least_order"]})
    return ", ".join(parts)


def _source(sums: Sums) -> str:
    """What the node that it should come from can spare, where it limits the quantity or is why it is bought."""
    if not sums.get("source"):
        return ""
    told = {
        "node": sums["source"], "n": sums["spare"], "atp": sums["source_atp"], "at": sums["source_reorder_at"],
        "leaving": sums["source_leaving"],
    }  # fmt: skip
    if sums["way"] == "purchase":
        return _("bought, because %(node)s can spare nothing (%(atp)s ATP, reorders at %(at)s)") % told
    if sums["quantity"] == sums["missing"]:
        return ""
    if sums["source_leaving"]:
        return _("%(node)s can spare %(n)s (%(atp)s ATP, reorders at %(at)s, %(leaving)s in drafts)") % told
    return _("%(node)s can spare %(n)s (%(atp)s ATP, reorders at %(at)s)") % told


def lead_in_words(sums: Sums) -> str:
    """Where the lead time comes from."""
    words = {
        "supplier": _("the supplier's lead time"), "item": _("the lead time of this item"),
        "transfer": _("days that a transfer takes, from the rule"),
        "assumed": _("nobody says how long it takes: assumed"),
    }  # fmt: skip
    if sums["lead_from"] == "measured":
        return _("measured over %(n)s orders that came") % {"n": sums["lead_orders"]}
    return words[sums["lead_from"]]
