"""AudioUpload in real JupyterLab, in real Chromium, with a microphone that hears a WAV."""

import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ..support.browser import (
    Jupyter,
    contrasts,
    jupyter,
    outputs_of,
    run_all_cells,
    run_cell,
    save,
    wait_until_idle,
    write_notebook,
)
from ..support.fault_server import FaultServer, answer, fault_server

HEARD = answer(body={"text": "Eight meters.", "segments": [{"start": 0, "end": 1, "text": "Eight meters."}]})
HOSTILE = "<img src=x onerror=window.__canary=1>.wav"
READABLE = 4.5  # for text of usual size: https://www.w3.org/TR/WCAG22/#contrast-minimum
LOADING = "%load_ext ipy_gateway\nfrom ipy_gateway import AudioUpload"
SHOWING = "widget = AudioUpload({})\nwidget"
HASHES = "print(*(f'{one.sha256} {one.size_bytes}' for one in widget.uploads))"
DROP = """(root, files) => {
    const data = new DataTransfer();
    for (const [name, text, type] of files) data.items.add(new File([text], name, { type }));
    root.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
LOSE_CONNECTION = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel._ws.close(4001)"


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with fault_server(HEARD) as server:
        yield server


@pytest.fixture(scope="module")
def lab(interview: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """JupyterLab in a browser whose microphone hears the interview of the quickstart."""
    with jupyter(tmp_path_factory.mktemp("upload"), microphone=interview) as server:
        yield server


@pytest.fixture(scope="module")
def page(lab: Jupyter, server: FaultServer) -> Iterator[Page]:
    """A notebook whose second cell shows a widget, and which asks a server that always hears the same."""
    asking = f"{LOADING}\n%gateway {server.url}\n%gateway set audio_api=transcriptions journal=False"
    with lab.open(write_notebook(lab.folder, asking, SHOWING.format(""), HASHES)) as page:
        run_all_cells(page)
        yield page


@pytest.fixture
def widget(page: Page) -> Locator:
    """The widget, made anew."""
    run_cell(page, 1)
    widget = page.locator(".ipg-upload")
    expect(widget.locator("ol, li")).to_have_count(0)
    return widget


def choose(widget: Locator, *paths: Path) -> None:
    widget.locator("input[type=file]").set_input_files(paths)


def printed(page: Page, index: int) -> str:
    """What a cell prints when it is run now."""
    run_cell(page, index)
    wait_until_idle(page)
    return outputs_of(page, index).inner_text().strip()


def noise(folder: Path, size: int) -> Path:
    """A file of this size that is no recording."""
    path = folder / "noise.wav"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def hash_of(path: Path) -> str:
    data = path.read_bytes()
    return f"{hashlib.sha256(data).hexdigest()} {len(data)}"


def test_a_chosen_file_becomes_a_transcript(page: Page, widget: Locator, interview: Path) -> None:
    choose(widget, interview)

    expect(widget.locator("ol.ipg-segments")).to_contain_text("Eight meters.")
    expect(widget.locator(".ipg-files")).to_contain_text("interview.wav Transcribed")
    expect(widget.get_by_role("button", name="Play from 0:00")).to_be_visible()
    assert outputs_of(page, 1).nth(1).is_hidden()  # the copy for later
    assert printed(page, 2) == hash_of(interview)


def test_a_file_that_takes_many_slices_arrives_as_it_is(page: Page, widget: Locator, tmp_path: Path) -> None:
    path = noise(tmp_path, 5_000_000)

    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text("The recording is of no known kind")

    assert printed(page, 2) == hash_of(path)


def test_an_upload_goes_on_when_the_connection_was_lost(page: Page, widget: Locator, tmp_path: Path) -> None:
    path = noise(tmp_path, 40_000_000)

    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text("of 40.0 MB")
    page.evaluate(LOSE_CONNECTION)
    expect(widget.locator(".ipg-files")).to_contain_text("The recording is of no known kind")

    assert printed(page, 2) == hash_of(path)


def test_an_upload_is_cancelled(page: Page, widget: Locator, tmp_path: Path) -> None:
    choose(widget, noise(tmp_path, 100_000_000))
    expect(widget.locator(".ipg-files")).to_contain_text("of 100.0 MB")

    widget.get_by_role("button", name="Cancel").click()

    expect(widget.locator(".ipg-files li")).to_have_count(0)
    assert printed(page, 2) == ""


def test_hostile_files_are_harmless_and_said_in_a_sentence(page: Page, widget: Locator) -> None:
    files = [
        [HOSTILE, "Only words.", "audio/wav"],
        [f"{'x' * 300}\u202egnp.wav", "RIFF", "audio/wav"],
        ["empty.wav", "", "audio/wav"],
        ["notes.txt", "Only words.", "text/plain"],
    ]

    widget.evaluate(DROP, files)
    expect(widget.locator(".ipg-files .ipg-problem")).to_have_count(2)

    names = widget.locator(".ipg-name").all_inner_texts()
    assert names == [HOSTILE, f"{'x' * 95}….wav"]
    assert widget.locator(".ipg-notices li").all_inner_texts() == [
        "'empty.wav' is empty: it has 0 bytes. Record or copy it again.",
        "'notes.txt' is not of a kind that is taken. Choose audio or video.",
    ]
    assert page.evaluate("window.__canary") is None
    assert widget.locator("img").count() == 0


def test_without_permission_the_button_says_what_to_do(page: Page, widget: Locator, interview: Path) -> None:
    page.context.clear_permissions()

    widget.get_by_role("button", name="Record").click()
    expect(widget).to_contain_text("The microphone is not allowed here: allow it with the icon")
    choose(widget, interview)

    expect(widget.locator("ol.ipg-segments")).to_contain_text("Eight meters.")


def test_without_a_microphone_the_button_says_what_to_do(page: Page, widget: Locator) -> None:
    page.context.grant_permissions(["microphone"])
    page.evaluate("""() => {
        const none = () => Promise.reject(new DOMException("Requested device not found", "NotFoundError"));
        navigator.mediaDevices.getUserMedia = none;
    }""")

    widget.get_by_role("button", name="Record").click()

    expect(widget).to_contain_text("There is no microphone: connect one, then press Record again.")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_has_contrast(page: Page, widget: Locator, interview: Path, theme: str) -> None:
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    choose(widget, interview)
    widget.evaluate(DROP, [["words.wav", "Only words.", "audio/wav"]])
    expect(widget.locator(".ipg-files .ipg-problem")).to_have_count(1)

    assert [text for text, contrast in contrasts(page) if contrast < READABLE] == []


def test_a_restarted_kernel_is_told_of(page: Page, widget: Locator) -> None:
    page.evaluate(RESTART)

    expect(widget.get_by_role("alert")).to_contain_text("The kernel has ended or was restarted: run the cell")
    wait_until_idle(page)
    run_all_cells(page)


def test_what_is_spoken_is_written_by_the_embedded_engine_and_stays(lab: Jupyter) -> None:
    name = write_notebook(lab.folder, LOADING, SHOWING.format(""))
    with lab.open(name) as page:
        page.context.grant_permissions(["microphone"])
        run_all_cells(page)
        widget = page.locator(".ipg-upload")
        widget.get_by_role("button", name="Record").click()
        expect(widget.get_by_role("timer")).to_contain_text("0:06")
        widget.get_by_role("button", name="Pause").click()
        expect(widget.get_by_role("timer")).to_contain_text("paused")
        widget.get_by_role("button", name="Stop").click()
        widget.get_by_role("button", name="Transcribe", exact=True).click()
        expect(widget.locator("ol.ipg-segments")).to_contain_text("name is Anna Brown")
        save(page)

    shutil.copy(lab.folder / name, lab.folder / f"later-{name}")  # of which no kernel knows anything
    with lab.open(f"later-{name}") as page:
        expect(page.locator("ol.ipg-segments")).to_contain_text("name is Anna Brown")
        assert page.get_by_text("Error displaying widget").filter(visible=True).count() == 0
