"""People who look at the fulfil screens, and the world they look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from carriers.models import CarrierAccount
from fulfillment.models import Shipment
from oms.accounts.models import Role, User
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work

SignIn = Callable[..., None]
Show = Callable[[str], str]


@pytest.fixture
def sign_in(client: Client) -> SignIn:
    """Signs a person of a role in, with all nodes unless some are named: `sign_in(Role.PACKER, "blr-01")`."""

    def enter(role: str, *node_codes: str) -> None:
        user = User.objects.create_user(f"{role}@example.com", "a long pass phrase", role=role,
                                        all_nodes=not node_codes, node_codes=list(node_codes))  # fmt: skip
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    return enter


@pytest.fixture
def world(sign_in: SignIn) -> World:
    """The known world, looked at by an ops agent."""
    sign_in(Role.OPS_AGENT)
    return make_world()


@pytest.fixture
def show(client: Client) -> Show:
    """The text of a page that must be there."""

    def read(path: str) -> str:
        response = client.get(path)
        assert response.status_code == 200, response.content[:500]
        return response.content.decode()

    return read


@pytest.fixture
def weak(world: World) -> CarrierAccount:
    """A carrier that takes next to nothing."""
    return make_carrier("weak", name="Weak couriers", max_weight_grams=10)


@pytest.fixture
def stuck(world: World, weak: CarrierAccount) -> Shipment:
    """A packed parcel that no carrier took."""
    return labelled(make_work(world, "1", make_line(world.kurta)))
