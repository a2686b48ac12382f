"""AudioUpload in real JupyterLab, in real Chromium, with a microphone that hears a WAV."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ..support.accessibility import serious_violations
from ..support.browser import (
    Jupyter,
    contrasts,
    jupyter,
    name_of,
    outputs_of,
    run_all_cells,
    run_cell,
    save,
    write_notebook,
)
from ..support.fault_server import FaultServer, fault_server
from ..support.upload_notebooks import HASHES, LOADING, choose, hash_of
from ..support.upload_page import HEARD

HOSTILE = "<img src=x onerror=window.__canary=1>.wav"
READABLE = 4.5  # for text of usual size: https://www.w3.org/TR/WCAG22/#contrast-minimum
SHOWING = "widget = AudioUpload()\nwidget"
LOCAL = f"{LOADING}\n%gateway local://engine"
THEMES = ["JupyterLab Light", "JupyterLab Dark"]
DROP = """(root, files) => {
    const data = new DataTransfer();
    for (const [name, text, type] of files) data.items.add(new File([text], name, { type }));
    root.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
# Words as long as German ones.
NARROW = """root => {
    root.style.width = "360px";
    for (const element of root.querySelectorAll("button, label > span, .ipg-name, .ipg-quiet")) {
        element.textContent += " Verschriftlichung der Wohnungsbaugenossenschaften";
    }
    const parts = [root, ...root.querySelectorAll(":scope :not(.ipg-said)")];
    const shown = parts.filter((part) => part.checkVisibility() && part.clientWidth);
    return shown.filter((part) => part.scrollWidth > part.clientWidth + 1).map(({ outerHTML }) => outerHTML);
}"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


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
    """A notebook whose third cell shows a widget, and which asks a server that always hears the same."""
    asking = f"%gateway {server.url}\n%gateway set audio_api=transcriptions journal=False"
    with lab.open(write_notebook(lab.folder, LOCAL, asking, SHOWING, HASHES)) as page:
        run_all_cells(page)
        yield page


@pytest.fixture
def widget(page: Page) -> Locator:
    """The widget, made anew."""
    run_cell(page, 2)
    widget = page.locator(".ipg-upload")
    expect(widget.locator("ol, li")).to_have_count(0)
    return widget


def use_theme(page: Page, theme: str) -> None:
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)


def printed(page: Page, index: int) -> str:
    """What a cell prints when it is run now."""
    run_cell(page, index)
    return outputs_of(page, index).inner_text().strip()


def record(widget: Locator, until: str) -> None:
    """Record up to this time, pause, and stop."""
    widget.page.context.grant_permissions(["microphone"])
    widget.get_by_role("button", name="Record").click()
    expect(widget.get_by_role("timer")).to_contain_text(until)
    widget.get_by_role("button", name="Pause").click()
    expect(widget.get_by_role("timer")).to_contain_text("paused")
    widget.get_by_role("button", name="Stop").click()


def test_a_chosen_file_becomes_a_transcript(page: Page, widget: Locator, interview: Path) -> None:
    choose(widget, interview)

    expect(widget.locator("ol.ipg-segments")).to_contain_text("Eight meters.")
    expect(widget.locator(".ipg-files")).to_contain_text("interview.wav Transcribed")
    expect(widget.get_by_role("button", name="Play from 0:00")).to_be_visible()
    assert outputs_of(page, 2).nth(1).is_hidden()  # the copy for later
    assert printed(page, 3) == hash_of(interview)


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


@pytest.mark.parametrize("theme", THEMES)
def test_nobody_is_shut_out_by_serious_flaws_in_any_state(
    page: Page, server: FaultServer, widget: Locator, interview: Path, theme: str
) -> None:
    page.context.grant_permissions(["microphone"])
    use_theme(page, theme)
    found = {"idle": serious_violations(widget)}

    widget.get_by_role("button", name="Record").click()
    expect(widget.get_by_role("timer")).to_contain_text("0:00")
    found["recording"] = serious_violations(widget)
    widget.get_by_role("button", name="Stop").click()
    found["recorded"] = serious_violations(widget)
    widget.get_by_role("button", name="Discard").click()
    server.script[:] = [replace(HEARD, delay_s=60)]
    choose(widget, interview)
    widget.evaluate(DROP, [["next.wav", "Only words.", "audio/wav"], ["notes.txt", "Words.", "text/plain"]])
    expect(widget.locator(".ipg-files")).to_contain_text("Waiting for its turn")
    found["transcribing"] = serious_violations(widget)
    server.script[:] = [HEARD]
    widget.get_by_role("button", name="Cancel interview.wav").click()
    widget.get_by_role("button", name="Transcribe interview.wav").click()
    expect(widget.locator(".ipg-files")).to_contain_text("interview.wav Transcribed")
    found["done, and error"] = serious_violations(widget)

    assert {state: flaws for state, flaws in found.items() if flaws} == {}


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
    page.evaluate("() => delete navigator.mediaDevices.getUserMedia")


def test_long_labels_fit_a_narrow_widget(page: Page, widget: Locator, interview: Path) -> None:
    record(widget, "0:00")
    cut = [widget.evaluate(NARROW)]
    run_cell(page, 2)
    record(widget, "0:00")
    widget.get_by_role("button", name="Discard").click()
    widget.evaluate(DROP, [["words.wav", "Only words.", "audio/wav"], ["notes.txt", "Words.", "text/plain"]])
    choose(widget, interview)
    expect(widget.locator("ol.ipg-segments")).to_contain_text("Eight meters.")
    cut.append(widget.evaluate(NARROW))

    assert cut == [[], []]


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_has_contrast(page: Page, widget: Locator, interview: Path, theme: str) -> None:
    use_theme(page, theme)
    choose(widget, interview)
    widget.evaluate(DROP, [["words.wav", "Only words.", "audio/wav"]])
    expect(widget.locator(".ipg-files .ipg-problem")).to_have_count(1)

    assert [text for text, contrast in contrasts(page) if contrast < READABLE] == []


def test_a_recording_whose_transcription_the_kernel_did_not_survive_can_be_saved(
    page: Page, server: FaultServer, widget: Locator
) -> None:
    server.script[:] = [replace(HEARD, delay_s=60)]
    record(widget, "0:01")
    widget.get_by_role("button", name="Transcribe", exact=True).click()
    expect(widget.locator(".ipg-files")).to_contain_text("Transcribing")

    page.evaluate(RESTART)
    with page.expect_download() as saving:
        widget.get_by_role("button", name="Save as a file").click()

    assert saving.value.path().read_bytes()[:4] == b"RIFF"
    server.script[:] = [HEARD]
    run_all_cells(page)


def test_what_is_spoken_is_written_by_the_embedded_engine_and_stays(
    lab: Jupyter, page: Page, widget: Locator
) -> None:
    run_cell(page, 0)

    record(widget, "0:03")
    widget.get_by_role("button", name="Transcribe", exact=True).click()
    expect(widget.locator("ol.ipg-segments")).to_contain_text("name is Anna Brown")
    save(page)

    shutil.copy(lab.folder / name_of(page), lab.folder / "later.ipynb")  # of which no kernel knows anything
    with lab.open("later.ipynb") as later:
        expect(later.locator("ol.ipg-segments")).to_contain_text("name is Anna Brown")
        assert later.get_by_text("Error displaying widget").filter(visible=True).count() == 0
