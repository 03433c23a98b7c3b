"""Paper: shipping labels (PDF, ZPL), manifests, pick lists, packing slips, tax and customs invoices, command barcodes.

Data in, bytes out, no clock.
"""

from carriers.labels.commands import command_sheet_pdf
from carriers.labels.customs import customs_invoice_pdf
from carriers.labels.invoice import tax_invoice_pdf
from carriers.labels.manifest import manifest_pdf
from carriers.labels.papers import parcel_papers_pdf
from carriers.labels.shipping_label import shipping_label_pdf, shipping_labels_pdf
from carriers.labels.slips import packing_slip_pdf, pick_list_pdf
from carriers.labels.values import (
    CustomsInvoiceData,
    CustomsRow,
    InvoiceRow,
    LabelData,
    LabelItem,
    ManifestData,
    ManifestRow,
    PackingRow,
    PackingSlipData,
    PickListData,
    PickRow,
    TaxInvoiceData,
)
from carriers.labels.zpl import shipping_label_zpl

__all__ = [
    "CustomsInvoiceData",
    "CustomsRow",
    "InvoiceRow",
    "LabelData",
    "LabelItem",
    "ManifestData",
    "ManifestRow",
    "PackingRow",
    "PackingSlipData",
    "PickListData",
    "PickRow",
    "TaxInvoiceData",
    "command_sheet_pdf",
    "customs_invoice_pdf",
    "manifest_pdf",
    "packing_slip_pdf",
    "parcel_papers_pdf",
    "pick_list_pdf",
    "shipping_label_pdf",
    "shipping_label_zpl",
    "shipping_labels_pdf",
    "tax_invoice_pdf",
]
