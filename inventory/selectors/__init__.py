"""What can be asked about stock."""

from inventory.selectors.audit import Compared, Difference, iter_differences
from inventory.selectors.codes import find_sku_by_code_or_barcode, find_skus_by_codes
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
    "iter_differences",
    "archived_until",
    "balances_as_of",
    "brought_forward",
    "LedgerFilter",
    "LedgerPage",
    "LedgerRow",
    "LevelExplanation",
    "Part",
    "explain_level",
    "find_sku_by_code_or_barcode",
    "find_skus_by_codes",
    "iter_ledger",
    "ledger_balances",
    "ledger_page",
    "ledger_size",
    "level_of",
    "parts_of",
    "sellable",
]
