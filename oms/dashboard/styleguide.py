"""A page that shows every component in every state, with made-up data; nothing is read from the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from oms.accounts.access import requires

TONES = (
    ("neutral", "New"),
    ("info", "Routed"),
    ("progress", "Picking"),
    ("good", "Delivered"),
    ("warn", "At risk"),
    ("bad", "Breached"),
    ("off", "Cancelled"),
)


class SampleForm(forms.Form):
    """One field of each kind."""

    phone = forms.CharField(label="Phone", help_text="With country code, for delivery messages.")
    pin = forms.RegexField(r"^\d{6}$", label="PIN code", error_messages={"invalid": "Enter a PIN code of six digits"})
    quantity = forms.IntegerField(label="Quantity", min_value=1)
    node = forms.ChoiceField(label="Node", choices=[("BLR-02", "BLR-02 Whitefield"), ("DEL-01", "DEL-01 Okhla")])
    refund_to = forms.ChoiceField(
        label="Refund to",
        choices=[("source", "Source of payment"), ("credit", "Store credit")],
        widget=forms.RadioSelect,
        help_text="COD orders are refunded by UPI.",
    )
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 2}), required=False)
    notify = forms.BooleanField(label="Tell the customer", required=False)


def _rows() -> list[dict[str, Any]]:
    now = timezone.now()
    stages = [
        ("OM-100231", "Myntra", "Asha Rao", "Bengaluru 560001", 129900, "progress", "Picking", "BLR-02", 95, "Prepaid"),
        ("OM-100230", "Amazon", "Vikram Sethi", "New Delhi 110020", 459900, "bad", "Short", "DEL-01", -18, "COD"),
        ("OM-100229", "Website", "Meera Krishnan", "Chennai 600042", 89900, "info", "Routed", "MAA-01", 340, "COD"),
        ("OM-100228", "Website", "Farhan Ali", "Lucknow 226010", 1245000, "warn", "Held", "–", 24, "Prepaid"),
        ("OM-100227", "Ajio", "Gurpreet Singh", "Ludhiana 141001", 219900, "good", "Delivered", "DEL-01", 0, "COD"),
        ("OM-100226", "Store", "Divya N", "Kochi 682001", 64900, "off", "Cancelled", "–", 0, "Prepaid"),
    ]  # fmt: skip
    return [
        {
            "number": number,
            "channel": channel,
            "customer": customer,
            "city": city,
            "total_minor": total,
            "tone": tone,
            "stage": stage,
            "node": node,
            "due_at": now + timedelta(minutes=minutes, seconds=30) if minutes else None,
            "pay": pay,
            "placed_at": now - timedelta(minutes=12 + index * 47),
        }
        for index, (number, channel, customer, city, total, tone, stage, node, minutes, pay) in enumerate(stages)
    ]


def _numbers() -> dict[str, Any]:
    now = timezone.now()
    return {
        "points_up": [94.1, 94.4, 93.9, 95.0, 95.2, 94.8, 95.6, 95.1, 95.9, 96.0, 95.7, 96.1, 96.0, 96.2],
        "points_down": [1.2, 1.3, 1.2, 1.5, 1.6, 1.4, 1.9, 2.1, 2.0, 2.4, 2.6, 2.5, 2.8, 3.1],
        "points_flat": [7.8, 7.6, 7.9, 7.7, 7.8, 7.9, 7.7, 7.6, 7.8, 7.7, 7.9, 7.8, 7.7, 7.8],
        "segments": [("Shipped", 3, "good"), ("Packed", 1, "progress"), ("Allocated", 2, "info"), ("Short", 1, "bad")],
        "segments_many": [("Delivered", 210, "good"), ("Shipped", 84, "progress"), ("Cancelled", 9, "off")],
        "waterfall": [
            {"label": "On hand", "qty": 9, "kind": "start", "url": "#"},
            {"label": "Reserved", "qty": -4, "url": "#"},
            {"label": "Damaged", "qty": -1, "url": "#"},
            {"label": "Safety stock", "qty": -1, "url": "#"},
            {"label": "ATP", "qty": 3, "kind": "total"},
        ],
        "bars": [
            {"label": "BLR-02 Whitefield", "value": 41, "text": "41 late", "tone": "bad", "url": "#"},
            {"label": "DEL-01 Okhla", "value": 17, "text": "17 late", "tone": "warn", "url": "#"},
            {"label": "MAA-01 Guindy", "value": 6, "text": "6 late", "tone": "info", "url": "#"},
        ],
        "stages": [
            {"label": "Captured", "url": "#", "count": 38, "in_rate": 212, "out_rate": 214, "oldest": "3 m"},
            {"label": "Validated", "url": "#", "count": 12, "in_rate": 214, "out_rate": 214, "oldest": "2 m"},
            {"label": "Routed", "url": "#", "count": 148, "in_rate": 210, "out_rate": 186, "oldest": "41 m"},
            {"label": "Picking", "url": "#", "count": 402, "in_rate": 186, "out_rate": 121, "marked": True},
            {"label": "Packed", "url": "#", "count": 96, "in_rate": 121, "out_rate": 130, "oldest": "26 m"},
            {"label": "Shipped", "url": "#", "count": 1204, "in_rate": 130, "out_rate": 118, "oldest": "2 d"},
            {"label": "Out for delivery", "url": "#", "count": 311, "in_rate": 118, "out_rate": 120, "oldest": "9 h"},
            {"label": "Delivered", "url": "#", "count": 2890, "in_rate": 120, "out_rate": 0, "oldest": ""},
        ],
        "nodes": [
            {"name": "BLR-02 Whitefield", "url": "#", "used": 412, "limit": 450, "backlog": "3.1 h",
             "cutoff_at": now + timedelta(minutes=52), "pickup_at": now + timedelta(minutes=110)},
            {"name": "DEL-01 Okhla", "url": "#", "used": 180, "limit": 600, "backlog": "0.9 h",
             "cutoff_at": now + timedelta(hours=5), "pickup_at": now + timedelta(hours=6)},
            {"name": "MUM-03 Store", "url": "#", "used": 40, "limit": 40, "backlog": "6.4 h",
             "cutoff_at": now + timedelta(minutes=18), "pickup_at": None, "paused": True},
        ],
    }  # fmt: skip


def sample_context() -> dict[str, Any]:
    """Everything the style guide shows."""
    now = timezone.now()
    bad = SampleForm({"phone": "", "pin": "5600", "quantity": "0", "node": "BLR-02"})
    bad.is_valid()
    return {
        "tones": TONES,
        "rows": _rows(),
        "now": now,
        "sla": [now + timedelta(hours=26), now + timedelta(minutes=95), now + timedelta(minutes=24),
                now - timedelta(minutes=18)],
        "form": SampleForm(initial={"phone": "+91 98123 45210", "quantity": 2, "refund_to": "source"}),
        "bad_form": bad,
        "tabs": [
            {"label": "Needs action", "url": "#", "active": True, "count": 37, "tone": "bad", "dirty": True},
            {"label": "Due today", "url": "#", "count": 412},
            {"label": "At risk", "url": "#", "count": 18, "tone": "warn"},
            {"label": "On hold", "url": "#", "count": 9},
            {"label": "Unrouted", "url": "#", "count": 4},
            {"label": "To ship", "url": "#"},
            {"label": "COD to confirm", "url": "#", "count": 26},
            {"label": "All", "url": "#"},
        ],
        "steps": [
            {"label": "Organisation", "url": "#", "state": "done"},
            {"label": "Nodes", "url": "#", "state": "done"},
            {"label": "Catalogue", "url": "#", "state": "current"},
            {"label": "Stock", "url": "#", "state": "todo"},
            {"label": "Channel", "url": "#", "state": "skipped"},
        ],
        "consequences": [
            {"kind": "stock", "text": "2 units of KRT-M go back to BLR-02", "before": "3", "after": "5"},
            {"kind": "money", "text": "Refund to the source of payment", "after": "₹1,299.00", "tone": "bad"},
            {"kind": "message", "text": "WhatsApp to Asha Rao: order cancelled"},
            {"kind": "promise", "text": "Other items stay as promised", "before": "24 Nov", "after": "24 Nov"},
        ],
        "conflict": [
            {"label": "Address", "theirs": "14, 3rd Cross, Indiranagar", "mine": "14, 3rd Main, Indiranagar"},
            {"label": "PIN", "theirs": "560038", "mine": "560008"},
        ],
        "kv": [("Placed", "21 Nov, 14:05"), ("Channel", "Myntra"), ("Phone", "+91 98xxx xx210"), ("Risk", None)],
        "track": [
            {"label": "Ordered", "at": now - timedelta(days=2), "state": "done"},
            {"label": "Packed", "at": now - timedelta(days=1), "state": "done"},
            {"label": "Shipped", "at": now - timedelta(hours=20), "state": "current", "note": "Delhi hub"},
            {"label": "Out for delivery", "state": "todo"},
            {"label": "Delivered", "state": "todo"},
        ],
        "store_tabs": [
            {"key": "tasks", "label": "Tasks", "icon": "list-check", "url": "#", "badge": 4},
            {"key": "pick", "label": "Pick", "icon": "basket", "url": "#"},
            {"key": "handover", "label": "Handover", "icon": "user-check", "url": "#", "badge": 1},
            {"key": "scan", "label": "Scan", "icon": "barcode", "url": "#"},
            {"key": "more", "label": "More", "icon": "dots", "url": "#"},
        ],
        **_numbers(),
    }  # fmt: skip


#: Pages of the style guide and their templates.
PAGES = {
    "ops": "dashboard/_styleguide/index.html",
    "table": "dashboard/_styleguide/table.html",
    "store": "dashboard/_styleguide/store.html",
    "portal": "dashboard/_styleguide/portal.html",
}


@requires("settings.edit")
def styleguide(request: HttpRequest, page: str = "ops") -> HttpResponse:
    """Show the components: `ops`, `table`, `store` or `portal`; anything else is the first.

    For those who set the system up: it holds nothing private, and nobody else has use for it.
    """
    context = sample_context()
    if page == "store":
        context |= {"tabs": context["store_tabs"], "tab": "pick", "store": {"name": "MUM-03 Bandra", "outbox": 2}}
    return render(request, PAGES.get(page, PAGES["ops"]), context)
