"""Small files to look at and to try: importing them in the order nodes, SKUs, stock, orders works.

The purchase orders are of a supplier that must be made first."""

from __future__ import annotations

from collections.abc import Sequence

from channels.imports.rejects import write_csv
from channels.imports.types import Kind

_ROWS: dict[Kind, Sequence[Sequence[str]]] = {
    "nodes": (
        ("Node code", "Name", "Kind", "PIN code", "Address", "City", "State", "Cut-off", "Daily capacity"),
        ("SAMPLE-DC", "Sample warehouse", "warehouse", "560037", "Plot 12, Whitefield Road", "Bengaluru", "Karnataka",
         "16:00", "2000"),
        ("SAMPLE-S1", "Sample store", "store", "560001", "14 MG Road", "Bengaluru", "Karnataka", "18:00", "80"),
    ),
    "skus": (
        ("SKU code", "Name", "Category", "Size", "Colour", "Barcodes", "Weight", "HSN code", "Tax rate",
         "Selling price"),
        ("SAMPLE-KURTA-M", "Cotton kurta", "Kurta", "M", "Indigo", "8901234500017", "320", "6204", "5", "1,299.00"),
        ("SAMPLE-KURTA-L", "Cotton kurta", "Kurta", "L", "Indigo", "8901234500024", "340", "6204", "5", "1,299.00"),
        ("SAMPLE-MUG", "Clay mug", "Kitchen", "", "", "8901234500031", "450", "6912", "12", "349.50"),
    ),
    "stock": (
        ("SKU code", "Node code", "On hand"),
        ("SAMPLE-KURTA-M", "SAMPLE-DC", "120"),
        ("SAMPLE-KURTA-L", "SAMPLE-DC", "95"),
        ("SAMPLE-MUG", "SAMPLE-S1", "18"),
    ),
    "substitutes": (
        ("SKU code", "Substitute", "Choice"),
        ("SAMPLE-KURTA-M", "SAMPLE-KURTA-L", "1"),
        ("SAMPLE-KURTA-L", "SAMPLE-KURTA-M", "1"),
    ),
    "remittances": (
        ("UTR", "AWB", "Amount", "Kept back", "Paid on"),
        ("SBIN226201234567", "SAMPLE-AWB-1", "1299.00", "0", "2026-07-20"),
        ("SBIN226201234567", "SAMPLE-AWB-2", "650.00", "49.00", "2026-07-20"),
    ),
    "purchase_orders": (
        ("Supplier code", "Reference", "Node code", "SKU code", "Quantity", "Unit cost", "Expected on", "Note"),
        ("sample-mill", "S-2026-14", "SAMPLE-DC", "SAMPLE-KURTA-M", "200", "410.00", "2026-08-01", "First half"),
        ("sample-mill", "S-2026-14", "SAMPLE-DC", "SAMPLE-KURTA-L", "150", "410.00", "2026-08-01", "First half"),
        ("sample-mill", "S-2026-15", "SAMPLE-S1", "SAMPLE-MUG", "60", "", "", ""),
    ),
    "orders": (
        ("Order id", "Ordered on", "Status", "SKU", "Quantity", "Unit price", "Payment", "Customer", "Phone",
         "Address 1", "City", "State", "PIN code"),
        ("SAMPLE-1001", "2026-07-14 10:42", "confirmed", "SAMPLE-KURTA-M", "1", "1299.00", "Prepaid", "Asha Rao",
         "+91 98450 12345", "12 MG Road", "Bengaluru", "Karnataka", "560001"),
        ("SAMPLE-1001", "2026-07-14 10:42", "confirmed", "SAMPLE-MUG", "2", "349.50", "Prepaid", "Asha Rao",
         "+91 98450 12345", "12 MG Road", "Bengaluru", "Karnataka", "560001"),
        ("SAMPLE-1002", "2026-07-14 11:05", "confirmed", "SAMPLE-KURTA-L", "1", "1299.00", "COD", "Ravi Menon",
         "+91 98860 54321", "4 Ring Road", "Delhi", "Delhi", "110037"),
    ),
}  # fmt: skip


def sample_csv(kind: Kind) -> bytes:
    """A file of this kind with a few made-up rows, in our own column names."""
    header, *rows = _ROWS[kind]
    return write_csv(header, rows)
