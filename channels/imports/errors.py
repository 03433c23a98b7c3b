"""Why a whole file is refused."""

from oms.core.errors import DomainError


class ImportRefused(DomainError):
    """The file cannot be read at all, or must not be: too large, not a table, a bomb, a missing column."""

    code = "import_refused"
