"""The print agent against a real OMS and a real socket: each label once, whatever is lost on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from carriers.models import Label
from fulfillment.models import Printer, PrintJob, Shipment
from fulfillment.services import ask_print, book_shipment, cancel_order, hand_over, take_labels
from oms.accounts.services import create_token
from oms.core.errors import NotFound, PermanentError, TransientError
from oms.core.models import IdempotencyKey
from oms.integrations.print_agent import Journal, PrintAgent, PrinterAddress, _jobs, printer_of, printers_of
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


class PaperPrinter:
    """A label printer: whatever is written to its port comes out on paper."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = PrinterAddress("127.0.0.1", self._server.getsockname()[1])
        self.papers: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as paper:
                self.papers.append(paper.read().decode())

    def switch_off(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.fixture
def world() -> World:
    make_carrier()
    return make_world()


@pytest.fixture
def zebra() -> Iterator[PaperPrinter]:
    made = PaperPrinter()
    yield made
    made._server.close()


@pytest.fixture
def printer(world: World) -> Printer:
    return Printer.objects.create(node=world.blr, name="ZEBRA-1")


def token(*node_codes: str, verbs: tuple[str, ...] = ("fulfillment.work",)) -> str:
    made, text = create_token(name="Agent", verbs=list(verbs))
    type(made).objects.filter(pk=made.pk).update(all_nodes=not node_codes, node_codes=list(node_codes))
    return text


def agent(live_server: object, zebra: PaperPrinter, folder: Path, text: str) -> PrintAgent:
    return PrintAgent(
        url=str(live_server), token=text, printers={"ZEBRA-1": zebra.address}, journal=Journal(folder / "journal"),
        say=lambda words: None,
    )  # fmt: skip


def parcel(world: World, name: str = "1") -> Shipment:
    return labelled(make_work(world, name, make_line(world.kurta)))


def test_a_label_is_printed_once_and_the_job_ends(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    shipment = parcel(world)
    for _turn in range(2):  # asked again while it waits, it is the same paper
        ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    running = agent(live_server, zebra, tmp_path, token())
    assert [running.turn(), running.turn()] == [1, 0]
    assert not IdempotencyKey.objects.exists()  # they are kept for ever, and an agent asks once a second
    zebra.switch_off()
    assert zebra.papers == [Label.objects.get().zpl]
    job = PrintJob.objects.get()
    assert (job.state, job.asked_by, job.ended_at is not None) == ("printed", "Asha", True)
    printer.refresh_from_db()
    assert printer.seen_at is not None


def test_a_label_that_is_bought_later_is_printed_then(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    running = agent(live_server, zebra, tmp_path, token())
    assert running.turn() == 0
    book_shipment(shipment.pk)
    assert running.turn() == 1


def test_what_was_printed_before_a_crash_is_told_and_not_printed_again(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    [job] = ask_print(printer_id=printer.pk, shipment_ids=[parcel(world).pk], actor="Asha")
    # An agent printed it, wrote its journal, and died before it could say so; half a line of the next one is there.
    journal = Journal(tmp_path / "journal")
    journal.add((job.pk, job.shipment.awb, f"{live_server}/api/v1/print-jobs"))
    with (tmp_path / "journal").open("a") as file:
        file.write("99")
    assert len(take_labels(node_codes=None, printers=["ZEBRA-1"], most=5)) == 1
    running = agent(live_server, zebra, tmp_path, token())
    assert running.turn() == 0  # still lent
    PrintJob.objects.update(taken_at=job.asked_at - timedelta(minutes=2))
    assert running.turn() == 1
    zebra.switch_off()
    assert zebra.papers == []
    assert PrintJob.objects.get().state == "printed"


def test_a_printer_that_is_off_is_said_and_the_label_can_be_asked_for_again(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    shipment = parcel(world)
    ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    zebra.switch_off()
    assert agent(live_server, zebra, tmp_path, token()).turn() == 1
    job = PrintJob.objects.get()
    assert job.state == "failed"
    assert job.problem.startswith("ZEBRA-1 at 127.0.0.1 did not take it")
    [again] = ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    assert again.pk != job.pk


def test_a_parcel_that_was_opened_again_is_not_printed(world: World, printer: Printer) -> None:
    shipment = parcel(world)
    ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    cancel_order(order_id=shipment.order_id, reason="Ordered twice", actor="Asha")
    assert take_labels(node_codes=None, printers=["ZEBRA-1"], most=5) == []
    assert PrintJob.objects.get().state == "dropped"


def test_the_label_of_a_parcel_that_has_left_is_not_printed(world: World, printer: Printer) -> None:
    shipment = parcel(world)
    ask_print(printer_id=printer.pk, shipment_ids=[shipment.pk], actor="Asha")
    hand_over(shipment_ids=[shipment.pk], actor="Asha")
    assert take_labels(node_codes=None, printers=["ZEBRA-1"], most=5) == []
    assert PrintJob.objects.get().state == "dropped"


def test_a_job_that_is_gone_stops_no_other(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    said: list[str] = []
    running = PrintAgent(url=str(live_server), token=token(), printers={"ZEBRA-1": zebra.address},
                         journal=Journal(tmp_path / "journal"), say=said.append)  # fmt: skip
    running._print(404_404, "ZEBRA-1", "AWB-1", "^XA^XZ")
    zebra.switch_off()
    assert said[-1] == "AWB-1: the OMS does not know this job any more"


@pytest.mark.parametrize("answer", [{"detail": "Please sign in to the network"}, ["a page"], [{"job_id": "?"}], 7])
def test_an_answer_that_is_not_of_an_oms_is_tried_again(answer: object) -> None:
    with pytest.raises(TransientError, match="not the OMS"):
        _jobs(answer)


def test_a_name_of_two_printers_prints_nothing_until_the_node_is_said(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    Printer.objects.create(node=world.delhi, name="ZEBRA-1")
    ask_print(printer_id=printer.pk, shipment_ids=[parcel(world).pk], actor="Asha")
    running = agent(live_server, zebra, tmp_path, token())
    with pytest.raises(TransientError, match="ZEBRA-1 is a printer of blr-01 and del-01"):
        running.turn()
    assert PrintJob.objects.get().state == "waiting"
    running._node = world.blr.code
    assert running.turn() == 1
    assert agent(live_server, zebra, tmp_path, token(world.delhi.code)).turn() == 0


def test_two_agents_never_get_the_same_label(world: World, printer: Printer) -> None:
    ids = [parcel(world, str(n)).pk for n in range(6)]
    ask_print(printer_id=printer.pk, shipment_ids=ids, actor="Asha")

    def take() -> list[int]:
        return [row.job_id for _ in range(3) for row in take_labels(node_codes=None, printers=["ZEBRA-1"], most=1)]

    taken = [job for jobs in at_once([take, take, take]) for job in jobs]
    assert len(taken) == len(set(taken)) == 6


def test_an_agent_sees_the_printers_of_its_nodes_only(
    live_server: object, world: World, printer: Printer, zebra: PaperPrinter, tmp_path: Path
) -> None:
    [job] = ask_print(printer_id=printer.pk, shipment_ids=[parcel(world).pk], actor="Asha")
    other = agent(live_server, zebra, tmp_path, token(world.delhi.code))
    assert other.turn() == 0
    with pytest.raises(PermanentError, match="404"):
        other._post(f"/{job.pk}/end", {"problem": ""})
    assert agent(live_server, zebra, tmp_path, token(world.blr.code)).turn() == 1


@pytest.mark.parametrize("text", ["wrong", "verb"])
def test_a_token_without_the_right_ends_the_agent(
    live_server: object, zebra: PaperPrinter, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMS_PRINT_TOKEN", token(verbs=("orders.view",)) if text == "verb" else "oms_nothing")
    with pytest.raises(CommandError, match="answered 40[13]"):
        call_command("print_agent", url=str(live_server), printer=["ZEBRA-1=127.0.0.1:9"], journal=str(tmp_path / "j"))


def test_an_oms_that_does_not_answer_is_tried_again(zebra: PaperPrinter, tmp_path: Path) -> None:
    said: list[str] = []
    running = PrintAgent(url="http://127.0.0.1:9", token="x", printers={"ZEBRA-1": zebra.address},
                         journal=Journal(tmp_path / "j"), say=said.append)  # fmt: skip
    with pytest.raises(TransientError):
        running.turn()
    running.run(pause_seconds=0.001, until=lambda: len(said) >= 3)
    assert len(said) == 3


@pytest.mark.parametrize("text", ["ZEBRA", "=host", "ZEBRA=", "ZEBRA=host:port", "ZEBRA=host:0", "ZEBRA=host:99999"])
def test_what_is_no_printer_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="is no printer"):
        printers_of([text])


def test_printers_are_named_once() -> None:
    assert printer_of("ZEBRA=10.0.0.5") == ("ZEBRA", PrinterAddress("10.0.0.5", 9100))
    assert printers_of(["A=h:1", "B=h"]) == {"A": PrinterAddress("h", 1), "B": PrinterAddress("h")}
    with pytest.raises(PermanentError, match="twice"):
        printers_of(["A=h", "A=i"])
    with pytest.raises(PermanentError, match="at least one"):
        printers_of([])


def test_a_printer_that_is_switched_off_takes_nothing(world: World, printer: Printer) -> None:
    Printer.objects.update(is_active=False)
    with pytest.raises(NotFound):
        ask_print(printer_id=printer.pk, shipment_ids=[], actor="Asha")


def test_a_journal_keeps_the_last_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oms.integrations.print_agent._KEPT", 3)
    journal = Journal(tmp_path / "journal")
    for number in range(1, 9):
        journal.add((number, f"AWB {number}", "https://oms"))
    fresh = Journal(tmp_path / "journal")
    assert [(number, f"AWB {number}", "https://oms") in fresh for number in (1, 7, 8)] == [False, True, True]
    # The same number of a restored database, and of another OMS.
    assert (8, "AWB 9", "https://oms") not in fresh
    assert (8, "AWB 8", "https://other") not in fresh
