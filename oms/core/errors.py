"""Errors for people (`DomainError`) and for machines (`TransientError`, `PermanentError`)."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Something a person asked for cannot be done.

    `message` is a sentence that says what happened, to which object and what to do. `code` is stable for clients,
    `field` names the input at fault where there is one, `data` carries details.
    """

    code = "refused"
    http_status = 422

    def __init__(self, message: str, *, field: str = "", **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.data = data


class NotFound(DomainError):
    """No such object, or not in the scope of the person who asks: the two look alike on purpose."""

    code = "not_found"
    http_status = 404


class Conflict(DomainError):
    """Someone was first: the object is no longer in the state or version that the caller saw."""

    code = "conflict"
    http_status = 409


class StillBusy(Conflict):
    """Somebody else held what this write needs for longer than a request waits: nothing was done, try it again."""


class Forbidden(DomainError):
    """The person may not do this."""

    code = "forbidden"
    http_status = 403


class IllegalTransition(Conflict):
    """A state machine refuses the step."""

    code = "illegal_transition"


class TransientError(Exception):
    """Try again later. `retry_after_seconds` is what the other side asked for, if it did."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(Exception):
    """Trying again will not help; a person must look."""
