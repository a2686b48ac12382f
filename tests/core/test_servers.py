"""Which of several servers is asked."""

import time

import pytest

from ipy_gateway.core.requests import servers
from ipy_gateway.core.requests.servers import ServerBoard

A, B, C = "http://a", "http://b", "http://c"


def test_the_server_with_the_fewest_requests_is_asked() -> None:
    board = ServerBoard()

    with board.busy(A), board.busy(A), board.busy(B):
        assert board.pick((A, B, C)) == C
        assert board.pick((A, B)) == B


def test_idle_servers_take_turns() -> None:
    board = ServerBoard()
    asked = []

    for _ in range(6):
        url = board.pick((A, B, C))
        asked.append(url)
        with board.busy(url):
            time.sleep(0.001)  # clocks are coarse on some systems

    assert sorted(asked) == [A, A, B, B, C, C]


def test_an_order_of_preference_is_kept() -> None:
    board = ServerBoard()

    with board.busy(A):
        assert board.pick((A, B), in_order=True) == A
    board.failed(A)
    assert board.pick((A, B), in_order=True) == B


def test_a_failed_server_rests_and_comes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FIRST_REST_S", 0.1)
    board = ServerBoard()

    board.failed(A)

    assert {board.pick((A, B)) for _ in range(4)} == {B}
    time.sleep(0.15)
    assert board.pick((A, B), in_order=True) == A


def test_an_answer_ends_the_rest() -> None:
    board = ServerBoard()

    board.failed(A)
    board.answered(A)

    assert board.pick((A, B), in_order=True) == A


def test_where_all_rest_the_one_that_wakes_first_is_asked() -> None:
    board = ServerBoard()

    board.failed(A)
    board.failed(A)
    board.failed(B)

    assert board.pick((A, B)) == B


def test_servers_that_a_request_has_tried_are_passed_over() -> None:
    board = ServerBoard()

    assert board.pick((A, B), passed_over=frozenset({A}), in_order=True) == B
    assert board.pick((A, B), passed_over=frozenset({A, B}), in_order=True) == A


def test_requests_under_way_are_counted_also_when_they_fail() -> None:
    board = ServerBoard()

    with board.busy(A):
        assert board.requests_under_way(A) == 1
    with pytest.raises(RuntimeError), board.busy(A):
        raise RuntimeError

    assert board.requests_under_way(A) == 0
