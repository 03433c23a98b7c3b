"""The search line, read without a database."""

from datetime import date

import pytest

from orders.filters import KEYS, MAX_TEXT, Condition, Filters, parse_filters

TODAY = date(2026, 11, 21)


def read(text: str) -> Filters:
    return parse_filters(text, today=TODAY)


def test_every_token_of_the_help_can_be_read() -> None:
    for key, kind in KEYS.items():
        filters = read(kind.example)
        assert filters.problems == ()
        assert [condition.key for condition in filters.conditions] == [key]


def test_words_and_tokens_stand_in_any_order() -> None:
    filters = read('asha status:held rao channel:web,store "mg road"')

    assert filters.words == ("asha", "rao", "mg road")
    assert filters.conditions == (
        Condition("status", "held", values=("held",)),
        Condition("channel", "web,store", values=("web", "store")),
    )


def test_a_minus_turns_a_token_round_and_quotes_keep_spaces() -> None:
    filters = read('-tag:vip city:"New Delhi"')

    assert [str(condition) for condition in filters.conditions] == ["-tag:vip", 'city:"New Delhi"']
    assert filters.conditions[0].negated
    assert filters.conditions[1].values == ("New Delhi",)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("total:>5000", 500_001, None),
        ("total:>=5000", 500_000, None),
        ("total:<999.50", None, 99_949),
        ("total:<=999.5", None, 99_950),
        ("total:1000..5000", 100_000, 500_000),
        ("total:250", 25_000, 25_000),
    ],
)
def test_amounts_are_bounds_in_minor_units(text: str, low: int | None, high: int | None) -> None:
    [condition] = read(text).conditions

    assert (condition.low, condition.high) == (low, high)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("sla:<2h", None, 7200), ("sla:>1d", 86_400, None), ("sla:30m", None, 1800), ("sla:late", None, 0)],
)
def test_time_left_is_seconds(text: str, low: int | None, high: int | None) -> None:
    [condition] = read(text).conditions

    assert (condition.low, condition.high) == (low, high)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("placed:today", TODAY, TODAY),
        ("placed:yesterday", date(2026, 11, 20), date(2026, 11, 20)),
        ("placed:7d", date(2026, 11, 15), TODAY),
        ("placed:2026-11-01..2026-11-05", date(2026, 11, 1), date(2026, 11, 5)),
        ("placed:>2026-11-01", date(2026, 11, 1), None),
        ("placed:<2026-11-01", None, date(2026, 11, 1)),
    ],
)
def test_days_are_inclusive(text: str, first: date | None, last: date | None) -> None:
    [condition] = read(text).conditions

    assert (condition.first, condition.last) == (first, last)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "There is no filter colour."),
        ("total:much", "Write an amount such as >5000 or 1000..5000."),
        ("sla:soon", "Write a time left such as <2h, >1d or late."),
        ("placed:2026-13-01", "Write a day such as today"),
        ("cod:maybe", "Use yes or no."),
        ("status:lost", "Use held, late, open, closed, captured"),
        ("channel:", "Write a value after the colon."),
        ("total:>99999999999999", "Write an amount"),
    ],
)
def test_what_cannot_be_read_is_told_and_filters_nothing(text: str, message: str) -> None:
    filters = read(f"{text} rest")

    assert filters.conditions == ()
    assert filters.words == ("rest",)
    [problem] = filters.problems
    assert problem.text == text
    assert problem.message.startswith(message)


def test_a_line_without_one_condition_reads_as_the_rest() -> None:
    filters = read("status:held cod:yes asha")

    assert str(filters.without(0)) == "cod:yes asha"
    assert str(filters.without_words()) == "status:held cod:yes"


def test_reading_what_was_written_gives_the_same_conditions() -> None:
    filters = read('-city:"New Delhi" total:>=10.5 sla:<2h placed:7d asha')

    assert read(str(filters)) == filters


def test_a_very_long_line_is_cut() -> None:
    assert len("".join(read("x" * 5000).words)) == MAX_TEXT
