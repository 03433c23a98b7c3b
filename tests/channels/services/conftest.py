"""The known world with a WooCommerce account for its web shop."""

import pytest

from channels.models import ChannelAccount
from tests.channels.services.doors import make_account
from tests.factories import World, make_world


@pytest.fixture
def world(db: None) -> World:
    """Two warehouses with ten of each SKU, a store, a web shop."""
    return make_world()


@pytest.fixture
def account(world: World) -> ChannelAccount:
    """The web shop's account."""
    return make_account(world)
