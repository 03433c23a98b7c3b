"""The components in a real browser: accessible, without sideways scrolling, and working by keyboard and scanner."""

from typing import Any

import pytest

from oms.accounts.models import Role, User
from tests.e2e.axe import axe_violations, overflow_px
from tests.e2e.scanner import scan

pytestmark = pytest.mark.e2e


@pytest.fixture
def open_page(live_server: Any, browser: Any, client: Any, transactional_db: Any) -> Any:
    """Opens a page of the style guide as a signed-in admin; fails the test on script errors."""
    client.force_login(User.objects.create_user("asha@example.com", "a long pass phrase", role=Role.ADMIN))
    cookie = client.cookies["oms_session"]
    contexts, problems = [], []

    def open_it(name: Any, *, width: Any = 1440, height: Any = 900, scheme: Any = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Asia/Kolkata", locale="en-IN"
        )
        contexts.append(context)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.goto(f"{live_server.url}/_styleguide/{name}/")
        page.wait_for_load_state("networkidle")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "width"), [("ops", 1440), ("ops", 360), ("table", 1440), ("table", 360), ("store", 360), ("portal", 360)]
)
def test_a_page_has_no_accessibility_fault_and_does_not_scroll_sideways(
    open_page: Any, name: Any, width: Any, scheme: Any
) -> None:
    page = open_page(name, width=width, height=900 if width > 400 else 740, scheme=scheme)

    assert axe_violations(page) == []
    assert overflow_px(page) == 0


def test_rows_are_walked_selected_and_counted_by_keyboard(open_page: Any) -> None:
    page = open_page("table")
    page.locator("[data-select]:checked").first.wait_for()
    page.get_by_role("button", name="Clear the selection").click()

    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")

    assert page.locator("[data-selected-count]").inner_text() == "3"
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name="Select all 3,412 matching").click()
    assert page.locator("[data-selected-count]").inner_text() == "3,412"
    assert page.locator("[data-select-all-field]").input_value() == "1"


def test_single_keys_can_be_switched_off(open_page: Any) -> None:
    page = open_page("table")
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts on this device").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("/")

    assert page.evaluate("document.activeElement.id") != "search"
    page.keyboard.press("Control+k")
    assert page.locator("#palette").is_visible()


def test_the_appearance_that_was_chosen_stays(open_page: Any) -> None:
    page = open_page("table")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()

    assert page.locator("html").get_attribute("data-bs-theme") == "dark"


RECOGNISE = """async keys => {
  const { Burst } = await import("/static/js/scan.js");
  const burst = new Burst();
  const codes = [];
  let at = 0;
  for (const [text, gap] of keys) {
    for (const key of text === "Enter" || text === "Tab" ? [text] : text) {
      at += gap;
      const code = burst.take(key, at);
      if (code !== null) codes.push(code);
    }
  }
  return codes;
}"""
EAN = "8901234567894"


@pytest.mark.parametrize("gap", [0, 2, 5, 15, 30, 34])
@pytest.mark.parametrize("end", ["Enter", "Tab"])
def test_a_burst_of_keys_is_a_scan(open_page: Any, gap: Any, end: Any) -> None:
    page = open_page("store", width=360)

    assert page.evaluate(RECOGNISE, [[EAN, gap], [end, gap]] * 10) == [EAN] * 10


def test_typing_is_no_scan_and_a_hiccup_does_not_cut_a_code(open_page: Any) -> None:
    page = open_page("store", width=360)

    assert page.evaluate(RECOGNISE, [[EAN, 140], ["Enter", 140]]) == []
    assert page.evaluate(RECOGNISE, [["abc", 5], ["Enter", 5]]) == []
    assert page.evaluate(RECOGNISE, [["890", 5], ["1", 200], ["234567894", 5], ["Enter", 5]]) == [EAN]


def test_a_scan_needs_no_focus_and_leaves_a_field_as_it_was(open_page: Any) -> None:
    page = open_page("store", width=360)
    page.evaluate(
        "() => { window.codes = []; document.addEventListener('oms:scan', e => window.codes.push(e.detail)); }"
    )

    scan(page, EAN)
    page.locator("input[name=qty]").focus()
    scan(page, "8901234567801")

    assert page.evaluate("window.codes") == [EAN, "8901234567801"]
    assert page.locator("input[name=qty]").input_value() == "1"


def test_store_targets_are_large_enough_for_a_thumb(open_page: Any) -> None:
    page = open_page("store", width=360, height=740)

    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), summary, label.choice")]
          .filter(each => each.offsetParent && !each.closest(".choice input") && !each.matches(".skip, .choice input"))
          .map(each => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
          .filter(([, box]) => box.height < 48 || box.width < 48).map(([html]) => html)"""
    )

    assert small == []
