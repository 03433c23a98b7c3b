"""Operations that may die half-way, and are then sent again: what the state machines of the stock room are built on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from oms.core.errors import Conflict, DomainError

ACTOR = "machine"
#: What happens to an operation: nothing, or it dies before its n-th statement (0 is the first), or after its commit.
FATES = st.one_of(st.just(-2), st.just(-2), st.just(-1), st.integers(0, 12))
AMOUNT = st.integers(1, 12)
#: Operations, deaths before commit, lost answers and refusals of this run, by kind of operation.
TALLY: Counter[str] = Counter()


class Died(Exception):
    """The process that ran the operation was killed."""


@contextmanager
def dying_at(statement: int) -> Iterator[None]:
    """Whoever runs statement number `statement` in here dies before it."""
    left = [statement]

    def die(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if left[0] == 0:
            raise Died
        left[0] -= 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(die):
        yield


class MortalMachine(RuleBasedStateMachine):
    """Runs operations as fate has it."""

    def run(self, fate: int, operation: Callable[[], Any], *, possible: bool = True) -> Any:
        """Run it as fate has it, then again where it died; its answer, None where it had to be refused."""
        TALLY["operations"] += 1
        if fate >= 0:
            try:
                with dying_at(fate):
                    operation()
            except Died:
                TALLY["died before commit"] += 1
            except DomainError:
                assert not possible
            else:
                # It needs fewer statements than that: it has happened, and its answer is lost.
                return self.again(operation)
        elif fate == -1 and possible:
            operation()
            return self.again(operation)
        if possible:
            return operation()
        TALLY["refused"] += 1
        try:
            operation()
        except DomainError:
            return None
        raise AssertionError("was not refused")

    def again(self, operation: Callable[[], Any]) -> Any:
        """Send it once more although it has happened: it says so, or repeats its answer, and changes nothing."""
        TALLY["answer lost"] += 1
        try:
            return operation()
        except Conflict:
            return None
