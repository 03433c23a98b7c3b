"""What can be asked about stock."""

from inventory.selectors.codes import find_sku_by_code_or_barcode, find_skus_by_codes
from inventory.selectors.ledger import (
    LedgerFilter,
    LedgerPage,
    LedgerRow,
    iter_ledger,
    ledger_balances,
    ledger_page,
)
from inventory.selectors.levels import (
    BALANCES,
    LevelExplanation,
    Part,
    explain_level,
    level_of,
    parts_of,
    sellable,
)

__all__ = [
    "BALANCES",
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
    "level_of",
    "parts_of",
    "sellable",
]
