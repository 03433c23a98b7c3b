"""Tags for the small pieces that appear hundreds of times on a page: icon, pill, clock, form control.

The cotton components of the same names render through these, so there is one place where a status gets its look.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from uuid import uuid4

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import QueryDict
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from oms.core.posting import KEY_FIELD, kept_key
from oms.core.templatetags.oms_format import span, when_text

register = template.Library()

#: Icon of each tone when a pill names none. Tone, word and icon together: colour alone never carries a status.
TONE_ICONS = {
    "neutral": "circle-dashed",
    "info": "circle-dot",
    "progress": "progress",
    "good": "circle-check",
    "warn": "alert-triangle",
    "bad": "alert-octagon",
    "off": "circle-minus",
}
#: A clock turns amber below the first and red below the second.
SLA_WARN_SECONDS = 2 * 3600
SLA_BAD_SECONDS = 30 * 60


@lru_cache(maxsize=1)
def _sprite_url() -> str:
    return static("vendor/icons.svg")


@register.simple_tag
def icon(name: str, size: int | str = 20, label: str = "") -> SafeString | str:
    """One icon of the sprite. Hidden from screen readers unless it has a label. An empty name gives nothing."""
    if not name:
        return ""
    naming = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon" width="{0}" height="{0}" {1}><use href="{2}#{3}"></use></svg>',
        size, naming, _sprite_url(), name,
    )  # fmt: skip


@register.simple_tag
def pill(tone: str, label: str, icon_name: str = "", title: str = "", extra: str = "") -> SafeString:
    """Status pill: icon, word and colour. An unknown tone is drawn as neutral rather than failing the page."""
    shown = tone if tone in TONE_ICONS else "neutral"
    hint = format_html(' title="{}"', title) if title else ""
    return format_html(
        '<span class="pill pill-{}{}"{}>{}<span>{}</span></span>',
        shown, f" {extra}" if extra else "", hint, icon(icon_name or TONE_ICONS[shown], 14), label,
    )  # fmt: skip


def sla_tone(seconds_left: float) -> str:
    """Tone of a promise that many seconds away: plain above 2 h, `warn` below, `bad` under 30 min and when past."""
    if seconds_left < SLA_BAD_SECONDS:
        return "bad"
    return "warn" if seconds_left < SLA_WARN_SECONDS else "plain"


def _sla_text(seconds_left: float) -> str:
    if seconds_left < 0:
        return _("%(span)s late") % {"span": span(seconds_left)}
    return _("%(span)s left") % {"span": span(seconds_left)}


@register.simple_tag
def sla_clock(due_at: datetime | None, state: str = "", met_at: datetime | None = None) -> SafeString | str:
    """Time left to `due_at`, ticking in the browser. `state` is empty, `met` (with `met_at`) or `paused`."""
    if due_at is None:
        return format_html('<span class="sla sla-off">{}</span>', _("no promise"))
    if state == "paused":
        return format_html(
            '<span class="sla sla-off" title="{}">{}<span>{}</span></span>',
            when_text(due_at), icon("clock-pause", 14), _("clock paused"),
        )  # fmt: skip
    if state == "met":
        late = met_at is not None and met_at > due_at
        text = _("late by %(span)s") if late else _("met")
        words = text % {"span": span((met_at - due_at).total_seconds())} if late and met_at else text
        return format_html(
            '<span class="sla sla-{}" title="{}">{}<span>{}</span></span>',
            "bad" if late else "good", when_text(due_at), icon("alert-octagon" if late else "circle-check", 14), words,
        )  # fmt: skip
    left = (due_at - timezone.now()).total_seconds()
    return format_html(
        '<time class="sla sla-{}" datetime="{}" title="{}" data-sla="{}">{}<span>{}</span></time>',
        sla_tone(left), due_at.isoformat(), when_text(due_at), int(due_at.timestamp() * 1000), icon("clock", 14),
        _sla_text(left),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def order_link(context: Context, number: str) -> SafeString | str:
    """The number of an order, as a link for who may see orders."""
    if not context.get("may_see_orders"):
        return number
    return format_html('<a href="{}" data-open>{}</a>', reverse("dashboard:order", args=[number]), number)


@register.simple_tag(takes_context=True)
def idempotency_key(context: Context) -> SafeString:
    """Hidden input with a fresh UUID, so that the same form sent twice does its work once.

    The answer to a form that has to be tried again goes on with the key that came.
    """
    key = kept_key(context.get("request")) or uuid4()
    return format_html('<input type="hidden" name="{}" value="{}">', KEY_FIELD, key)


@register.filter
def control(field: BoundField) -> SafeString:
    """The bound field's widget with the class of its kind; Django adds `aria-describedby` and `aria-invalid` itself."""
    widget = field.field.widget
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect):
        return field.as_widget()
    if isinstance(widget, CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, Select):
        css = "form-select"
    else:
        css = "form-control"
    own = str(widget.attrs.get("class", ""))
    classes = f"{css} is-invalid" if field.errors else css
    return field.as_widget(attrs={"class": f"{classes} {own}".strip()})


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """True for a single check box, whose label stands behind it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_choice_list(field: BoundField) -> bool:
    """True for radio buttons and groups of check boxes, which need a fieldset and a legend."""
    return isinstance(field.field.widget, CheckboxSelectMultiple | RadioSelect)


@register.filter
def initials(name: str | None) -> str:
    """Two letters for an avatar: first and last word of the name."""
    words = (name or "?").split()
    letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else words[0][1:2])
    return letters.upper()


@register.filter
def words(value: str | None) -> list[str]:
    """The words of a text, so that a component can take a short list as one attribute."""
    return (value or "").split()


@register.filter
def times(value: int | str | None) -> range:
    """A range to repeat something: `{% for _ in rows|times %}`."""
    return range(int(value or 0))


@register.simple_tag
def sort_state(sort: str, current: str = "") -> str:
    """Value of `aria-sort` for the column `sort` while the list is sorted by `current` (`-` in front: descending)."""
    if current == sort:
        return "ascending"
    return "descending" if current == f"-{sort}" else "none"


def _query_url(context: Context, changes: dict[str, object]) -> str:
    request = context.get("request")
    query: QueryDict = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for key, value in changes.items():
        query.pop(key, None)
        if value is not None and value != "":
            query[key] = str(value)
    return f"?{query.urlencode()}" if query else "?"


@register.simple_tag(takes_context=True)
def query_url(context: Context, **changes: object) -> str:
    """The present query string with some parameters set, or dropped where the value is None or empty."""
    return _query_url(context, changes)


@register.simple_tag(takes_context=True)
def sort_url(context: Context, sort: str, current: str = "") -> str:
    """Link that sorts by a column, or turns the order round; it always goes back to the first page."""
    wanted = f"-{sort}" if current == sort else sort
    return _query_url(context, {"sort": wanted, "after": None, "before": None})
