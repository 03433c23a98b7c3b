"""Signing in: the second step with a code, and the door that closes after too many failures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db.models import F
from django.test import Client

from oms.accounts.models import User
from oms.core.clock import now

pytestmark = pytest.mark.django_db

ADDRESS, PASSWORD = "asha@example.com", "three kurtas and a saree"
LOGIN, SECOND_STEP = "/accounts/login/", "/accounts/2fa/authenticate/"
PERIOD_SECONDS = 30
AccessAttempt: Any = apps.get_model("axes", "AccessAttempt")


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def asha() -> User:
    return User.objects.create_user(ADDRESS, PASSWORD, name="Asha", role="admin", all_nodes=True)


@pytest.fixture
def secret(asha: User) -> str:
    """Of the authenticator app that Asha enrolled."""
    made = str(generate_totp_secret())
    TOTP.activate(asha, made)
    return made


@pytest.fixture
def at_noon() -> Iterator[time_machine.Traveller]:
    """A clock that stands still, at the beginning of a code's half minute."""
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        yield clock


def code_of(secret: str, periods_from_now: int = 0) -> str:
    """What the app shows."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD_SECONDS + periods_from_now)))


def another(code: str) -> str:
    """A code of the same length that is not this one."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def give_password(client: Client, password: str = PASSWORD, address: str = ADDRESS, ip: str = "192.0.2.1") -> Any:
    return client.post(LOGIN, {"login": address, "password": password}, REMOTE_ADDR=ip)


def give_code(client: Client, code: str) -> Any:
    return client.post(SECOND_STEP, {"code": code})


def is_in(client: Client) -> bool:
    """This browser may look at the control tower."""
    response = client.get("/")
    assert response.status_code in (200, 302)
    return response.status_code == 200


def said(response: Any) -> str:
    return str(response.content.decode())


# -- the second step ---------------------------------------------------------------------------------------------------


def test_without_an_app_the_password_is_enough(asha: User) -> None:
    browser = Client()

    response = give_password(browser)

    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_in(browser)


def test_who_enrolled_an_app_is_asked_for_its_code_and_the_password_alone_opens_nothing(secret: str) -> None:
    browser = Client()

    response = give_password(browser)

    assert (response.status_code, response["Location"]) == (302, SECOND_STEP)
    page = browser.get(SECOND_STEP)
    assert page.status_code == 200
    assert "Enter the code that your authenticator app shows" in page.content.decode()
    assert not is_in(browser)


def test_a_wrong_code_does_not_sign_in_and_the_right_one_does(secret: str, at_noon: time_machine.Traveller) -> None:
    browser = Client()
    give_password(browser)

    refused = give_code(browser, another(code_of(secret)))
    assert refused.status_code == 200
    assert "Incorrect code" in said(refused)
    assert not is_in(browser)

    taken = give_code(browser, code_of(secret))
    assert (taken.status_code, taken["Location"]) == (302, "/")
    assert is_in(browser)


@pytest.mark.parametrize("periods", [-1, 1])
def test_a_code_of_the_half_minute_before_or_after_is_refused(
    secret: str, at_noon: time_machine.Traveller, periods: int
) -> None:
    browser = Client()
    give_password(browser)

    assert give_code(browser, code_of(secret, periods)).status_code == 200

    assert not is_in(browser)


def test_a_code_signs_in_once(secret: str, at_noon: time_machine.Traveller) -> None:
    mine, stranger = Client(), Client()
    code = code_of(secret)
    give_password(mine)
    give_password(stranger)
    assert give_code(mine, code).status_code == 302

    refused = give_code(stranger, code)

    assert "Incorrect code" in said(refused)
    assert not is_in(stranger)
    at_noon.shift(PERIOD_SECONDS)
    assert give_code(stranger, code_of(secret)).status_code == 302
    assert is_in(stranger)


def test_a_recovery_code_signs_in_once_in_place_of_the_app(asha: User, secret: str) -> None:
    code, *others = RecoveryCodes.activate(asha).get_unused_codes()
    browser, again = Client(), Client()
    give_password(browser)
    assert give_code(browser, code).status_code == 302
    assert is_in(browser)

    give_password(again)

    assert give_code(again, code).status_code == 200
    assert not is_in(again)
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == others


