"""One scan or tap for a transfer: a unit picked at the first node, or come to the second one, told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.models import Bucket, Sku, Tracking, Transfer, TransferLine
from inventory.selectors.transfers import ScannedUnit, lines_of_transfer, read_unit
from inventory.services.transfer_receiving import Received, receive_transfer
from inventory.services.transfers import pick_for_transfer
from inventory.services.units import SpokenFor, nobody
from oms.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What a scan came to: `ok`, `wrong` or `unknown`, in one sentence."""

    result: str
    text: str

    @property
    def as_dict(self) -> dict[str, str]:
        """For the answer that is kept and for the header of the reply."""
        return {"result": self.result, "text": self.text}


def scan_pick(*, transfer_id: int, code: str, actor: str, spoken_for: SpokenFor = nobody) -> ScanOutcome:
    """One unit of the scanned code is found for a transfer. Raises what `pick_for_transfer` raises."""
    transfer, lines = _of(transfer_id)
    unit = read_unit(lines, code, node_id=transfer.from_node_id)
    refused = _refusal(unit, code, transfer)
    if refused is not None:
        return refused
    assert unit.line is not None
    if unit.line.picked_quantity >= unit.line.quantity:
        return ScanOutcome(
            "wrong", f"You have all {unit.line.quantity} of {name_of(unit.line.sku)}. Put this one back."
        )
    line = pick_for_transfer(
        transfer_id=transfer_id, sku_id=unit.line.sku_id, serial=unit.serial, lot=unit.lot, actor=actor,
        spoken_for=spoken_for,
    )  # fmt: skip
    return ScanOutcome("ok", f"{name_of(line.sku)}: {line.picked_quantity} of {line.quantity}")


def scan_received(*, transfer_id: int, code: str, op_key: str, actor: str) -> ScanOutcome:
    """One good unit of the scanned code came. Raises what `receive_transfer` raises."""
    transfer, lines = _of(transfer_id)
    unit = read_unit(
        lines, code, node_id=transfer.to_node_id, bucket=Bucket.INBOUND, reference=transfer.number
    )  # fmt: skip
    refused = _refusal(unit, code, transfer)
    if refused is not None:
        return refused
    line = unit.line
    assert line is not None
    if not line.in_transit_quantity:
        return ScanOutcome(
            "wrong",
            f"All {line.shipped_quantity} of {name_of(line.sku)} came already. If this one is too many, enter it as "
            "over.",
        )
    receive_transfer(
        transfer_id=transfer_id, op_key=op_key, actor=actor,
        lines=[Received(line_id=line.pk, good=1, lot=unit.lot, serials=(unit.serial,) if unit.serial else ())],
    )  # fmt: skip
    line.refresh_from_db()
    return ScanOutcome("ok", f"{name_of(line.sku)}: {line.received_quantity} of {line.shipped_quantity} came")


def name_of(sku: Sku) -> str:
    """Name and options, as a person says them."""
    options = ", ".join(str(value) for value in sku.options.values() if value)
    return f"{sku.name} ({options})" if options else sku.name


def _of(transfer_id: int) -> tuple[Transfer, list[TransferLine]]:
    transfer = Transfer.objects.filter(pk=transfer_id).first()
    if transfer is None:
        raise NotFound(f"There is no transfer {transfer_id}.")
    return transfer, lines_of_transfer(transfer)


def _refusal(unit: ScannedUnit, code: str, transfer: Transfer) -> ScanOutcome | None:
    if unit.sku is None:
        return ScanOutcome("unknown", f"{code[:40]} is not in the catalogue. Set it aside and look it up.")
    if unit.line is None:
        return ScanOutcome("wrong", f"This is {name_of(unit.sku)}. {transfer.number} has none of it.")
    if unit.sku.tracking == Tracking.SERIAL and not unit.serial:
        return ScanOutcome("wrong", f"{name_of(unit.sku)} is kept by serial number: scan the number of this one.")
    return None
