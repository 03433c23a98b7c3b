"""What can go wrong at the doors of the channels."""

from oms.core.errors import DomainError


class BadSignature(DomainError):
    """A webhook's signature does not match its body."""

    code = "bad_signature"
    http_status = 401
