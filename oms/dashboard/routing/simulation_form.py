"""The form that asks for a simulation: which rules, against which, on which past orders."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.core.clock import now
from orders.models import SalesChannel
from routing.models import PolicyState, RoutingPolicy
from routing.selectors.past_orders import busiest_day
from routing.services.simulating import MOST_DRAFTS, SimulationTerms

#: Published versions that are offered.
_VERSIONS = 8
#: How far back the busiest day is looked for.
_PEAK_WITHIN = timedelta(days=30)
SAMPLES = (200, 1_000, 5_000)


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
            ("dates", gettext_lazy("these moments")),
        ],
    )  # fmt: skip
    since = forms.DateTimeField(
        label=gettext_lazy("From"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    until = forms.DateTimeField(
        label=gettext_lazy("Until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
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
        elif "window" in data:
            data["since"], data["until"] = _window(data["window"])
            if data["since"] is None:
                self.add_error("window", _("No order was decided in the last 30 days."))
        return data

    def terms(self) -> SimulationTerms:
        """What was asked for."""
        data = self.cleaned_data
        return SimulationTerms(
            policy_ids=[int(pk) for pk in data["policies"]], since=data["since"], until=data["until"],
            baseline_id=int(data["baseline"]) if data["baseline"] else None, channels=data["channels"],
            most_orders=int(data["most_orders"]),
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
