"""Tax invoices for what leaves in a parcel, numbered without a gap for each registration and financial year."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.constraints import money_bounds, one_of, quantity_bounds
from oms.core.ids import uuid7
from oms.core.values import Address
from orders.gst.gstin import what_is_wrong
from orders.gst.numbers import LONGEST, invoice_number
from orders.gst.places import STATES, place_name
from orders.models.lines import OrderLine
from orders.models.orders import Order


def _is_gstin(text: str) -> None:
    wrong = what_is_wrong(text)
    if wrong:
        raise ValidationError(wrong)


def _is_short_prefix(text: str) -> None:
    try:
        invoice_number(text, 2026, 999_999)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class TaxRegistration(models.Model):
    """A GSTIN under which we sell: nodes name it, and their invoices are numbered under it."""

    id = models.BigAutoField(primary_key=True)
    gstin = models.CharField("GSTIN", max_length=15, unique=True, validators=[_is_gstin])
    legal_name = models.CharField(max_length=200)
    trade_name = models.CharField(max_length=200, blank=True)
    line1 = models.CharField("address", max_length=200)
    city = models.CharField(max_length=120)
    postcode = models.CharField(max_length=16)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=32, blank=True)
    invoice_prefix = models.CharField(
        max_length=6, validators=[_is_short_prefix],
        help_text="Begins the number of each invoice: KA gives KA/26-27/00042. A change begins a new series.",
    )  # fmt: skip
    bill_prefix = models.CharField(
        "bill of supply prefix", max_length=6, validators=[_is_short_prefix], help_text="For goods without tax."
    )
    signatory = models.CharField(max_length=120, blank=True, help_text="Who signs, under the name of the seller.")

    class Meta:
        ordering = ["gstin"]
        constraints = [
            models.CheckConstraint(
                condition=Q(gstin__regex=r"^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$"),
                name="tax_registration_gstin_form",
            ),
            models.CheckConstraint(
                condition=Q(invoice_prefix__regex=r"^[A-Z0-9-]+$", bill_prefix__regex=r"^[A-Z0-9-]+$")
                & ~Q(invoice_prefix=F("bill_prefix")),
                name="tax_registration_prefixes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gstin} {self.trade_name or self.legal_name}"

    @property
    def state_code(self) -> str:
        """The number of its state."""
        return self.gstin[:2]

    @property
    def address(self) -> Address:
        """The registered place."""
        state = STATES.get(self.state_code)
        return Address(name=self.legal_name, line1=self.line1, city=self.city, postcode=self.postcode,
                       region=state.name if state else "", phone=self.phone, email=self.email)  # fmt: skip


class InvoiceKind(models.TextChoices):
    """Kinds of a document."""

    INVOICE = "invoice", "Tax invoice"
    BILL = "bill_of_supply", "Bill of supply"


class InvoiceSeries(models.Model):
    """The running number of one registration, prefix and financial year. Its row is locked while a number is given."""

    id = models.BigAutoField(primary_key=True)
    registration = models.ForeignKey(TaxRegistration, on_delete=models.PROTECT, related_name="series")
    prefix = models.CharField(max_length=6)
    financial_year = models.SmallIntegerField(help_text="The year in which it began, in April.")
    last_number = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"
        constraints = [
            models.UniqueConstraint(fields=["registration", "financial_year", "prefix"], name="invoice_series_once"),
            models.CheckConstraint(condition=Q(last_number__gte=0), name="invoice_series_counts_up"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix} {self.financial_year}"


class InvoiceState(models.TextChoices):
    """States of an invoice."""

    ISSUED = "issued", "Issued"
    CANCELLED = "cancelled", "Cancelled"


class Invoice(models.Model):
    """What was sold in one parcel. Never changed and never deleted (a trigger); cancelled where the parcel stayed.

    Names and addresses are those of the moment. `parcel_uid` is the shipment's: orders know no parcels.
    """

    Kind = InvoiceKind
    State = InvoiceState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    registration = models.ForeignKey(TaxRegistration, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=14, choices=InvoiceKind, default=InvoiceKind.INVOICE)
    number = models.CharField(max_length=LONGEST)
    financial_year = models.SmallIntegerField()
    state = models.CharField(max_length=9, choices=InvoiceState, default=InvoiceState.ISSUED)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    parcel_uid = models.UUIDField()
    issued_on = models.DateField(help_text="The day at the node.")
    created_at = models.DateTimeField(db_default=Now())
    seller = models.JSONField()
    ship_from = models.JSONField()
    bill_to = models.JSONField()
    ship_to = models.JSONField()
    buyer_gstin = models.CharField(max_length=15, blank=True)
    place_of_supply = models.CharField(max_length=2)
    place_from_postcode = models.BooleanField(
        default=False, db_default=False, help_text="The address names no state that there is: its PIN code says it."
    )
    between_states = models.BooleanField()
    taxable_minor = models.BigIntegerField()
    cgst_minor = models.BigIntegerField(default=0)
    sgst_minor = models.BigIntegerField(default=0)
    igst_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=120, blank=True)
    cancel_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["registration", "financial_year", "number"], name="invoice_number_unique"),
            models.UniqueConstraint(fields=["parcel_uid"], name="invoice_once_a_parcel"),
            one_of("kind", InvoiceKind, prefix="invoice"),
            one_of("state", InvoiceState, prefix="invoice"),
            money_bounds("taxable_minor", "cgst_minor", "sgst_minor", "igst_minor", "total_minor", prefix="invoice"),
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("taxable_minor") + F("cgst_minor") + F("sgst_minor") + F("igst_minor"),
                    cgst_minor=F("sgst_minor"),
                ),
                name="invoice_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(between_states=True, cgst_minor=0) | Q(between_states=False, igst_minor=0),
                name="invoice_one_kind_of_tax",
            ),
        ]
        indexes = [models.Index(fields=["issued_on", "id"], name="invoice_by_day")]

    def __str__(self) -> str:
        return self.number

    @property
    def place(self) -> str:
        """`29 Karnataka`."""
        return place_name(self.place_of_supply)

    @property
    def tax_minor(self) -> int:
        """All taxes."""
        return self.cgst_minor + self.sgst_minor + self.igst_minor

    def party(self, name: str) -> Address:
        """`seller`, `ship_from`, `bill_to` or `ship_to` as an address."""
        found: dict[str, Any] = getattr(self, name)
        return Address.from_json(found)


class InvoiceLineKind(models.TextChoices):
    """What a line of an invoice is for."""

    GOODS = "goods", "Goods"
    SHIPPING = "shipping", "Delivery"
    COD = "cod", "Cash on delivery"
    OTHER = "other", "Other charges"


class InvoiceLine(models.Model):
    """Goods or a charge, with its tax. `gross_minor` is the price before discounts; the total what is paid."""

    Kind = InvoiceLineKind

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.SmallIntegerField()
    kind = models.CharField(max_length=8, choices=InvoiceLineKind, default=InvoiceLineKind.GOODS)
    order_line = models.ForeignKey(
        OrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="invoice_lines"
    )
    name = models.CharField(max_length=300)
    sku_code = models.CharField(max_length=80, blank=True)
    hsn = models.CharField(max_length=8, blank=True)
    quantity = models.IntegerField()
    gross_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    order_discount_minor = models.BigIntegerField(
        default=0, help_text="Of the discount, what was given on the order as a whole."
    )
    rate_bp = models.IntegerField()
    taxable_minor = models.BigIntegerField()
    cgst_minor = models.BigIntegerField(default=0)
    sgst_minor = models.BigIntegerField(default=0)
    igst_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()

    class Meta:
        ordering = ["invoice_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_once"),
            one_of("kind", InvoiceLineKind, prefix="invoice_line"),
            quantity_bounds("quantity", prefix="invoice_line", low=1),
            money_bounds("gross_minor", "discount_minor", "order_discount_minor", "taxable_minor", "cgst_minor",
                         "sgst_minor", "igst_minor", "total_minor", prefix="invoice_line"),
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("gross_minor") - F("discount_minor"), cgst_minor=F("sgst_minor"),
                )
                & Q(total_minor=F("taxable_minor") + F("cgst_minor") + F("sgst_minor") + F("igst_minor")),
                name="invoice_line_adds_up",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def tax_minor(self) -> int:
        """All taxes."""
        return self.cgst_minor + self.sgst_minor + self.igst_minor
