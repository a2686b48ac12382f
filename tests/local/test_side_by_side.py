"""Packs of speech that are heard at once, and what was heard in its order."""

import threading
from collections.abc import Iterator

import pytest

from ipy_gateway.local.side_by_side import read_side_by_side
from ipy_gateway.local.speech_models import packs_at_once
from ipy_gateway.local.worker import Cancelled

WAIT_S = 30


def test_the_items_come_in_the_order_of_the_iterators_whichever_is_read_first() -> None:
    second_is_read = threading.Event()

    def first() -> Iterator[str]:
        assert second_is_read.wait(WAIT_S)
        yield "first"

    def second() -> Iterator[str]:
        yield "second"
        second_is_read.set()

    both = iter([first(), second()])

    assert list(read_side_by_side(both, Cancelled(), at_once=2)) == ["first", "second"]


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_no_more_are_under_way_than_asked_for(at_once: int) -> None:
    asked_for, given = 0, 0

    def iterators() -> Iterator[Iterator[int]]:
        nonlocal asked_for
        for number in range(7):
            asked_for += 1
            assert asked_for - given <= at_once
            yield iter([number])

    for number in read_side_by_side(iterators(), Cancelled(), at_once=at_once):
        assert number == given
        given += 1

    assert given == 7


def test_an_error_comes_after_what_was_read_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 2
        raise ValueError("the end of it")

    items = read_side_by_side(iter([iter([1]), broken(), iter([3])]), Cancelled(), at_once=2)

    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the end of it"):
        next(items)


def test_once_it_is_cancelled_nothing_further_is_read_or_begun() -> None:
    cancelled, read, begun = Cancelled(), [0, 0, 0], 0
    both_read = threading.Barrier(2, action=cancelled.set)

    def counted(place: int) -> Iterator[int]:
        both_read.wait(WAIT_S)
        while True:
            read[place] += 1
            yield place

    def iterators() -> Iterator[Iterator[int]]:
        nonlocal begun
        for place in range(3):
            yield counted(place)
            begun += 1

    before = threading.active_count()

    assert list(read_side_by_side(iterators(), cancelled, at_once=2)) == [0]
    assert (read, begun) == ([1, 1, 0], 2)
    assert threading.active_count() == before


@pytest.mark.parametrize(("wanted", "at_once"), [("1", 1), ("2", 2), ("8", 2), ("0", 1)])
def test_somebody_who_allows_one_thread_gets_no_second(
    wanted: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)

    assert packs_at_once() == at_once
