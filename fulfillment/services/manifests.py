"""Manifests: which parcels a carrier's driver takes from a node, scanned one by one."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from django.conf import settings
from django.core.files.base import ContentFile
from PIL import Image, UnidentifiedImageError

from fulfillment.errors import WrongItem
from fulfillment.locks import lock_manifest, lock_shipments
from fulfillment.models import Manifest, ManifestState, OffManifest, Shipment, ShipmentState
from fulfillment.selectors.handing_over import at_the_dock
from fulfillment.selectors.held import Held, contents_of, held_by_stores, held_units
from fulfillment.services.hand_offs import refuse_with_wms
from fulfillment.services.held import refuse_held
from fulfillment.services.sending import is_transfer
from fulfillment.services.shipping import hand_over
from fulfillment.states import SHIPMENT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.states import advance, advance_many

_MOST_SIGNATURE_BYTES, _MOST_PIXELS = 200_000, 2_000


def open_manifest(*, node_id: int, carrier_account_id: int, actor: str) -> Manifest:
    """The open manifest of a carrier at a node, made where there is none."""

    def work() -> Manifest:
        manifest, created = Manifest.objects.get_or_create(
            node_id=node_id, carrier_account_id=carrier_account_id, state=ManifestState.OPEN,
            defaults={"number": f"new-{node_id}-{carrier_account_id}", "created_by": actor},
        )  # fmt: skip
        if created:
            manifest.number = f"M-{100000 + manifest.pk}"
            manifest.save(update_fields=["number"])
        return manifest

    return run_atomic(work)


def add_to_manifest(*, manifest_id: int, awb: str, actor: str) -> Shipment:
    """Scan a parcel onto a manifest.

    Raises WrongItem for another carrier's parcel, NotFound for an unknown AWB, MayNotLeave for a parcel with a lot that
    was blocked or expired since it was packed, or whose store is switched off, WithWms for one that a WMS ships.
    """

    def work() -> Shipment:
        # Closing takes the same lock first: a parcel is either handed over with the manifest or refused.
        lock_manifest(manifest_id)
        manifest = _open(manifest_id)
        found = Shipment.objects.filter(awb=awb.strip(), node_id=manifest.node_id).exclude(awb="").first()
        if found is None:
            raise NotFound(f"No parcel {awb} is waiting at {manifest.node}.")
        shipment = lock_shipments([found.pk])[0]
        if shipment.carrier_account_id != manifest.carrier_account_id:
            raise WrongItem(f"{awb} goes with {shipment.carrier_account}, not with {manifest.carrier_account}.")
        if shipment.manifest_id == manifest.pk:
            return shipment
        if shipment.state != ShipmentState.LABELLED:
            raise Conflict(f"{awb} is {shipment.get_state_display().lower()}.")
        refuse_with_wms(shipment.fulfillment_order)
        refuse_held(_held({shipment.pk: shipment}), field="awb")
        advance(shipment, ShipmentState.MANIFESTED, using=SHIPMENT, actor=actor, manifest=manifest)
        OffManifest.objects.filter(shipment=shipment).delete()
        return shipment

    return run_atomic(work)


@dataclass(frozen=True, slots=True)
class Added:
    """How many parcels went onto a manifest, and how many stay because something in them may not leave."""

    parcels: int
    stay: int = 0


def add_all(*, manifest_id: int, actor: str) -> Added:
    """Put every labelled parcel of the carrier at the node onto the manifest, at once.

    Parcels that may not leave are not put there. Raises MayNotLeave where there are no others.
    """

    def work() -> Added:
        lock_manifest(manifest_id)
        manifest = _open(manifest_id)
        waiting = at_the_dock(Shipment.objects.exclude(awb=""), manifest.node_id, manifest.carrier_account_id)
        # Cancelled or handed over before it was locked: no longer labelled, and left alone.
        rows = {row.pk: row for row in lock_shipments(waiting.values_list("pk", flat=True))
                if row.state == ShipmentState.LABELLED and not row.fulfillment_order.with_wms}  # fmt: skip
        held = _held(rows)
        stay = {item.shipment.pk for item in held}
        ids = sorted(rows.keys() - stay)
        if not ids:
            refuse_held(held, field="manifest")
        added = advance_many(Shipment, ids, ShipmentState.MANIFESTED, using=SHIPMENT, actor=actor, manifest=manifest)
        OffManifest.objects.filter(shipment__in=added).delete()
        return Added(len(added), len(stay))

    return run_atomic(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Who took the parcels. `signature` is a PNG picture; `code` what the carrier gave the driver for this pickup."""

    name: str = ""
    vehicle: str = ""
    phone: str = ""
    code: str = ""
    signature: bytes = b""


