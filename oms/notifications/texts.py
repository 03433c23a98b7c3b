"""Texts for SMS and WhatsApp: which one holds, what may stand in it, what becomes of it for an order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from string import Formatter

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation

from fulfillment.models import Shipment
from fulfillment.selectors.pickups import pickup_code
from oms.core.errors import Conflict, DomainError, NotFound
from oms.notifications.defaults import default_body, default_template_name
from oms.notifications.kinds import kind_of
from oms.notifications.letters import AtStore, day_text, due_minor, expected_day, first_name
from oms.notifications.links import tracking_url
from oms.notifications.models import Medium, MessageText
from orders.models import Order

#: More fits into neither a chain of ten SMS nor the body of a WhatsApp template.
MAX_BODY = 1000
_UNKNOWN_WORDS = {
    "en": {"name": "there", "carrier": "the courier", "arriving": "soon", "amount_due": "nothing"},
    "hi": {"name": "जी", "carrier": "कूरियर", "arriving": "जल्द", "amount_due": "कुछ नहीं"},
}
SAMPLES = {
    "en": {"name": "Asha", "number": "W-1042", "brand": "Kaveri", "link": "https://shop.example/t/1042-x/",
           "carrier": "City Riders", "awb": "7810022334", "arriving": "Tuesday, 24 November",
           "amount_due": "Rs 1,299.00", "store": "Bengaluru store", "code": "482913",
           "kept_until": "Friday, 27 November"},
    "hi": {"name": "आशा", "number": "W-1042", "brand": "कावेरी", "link": "https://shop.example/t/1042-x/",
           "carrier": "City Riders", "awb": "7810022334", "arriving": "मंगलवार, 24 नवंबर",
           "amount_due": "1,299.00 रु", "store": "बेंगलुरु स्टोर", "code": "482913", "kept_until": "शुक्रवार, 27 नवंबर"},
}  # fmt: skip


class TextInvalid(DomainError):
    """A text cannot be used as it is written."""

    code = "text_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text that holds for an event, a medium and a language. Version 1 is the program's own."""

    event: str
    medium: str
    language: str
    version: int
    body: str
    provider_template: str
    urgent: bool
    made_by: str = ""


def default_text(event: str, medium: str, language: str) -> Text | None:
    """The text that the program brings along."""
    body = default_body(event, medium, language)
    if not body:
        return None
    name = default_template_name(event) if medium == Medium.WHATSAPP else ""
    return Text(
        event=event, medium=medium, language=language, version=1, body=body, provider_template=name,
        urgent=kind_of(event).urgent,
    )  # fmt: skip


def texts_in_force(events: Collection[str]) -> dict[tuple[str, str, str], Text]:
    """The newest own version of every text of these events. One query; `text_for` fills up with the program's own."""
    rows = MessageText.objects.filter(event__in=events).order_by("event", "medium", "language", "-version")
    return {
        (row.event, row.medium, row.language): Text(
            event=row.event, medium=row.medium, language=row.language, version=row.version, body=row.body,
            provider_template=row.provider_template, urgent=row.urgent, made_by=row.made_by,
        )
        for row in rows.distinct("event", "medium", "language")
    }  # fmt: skip


def text_for(
    own: Mapping[tuple[str, str, str], Text], event: str, medium: str, language: str
) -> Text | None:  # fmt: skip
    """The text in force: ours, else the program's own, else the same in English; None where there is none at all."""
    for tongue in dict.fromkeys((language, "en")):
        found = own.get((event, medium, tongue)) or default_text(event, medium, tongue)
        if found is not None:
            return found
    return None


def placeholders_of(body: str) -> list[str]:
    """The names between braces in order, each once. Raises TextInvalid where the braces do not match or say more."""
    found: list[str] = []
    try:
        for _, name, form, conversion in Formatter().parse(body):
            if name is None:
                continue
            if not name.isidentifier() or form or conversion:
                shown = f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
                raise TextInvalid(f"{shown} is no placeholder: between braces stands a name alone.", field="body")
            found.append(name)
    except ValueError as error:
        raise TextInvalid(
            f"The braces do not match ({error}). A brace that is to be seen is written twice.", field="body"
        ) from error
    return list(dict.fromkeys(found))


