"""A wedge scanner: a keyboard with a clock of its own, whose burst a busy machine cannot stretch."""

from __future__ import annotations

import time
from collections.abc import Sequence

from playwright.sync_api import Page

#: Milliseconds from one key to the next of a usual scanner.
GAP_MS = 5


def scan(page: Page, *codes: str, gap_ms: float = GAP_MS, pause_ms: float = 100) -> None:
    """Type each of `codes` in a burst that ends in Enter, `pause_ms` after the one before, wherever the focus is.

    The browser is told when each key was pressed, as a keyboard's driver tells it. Judged by the time at which the
    test got round to sending them, the keys of one scan would be far apart on a machine that has other work.
    """
    session = page.context.new_cdp_session(page)
    at = time.time()
    for code in codes:
        for key in (*code, "Enter"):
            session.send("Input.dispatchKeyEvent", {"timestamp": at, **_pressed(key)})
            session.send("Input.dispatchKeyEvent", {"timestamp": at, "type": "keyUp", "key": key})
            at += gap_ms / 1000
        at += pause_ms / 1000
    session.detach()


def _pressed(key: str) -> dict[str, str | int | Sequence[str]]:
    if key == "Enter":
        return {"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    return {"type": "keyDown", "key": key, "text": key, "unmodifiedText": key}
