"""Documents that do not drift: every variable of the settings is documented, every link leads somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READERS = {"env_str", "env_bool", "env_int", "env_list"}
#: Folders that hold nothing of ours.
FOREIGN = {".venv", ".venv-lock", ".oms", ".git", ".pytest_cache", ".hypothesis", "node_modules"}

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
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
