"""What can be asked about stock."""

from inventory.selectors.audit import Compared, Difference, iter_differences
from inventory.selectors.codes import find_sku_by_code_or_barcode, find_skus_by_codes
from inventory.selectors.holds import HeldLine, HoldView, SoftUnits, find_hold, soft_units
from inventory.selectors.ledger import (
    BALANCES,
    BroughtForward,
    LedgerFilter,
    LedgerPage,
    LedgerRow,
    archived_until,
    balances_as_of,
    brought_forward,
    iter_ledger,
    ledger_balances,
    ledger_page,
    ledger_size,
)
from inventory.selectors.levels import (
    LevelExplanation,
    Part,
    explain_level,
    level_of,
    parts_of,
    sellable,
)

__all__ = [
    "BALANCES",
    "BroughtForward",
    "Compared",
    "Difference",
    "HeldLine",
    "HoldView",
    "LedgerFilter",
    "LedgerPage",
    "LedgerRow",
    "LevelExplanation",
    "Part",
    "SoftUnits",
    "archived_until",
    "balances_as_of",
    "brought_forward",
    "explain_level",
    "find_hold",
    "find_sku_by_code_or_barcode",
    "find_skus_by_codes",
    "iter_differences",
    "iter_ledger",
    "ledger_balances",
    "ledger_page",
    "ledger_size",
    "level_of",
    "parts_of",
    "sellable",
    "soft_units",
]
