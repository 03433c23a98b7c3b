"""A carrier's proof of delivery: asked for by a person, once, and shown to those who may see who lives where."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from django.test import Client

from carriers import registry
from carriers.base import CarrierConfig
from carriers.models import DeliveryProof
from fulfillment.models import Shipment, ShipmentState
from fulfillment.services import hand_over
from oms.accounts.models import Role
from oms.core.errors import PermanentError, TransientError
from tests.carriers.services.world import ScriptedCarrier, rate, scripted_account
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_work

pytestmark = pytest.mark.django_db(transaction=True)
PDF = b"%PDF-1.7 signed by Asha Rao"


class ProvingCarrier(ScriptedCarrier):
    """A carrier that gives proofs of delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answer: Callable[[], bytes] = lambda: PDF

    def proof_of_delivery(self, config: CarrierConfig, awb: str) -> bytes:
        self.asked += 1
        return self.answer()


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> ProvingCarrier:
    adapter = ProvingCarrier()
    adapter.on_rates = lambda request: [rate(1000)]
    monkeypatch.setitem(registry.ADAPTERS, "scripted", adapter)
    scripted_account()
    return adapter


@pytest.fixture
def parcel(world: World, carrier: ProvingCarrier) -> Shipment:
    """One that was delivered."""
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    hand_over(shipment_ids=[shipment.pk], actor="Asha")
    Shipment.objects.filter(pk=shipment.pk).update(state=ShipmentState.DELIVERED)
    return shipment


def test_it_is_asked_for_once_and_shown_as_it_came(
    client: Client, parcel: Shipment, carrier: ProvingCarrier, show: Show
) -> None:
    page = f"/fulfil/parcels/{parcel.pk}/"
    assert "Ask the carrier for it" in show(page)

    answers = [client.post(f"{page}proof/", {"back": page}) for _ in range(2)]
    document = client.get(f"{page}proof.pdf")

    assert [answer["Location"] for answer in answers] == [page, page]
    assert carrier.asked == 1
    assert document.content == PDF
    assert DeliveryProof.objects.get().sha256 == hashlib.sha256(PDF).hexdigest()
    assert f"{page}proof.pdf" in show(page)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (TransientError("The carrier does not answer."), "The carrier does not answer."),
        (PermanentError("There is no proof of it yet."), "There is no proof of it yet."),
        (b"<html>", "are no PDF"),
    ],
)
def test_what_is_no_proof_is_said_and_nothing_is_kept(
    client: Client, parcel: Shipment, carrier: ProvingCarrier, answer: bytes | Exception, words: str
) -> None:
    def reply() -> bytes:
        if isinstance(answer, Exception):
            raise answer
        return answer

    carrier.answer = reply
    page = f"/fulfil/parcels/{parcel.pk}/"

    told = client.post(f"{page}proof/", {"back": "https://elsewhere.example/"}, follow=True)

    assert told.redirect_chain[0][0] == "/"
    assert words in told.content.decode()
    assert not DeliveryProof.objects.exists()
    assert client.get(f"{page}proof.pdf").status_code == 404


def test_it_is_not_offered_before_the_delivery_nor_to_who_may_not_see_addresses(
    client: Client, parcel: Shipment, carrier: ProvingCarrier, show: Show, sign_in: SignIn
) -> None:
    page = f"/fulfil/parcels/{parcel.pk}/"
    sign_in(Role.READ_ONLY)
    assert "Proof of delivery" not in show(page)
    assert client.post(f"{page}proof/", {"back": page}).status_code == 403

    Shipment.objects.filter(pk=parcel.pk).update(state=ShipmentState.IN_TRANSIT)
    sign_in(Role.OPS_MANAGER)
    assert "Proof of delivery" not in show(page)
    client.post(f"{page}proof/", {"back": page})
    assert carrier.asked == 0