def test_codes_cannot_be_tried_without_end(secret: str, at_noon: time_machine.Traveller) -> None:
    browser = Client()
    give_password(browser)
    wrong = another(code_of(secret))
    for _ in range(20):
        give_code(browser, wrong)

    refused = give_code(browser, code_of(secret))

    assert "Too many failed login attempts" in said(refused)
    assert not is_in(browser)


def test_without_the_password_there_is_no_second_step(secret: str) -> None:
    response = give_code(Client(), code_of(secret))

    assert (response.status_code, response["Location"]) == (302, LOGIN)


# -- too many failures -------------------------------------------------------------------------------------------------


def fail(client: Client, times: int, **where: str) -> list[Any]:
    return [give_password(client, "not the password", **where) for _ in range(times)]


def let_pass(minutes: int) -> None:
    """The failures happened this much longer ago."""
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=minutes))


def test_after_too_many_failures_the_right_password_is_refused_too_and_a_page_says_why(asha: User) -> None:
    browser = Client()
    limit = settings.AXES_FAILURE_LIMIT
    assert limit == 10

    *answered, last = fail(browser, limit)

    assert {response.status_code for response in answered} == {200}
    assert "are not correct" in said(answered[-1])
    assert last.status_code == 429
    refused = give_password(Client())
    assert refused.status_code == 429
    assert "account/locked.html" in [template.name for template in refused.templates]
    assert "closed for a quarter of an hour" in said(refused)
    assert not is_in(browser)


def test_one_failure_less_closes_nothing_and_success_forgets_the_failures(asha: User) -> None:
    browser = Client()
    fail(browser, settings.AXES_FAILURE_LIMIT - 1)

    assert give_password(browser).status_code == 302
    assert is_in(browser)

    again = Client()
    assert {response.status_code for response in fail(again, settings.AXES_FAILURE_LIMIT - 1)} == {200}


def test_the_door_opens_again_after_a_quarter_of_an_hour(asha: User) -> None:
    fail(Client(), settings.AXES_FAILURE_LIMIT)
    browser = Client()

    let_pass(14)
    assert give_password(browser).status_code == 429
    let_pass(2)

    assert give_password(browser).status_code == 302
    assert is_in(browser)


def test_trying_while_it_is_closed_does_not_keep_it_closed(asha: User) -> None:
    fail(Client(), settings.AXES_FAILURE_LIMIT)
    let_pass(14)
    fail(Client(), 1)

    assert AccessAttempt.objects.get().attempt_time < now() - timedelta(minutes=13)


def test_upper_and_lower_case_are_the_same_address(asha: User) -> None:
    for number in range(settings.AXES_FAILURE_LIMIT):
        fail(Client(), 1, address=ADDRESS.title() if number % 2 else ADDRESS.upper())

    assert give_password(Client()).status_code == 429


def test_somebody_else_in_the_same_place_is_not_shut_out(asha: User) -> None:
    User.objects.create_user("ravi@example.com", PASSWORD, name="Ravi", role="admin", all_nodes=True)
    fail(Client(), settings.AXES_FAILURE_LIMIT)
    browser = Client()

    assert give_password(browser, address="ravi@example.com").status_code == 302
    assert is_in(browser)


def test_who_tries_from_elsewhere_does_not_shut_out_the_person(asha: User) -> None:
    fail(Client(), settings.AXES_FAILURE_LIMIT, ip="198.51.100.7")
    browser = Client()

    assert give_password(browser, ip="198.51.100.7").status_code == 429
    assert give_password(browser, ip="192.0.2.1").status_code == 302
    assert is_in(browser)


def test_the_password_is_not_kept_with_the_failures(asha: User) -> None:
    fail(Client(), 1)

    attempt = AccessAttempt.objects.get()
    assert attempt.username == ADDRESS
    assert "not the password" not in attempt.post_data
