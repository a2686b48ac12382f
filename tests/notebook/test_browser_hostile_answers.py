"""Answers made to run, load or mislead, in real JupyterLab: live, and in the notebook that was saved."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Page, expect

from ..render.hostile import VECTORS
from ..support.browser import (
    Jupyter,
    jupyter,
    outputs_of,
    run_cell,
    save,
    start_cell,
    wait_until_idle,
    wait_until_ready,
    write_notebook,
)
from ..support.fault_server import fault_server
from ..support.scripted_chat import ScriptedChat, scripted_chat
from ..support.strict_html import StrictReader
from ..support.watch import Effects, Watch

SHOWN_OUTPUTS = 48  # of a cell; JupyterLab folds what comes after 50
GROUP = 12


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of all hostile answers.

    Attributes:
        live: what they did when they were streamed.
        reloaded: and when their saved notebook was opened.
        control: what an output did that nothing kept from it.
        notebook: the file.
    """

    live: Effects
    reloaded: Effects
    control: Effects
    notebook: Path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """What happened when all answers were shown, each alone and many in one, and shown again."""
    with jupyter(tmp_path_factory.mktemp("lab")) as lab, scripted_chat() as chat, fault_server() as canary:
        yield show_all(lab, chat, Watch(lab.url, canary))


def show_all(lab: Jupyter, chat: ScriptedChat, watch: Watch) -> Seen:
    texts = [vector["markdown"].replace("{canary}", watch.canary.url) for vector in VECTORS]
    alone, groups = cut(texts, SHOWN_OUTPUTS), cut(texts, GROUP)
    name = write_notebook(
        lab.folder,
        f"%load_ext ipy_gateway\nconfig = %gateway {chat.url}",
        *(f"for n in range({len(some)}):\n    %chat --new Question {{{{n}}}}" for some in alone),
        *("%%chat --new\nAll of them?" for _ in groups),
        "from IPython.display import HTML, display\n"
        f'display(HTML(\'<img src="{watch.canary.url}/control" onerror="window.__canary = 1">\'))',
    )
    with lab.open(name, watch=watch.begin) as page:
        watch.mark(page)
        run_cell(page, 0)
        for index, some in enumerate(alone, start=1):
            show_alone(page, index, chat, some)
        for index, some in enumerate(groups, start=1 + len(alone)):
            show_together(page, index, chat, some)
        wait_until_idle(page)
        live = watch.effects(page)
        save(page)
        page.reload()
        wait_until_ready(page)
        watch.mark(page)
        expect(page.locator("p.ipg-facts")).to_have_count(len(texts) + len(groups))
        reloaded = watch.effects(page)
        run_cell(page, 1 + len(alone) + len(groups))
        page.wait_for_function("() => window.__canary")
        return Seen(live, reloaded, watch.effects(page), lab.folder / name)


def show_alone(page: Page, index: int, chat: ScriptedChat, texts: Sequence[str]) -> None:
    """Give each question of a cell one of the answers."""
    start_cell(page, index)
    for text in texts:
        answering = chat.next_question()
        answering.say(text)
        answering.end()
    expect(outputs_of(page, index)).to_have_count(len(texts))


def show_together(page: Page, index: int, chat: ScriptedChat, texts: Sequence[str]) -> None:
    """Give the question of a cell all answers in one, seen before it is complete."""
    start_cell(page, index)
    answering = chat.next_question()
    for text in texts:
        answering.say(f"{text}\n\n")
    expect(outputs_of(page, index).locator(".ipg-answer").first).to_be_visible()
    answering.end()


def cut(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def test_while_they_are_streamed_they_run_load_and_open_nothing(seen: Seen) -> None:
    assert seen.live == Effects()


def test_in_the_trusted_notebook_that_is_opened_again_they_run_load_and_open_nothing(seen: Seen) -> None:
    assert seen.reloaded == Effects()


def test_what_an_output_does_that_nothing_keeps_from_it_is_noticed(seen: Seen) -> None:
    assert seen.control.runs == 1
    assert seen.control.hits and seen.control.requests


def test_in_the_notebook_as_markdown_they_are_outputs_of_ours_and_nothing_else(
    seen: Seen, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to=markdown", f"--output-dir={tmp_path}", seen.notebook],
        check=True,
        capture_output=True,
    )
    markdown = (tmp_path / seen.notebook.with_suffix(".md").name).read_text("utf-8")

    blocks = MarkdownIt().parse(markdown)
    outputs = [block.content for block in blocks if block.type == "html_block"]

    assert {block.type for block in blocks} == {"fence", "html_block"}
    assert len(outputs) > len(VECTORS)
    assert [StrictReader(output).violations for output in outputs] == [[]] * len(outputs)
