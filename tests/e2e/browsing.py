"""A person at a real browser: signs in, and every page they look at is sound in light and dark."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.e2e.axe import axe_violations, overflow_px

PASSWORD = "a long pass phrase"
#: Puts what the content security policy refused where script errors are, whatever the page does about it.
REPORT_REFUSALS = """document.addEventListener("securitypolicyviolation", event =>
  console.error(`refused by ${event.violatedDirective}: ${event.blockedURI}`));"""

#: A processor that is shared with the checks answers late now and then.
expect.set_options(timeout=12_000)
#: Sizes of window in which this process has looked at the gate: it is the same for everybody.
GATE_SEEN: set[tuple[int, int]] = set()
#: A folder for a picture of everything that is looked at, for the eyes of whoever changes a screen.
PICTURES = os.environ.get("OMS_PICTURES")


@dataclass(slots=True)
class Visit:
    """One browser window of one person; `problems` is what the console and the security policy complained about."""

    browser: Browser
    base_url: str
    width: int = 1440
    height: int = 900
    scripts: bool = True
    problems: list[str] = field(default_factory=list)
    pictures: int = 0
    flying: set[Request] = field(default_factory=set)
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(
            viewport={"width": self.width, "height": self.height}, java_script_enabled=self.scripts,
            has_touch=self.width < 600, timezone_id="Asia/Kolkata", locale="en-IN", accept_downloads=True,
        )  # fmt: skip
        self.context.add_init_script(REPORT_REFUSALS)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("request", lambda request: self.flying.add(request))
        self.page.on("requestfinished", lambda request: self.flying.discard(request))
        self.page.on("requestfailed", lambda request: self.flying.discard(request))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    def open(self, path: str) -> Page:
        """Go to an address of the system under test."""
        self.page.goto(f"{self.base_url}{path}")
        return self.page

    def sign_in(self, email: str) -> Page:
        """Ask for the first page, be sent to the gate, pass it."""
        page = self.open("/")
        if self.scripts and (self.width, self.height) not in GATE_SEEN:
            GATE_SEEN.add((self.width, self.height))
            self.look()
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).not_to_have_url(f"{self.base_url}/accounts/login/?next=/")
        return page

    def look(self) -> None:
        """The page as it stands has no accessibility fault and does not scroll sideways, in light and in dark."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            expect(self.page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            faults, overflow = self._judged(scheme)
            if faults or overflow:
                # A page that still moves is judged again when it has come to rest.
                self.page.wait_for_timeout(700)
                faults, overflow = self._judged(scheme)
            self._picture(scheme)
            assert (faults, overflow) == ([], 0), f"{self.page.url} in {scheme}: {faults}, {overflow} px too wide"
        self.page.emulate_media(color_scheme="light")

    def _judged(self, scheme: str) -> tuple[list[str], int]:
        return axe_violations(self.page, colours_only=scheme == "dark"), overflow_px(self.page)

    def _picture(self, scheme: str) -> None:
        if PICTURES:
            test = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition(" ")[0].replace("/", "-")
            self.pictures += 1
            path = Path(PICTURES) / f"{test}-{self.pictures:02}-{self.width}-{scheme}.png"
            self.page.screenshot(path=path, full_page=True)

    def _wait_until_quiet(self) -> None:
        """A page of the store app fetches others to keep them: the server answers before its database is emptied."""
        quiet = 0
        for _ in range(100):
            quiet = 0 if self.flying else quiet + 1
            if quiet == 6:
                return
            self.page.wait_for_timeout(50)

    def leave(self) -> None:
        """Close the window; nothing was complained about."""
        if self.context.service_workers:
            self._wait_until_quiet()
        self.context.close()
        assert self.problems == [], self.problems


def is_kept(page: Page, part: str) -> bool:
    """The phone keeps a page whose address has this part."""
    return bool(
        page.evaluate(
            """async part => {
              for (const name of await caches.keys()) {
                if (!name.startsWith("oms-pages-")) continue;
                const rows = await (await caches.open(name)).keys();
                if (rows.some(row => row.url.includes(part))) return true;
              }
              return false;
            }""",
            part,
        )
    )


def until_kept(page: Page, part: str) -> None:
    """Wait until the phone keeps such a page."""
    for _ in range(100):
        if is_kept(page, part):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{part} is not kept")
