"""Runs of tests in a copy of the project, and what they say about a planted bug."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from oms.embedded.postgres import NAME
from oms.embedded.throwaway import ThrowawayServices
from tests.planted.bugs import PatchError, Plant
from tests.planted.databases import Databases
from tests.planted.trees import Tree

#: A run of tests that lasts longer says nothing.
SECONDS = 300
#: Errors of code that does not run at all: a patch that causes one is no bug that anybody would have shipped.
NONSENSE = re.compile(
    r"(SyntaxError|IndentationError|NameError|UnboundLocalError|ImportError|ModuleNotFoundError|AttributeError|TypeError)\b"
    r"|django\.db\.utils\.ProgrammingError: (syntax error|missing|column|relation|function|table|operator|.* ambiguous)"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended: passed, failed or error (before or after the test itself), with the words of its failure."""

    test: str
    state: str
    words: str = ""


@dataclass(slots=True)
class Verdict:
    """What came of one bug with its walls standing or away: no faults where every named test failed.

    With `any_of` one failing test is enough. `told` are the tests that failed, with the words of their failures.
    """

    plant: Plant
    walls: bool
    any_of: bool = False
    seconds: float = 0.0
    told: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def caught(self) -> bool:
        """True where every test that should fail did."""
        return not self.faults and bool(self.told)


class Worker:
    """One copy of the project and one cluster, used for one run at a time."""

    def __init__(self, services: ThrowawayServices, directory: Path) -> None:
        self._databases = Databases(services, directory.with_name("compiled"))
        self._tree = Tree(directory)

    def control(self, tests: Sequence[str]) -> list[str]:
        """Run the tests without any bug; those that do not pass, in words."""
        found = self._run(tests, NAME)
        if isinstance(found, str):
            return [found]
        bad = [f"{one.test} does not pass without a bug: {one.words}" for one in found if one.state != "passed"]
        return bad + [f"{test} did not run" for test in tests if not _of(test, found)]

    def try_bug(self, plant: Plant, *, walls: bool, times: int, any_of: bool = False) -> Verdict:
        """Plant the bug, run its tests so many times, and take it out again."""
        started = time.monotonic()
        verdict = Verdict(plant, walls, any_of)
        try:
            with self._tree.with_bug(plant):
                template = self._databases.template_for(plant, self._tree, walls=walls)
                for _ in range(times):
                    self._judge(verdict, self._run(plant.caught_by, template))
        except PatchError as error:
            verdict.faults.append(str(error))
        verdict.seconds = time.monotonic() - started
        return verdict

    def _judge(self, verdict: Verdict, found: list[Outcome] | str) -> None:
        if isinstance(found, str):
            verdict.faults.append(found)
            return
        for test in verdict.plant.caught_by:
            failed = [one for one in _of(test, found) if one.state == "failed"]
            if not failed and verdict.any_of:
                continue
            if not failed:
                errors = "; ".join(one.words for one in _of(test, found) if one.state == "error")
                verdict.faults.append(f"{test} did not catch it{f', it stopped with {errors}' if errors else ''}")
                continue
            verdict.told |= {one.test: one.words for one in failed}
            nonsense = [one.words for one in failed if NONSENSE.match(one.words)]
            if nonsense:
                verdict.faults.append(f"{test} failed because the code does not run: {nonsense[0]}")

    def _run(self, tests: Sequence[str], template: str) -> list[Outcome] | str:
        """How the tests ended, or why nobody knows."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", "--tb=short",
                       f"--junitxml={report}", *tests]  # fmt: skip
            process = subprocess.Popen(
                command, cwd=self._tree.root, env=self._databases.environment(template), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                said, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"the tests were not done after {SECONDS} seconds"
            if process.returncode not in (0, 1) or not report.exists():
                return f"pytest ended with {process.returncode}: {said.decode(errors='replace')[-400:].strip()}"
            return outcomes(report.read_text(encoding="utf-8"))


def outcomes(report: str) -> list[Outcome]:
    """The tests of a report in the JUnit format, by their node ids."""
    found: list[Outcome] = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        failure, error = case.find("failure"), case.find("error")
        if failure is not None:
            found.append(Outcome(test, "failed", _first_words(failure)))
        elif error is not None:
            found.append(Outcome(test, "error", _first_words(error)))
        else:
            found.append(Outcome(test, "passed" if case.find("skipped") is None else "skipped"))
    return found


def _first_words(element: ElementTree.Element) -> str:
    text = re.sub(r"\s+", " ", (element.get("message") or element.text or "").strip())
    return text[:200]


def _of(test: str, found: Sequence[Outcome]) -> list[Outcome]:
    """What is known of a test; without brackets it stands for all its cases, and a file for all its tests."""
    return [one for one in found if one.test == test or one.test.startswith((f"{test}[", f"{test}::"))]


def make_directory(number: int) -> Path:
    """An empty directory for a worker's copy, in one that `remove_directory` takes away."""
    return Path(tempfile.mkdtemp(prefix=f"oms-planted-{number}-")) / "tree"


def remove_directory(directory: Path) -> None:
    """Take a worker's copy away."""
    shutil.rmtree(directory.parent, ignore_errors=True)