def check_body(event: str, body: str) -> list[str]:
    """The placeholders of a text. Raises TextInvalid that names what does not fit."""
    if not body.strip():
        raise TextInvalid("The text is empty.", field="body")
    if len(body) > MAX_BODY:
        raise TextInvalid(f"The text has {len(body)} signs; at most {MAX_BODY} fit.", field="body")
    known = kind_of(event).placeholders
    names = placeholders_of(body)
    unknown = [name for name in names if name not in known]
    if unknown:
        offered = ", ".join(f"{{{name}}}" for name in known)
        wrong = ", ".join(f"{{{name}}}" for name in unknown)
        raise TextInvalid(f"{wrong} is not known for this event. Known are: {offered}.", field="body")
    return names


def save_text(
    *, event: str, medium: str, language: str, body: str, provider_template: str, urgent: bool, actor: str,
    seen_version: int,
) -> Text:  # fmt: skip
    """Write the next version of a text. Raises TextInvalid, or Conflict where somebody wrote one meanwhile."""
    body = body.replace("\r\n", "\n").strip()
    check_body(event, body)
    if medium == Medium.WHATSAPP and not provider_template:
        raise TextInvalid(
            "WhatsApp sends approved templates only: give the name of this one.", field="provider_template"
        )
    try:
        with transaction.atomic():
            row = MessageText.objects.create(
                event=event, medium=medium, language=language, version=seen_version + 1, body=body,
                provider_template=provider_template, urgent=urgent, made_by=actor,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("Somebody changed this text meanwhile: look at theirs first.") from error
    return Text(
        event=event, medium=medium, language=language, version=row.version, body=body,
        provider_template=provider_template, urgent=urgent, made_by=actor,
    )  # fmt: skip


def restore_text(*, held: Text, version: int, actor: str, seen_version: int) -> Text:
    """Write an earlier version of a text anew, as its next one. Raises NotFound, or Conflict as `save_text` does."""
    event, medium, language = held.event, held.medium, held.language
    row = MessageText.objects.filter(event=event, medium=medium, language=language, version=version).first()
    source = row or (default_text(event, medium, language) if version == 1 else None)
    if source is None:
        raise NotFound(f"There is no version {version} of this text.")
    return save_text(
        event=event, medium=medium, language=language, body=source.body, urgent=source.urgent, actor=actor,
        provider_template=source.provider_template, seen_version=seen_version,
    )  # fmt: skip


def filled(body: str, values: Mapping[str, str]) -> str:
    """The text with its gaps filled; a gap of which nothing is known gets a dash."""
    return body.format_map({name: values.get(name) or "-" for name in placeholders_of(body)})


def parameters_of(body: str, values: Mapping[str, str]) -> list[str]:
    """What goes into the gaps of a template that the provider knows: in the order in which they first appear."""
    return [values.get(name) or "-" for name in placeholders_of(body)]


def as_registered(body: str) -> str:
    """The text as Meta has it registered: with numbers for names."""
    return body.format_map({name: f"{{{{{n}}}}}" for n, name in enumerate(placeholders_of(body), 1)})


def values_for(order: Order, shipment: Shipment | None, language: str, store: AtStore) -> dict[str, str]:
    """What the gaps of a text about this order hold."""
    with translation.override(language):
        unknown = _UNKNOWN_WORDS.get(language, _UNKNOWN_WORDS["en"])
        node = store.node
        values = {
            "name": first_name(order, unknown["name"]), "number": order.external_number or order.number,
            "brand": order.channel.brand or order.channel.name, "link": tracking_url(order),
            "carrier": shipment.courier_name if shipment else "", "awb": shipment.awb if shipment else "",
            "arriving": day_text(expected_day(order, shipment)),
            "amount_due": _plain_money(due_minor(order, shipment), order.currency),
            "store": node.name if node else "", "code": pickup_code(order) if node else "",
            "kept_until": day_text(store.kept_until),
        }  # fmt: skip
    return {name: value or unknown.get(name, "") for name, value in values.items()}


def _plain_money(minor: int, currency: str) -> str:
    """An amount without a sign that GSM-7 lacks."""
    if not minor:
        return ""
    sign = "Rs" if currency == "INR" else currency
    return f"{sign} {minor // 100}.{minor % 100:02}"


def language_of(order: Order, default: str) -> str:
    """The order's language where its channel told one, else the channel's."""
    known = dict(settings.LANGUAGES)
    for name in ("language", "customer_locale", "locale"):
        said = order.extra.get(name) if isinstance(order.extra, dict) else None
        if isinstance(said, str) and said[:2].lower() in known:
            return said[:2].lower()
    return default
