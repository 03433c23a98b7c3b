"""What became of labels that were sent to printers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from fulfillment.models import Printer, PrintJob, Shipment
from oms.core.clock import now

#: A printer whose agent was silent for so long is said to be away.
SILENT = timedelta(minutes=2)


def last_prints(shipments: Sequence[Shipment]) -> dict[int, PrintJob]:
    """The last job of each of these parcels that has any, by parcel."""
    jobs = PrintJob.objects.filter(shipment__in=shipments).select_related("printer").order_by("pk")
    return {job.shipment_id: job for job in jobs}


def is_away(printer: Printer) -> bool:
    """Nobody asks for what this printer is to print."""
    return printer.seen_at is None or printer.seen_at < now() - SILENT
