"""Channels in Django admin: secrets are replaced, never shown."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.template.response import TemplateResponse
from django.test import RequestFactory

from channels.admin import AccountForm
from channels.models import ChannelAccount, InboundMessage, OutboundUpdate
from oms.accounts.models import User
from tests.factories import World


def form_of(account: ChannelAccount, **changes: str) -> AccountForm:
    data = {
        "channel": str(account.channel_id), "connector": "woocommerce", "base_url": "https://shop.example",
        "settings": "{}", "poll_seconds": "60", "new_secrets": "",
    }  # fmt: skip
    return AccountForm(data | changes, instance=account)


@pytest.fixture
def account(account: ChannelAccount) -> ChannelAccount:
    """The account with two secrets."""
    account.secrets = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}
    account.save()
    return account


def test_a_form_left_empty_keeps_the_secrets(account: ChannelAccount) -> None:
    form = form_of(account)
    assert form.is_valid(), form.errors
    form.save()
    account.refresh_from_db()
    assert account.secrets == {"consumer_key": "ck_1", "consumer_secret": "cs_1"}
    assert account.base_url == "https://shop.example"


def test_new_secrets_replace_the_old_ones_by_name(account: ChannelAccount) -> None:
    form = form_of(account, new_secrets='{"consumer_secret": "cs_2", "consumer_key": null, "webhook_secret": "w"}')
    assert form.is_valid(), form.errors
    form.save()
    account.refresh_from_db()
    assert account.secrets == {"consumer_secret": "cs_2", "webhook_secret": "w"}


def test_secrets_that_are_no_texts_are_refused(account: ChannelAccount) -> None:
    assert not form_of(account, new_secrets='["cs_2"]').is_valid()
    assert not form_of(account, new_secrets='{"a": 1}').is_valid()


def test_no_page_shows_a_secret(world: World, account: ChannelAccount) -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("root@example.com", "a long enough password")
    page = admin.site.get_model_admin(ChannelAccount).changeform_view(request, str(account.pk))
    assert isinstance(page, TemplateResponse)
    page.render()
    assert b"consumer_secret" in page.content
    assert b"cs_1" not in page.content


@pytest.mark.parametrize("model", [InboundMessage, OutboundUpdate])
def test_what_came_and_what_was_told_can_only_be_read(world: World, model: type[Model]) -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("root@example.com", "a long enough password")
    registered: admin.ModelAdmin[Any] = admin.site.get_model_admin(model)
    assert not registered.has_add_permission(request)
    assert not registered.has_change_permission(request)
    assert not registered.has_delete_permission(request)
