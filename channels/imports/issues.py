"""Issues of many rows, put together by cause."""

from __future__ import annotations

from collections.abc import Iterable

from channels.imports.types import IssueGroup, RowIssue

_ROWS_SHOWN = 50
_EXAMPLES = 3


def group_issues(issues: Iterable[RowIssue]) -> tuple[tuple[IssueGroup, ...], tuple[IssueGroup, ...]]:
    """(errors, warnings), each with the most frequent cause first."""
    groups: dict[tuple[bool, str, str], list[RowIssue]] = {}
    for issue in issues:
        groups.setdefault((issue.warning, issue.field, issue.expected), []).append(issue)
    made = [
        (warning, IssueGroup(
            field=field, expected=expected, count=len(found),
            examples=tuple(dict.fromkeys(issue.got or "nothing" for issue in found))[:_EXAMPLES],
            rows=tuple(sorted({issue.row for issue in found})[:_ROWS_SHOWN]),
        ))
        for (warning, field, expected), found in groups.items()
    ]  # fmt: skip
    made.sort(key=lambda item: (-item[1].count, item[1].rows[:1]))
    return (
        tuple(group for warning, group in made if not warning),
        tuple(group for warning, group in made if warning),
    )
