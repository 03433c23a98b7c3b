"""The form that asks for a simulation: which rules, against which, on which past orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.core.clock import now
from orders.models import Order, SalesChannel
from routing.models import PolicyState, RoutingPolicy, Simulation
from routing.selectors.past_orders import busiest_day, first_decided
from routing.services.simulating import MOST_DRAFTS, SimulationTerms

#: Published versions that are offered.
_VERSIONS = 8
#: How far back the busiest day is looked for.
_PEAK_WITHIN = timedelta(days=30)
SAMPLES = (200, 1_000, 5_000)
#: Numbers of orders that an error names.
_NAMED = 5
_BETWEEN = re.compile(r"[\s,;\"']+")


class SimulationForm(forms.Form):
    """Drafts and versions, the baseline, the window, channels and how many orders."""

    policies = forms.MultipleChoiceField(
        label=gettext_lazy("Simulate"), widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("One to three drafts or versions."),
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )  # fmt: skip
    baseline = forms.ChoiceField(
        label=gettext_lazy("Against"), required=False,
        help_text=gettext_lazy("All differences are told against this one."),
    )  # fmt: skip
    window = forms.ChoiceField(
        label=gettext_lazy("Orders of"), widget=forms.RadioSelect,
        choices=[
            ("24h", gettext_lazy("the last 24 hours")), ("7d", gettext_lazy("the last 7 days")),
            ("30d", gettext_lazy("the last 30 days")), ("peak", gettext_lazy("the busiest day of the last 30")),
            ("dates", gettext_lazy("these moments")), ("orders", gettext_lazy("these orders")),
        ],
    )  # fmt: skip
    since = forms.DateTimeField(
        label=gettext_lazy("From"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )  # fmt: skip
    until = forms.DateTimeField(
        label=gettext_lazy("Until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )  # fmt: skip
    numbers = forms.CharField(
        label=gettext_lazy("Order numbers"), required=False, max_length=200_000, strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "OM-100042"}),
        help_text=gettext_lazy("Paste them, or a column of a file, with anything between them."),
    )  # fmt: skip
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Channels"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: every channel."),
    )  # fmt: skip
    most_orders = forms.ChoiceField(
        label=gettext_lazy("At most"), choices=[(str(count), f"{count:,}") for count in SAMPLES],
        help_text=gettext_lazy("Of more orders a sample is taken; the others happen as they really did."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = _offered()
        self._choose("policies", [(str(each.pk), _name(each)) for each in found if each.state != PolicyState.LIVE])
        live = next((each for each in found if each.state == PolicyState.LIVE), None)
        others = [(str(each.pk), _name(each)) for each in found if each is not live]
        self._choose("baseline", [("", _name(live) if live else _("The standard rule, which is live")), *others])
        rows = SalesChannel.objects.filter(is_active=True).order_by("name")
        self._choose("channels", [(row.code, row.name) for row in rows])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def has_choices(self) -> bool:
        """Whether there is anything to simulate."""
        field = self.fields["policies"]
        assert isinstance(field, forms.ChoiceField)
        return bool(field.choices)

    def clean_policies(self) -> list[str]:
        """Refuse more than are compared well."""
        chosen: list[str] = self.cleaned_data["policies"]
        if len(chosen) > MOST_DRAFTS:
            raise forms.ValidationError(_("Choose at most %(n)s.") % {"n": MOST_DRAFTS})
        return chosen

    def clean(self) -> dict[str, Any]:
        """Work out the window."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("window") == "dates":
            for name in ("since", "until"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, _("Enter a day and a time."))
        elif data.get("window") == "orders":
            self._find_orders(data)
        elif "window" in data:
            data["since"], data["until"] = _window(data["window"])
            if data["since"] is None:
                self.add_error("window", _("No order was decided in the last 30 days."))
        return data

    def _find_orders(self, data: dict[str, Any]) -> None:
        """The orders that are named, and the window that holds all of their first decisions."""
        named = list(dict.fromkeys(word.upper() for word in _BETWEEN.split(data.get("numbers", "")) if word))
        found = first_decided(named)
        missing = [number for number in named if number not in found]
        undecided = [number for number in named if number in found and found[number][1] is None]
        moments = [at for _, at in found.values() if at is not None]
        data["order_ids"] = [pk for pk, at in found.values() if at is not None]
        if not named:
            self.add_error("numbers", _("Enter the numbers of the orders."))
        elif missing:
            self.add_error("numbers", _("There is no order %(numbers)s.") % {"numbers": _some(missing)})
        elif undecided:
            self.add_error("numbers", _("Never decided: %(numbers)s.") % {"numbers": _some(undecided)})
        else:
            data["since"], data["until"] = min(moments), max(moments) + timedelta(seconds=1)
            data["most_orders"] = str(len(moments))

    def terms(self) -> SimulationTerms:
        """What was asked for."""
        data = self.cleaned_data
        return SimulationTerms(
            policy_ids=[int(pk) for pk in data["policies"]], since=data["since"], until=data["until"],
            baseline_id=int(data["baseline"]) if data["baseline"] else None, channels=data["channels"],
            most_orders=int(data["most_orders"]), order_ids=data.get("order_ids", ()),
        )  # fmt: skip


