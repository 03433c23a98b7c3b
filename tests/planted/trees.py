"""A copy of the project in which bugs are planted and taken out again; the checkout itself is never touched."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oms.embedded.state import CHECKOUT
from tests.planted.bugs import PatchError, Plant, plant_into

#: Python takes a compiled file for up to date by the second of its source: each change gets a second of its own.
_SECONDS = itertools.count(int(time.time()) + 1)


def project_files() -> list[str]:
    """Paths of the checkout's files, those that are not committed yet too. Raises PatchError outside of a checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False)
    if done.returncode:
        raise PatchError(f"The files of the project cannot be listed: {done.stderr.decode().strip()}")
    return [path for path in done.stdout.decode().split("\0") if path and (CHECKOUT / path).is_file()]


class Tree:
    """The copy, in a directory that the caller removes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path in project_files():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / path, target)
        (root / ".venv").symlink_to(CHECKOUT / ".venv")

    @contextmanager
    def with_bug(self, plant: Plant) -> Iterator[None]:
        """The bug is in the copy for the length of the block. Raises PatchError where it does not fit."""
        missing = [path for path in plant.paths if not (self.root / path).is_file()]
        if missing:
            raise PatchError(f"{plant.name}: {missing[0]} is not there.")
        sound = {path: (self.root / path).read_text(encoding="utf-8") for path in plant.paths}
        changed = plant_into(plant, sound)
        try:
            self._write(changed)
            yield
        finally:
            self._write(sound)

    def _write(self, texts: dict[str, str]) -> None:
        for path, text in texts.items():
            (self.root / path).write_text(text, encoding="utf-8")
            second = next(_SECONDS)
            os.utime(self.root / path, (second, second))
