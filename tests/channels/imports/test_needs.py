"""What goods need and nodes can do comes with the files of SKUs and nodes."""

from __future__ import annotations

import pytest

from channels.imports.catalogue import FIELDS
from channels.imports.parsers import Unreadable
from channels.imports.types import Kind, Options
from inventory.models import Node, Sku
from oms.core.models import OutboxEvent
from tests.channels.imports.conftest import WriteFile, run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "name", "cell", "value"),
    [
        ("skus", "needs", "Hazardous, bulky | hazardous", ["hazardous", "bulky"]),
        ("skus", "needs", "-", []),
        ("nodes", "capabilities", "Gift_Wrap", ["gift_wrap"]),
        ("nodes", "brands", "Aara | Vana, Sons", ["Aara", "Vana, Sons"]),
        ("nodes", "brands", "-", []),
    ],
)
def test_cells_of_many_words_are_read(kind: Kind, name: str, cell: str, value: list[str]) -> None:
    field = next(field for field in FIELDS[kind] if field.name == name)

    assert field.parse(cell, Options()) == value


def test_a_word_too_long_is_refused() -> None:
    field = next(field for field in FIELDS["skus"] if field.name == "needs")

    with pytest.raises(Unreadable):
        field.parse("x" * 41, Options())


def test_files_set_and_clear_what_is_needed_and_what_a_node_can_do(write_file: WriteFile) -> None:
    run(write_file("code,needs", "PAINT,hazardous|bulky", "PLAIN,", name="skus.csv"), "skus")
    run(write_file("code,postcode,capabilities,brands", "DEL,110001,hazardous,Aara", name="nodes.csv"), "nodes")

    assert dict(Sku.objects.values_list("code", "needs")) == {"PAINT": ["hazardous", "bulky"], "PLAIN": []}
    assert Node.objects.values_list("capabilities", "brands").get() == (["hazardous"], ["Aara"])

    run(write_file("code,needs", "PAINT,-", "PLAIN,", name="again.csv"), "skus")
    assert dict(Sku.objects.values_list("code", "needs")) == {"PAINT": [], "PLAIN": []}


def test_a_file_that_cuts_what_nodes_take_tells_routing_each_node_once(write_file: WriteFile) -> None:
    run(write_file("code,postcode,daily_capacity", "DEL,110001,50", "BLR,560001,70", name="nodes.csv"), "nodes")
    assert not told()

    run(write_file("code,postcode,daily_capacity,capabilities", "DEL,110001,20,bulky", "BLR,560001,70,bulky",
                   name="cut.csv"), "nodes")  # fmt: skip

    delhi = Node.objects.get(code="DEL")
    assert (delhi.daily_capacity, delhi.capabilities) == (20, ["bulky"])
    assert told() == [{"node_id": delhi.pk, "before": 50, "after": 20}]

    run(write_file("code,postcode,daily_capacity", "DEL,110001,25", "BLR,560001,70", name="more.csv"), "nodes")
    assert told()[1:] == [{"node_id": delhi.pk, "before": 20, "after": 25}]


def told() -> list[dict[str, int]]:
    events = OutboxEvent.objects.filter(kind="inventory.NodeCapacityChanged").order_by("pk")
    return list(events.values_list("payload", flat=True))
