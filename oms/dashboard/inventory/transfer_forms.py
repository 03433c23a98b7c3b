"""Forms of transfers, and the tables of numbers that picking and receiving send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from inventory.models import Node, TransferLine
from inventory.services import MOST_TRANSFER_LINES, Picked, Received
from oms.core.errors import DomainError
from oms.core.values import MAX_QUANTITY
from oms.dashboard.choices import offer_rows
from oms.dashboard.inventory.forms import LinesForm

_LOT = re.compile(r"^(?P<code>\S.*?)[\s,;]+[x×]?(?P<units>\d{1,9})$")


class TransferForm(LinesForm):
    """What goes from where to where."""

    from_node = forms.ModelChoiceField(
        label="From", queryset=Node.objects.none(), to_field_name="code", empty_label="Choose a node"
    )
    to_node = forms.ModelChoiceField(
        label="To", queryset=Node.objects.none(), to_field_name="code", empty_label="Choose a node"
    )
    expected_on = forms.DateField(
        label="Expected on", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Units that have not come by then are shown as a difference.",
    )  # fmt: skip
    note = forms.CharField(label="Note", max_length=500, required=False)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    field_order = ("from_node", "to_node", "lines", "expected_on", "note")

    def __init__(self, *args: Any, nodes: Any, mine: frozenset[str] | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mine = mine
        for name in ("from_node", "to_node"):
            offer_rows(self, name, nodes)

    def clean(self) -> dict[str, Any]:
        """Two nodes, of which one at least is the person's own."""
        data = super().clean() or {}
        ends = [data.get("from_node"), data.get("to_node")]
        if None in ends:
            return data
        codes = {node.code for node in ends if node is not None}
        if len(codes) == 1:
            self.add_error("to_node", "Choose two different nodes.")
        elif self.mine is not None and not codes & self.mine:
            self.add_error("to_node", "One of the two nodes must be yours.")
        if len(data.get("lines", [])) > MOST_TRANSFER_LINES:
            self.add_error("lines", f"A transfer has at most {MOST_TRANSFER_LINES} items.")
        return data


class ShipForm(forms.Form):
    """How it travels."""

    carrier_name = forms.CharField(label="Carrier or driver", max_length=80, required=False)
    awb = forms.CharField(label="AWB or vehicle", max_length=60, required=False)
    expected_on = forms.DateField(
        label="Expected on", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )  # fmt: skip


def read_picked(data: QueryDict, lines: Sequence[TransferLine]) -> list[Picked]:
    """What was found of each line, from the fields picked-<id>, lots-<id> and serials-<id>. Raises DomainError."""
    found = []
    for line in lines:
        serials = _words(data.get(f"serials-{line.pk}", ""))
        lots = _lots(data.get(f"lots-{line.pk}", ""), line)
        quantity = _number(data.get(f"picked-{line.pk}", ""), line, "picked")
        found.append(Picked(line_id=line.pk, quantity=quantity, lots=lots, serials=serials))
    return found


def read_received(data: QueryDict, lines: Sequence[TransferLine]) -> list[Received]:
    """What came of each line, from the fields good-<id>, damaged-<id>, over-<id> and their lots and serial numbers."""
    found = []
    for line in lines:
        good, damaged, over = (_number(data.get(f"{name}-{line.pk}", ""), line, name)
                               for name in ("good", "damaged", "over"))  # fmt: skip
        if good or damaged or over:
            found.append(
                Received(
                    line_id=line.pk, good=good, damaged=damaged, over=over,
                    lot=data.get(f"lot-{line.pk}", "").strip()[:60],
                    serials=_words(data.get(f"serials-{line.pk}", "")),
                    damaged_serials=_words(data.get(f"damaged-serials-{line.pk}", "")),
                )
            )  # fmt: skip
    return found


def _words(text: str) -> tuple[str, ...]:
    """Serial numbers, apart by spaces, commas or lines."""
    return tuple(word[:60] for word in re.split(r"[\s,;]+", text) if word)


def _lots(text: str, line: TransferLine) -> tuple[tuple[str, int], ...]:
    lots = []
    for row in filter(None, (part.strip() for part in text.splitlines())):
        found = _LOT.match(row)
        if found is None:
            raise DomainError(f"{line.sku.code}: write a lot and its units, for example L-204 6.", field="lots")
        lots.append((found["code"], int(found["units"])))
    return tuple(lots)


def _number(text: str, line: TransferLine, name: str) -> int:
    clean = text.strip() or "0"
    if not (clean.isascii() and clean.isdecimal() and len(clean) < 10 and int(clean) <= MAX_QUANTITY):
        raise DomainError(f"{line.sku.code}, {name}: enter a whole number from 0.", field=f"{name}-{line.pk}")
    return int(clean)
