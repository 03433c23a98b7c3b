"""The stock room does not see what pickers hold: whoever asks it to take stock away says so."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Services that take lots from the shelf for something else than an order.
TAKERS = frozenset({
    "approve_adjustment", "ask_adjustment", "finish_picking", "pick_for_transfer", "scan_pick", "ship_transfer",
    "undo_adjustment",
})  # fmt: skip


def calls() -> list[tuple[str, ast.Call]]:
    """Every call of one of them outside the stock room, with its place."""
    found = []
    for path in sorted((ROOT / "oms").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in TAKERS:
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno} {name}", node))
    return found


def test_who_takes_lots_from_the_shelf_says_what_lies_in_totes() -> None:
    places = calls()
    silent = [place for place, call in places if "spoken_for" not in {keyword.arg for keyword in call.keywords}]

    assert silent == []
    assert {place.split()[1] for place, _ in places} == TAKERS