def _offered() -> list[RoutingPolicy]:
    """Drafts, the one edited last first, then versions, the newest first."""
    drafts = list(RoutingPolicy.objects.filter(state=PolicyState.DRAFT).order_by("-edited_at", "-pk"))
    return drafts + list(RoutingPolicy.objects.exclude(state=PolicyState.DRAFT).order_by("-version")[:_VERSIONS])


def _name(policy: RoutingPolicy) -> str:
    if policy.version is None:
        return _("%(name)s (draft)") % {"name": policy.name}
    if policy.state == PolicyState.LIVE:
        return _("Version %(version)s, %(name)s (live)") % {"version": policy.version, "name": policy.name}
    return _("Version %(version)s, %(name)s") % {"version": policy.version, "name": policy.name}


def like(simulation: Simulation) -> dict[str, Any]:
    """What to begin the form with to simulate on the same orders as before."""
    begun: dict[str, Any] = {
        "policies": [str(each["id"]) for each in simulation.versions[1:] if each["id"]],
        "baseline": _baseline(simulation), "channels": simulation.channels, "window": "dates",
        "since": simulation.since.replace(microsecond=0), "until": _whole_second(simulation.until),
        "most_orders": str(next((count for count in SAMPLES if count >= simulation.most_orders), SAMPLES[-1])),
    }  # fmt: skip
    if simulation.order_ids:
        numbers = Order.objects.filter(pk__in=simulation.order_ids).order_by("pk").values_list("number", flat=True)
        begun |= {"window": "orders", "numbers": " ".join(numbers)}
    return begun


def _baseline(simulation: Simulation) -> str:
    """The choice that is the baseline of then: none where that is what is live now, or never was published."""
    chosen = simulation.versions[0]["id"] if simulation.versions else None
    if chosen is None or RoutingPolicy.objects.filter(pk=chosen, state=PolicyState.LIVE).exists():
        return ""
    return str(chosen)


def _whole_second(moment: datetime) -> datetime:
    """The first whole second that is not before it: the form knows no parts of one, and no order may fall out."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)


def _some(numbers: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(numbers) - _NAMED
    return ", ".join(numbers[:_NAMED]) + (_(" and %(n)s more") % {"n": more} if more > 0 else "")


def _window(choice: str) -> tuple[datetime | None, datetime | None]:
    moment = now()
    if choice != "peak":
        spans = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
        return moment - spans[choice], moment
    zone = timezone.get_current_timezone()
    day = busiest_day(moment - _PEAK_WITHIN, timezone.get_current_timezone_name())
    if day is None:
        return None, None
    start = datetime.combine(day, time(), zone)
    return start, min(moment, datetime.combine(day + timedelta(days=1), time(), zone))
