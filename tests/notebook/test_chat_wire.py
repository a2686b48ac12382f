"""What an answer costs on its way to a front end: so many bytes a token, however long it is.

The clock is the test's own: ten tokens come in a tenth of a second, whatever the machine does.
"""

from collections.abc import Callable
from functools import cache

import pytest

from ..support.lively import RecordingPublisher, shell_of_a_kernel, show_live, steps
from ..support.long_answers import SHAPES, prose

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_STEP = 10
SHORT, LONG = 5_000, 10_000  # tokens
MAX_RATIO = 2.2
FOLDED_OUTPUTS = 50  # JupyterLab shows fewer than so many outputs of a cell

each_shape = pytest.mark.parametrize("answer", SHAPES, ids=lambda answer: answer.__name__)


@cache
def sent(answer: Callable[[int], str], tokens: int, *, owns_cell: bool = True) -> RecordingPublisher:
    text = answer(tokens * CHARACTERS_PER_TOKEN)
    with shell_of_a_kernel() as (shell, publisher):
        show_live(shell, steps(text, TOKENS_PER_STEP * CHARACTERS_PER_TOKEN), owns_cell=owns_cell)
    return publisher


@each_shape
def test_twice_the_answer_is_twice_the_bytes(answer: Callable[[int], str]) -> None:
    short, long = sent(answer, SHORT), sent(answer, LONG)

    print(f"{short.size} bytes for {SHORT} tokens, {long.size / short.size:.2f} times for {LONG}")
    assert long.size <= MAX_RATIO * short.size


def test_so_it_is_beside_other_outputs_of_a_cell() -> None:
    short, long = sent(prose, SHORT, owns_cell=False), sent(prose, LONG, owns_cell=False)

    assert long.size <= MAX_RATIO * short.size
    assert len({message.display_id for message in long.messages}) == 1


@each_shape
def test_a_long_answer_is_in_few_outputs_and_in_the_end_in_one(answer: Callable[[int], str]) -> None:
    publisher = sent(answer, LONG)

    shown = [message for message in publisher.messages if message.kind == "display_data"]
    assert len(shown) < FOLDED_OUTPUTS
    (output,) = publisher.outputs.shown
    assert output.text == answer(LONG * CHARACTERS_PER_TOKEN).strip()


@each_shape
def test_what_is_finished_is_not_sent_again(answer: Callable[[int], str]) -> None:
    live = [message for message in sent(answer, LONG).messages[:-1] if message.kind != "clear_output"]

    in_order = list(dict.fromkeys(message.display_id for message in live))
    places = [in_order.index(message.display_id) for message in live]
    assert places == sorted(places)  # from the first message of an output on, those before it stay


@each_shape
def test_a_short_answer_is_repainted_often(answer: Callable[[int], str]) -> None:
    messages = sent(answer, SHORT // 10).messages

    assert len(messages) >= SHORT // 10 / TOKENS_PER_STEP / 3
