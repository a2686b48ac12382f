"""AudioUpload in real JupyterLab, in real Chromium, with a microphone that hears a WAV."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from ..support.accessibility import serious_violations
from ..support.browser import (
    Jupyter,
    contrasts,
    jupyter,
    outputs_of,
    run_all_cells,
    run_cell,
    save,
    start_cell,
    wait_until_idle,
    write_notebook,
)
from ..support.cutting_proxy import CuttingProxy, cutting_proxy
from ..support.fault_server import FaultServer, fault_server
from ..support.upload_notebooks import HASHES, LOADING, NO_SOUND, choose, hash_of, noise
from ..support.upload_page import HEARD

HOSTILE = "<img src=x onerror=window.__canary=1>.wav"
READABLE = 4.5  # for text of usual size: https://www.w3.org/TR/WCAG22/#contrast-minimum
SHOWING = "widget = AudioUpload({})\nwidget"
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
BUSY = "import time; time.sleep(7)"  # longer than the page waits for an answer before it asks again
THEMES = ["JupyterLab Light", "JupyterLab Dark"]
DROP = """(root, files) => {
    const data = new DataTransfer();
    for (const [name, text, type] of files) data.items.add(new File([text], name, { type }));
    root.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
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
def proxy(lab: Jupyter) -> Iterator[CuttingProxy]:
    """What is between the browser and JupyterLab."""
    with cutting_proxy(urlsplit(lab.url).port or 0) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def page(lab: Jupyter, proxy: CuttingProxy, server: FaultServer) -> Iterator[Page]:
    """A notebook whose second cell shows a widget, and which asks a server that always hears the same."""
    asking = f"{LOADING}\n%gateway {server.url}\n%gateway set audio_api=transcriptions journal=False"
    with replace(lab, url=proxy.url).open(
        write_notebook(lab.folder, asking, SHOWING.format(""), HASHES, MEMORY, BUSY)
    ) as page:
        run_all_cells(page)
        yield page


@pytest.fixture
def widget(page: Page) -> Locator:
    """The widget, made anew."""
    run_cell(page, 1)
    widget = page.locator(".ipg-upload")
    expect(widget.locator("ol, li")).to_have_count(0)
    return widget


def use_theme(page: Page, theme: str) -> None:
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)


def printed(page: Page, index: int) -> str:
    """What a cell prints when it is run now."""
    run_cell(page, index)
    wait_until_idle(page)
    return outputs_of(page, index).inner_text().strip()


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
    expect(widget.locator(".ipg-files")).to_contain_text(NO_SOUND)

    assert printed(page, 2) == hash_of(path)


@pytest.mark.long
def test_a_file_of_200_megabytes_leaves_the_memory_as_it_is(
    page: Page, widget: Locator, tmp_path: Path
) -> None:
    path = noise(tmp_path, 200_000_000)
    before_kb = int(printed(page, 3))

    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text(NO_SOUND)

    assert printed(page, 2) == hash_of(path)
    assert int(printed(page, 3)) - before_kb < 60_000


def test_an_upload_goes_on_when_the_connection_was_lost(
    page: Page, proxy: CuttingProxy, widget: Locator, tmp_path: Path
) -> None:
    path = noise(tmp_path, 40_000_000)
    before = proxy.sent_bytes

    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text("of 40.0 MB")
    proxy.cut()
    expect(widget.locator(".ipg-files")).to_contain_text(NO_SOUND)

    assert printed(page, 2) == hash_of(path)
    assert proxy.sent_bytes - before < 50_000_000


def test_what_was_asked_while_a_cell_ran_is_not_sent_again(
    page: Page, proxy: CuttingProxy, widget: Locator, tmp_path: Path
) -> None:
    path = noise(tmp_path, 20_000_000)
    before = proxy.sent_bytes

    start_cell(page, 4)
    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text("Waiting for the kernel: it runs a cell")
    expect(widget.locator(".ipg-files")).to_contain_text(NO_SOUND)

    assert printed(page, 2) == hash_of(path)
    assert proxy.sent_bytes - before < 30_000_000


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


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_has_contrast(page: Page, widget: Locator, interview: Path, theme: str) -> None:
    use_theme(page, theme)
    choose(widget, interview)
    widget.evaluate(DROP, [["words.wav", "Only words.", "audio/wav"]])
    expect(widget.locator(".ipg-files .ipg-problem")).to_have_count(1)

    assert [text for text, contrast in contrasts(page) if contrast < READABLE] == []


def test_a_restarted_kernel_is_told_of(page: Page, widget: Locator, tmp_path: Path) -> None:
    choose(widget, noise(tmp_path, 100_000_000))
    expect(widget.locator(".ipg-files")).to_contain_text("of 100.0 MB")

    page.evaluate(RESTART)

    expect(widget.get_by_role("alert")).to_contain_text("The kernel has ended or was restarted: run the cell")
    expect(widget.locator(".ipg-files")).to_contain_text("noise.wav Ended with the kernel")
    wait_until_idle(page)
    run_all_cells(page)


def test_a_recording_whose_transcription_the_kernel_did_not_survive_can_be_saved(
    lab: Jupyter, server: FaultServer
) -> None:
    server.script[:] = [replace(HEARD, delay_s=60)]
    asking = f"{LOADING}\n%gateway {server.url}\n%gateway set audio_api=transcriptions journal=False"
    with lab.open(write_notebook(lab.folder, asking, SHOWING.format(""))) as page:
        page.context.grant_permissions(["microphone"])
        run_all_cells(page)
        widget = page.locator(".ipg-upload")
        widget.get_by_role("button", name="Record").click()
        expect(widget.get_by_role("timer")).to_contain_text("0:01")
        widget.get_by_role("button", name="Stop").click()
        widget.get_by_role("button", name="Transcribe", exact=True).click()
        expect(widget.locator(".ipg-files")).to_contain_text("Transcribing")
        page.evaluate(RESTART)
        with page.expect_download() as saving:
            widget.get_by_role("button", name="Save as a file").click()

    server.script[:] = [HEARD]
    assert saving.value.path().read_bytes()[:4] == b"RIFF"


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
