"""Labels on printers that no browser reaches: asked for here, taken by the agent that stands beside the printer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from carriers.models import Label
from fulfillment.locks import lock_print_jobs
from fulfillment.models import Printer, PrintJob, PrintJobState
from fulfillment.selectors.held import BEFORE_ROAD
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from routing.engine.wording import listed

#: After so long without a word of the agent a job is lent out again.
LENT_FOR = timedelta(seconds=60)
_OPEN = (PrintJobState.WAITING, PrintJobState.TAKEN)


@dataclass(frozen=True, slots=True)
class ReadyLabel:
    """A label for an agent: the job's number, the printer's name, and what it prints."""

    job_id: int
    printer: str
    awb: str
    zpl: str


def ask_print(*, printer_id: int, shipment_ids: Sequence[int], actor: str) -> list[PrintJob]:
    """Print the labels of these parcels there, as soon as they have them. Asked again while one waits: the same paper.

    Raises NotFound for a printer that is not there or switched off.
    """

    def work() -> list[PrintJob]:
        printer = Printer.objects.filter(pk=printer_id, is_active=True).first()
        if printer is None:
            raise NotFound(f"There is no printer {printer_id}.")
        PrintJob.objects.bulk_create(
            [PrintJob(printer=printer, shipment_id=pk, asked_by=actor[:120]) for pk in shipment_ids],
            ignore_conflicts=True,
        )
        open_jobs = PrintJob.objects.filter(printer=printer, shipment__in=shipment_ids, state__in=_OPEN)
        return list(open_jobs.order_by("shipment_id"))

    return run_atomic(work)


def take_labels(
    *, node_codes: Collection[str] | None, printers: Sequence[str], most: int, node_code: str = ""
) -> list[ReadyLabel]:
    """Lend the oldest labels for these printers to an agent, for a minute each.

    `node_codes` are the nodes in the agent's scope, None for all; `node_code` the one beside whose printers it stands.
    A parcel without a label waits on; one that was opened or has left is dropped. Two agents never get the same label
    at the same time. Raises Conflict, and nothing is lent, where a name means printers of several nodes.
    """

    def work() -> list[ReadyLabel]:
        mine = Printer.objects.filter(name__in=printers, is_active=True)
        if node_codes is not None:
            mine = mine.filter(node__code__in=node_codes)
        if node_code:
            mine = mine.filter(node__code=node_code)
        _refuse_namesakes(mine)
        moment = now()
        mine.update(seen_at=moment)
        free = Q(state=PrintJobState.WAITING) | Q(state=PrintJobState.TAKEN, taken_at__lt=moment - LENT_FOR)
        waiting = PrintJob.objects.filter(free, printer__in=mine)
        _drop(waiting)
        ready = waiting.filter(shipment__booking__label__zpl__gt="").order_by("pk").values_list("pk", flat=True)
        jobs = [job for job in lock_print_jobs(ready[:most], only_free=True) if _is_free(job, moment)]
        PrintJob.objects.filter(pk__in=[job.pk for job in jobs]).update(state=PrintJobState.TAKEN, taken_at=moment)
        labels = {
            label.booking_id: label
            for label in Label.objects.filter(booking__in=[job.shipment.booking_id for job in jobs])
        }
        return [
            ReadyLabel(job.pk, job.printer.name, job.shipment.awb, labels[job.shipment.booking_id].zpl)
            for job in jobs if job.shipment.booking_id in labels
        ]  # fmt: skip

    return run_atomic(work)


def _refuse_namesakes(mine: QuerySet[Printer]) -> None:
    nodes: dict[str, list[str]] = defaultdict(list)
    for name, code in mine.order_by("name", "node__code").values_list("name", "node__code"):
        nodes[name].append(code)
    for name, codes in nodes.items():
        if len(codes) > 1:
            words = f"{name} is a printer of {listed(codes)}. Say at which node the agent stands."
            raise Conflict(words, field="node")


def _is_free(job: PrintJob, moment: datetime) -> bool:
    """Nobody took it between the question and the lock."""
    lent = job.state == PrintJobState.TAKEN and (job.taken_at is None or job.taken_at >= moment - LENT_FOR)
    return job.state in _OPEN and not lent


def _drop(waiting: QuerySet[PrintJob]) -> None:
    gone = PrintJob.objects.filter(
        pk__in=waiting.values("pk"),
    ).exclude(shipment__state__in=BEFORE_ROAD)
    gone.update(state=PrintJobState.DROPPED, ended_at=now())


def end_print(*, job_id: int, node_codes: Collection[str] | None, problem: str = "") -> PrintJob:
    """The agent says what became of a label: printed, or why not. Said again, nothing changes. Raises NotFound."""

    def work() -> PrintJob:
        job = next(iter(lock_print_jobs([job_id])), None)
        if job is None or (node_codes is not None and job.printer.node.code not in node_codes):
            raise NotFound(f"There is no print job {job_id}.")
        if job.state in _OPEN:
            job.state = PrintJobState.FAILED if problem else PrintJobState.PRINTED
            job.problem, job.ended_at = problem[:300], now()
            job.save(update_fields=["state", "problem", "ended_at"])
        return job

    return run_atomic(work)
