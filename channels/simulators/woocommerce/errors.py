"""Refusals in the shape that WordPress sends them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A reply with an error body: `code`, `message` and `data.status`, as recorded."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.data}}


def invalid_param(name: str, code: str, message: str) -> ApiError:
    """A parameter that its schema refuses (recorded: replies 24 and 25)."""
    return ApiError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": None}},
    )


def not_in_enum(name: str, allowed: list[str]) -> ApiError:
    """A value outside the list of its schema."""
    listed = ", ".join(allowed[:-1]) + f", and {allowed[-1]}"
    return invalid_param(name, "rest_not_in_enum", f"{name} is not one of {listed}.")


def invalid_id(code: str, status: int = 404) -> ApiError:
    """Nothing has this number."""
    return ApiError(status, code, "Invalid ID.")


def no_route() -> ApiError:
    """A path the store does not know."""
    return ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")
