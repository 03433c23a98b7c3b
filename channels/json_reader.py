"""Reads fields of our own JSON strictly and notes every field that is not what it should be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from rapidfuzz import process

from channels.base import MappingIssue
from oms.core.values import MAX_MINOR, MAX_QUANTITY

Choice = TypeVar("Choice", bound=str)

_CURRENCY = re.compile(r"[A-Z]{3}")
#: Similarity (0 to 100) from which a misspelt field is taken for a known one.
_CLOSE = 75


class JsonReader:
    """One JSON object and the issues found in it; readers of objects within it share the list of issues."""

    def __init__(self, data: Mapping[str, Any], path: str = "", issues: list[MappingIssue] | None = None) -> None:
        self.data = data
        self.path = path
        self.issues: list[MappingIssue] = [] if issues is None else issues

    def issue(self, name: str, got: object, expected: str) -> None:
        """Note one field at fault. What came is shown shortened."""
        shown = "nothing" if got is None else repr(got)[:80]
        self.issues.append(MappingIssue(field=f"{self.path}{name}", got=shown, expected=expected))

    def has_issue(self, name: str) -> bool:
        """True where this field was already found at fault."""
        return any(issue.field == f"{self.path}{name}" for issue in self.issues)

    def text(self, name: str, *, most: int, required: bool = False) -> str:
        """Stripped text of at most `most` characters; whole numbers are taken as text, absent is empty."""
        value = self.data.get(name)
        if value is None:
            value = ""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.issue(name, value, "text")
            return ""
        value = value.strip()
        if required and not value:
            self.issue(name, self.data.get(name), "a text that is not empty")
        if len(value) > most:
            self.issue(name, value, f"at most {most} characters")
        if "\x00" in value:
            self.issue(name, value, "text without NUL characters")
        return value

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """A list of texts, empty where absent."""
        value = self.data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            self.issue(name, value, "a list of texts")
            return ()
        if any(len(item) > most for item in value):
            self.issue(name, value, f"texts of at most {most} characters")
        return tuple(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """true or false; absent is the default."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.issue(name, value, "true or false")
            return default
        return value

    def money(self, name: str) -> int:
        """Minor units of at least 0; absent is 0. Fractions and texts are refused: paise, not rupees."""
        return self._whole(name, 0, MAX_MINOR, 0, "a whole number of minor units, such as 49900 for 499.00")

    def quantity(self, name: str, *, low: int = 0, default: int) -> int:
        """A whole number of units of at least `low`. `default` stands in for a value at fault."""
        return self._whole(name, low, MAX_QUANTITY, default, f"a whole number of at least {low}", required=True)

    def _whole(self, name: str, low: int, high: int, default: int, expected: str, *, required: bool = False) -> int:
        value = self.data.get(name)
        if value is None and not required:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.issue(name, value, expected)
            return default
        return value

    def choice(self, name: str, allowed: Sequence[Choice], default: Choice) -> Choice:
        """One of the allowed words; absent is the default."""
        value = self.data.get(name)
        if value is None:
            return default
        for word in allowed:
            if word == value:
                return word
        self.issue(name, value, f"one of {', '.join(allowed)}")
        return default

    def currency(self, name: str) -> str:
        """An ISO 4217 code; absent is INR."""
        value = self.data.get(name)
        if value is None:
            return "INR"
        if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
            self.issue(name, value, "an ISO 4217 code such as INR")
            return "INR"
        return value

    def moment(self, name: str) -> datetime | None:
        """A time with an offset, None where absent."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        try:
            parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            parsed = None
        if parsed is None or parsed.tzinfo is None or not 2000 <= parsed.year <= 2100:
            self.issue(name, value, "a time with an offset such as 2026-11-21T19:16:45+05:30")
            return None
        return parsed

    def mapping(self, name: str) -> dict[str, Any]:
        """A free object, empty where absent."""
        value = self.data.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.issue(name, value, "an object")
            return {}
        return dict(value)

    def object(self, name: str) -> JsonReader | None:
        """A reader of the object in this field, None where absent or at fault."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.issue(name, value, "an object")
            return None
        return JsonReader(value, f"{self.path}{name}.", self.issues)

    def objects(self, name: str, *, most: int) -> list[JsonReader]:
        """Readers of the objects in this list, none where absent or at fault."""
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
            self.issue(name, value, "a list of objects")
            return []
        if len(value) > most:
            self.issue(name, f"{len(value)} of them", f"at most {most}")
            return []
        return [JsonReader(item, f"{self.path}{name}[{index}].", self.issues) for index, item in enumerate(value)]

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note every field that is not known, with the known one it looks like."""
        names = list(known)
        for key in self.data:
            if key not in names:
                close = process.extractOne(str(key), names, score_cutoff=_CLOSE)
                hint = f"no such field; did you mean {close[0]}?" if close else "no such field"
                self.issue(str(key), self.data[key], hint)
