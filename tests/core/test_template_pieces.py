"""Icons, pills, clocks and the geometry of the small charts."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django import forms
from django.http import QueryDict
from django.template import Context, Template
from django.utils import translation

from oms.core.templatetags import oms_charts as charts
from oms.core.templatetags import oms_ui as ui

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def test_a_pill_says_its_status_in_word_icon_and_colour() -> None:
    html = ui.pill("warn", "At <risk>", title="Promise & more")

    assert 'class="pill pill-warn"' in html
    assert "#alert-triangle" in html
    assert "<span>At &lt;risk&gt;</span>" in html
    assert 'title="Promise &amp; more"' in html


def test_an_unknown_tone_is_drawn_as_neutral() -> None:
    assert 'class="pill pill-neutral"' in ui.pill("purple", "New")


def test_an_icon_is_silent_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in ui.icon("truck")
    assert 'role="img" aria-label="Shipped"' in ui.icon("truck", 16, "Shipped")
    assert ui.icon("") == ""


@pytest.mark.parametrize(
    ("minutes", "tone", "text"),
    [
        (26 * 60, "plain", "1 d 2 h left"),
        (121, "plain", "2 h 01 m left"),
        (119, "warn", "1 h 59 m left"),
        (30, "warn", "30 m left"),
        (29, "bad", "29 m left"),
        (-18, "bad", "18 m late"),
    ],
)
def test_a_clock_turns_amber_under_two_hours_and_red_under_thirty_minutes(minutes: Any, tone: Any, text: Any) -> None:
    with time_machine.travel(NOW, tick=False):
        html = ui.sla_clock(NOW + timedelta(minutes=minutes))

    assert f'class="sla sla-{tone}"' in html
    assert f"<span>{text}</span>" in html
    assert f'data-sla="{int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)}"' in html


def test_a_stopped_clock_tells_how_it_ended() -> None:
    assert "met" in ui.sla_clock(NOW, "met", NOW - timedelta(minutes=1))
    assert "late by 18 m" in ui.sla_clock(NOW, "met", NOW + timedelta(minutes=18))
    assert "data-sla" not in ui.sla_clock(NOW, "paused")
    assert "no promise" in ui.sla_clock(None)


def test_a_sort_link_turns_the_order_round_and_forgets_the_page() -> None:
    request = SimpleNamespace(GET=QueryDict("q=asha&sort=total&after=x9"))
    context = Context({"request": request})

    assert ui.sort_url(context, "total", "total") == "?q=asha&sort=-total"
    assert ui.sort_url(context, "placed", "total") == "?q=asha&sort=placed"
    assert ui.query_url(context, size=100, after=None) == "?q=asha&sort=total&size=100"
    assert ui.sort_state("total", "-total") == "descending"
    assert ui.sort_state("total", "placed") == "none"


def test_an_invalid_control_names_its_error_for_screen_readers() -> None:
    class Pin(forms.Form):
        pin = forms.CharField(help_text="Six digits")

    html = ui.control(Pin({"pin": ""})["pin"])

    assert 'class="form-control is-invalid"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_pin_helptext id_pin_error"' in html


def test_bar_segments_fill_the_total_and_leave_empty_parts_out() -> None:
    parts = charts.bar_segments([("Shipped", 3, "good"), ("Packed", 0, "progress"), ("Short", 1, "bad")], 8)

    assert [(part.label, part.x, part.width) for part in parts] == [
        ("Shipped", "0.00", "37.50"),
        ("Short", "37.50", "12.50"),
    ]


def test_bar_segments_never_leave_the_bar() -> None:
    parts = charts.bar_segments([("Shipped", 3, "good"), ("Short", 3, "bad")], 4)

    assert [(part.x, part.width) for part in parts] == [("0.00", "50.00"), ("50.00", "50.00")]
    assert charts.bar_segments([], 0) == []


def test_a_waterfall_ends_on_the_total_it_explains() -> None:
    bars = charts.waterfall_bars(
        [
            {"label": "On hand", "qty": 10, "kind": "start"},
            {"label": "Reserved", "qty": -4},
            {"label": "Inbound", "qty": 2},
            {"label": "ATP", "qty": 8, "kind": "total"},
        ]
    )

    assert [bar.after for bar in bars] == [10, 6, 8, 8]
    assert [(bar.x, bar.width) for bar in bars] == [
        ("0.00", "100.00"),
        ("60.00", "40.00"),
        ("60.00", "20.00"),
        ("0.00", "80.00"),
    ]
    assert [bar.text for bar in bars] == ["10", "−4", "+2", "8"]


def test_a_waterfall_below_zero_is_drawn_from_the_zero_line() -> None:
    bars = charts.waterfall_bars([{"label": "On hand", "qty": 2, "kind": "start"}, {"label": "Reserved", "qty": -4}])

    assert bars[0].x == "50.00"
    assert (bars[1].x, bars[1].width, bars[1].after) == ("0.00", "100.00", -2)


def test_a_sparkline_needs_two_points() -> None:
    assert charts.spark_paths([5]) is None
    assert charts.spark_paths(None) is None
    spark = charts.spark_paths([0, None, 10])
    assert spark is not None
    assert spark.line == "M3.0 25.0L97.0 3.0"
    assert spark.last == "M97.0 3.0h0"


def test_a_load_bar_warns_before_it_is_full() -> None:
    assert [charts.load_tone(used, 100) for used in (84, 85, 100, 120)] == ["info", "warn", "bad", "bad"]
    assert charts.share("40", "80") == "50.00"
    assert charts.share(120, 100) == "100.00"
    assert charts.share(1, 0) == "0.00"


def test_a_component_takes_nothing_from_the_page_around_it() -> None:
    # Components share the page's context, so each one names every variable it reads and gives it a default.
    html = Template('{% cotton button label="Save" / %}').render(
        Context({"href": "/x/", "icon": "truck", "class": "leak", "disabled_reason": "no", "shortcut": "h"})
    )

    assert "<button" in html
    assert not any(word in html for word in ("/x/", "truck", "leak", "data-shortcut", "aria-disabled"))
