"""Orders with their lines, holds and payments; the invoices for what was sold."""

from orders.models.channels import SalesChannel, SalesChannelKind
from orders.models.holds import Hold, HoldReason
from orders.models.invoices import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceLineKind,
    InvoiceSeries,
    InvoiceState,
    TaxRegistration,
)
from orders.models.lines import OrderKit, OrderLine
from orders.models.orders import (
    Order,
    OrderPaymentMethod,
    OrderSearch,
    OrderServiceLevel,
    OrderStage,
    OrderSubstitutions,
)
from orders.models.payments import Payment, PaymentState
from orders.models.timeline import OrderEvent

__all__ = [
    "Hold",
    "HoldReason",
    "Invoice",
    "InvoiceKind",
    "InvoiceLine",
    "InvoiceLineKind",
    "InvoiceSeries",
    "InvoiceState",
    "Order",
    "OrderEvent",
    "OrderKit",
    "OrderLine",
    "OrderPaymentMethod",
    "OrderSearch",
    "OrderServiceLevel",
    "OrderStage",
    "OrderSubstitutions",
    "Payment",
    "PaymentState",
    "SalesChannel",
    "SalesChannelKind",
    "TaxRegistration",
]
