"""Accessibility check of the page that a browser shows, by the vendored axe-core (MPL-2.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SOURCE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
#: WCAG 2.2 A and AA, and what axe counts as best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Waits for animations that end; a spinner turns for ever and is let be.
STILL = """() => Promise.all(document.getAnimations()
  .filter(each => Number.isFinite(each.effect.getComputedTiming().endTime))
  .map(each => each.finished.catch(() => null)))"""


#: The rules that a change of colours can break.
COLOURS = ["color-contrast", "link-in-text-block"]
RUN = """([kind, values]) => axe.run(document, {
  runOnly: {type: kind, values}, resultTypes: ["violations"],
})"""


def axe_violations(page: Any, *, colours_only: bool = False) -> list[str]:
    """One line per violated rule: its id, how often, and the first place; empty when the page is sound.

    Animations are waited for, because half-faded text has the contrast of half-faded text. `colours_only` is for a page
    that was looked at in other colours just now.
    """
    page.evaluate(STILL)
    if not page.evaluate("() => 'axe' in window"):
        # Evaluated by the debugger and not as a script tag, so the page keeps its content security policy.
        page.evaluate(SOURCE)
    asked = ["rule", COLOURS] if colours_only else ["tag", RULES]
    found = page.evaluate(RUN, asked)["violations"]
    return [f"{each['id']} x{len(each['nodes'])} {each['nodes'][0]['target']}" for each in found]


def overflow_px(page: Any) -> int:
    """How far the page can be scrolled sideways; 0 on a page that reflows."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
