"""Chat in real JupyterLab, in real Chromium, against a server that speaks when it is told to."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..support.browser import (
    Jupyter,
    contrasts,
    jupyter,
    name_of,
    outputs_of,
    run_cell,
    save,
    start_cell,
    wait_until_idle,
    wait_until_ready,
    write_notebook,
)
from ..support.chat_stream import unfinished
from ..support.fault_server import fault_server
from ..support.scripted_chat import ScriptedChat, scripted_chat

READABLE = 4.5  # for text of usual size: https://www.w3.org/TR/WCAG22/#contrast-minimum
# So much that it gets an output of its own once it is finished.
PARAGRAPH = "This paragraph says little, but it fills the line and the one below it. " * 12
RICH = r"""# A heading

Some **bold** text with a [link](https://example.com/), `code` and a formula \(x^2\).

1. one
   - nested
2. two

| name | value |
| --- | ---: |
| a | 1 |
| b | 2 |

> A quote.

```python
print("hello")
```
"""


@pytest.fixture(scope="module")
def chat() -> Iterator[ScriptedChat]:
    """The server that the notebooks ask."""
    with scripted_chat() as server:
        yield server


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """One JupyterLab and one browser for all tests."""
    with jupyter(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def opened(lab: Jupyter, chat: ScriptedChat) -> Iterator[Callable[..., Page]]:
    """Opens a new notebook with these cells after one, the first, that has loaded the extension."""
    with ExitStack() as stack:

        def open_notebook(*cells: str) -> Page:
            name = write_notebook(lab.folder, f"%load_ext ipy_gateway\nconfig = %gateway {chat.url}", *cells)
            page = stack.enter_context(lab.open(name))
            run_cell(page, 0)
            return page

        yield open_notebook


def test_an_answer_is_seen_while_it_is_written_and_is_one_output_in_the_end(
    opened: Callable[..., Page], chat: ScriptedChat
) -> None:
    page = opened("%%chat\nTell me.")
    outputs = outputs_of(page, 1)

    start_cell(page, 1)
    answering = chat.next_question()
    expect(outputs).to_contain_text("Waiting for the answer")
    answering.think("What may be meant?")
    expect(outputs).to_contain_text("Reasoning")
    answering.say(f"First. {PARAGRAPH}\n\nSecond.\n\n")
    expect(outputs).to_have_count(2)
    outputs.first.evaluate("output => { output.firstElementChild.isFirstPainting = true }")
    answering.say(f"{PARAGRAPH}\n\nThird\n")
    expect(outputs).to_have_count(3)
    answering.say("and last.")
    expect(outputs.last).to_contain_text("Third and last.")
    states = outputs.all_inner_texts()
    is_first_painting = outputs.first.evaluate("output => output.firstElementChild.isFirstPainting")
    answering.end()
    wait_until_idle(page)
    expect(outputs).to_have_count(1)
    answer = outputs.inner_text()

    assert is_first_painting
    assert [text.split()[0] for text in states] == ["First.", "Second.", "Third"]
    assert "Waiting" not in answer
    for words in ("First.", "Second.", "Third", "and last.", "Reasoning"):
        assert answer.count(words) == 1


def test_answers_in_the_background_grow_in_their_own_cells_while_another_computes(
    opened: Callable[..., Page], chat: ScriptedChat
) -> None:
    names = ("a", "b", "c")
    asking = [f"%%chat --bg -o {name}\nAbout {name}?" for name in names]
    page = opened(*asking, "while not c.done: pass\nprint('computed')", "_ = await b")
    for index in (1, 2, 3):
        start_cell(page, index)
    answerings = {answering.question: answering for answering in [chat.next_question() for _ in names]}
    start_cell(page, 4)

    for question, answering in answerings.items():
        answering.say(f"{question} It is **said** of")
    for index, name in enumerate(names, 1):
        expect(outputs_of(page, index)).to_contain_text(f"About {name}? It is said of")
    is_computing = outputs_of(page, 4).count() == 0
    answerings["About a?"].end()
    answerings["About c?"].say(" c.")
    answerings["About c?"].end()
    expect(outputs_of(page, 4)).to_contain_text("computed")
    answerings["About b?"].break_off()
    run_cell(page, 5)
    wait_until_idle(page)

    assert is_computing
    assert [outputs_of(page, index).count() for index in range(1, 6)] == [1] * 5
    assert "It is said of c." in outputs_of(page, 3).inner_text()
    assert "Stopped: what follows is missing." in outputs_of(page, 2).inner_text()
    assert "UpstreamResponseError" in outputs_of(page, 5).inner_text()


def test_a_comparison_stands_side_by_side_and_reads_the_same_for_who_does_not_trust_it(
    opened: Callable[..., Page], lab: Jupyter, chat: ScriptedChat
) -> None:
    page = opened("%%chat --compare one,two\nTell me.")
    start_cell(page, 1)
    first, second = chat.next_question(), chat.next_question()
    for answering in (first, second):
        answering.say(RICH)
    expect(outputs_of(page, 1).locator(".ipg-answer h1")).to_have_count(2)
    first.end()
    second.break_off()
    wait_until_idle(page)
    left, right = (column.bounding_box() for column in page.locator(".ipg-column").all())
    page.set_viewport_size({"width": 700, "height": 1600})
    above, below = (column.bounding_box() for column in page.locator(".ipg-column").all())
    live = " ".join(outputs_of(page, 1).inner_text().split())
    save(page)

    with lab.open(with_another_cell(lab.folder, page)) as other:
        untrusted = " ".join(outputs_of(other, 1).inner_text().split())

    assert left and right and above and below
    assert (left["y"], left["x"] < right["x"]) == (right["y"], True)
    assert (above["x"], above["y"] < below["y"]) == (below["x"], True)
    assert live == untrusted
    assert live.count("Stopped: what follows is missing.") == 1


def test_the_stop_button_keeps_what_was_said_marks_it_and_fails_the_cell(
    opened: Callable[..., Page], chat: ScriptedChat
) -> None:
    page = opened("%%chat\nTell me.", "print('next')")
    outputs = outputs_of(page, 1)

    start_cell(page, 1)
    chat.next_question().say(f"First. {PARAGRAPH}\n\nSecond,\nun")
    expect(outputs).to_have_count(2)
    page.locator('[data-command="notebook:interrupt-kernel"]').click()
    expect(outputs.last).to_contain_text("KeyboardInterrupt")
    wait_until_idle(page)
    run_cell(page, 2)

    answer = outputs.first.inner_text()
    assert outputs.count() == 2
    assert answer.startswith("First.")
    assert "Second, un Stopped: what follows is missing." in " ".join(answer.split())
    assert outputs_of(page, 2).inner_text().strip() == "next"


def test_what_was_said_before_a_restart_of_the_kernel_stays(
    opened: Callable[..., Page], chat: ScriptedChat
) -> None:
    page = opened("%%chat\nTell me.")
    outputs = outputs_of(page, 1)

    start_cell(page, 1)
    chat.next_question().say(f"First. {PARAGRAPH}\n\nSecond,\nun")
    expect(outputs).to_have_count(2)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    wait_until_idle(page)

    assert outputs.first.inner_text().startswith("First.")
    assert outputs.last.inner_text().split() == ["Second,", "un"]


def test_a_restart_of_the_kernel_leaves_no_answer_running(opened: Callable[..., Page]) -> None:
    with fault_server(unfinished("It begins")) as server:
        asking = [f"%%chat --bg -o {name} --url {server.url}\nAbout {name}?" for name in ("a", "b", "c")]
        page = opened(*asking)
        for index in (1, 2, 3):
            start_cell(page, index)
            expect(outputs_of(page, index)).to_contain_text("It begins")
        running = server.open

        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        wait_until_idle(page)
        server.wait_until_all_closed(timeout_s=60)

    assert (running, server.open) == (3, 0)


def test_a_saved_answer_reads_the_same_for_its_writer_and_for_who_does_not_trust_it(
    opened: Callable[..., Page], lab: Jupyter, chat: ScriptedChat
) -> None:
    page = opened("%%chat\nTell me.")
    start_cell(page, 1)
    answering = chat.next_question()
    answering.think("Hm.")
    answering.say(RICH)
    answering.end()
    live = settled_text(page)
    save(page)
    page.reload()
    wait_until_ready(page)
    trusted = settled_text(page)

    with lab.open(with_another_cell(lab.folder, page)) as other:
        is_trusted = other.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted"
        )
        untrusted = settled_text(other)

    assert not is_trusted
    assert live == trusted == untrusted
    assert "A heading" in live


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_has_contrast(opened: Callable[..., Page], chat: ScriptedChat, theme: str) -> None:
    page = opened("%%chat\nTell me.", "%chat --history", "%gateway settings", "%gateway")
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    start_cell(page, 1)
    answering = chat.next_question()
    answering.think("Hm.")
    answering.say(RICH)
    answering.break_off()
    expect(outputs_of(page, 1).first).to_contain_text("Stopped")
    for index in (2, 3, 4):
        run_cell(page, index)
    page.evaluate("() => document.querySelectorAll('details').forEach(details => { details.open = true })")

    found = contrasts(page)

    assert len(found) > 100
    assert [(text, contrast) for text, contrast in found if contrast < READABLE] == []


def settled_text(page: Page) -> str:
    """What the answer reads once its formula is typeset."""
    output = outputs_of(page, 1)
    expect(output).to_have_count(1)
    expect(output.locator("mjx-container")).to_have_count(1)
    return " ".join(output.inner_text().split())


def with_another_cell(folder: Path, page: Page) -> str:
    """The name of a copy of the notebook that somebody else has changed."""
    notebook = json.loads((folder / name_of(page)).read_text("utf-8"))
    notebook["cells"].append({"cell_type": "markdown", "id": "more", "metadata": {}, "source": "More."})
    name = f"other-{name_of(page)}"
    (folder / name).write_text(json.dumps(notebook), "utf-8")
    return name
