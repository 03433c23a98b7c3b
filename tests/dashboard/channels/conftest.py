"""A web shop with an account, messages in quarantine, and people who look at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.test import Client

from channels.models import ChannelAccount, InboundMessage
from channels.services import process_inbox, receive_messages
from oms.accounts.models import Role, User
from orders.models import SalesChannel
from tests.channels.services.doors import file_row, make_account
from tests.factories import World, make_line, make_order, make_world

SignIn = Callable[..., Client]


@pytest.fixture
def world(db: None) -> World:
    """The known world."""
    return make_world()


@pytest.fixture
def account(world: World) -> ChannelAccount:
    """The web shop's account, polled and told things."""
    return make_account(world)


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A browser in which somebody of a role is signed in."""

    def make(role: str = Role.OPS_MANAGER, **fields: object) -> Client:
        defaults: dict[str, object] = {"all_nodes": True, "name": f"The {role}"}
        number = User.objects.count()
        person = User.objects.create(email=f"{role}{number}@example.com", role=role, **(defaults | fields))
        browser = Client()
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    return make


def quarantine(account: ChannelAccount, world: World, ids: Sequence[str], sku: str = "KRT_M") -> list[InboundMessage]:
    """Messages that wait because nobody said what this code of the channel means."""
    rows = []
    for external_id in ids:
        row = file_row(make_order(external_id, make_line(world.kurta)))
        row.payload["lines"][0] |= {"sku_id": None, "sku_code": sku}
        rows.append(row)
    receive_messages(account, rows, "file")
    process_inbox(account.pk)
    found = list(InboundMessage.objects.filter(account=account, external_id__in=list(ids)).order_by("pk"))
    assert {message.state for message in found} == {"quarantined"}
    return found


def other_account() -> ChannelAccount:
    """A second channel."""
    channel = SalesChannel.objects.create(code="bazaar", name="Bazaar", kind="marketplace")
    return ChannelAccount.objects.create(channel=channel, connector="files")