NOBODY = Driver()


def close_manifest(*, manifest_id: int, actor: str, driver: Driver = NOBODY) -> list[int]:
    """The driver took the parcels: all of them are handed over; their ids. Closing again changes nothing.

    Parcels of the carrier that nobody scanned stay for its next manifest; how many is kept. Raises Conflict for an
    empty manifest, DomainError where a proof is missing that the settings want, or the signature is no picture, and
    MayNotLeave, with all of them still here, where one may not leave.
    """
    signature = _checked_signature(driver)

    def work() -> list[int]:
        manifest = lock_manifest(manifest_id)
        if manifest.state == ManifestState.CLOSED:
            return []
        on_it = manifest.shipments.exclude(state=ShipmentState.CANCELLED)
        if not on_it.exists():
            raise Conflict(f"{manifest} is empty: scan a parcel first.")
        # The carrier's own scans may have been quicker than the dock: then the proof is all that is left to keep.
        ids = list(on_it.filter(state=ShipmentState.MANIFESTED).values_list("pk", flat=True))
        left = hand_over(shipment_ids=ids, actor=actor, reason=f"manifest {manifest}")
        manifest.state, manifest.closed_at, manifest.closed_by = ManifestState.CLOSED, now(), actor
        manifest.driver_name, manifest.vehicle = driver.name[:120], driver.vehicle[:40]
        manifest.driver_phone, manifest.driver_code = driver.phone[:32], driver.code[:20]
        manifest.left_behind = at_the_dock(
            Shipment.objects.all(), manifest.node_id, manifest.carrier_account_id
        ).count()
        if signature:
            manifest.signature.save(f"{uuid7()}.png", ContentFile(signature), save=False)
        manifest.save()
        return left

    return run_atomic(work)


def picture_of(data_url: str) -> bytes:
    """The PNG picture that a page drew, as it sends it. Raises DomainError for anything else; empty for nothing."""
    if not data_url:
        return b""
    head, _, body = data_url.partition(",")
    try:
        found = b64decode(body, validate=True)
    except ValueError:
        found = b""
    if head != "data:image/png;base64" or not found:
        raise DomainError("The signature is no picture that this page made. Sign again.", field="signature")
    return found


def _checked_signature(driver: Driver) -> bytes:
    if settings.HANDOVER_NEEDS_PROOF and not (driver.code or driver.signature):
        raise DomainError("Have the driver sign, or type the code of the pickup.", field="signature")
    if not driver.signature:
        return b""
    if len(driver.signature) > _MOST_SIGNATURE_BYTES or not _is_drawing(driver.signature):
        raise DomainError("The signature is no picture that this page made. Sign again.", field="signature")
    return driver.signature


def _is_drawing(content: bytes) -> bool:
    """A whole PNG picture of the size of a pad."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            width, height = picture.size
            picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        return False
    return 0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS


def _held(shipments: Mapping[int, Shipment]) -> list[Held]:
    """What of these locked parcels (by id) may not leave."""
    to_stores = [shipment for shipment in shipments.values() if is_transfer(shipment)]
    return [*held_units(contents_of(shipments.values()), shipments), *held_by_stores(to_stores)]


def _open(manifest_id: int) -> Manifest:
    manifest = Manifest.objects.select_related("node", "carrier_account").filter(pk=manifest_id).first()
    if manifest is None:
        raise NotFound(f"There is no manifest {manifest_id}.")
    if manifest.state != ManifestState.OPEN:
        raise Conflict(f"{manifest} is closed.")
    return manifest
