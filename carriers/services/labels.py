"""What is stuck on the parcel."""

from __future__ import annotations

from carriers.base import GivesLabels, TakesOnlyItsLabel, UnknownOutcome
from carriers.labels import LabelData, LabelItem, shipping_label_pdf, shipping_label_zpl
from carriers.models import Booking, BookingState, Label
from carriers.registry import adapter_for
from carriers.services.accounts import note_failure
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import booked_of, call_config
from carriers.services.stored_request import read_request
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError


def make_label(booking_id: int) -> Label:
    """The label of a booked parcel, made once. Never inside a transaction when the carrier prints its own.

    Our own PDF and ZPL, always the same bytes for the same booking; the carrier's PDF instead (and no ZPL) where it
    gives one and the account's setting `use_carrier_label` is on, which it is by itself where the carrier sorts by
    nothing else. Raises NotFound, Conflict unless the booking is
    BOOKED, TransientError or PermanentError from the carrier.
    """
    booking = Booking.objects.select_related("account", "label").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    existing: Label | None = getattr(booking, "label", None)
    if existing is not None:
        return existing
    if booking.state != BookingState.BOOKED:
        raise Conflict(f"Booking {booking} is {booking.get_state_display().lower()}; only a booked parcel has a label.")
    adapter = adapter_for(booking.account.adapter)
    only_theirs = isinstance(adapter, TakesOnlyItsLabel)
    if booking.account.settings.get("use_carrier_label", only_theirs) and isinstance(adapter, GivesLabels):
        refuse_open_transaction("make_label")
        defaults = {"pdf": _carrier_label(adapter, booking), "zpl": "", "from_carrier": True}
    else:
        defaults = _own_label(booking)
    label, _ = Label.objects.get_or_create(booking=booking, defaults=defaults)
    return label


def _carrier_label(adapter: GivesLabels, booking: Booking) -> bytes:
    try:
        return adapter.label(call_config(booking), booked_of(booking))
    except (TransientError, UnknownOutcome) as error:
        note_failure(booking.account, error)
        raise TransientError(str(error)) from error


def _own_label(booking: Booking) -> dict[str, object]:
    data = label_data(booking)
    try:
        return {"pdf": shipping_label_pdf(data), "zpl": shipping_label_zpl(data), "from_carrier": False}
    except ValueError as error:
        raise PermanentError(f"The label of {booking.awb} cannot be printed: {error}") from error


def label_data(booking: Booking) -> LabelData:
    """Everything on our own label of a booked parcel. The account's setting `tracking_url` may hold `{awb}`."""
    request = read_request(booking.request)
    return LabelData(
        awb=booking.awb,
        courier_name=booking.courier_name or booking.account.name,
        order_number=booking.order_number,
        ship_from=request.ship_from,
        ship_to=request.ship_to,
        weight_grams=request.weight_grams,
        created_at=booking.booked_at or booking.created_at,
        cod_minor=request.cod_minor,
        currency=request.currency,
        tracking_url=str(booking.account.settings.get("tracking_url", "")).replace("{awb}", booking.awb),
        routing_code=str(booking.external_ids.get("routing_code", "")),
        service_name=request.service_level.replace("_", " ").capitalize(),
        declared_value_minor=request.declared_value_minor,
        length_mm=request.length_mm,
        width_mm=request.width_mm,
        height_mm=request.height_mm,
        items=tuple(
            LabelItem(name=item.name, quantity=item.quantity, sku_code=item.sku_code) for item in request.items
        ),
    )
