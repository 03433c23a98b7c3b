"""A message as people read it: line by line, what is at fault marked, personal data masked for who may not see it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Fields that always hold personal data.
_PERSONAL = frozenset({
    "email", "phone", "mobile", "first_name", "last_name", "full_name", "line1", "line2", "line3", "address_1",
    "address_2", "address1", "address2", "street", "landmark", "gstin", "buyer_gstin", "customer_name",
    "customer_email", "customer_phone", "buyer_name", "buyer_email", "buyer_phone", "customer_note", "note",
    "customer_ip_address", "latitude", "longitude",
})  # fmt: skip
#: Fields that do so only within an address or a person.
_PERSONAL_IN_ADDRESS = frozenset({"name", "company"})
_ADDRESS_MARKS = frozenset({"postcode", "zip", "postal_code", "pincode", "email", "phone", "line1", "address_1"})
_MOST_LINES = 1500


@dataclass(frozen=True, slots=True)
class PayloadLine:
    """One line of pretty-printed JSON; `flagged` where it holds a field at fault."""

    text: str
    flagged: bool


def masked(value: Any) -> Any:
    """The same structure with personal data shortened to a first character."""
    if isinstance(value, Mapping):
        is_address = not _ADDRESS_MARKS.isdisjoint(value)
        return {key: _masked_field(str(key), item, is_address) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def _masked_field(key: str, value: Any, in_address: bool) -> Any:
    if is_personal(key) or (in_address and key in _PERSONAL_IN_ADDRESS):
        return _hidden(value)
    return masked(value)


def is_personal(field: str) -> bool:
    """True where a field, or the last part of its path, holds personal data."""
    return field.rsplit(".", 1)[-1].lower() in _PERSONAL


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping | list):
        return "•••"
    text = str(value or "")
    return f"{text[0]}•••" if text else value


def payload_lines(payload: Any, faults: Collection[str]) -> list[PayloadLine]:
    """The payload pretty-printed, at most 1,500 lines of it. `faults` are paths such as `lines[0].sku`."""
    lines: list[PayloadLine] = []
    for text, path in _printed(payload, "", "", ""):
        if len(lines) == _MOST_LINES:
            lines.append(PayloadLine("… the rest is left out", False))
            break
        lines.append(PayloadLine(text, any(_is_at(path, fault) for fault in faults if fault)))
    return lines


def _is_at(path: str, fault: str) -> bool:
    """`lines[0].sku` is at fault in the line of `lines[0].sku` and of `lines[0].sku_code`."""
    return bool(path) and (path == fault or path.startswith(f"{fault}_"))


def _printed(value: Any, path: str, indent: str, lead: str, comma: str = "") -> Iterator[tuple[str, str]]:
    """(line, path of the field that the line shows) of a JSON value."""
    if isinstance(value, Mapping) and value:
        yield f"{indent}{lead}{{", path
        deeper = f"{indent}  "
        for index, (key, item) in enumerate(value.items()):
            below = f"{path}.{key}" if path else str(key)
            yield from _printed(item, below, deeper, f"{_plain(key)}: ", "," if index < len(value) - 1 else "")
        yield f"{indent}}}{comma}", ""
    elif isinstance(value, list) and value:
        yield f"{indent}{lead}[", path
        deeper = f"{indent}  "
        for index, item in enumerate(value):
            yield from _printed(item, f"{path}[{index}]", deeper, "", "," if index < len(value) - 1 else "")
        yield f"{indent}]{comma}", ""
    else:
        yield f"{indent}{lead}{_plain(value)}{comma}", path


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def shown_issues(issues: list[dict[str, Any]], *, masked_for_viewer: bool) -> list[dict[str, Any]]:
    """Issues for a table: what came with its outer spaces made visible, personal data masked."""
    return [
        {
            "field": issue.get("field", ""), "expected": issue.get("expected", ""), "row": issue.get("row", ""),
            "suggestions": issue.get("suggestions", []), "code": str(issue.get("got", "")),
            "got": "•••" if masked_for_viewer and is_personal(str(issue.get("field", "")))
            else visible_spaces(str(issue.get("got", ""))),
        }
        for issue in issues
    ]  # fmt: skip


def cause_words(cause: str, issues: list[dict[str, Any]]) -> str:
    """A cause in words for people: with the real example of what was expected instead of `n` for every number."""
    first = issues[0] if issues else {}
    if not first.get("expected") or ": expected " not in cause:
        return cause or "Not understood"
    more = f" and {len(issues) - 1} more" if len(issues) > 1 else ""
    return f"{first.get('field', '')}: expected {first['expected']}{more}"


def visible_spaces(text: str) -> str:
    """Leading and trailing spaces as `␣`: they are a frequent fault that nobody sees."""
    inner = text.strip(" ")
    if inner == text:
        return text
    before = len(text) - len(text.lstrip(" ")) if inner else len(text)
    after = len(text) - len(text.rstrip(" ")) if inner else 0
    return "␣" * before + inner + "␣" * after
