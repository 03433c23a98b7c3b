"""What is wrong with a policy that was sent: each problem at the place where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Longest piece of a wrong value that a message repeats.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the path of its place (`rules[2].when.any[0].value`), what came, what was expected."""

    path: str
    got: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path or 'policy'}: expected {self.expected}, got {self.got}."


class PolicyInvalid(ValueError):
    """A policy cannot be read. `problems` holds every one that was found, in the order of the document."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems))
        self.problems = problems


class Reading:
    """Reads JSON and gathers what is wrong with it, so that a form shows everything at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, path: str, got: object, expected: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, shown(got), expected))

    def done(self) -> None:
        """Raises PolicyInvalid where anything was wrong."""
        if self.problems:
            raise PolicyInvalid(tuple(self.problems))

    def table(self, path: str, given: object, known: frozenset[str]) -> dict[str, Any]:
        """An object with no other keys than the known ones; empty where it is none."""
        if not isinstance(given, dict):
            self.refuse(path, given, "an object")
            return {}
        for name in given:
            if name not in known:
                self.refuse(f"{path}.{name}" if path else str(name), "this key", f"one of {', '.join(sorted(known))}")
        return {name: value for name, value in given.items() if name in known}

    def rows(self, path: str, given: object, most: int) -> list[Any]:
        """A list of at most so many; empty where it is none."""
        if not isinstance(given, list):
            self.refuse(path, given, "a list")
            return []
        if len(given) > most:
            self.refuse(path, f"{len(given)} entries", f"at most {most}")
            return []
        return given

    def text(self, path: str, given: object, most: int, *, default: str = "") -> str:
        """A text that is not empty, without blanks around it."""
        if not isinstance(given, str) or not given.strip():
            self.refuse(path, given, "a text")
            return default
        if len(given.strip()) > most:
            self.refuse(path, f"{len(given.strip())} characters", f"at most {most} characters")
            return default
        return given.strip()

    def words(self, path: str, given: object, most: int) -> tuple[str, ...]:
        """A list of texts, each once, in the order given."""
        found = self.rows(path, given, most)
        good = [word.strip() for word in found if isinstance(word, str) and 0 < len(word.strip()) <= 120]
        if len(good) != len(found):
            self.refuse(path, given, "a list of texts of at most 120 characters")
            return ()
        return tuple(dict.fromkeys(good))

    def choice(self, path: str, given: object, known: tuple[str, ...], *, default: str) -> str:
        """One of the known words."""
        if isinstance(given, str) and given in known:
            return given
        self.refuse(path, given, f"one of {', '.join(known)}")
        return default

    def flag(self, path: str, given: object, *, default: bool = False) -> bool:
        """True or false."""
        if isinstance(given, bool):
            return given
        self.refuse(path, given, "true or false")
        return default

    def whole(self, path: str, given: object, low: int, high: int, *, default: int = 0) -> int:
        """A whole number within bounds."""
        if isinstance(given, int) and not isinstance(given, bool) and low <= given <= high:
            return given
        self.refuse(path, given, f"a whole number from {low} to {high}")
        return default

    def number(self, path: str, given: object, low: float, high: float, *, default: float = 0.0) -> float:
        """A number within bounds."""
        if isinstance(given, int | float) and not isinstance(given, bool) and low <= given <= high:
            return float(given)
        self.refuse(path, given, f"a number from {low:g} to {high:g}")
        return default


def shown(got: object) -> str:
    """A wrong value as a message repeats it."""
    if got is None:
        return "nothing"
    text = got if isinstance(got, str) and got else repr(got)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
