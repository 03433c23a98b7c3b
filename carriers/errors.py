"""What can go wrong between us and a carrier."""

from oms.core.errors import DomainError


class BadSignature(DomainError):
    """A tracking webhook's token does not match the account."""

    code = "bad_signature"
    http_status = 401


class NoCarrier(DomainError):
    """No carrier account carries this parcel there."""

    code = "no_carrier"
