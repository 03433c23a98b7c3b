"""Documents that do not drift: variables, links, paths, and the tables that repeat what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from oms.flow.intervals import EVERY_SECONDS
from oms.flow.table import PIPELINE

ROOT = Path(__file__).resolve().parents[2]
READERS = {"env_str", "env_bool", "env_int", "env_list"}
#: Folders that hold nothing of ours.
FOREIGN = {".venv", ".venv-lock", ".oms", ".git", ".pytest_cache", ".hypothesis", "node_modules"}

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_SOURCE = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|csv|csv\.gz|txt|yml|toml|conf))`")
_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \|", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    return sorted(path for path in ROOT.rglob("*.md") if not FOREIGN.intersection(path.relative_to(ROOT).parts))


def variables_read() -> set[str]:
    """Names that the settings ask the environment for."""
    tree = ast.parse((ROOT / "oms" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in READERS
        and isinstance(node.args[0], ast.Constant)
    }


def anchors(path: Path) -> set[str]:
    """What can follow `#` in a link to this document, made of its headings as code hosts do it."""
    headings = _HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """Links of a document to files or headings of the project that are not there."""
    broken = []
    for target in _LINK.findall(_CODE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            broken.append(target)
    return broken


def test_every_variable_of_the_settings_is_documented_in_a_table() -> None:
    documented = set(_ROW.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert variables_read() - documented == set()


def test_no_variable_is_documented_that_nobody_reads() -> None:
    documented = set(_ROW.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert documented - variables_read() == set()


def test_the_settings_are_read_through_their_typed_readers_only() -> None:
    text = (ROOT / "oms" / "settings.py").read_text(encoding="utf-8")
    assert "OMS_SECRET_KEY" in variables_read()
    assert len(re.findall(r"os\.environ", text)) == 2, "read a variable with env_str, env_bool, env_int or env_list"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_link_to_nothing_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# Here\n[x](b.md) [y](#here) [z](#there) [w](https://example.com/) `[v](c.md)`\n")
    assert broken_links(document) == ["b.md", "#there"]


def test_the_architecture_shows_what_follows_what_as_it_is() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("### What follows what")[2].partition("Events with no step")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    expected = {
        event.__name__: ", ".join(step.name + (" (network)" if step.network else "") for step in steps) or "none"
        for event, steps in PIPELINE.items()
    }
    assert shown == expected


def test_the_architecture_shows_the_schedule_as_it_is() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("`oms/flow/schedule.py` lists")[2].partition("## Quantities")[0]
    shown = {name: float(seconds.replace(",", "")) for name, seconds in re.findall(r"^\| ([\w ]+) \| ([\d,]+) s \|",
                                                                                  section, re.MULTILINE)}  # fmt: skip
    assert shown == EVERY_SECONDS


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(path: Path) -> None:
    named = set(_SOURCE.findall(path.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not any((base / name).exists() for base in (ROOT, path.parent))] == []
