"""%transcribe, %%chat, %%analyze and %gateway."""

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

from ipy_gateway import GatewayConfig, Segment, Transcript, load_ipython_extension, unload_ipython_extension
from ipy_gateway.core.messages import TranscriptText
from ipy_gateway.notebook.files import file_argument

from ..support.kernel import Kernel
from ..support.loopback import answering_server

MAGICS = {("line", "transcribe"), ("line", "gateway"), ("cell", "chat"), ("cell", "analyze")}
SECRET = "sk-this-is-a-secret"
FACTS = ("Anna Brown", "Wilson", "2,400 meters", "8 meters", "$90 million", "October")


def magics_in(shell: InteractiveShell) -> set[tuple[str, str]]:
    tables = shell.magics_manager.magics
    return {(kind, name) for kind, name in MAGICS if name in tables[kind]}


def run(shell: InteractiveShell, code: str) -> CapturedIO:
    with capture_output() as captured:
        result = shell.run_cell(code, store_history=True)
    result.raise_error()
    return captured


def data_of(output: Any) -> dict[str, str]:
    data: dict[str, str] = output["data"]
    return data


# Loading


def test_load_ext_brings_the_magics(shell: InteractiveShell) -> None:
    assert magics_in(shell) == MAGICS


def test_unload_ext_takes_them_away(shell: InteractiveShell) -> None:
    assert shell.display_formatter
    rich_types = shell.display_formatter.ipython_display_formatter
    assert GatewayConfig in rich_types and TranscriptText in rich_types

    shell.run_line_magic("unload_ext", "ipy_gateway")

    assert magics_in(shell) == set()
    assert GatewayConfig not in rich_types and TranscriptText not in rich_types


def test_unload_ext_leaves_a_magic_of_the_same_name_that_came_later(shell: InteractiveShell) -> None:
    def chat(line: str, cell: str) -> str:
        return "somebody else's"

    shell.magics_manager.register_function(chat, "cell", "chat")

    shell.run_line_magic("unload_ext", "ipy_gateway")

    assert shell.run_cell_magic("chat", "", "hello") == "somebody else's"


def test_reload_ext_and_load_ext_work_again(shell: InteractiveShell) -> None:
    shell.run_line_magic("reload_ext", "ipy_gateway")
    assert magics_in(shell) == MAGICS

    shell.run_line_magic("unload_ext", "ipy_gateway")
    shell.run_line_magic("load_ext", "ipy_gateway")
    assert magics_in(shell) == MAGICS


def test_loading_twice_by_hand_does_no_harm(shell: InteractiveShell) -> None:
    load_ipython_extension(shell)
    assert magics_in(shell) == MAGICS

    unload_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert magics_in(shell) == set()


def test_unload_ext_gives_the_display_hook_back(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "ipy_gateway")

    assert shell.display_trap.hook is shell.displayhook


def test_a_value_that_was_just_shown_gets_no_output_prompt(shell: InteractiveShell) -> None:
    shown = run(shell, "%gateway settings")
    again = run(shell, "_")

    assert "Out[" not in shown.stdout
    assert isinstance(shell.user_ns["_"], GatewayConfig)
    assert "Out[" in again.stdout


def test_a_terminal_shows_all_lines_of_a_transcript(shell: InteractiveShell) -> None:
    shell.user_ns["talk"] = Transcript("", tuple(Segment(at, at + 1, f"Said at {at}.") for at in range(300)))

    shown = run(shell, "talk")

    (output,) = shown.outputs
    lines = output.data["text/plain"].splitlines()
    assert len(lines) == 300
    assert lines[-1] == "[4:59] Said at 299."


# %gateway


def test_gateway_shows_every_setting_once(shell: InteractiveShell) -> None:
    (output,) = run(shell, "%gateway settings").outputs

    assert "text_base_url                 local://engine" in output.data["text/plain"]
    assert "<td>local://engine</td>" in output.data["text/html"]
    for name in GatewayConfig.__dataclass_fields__:
        assert name in output.data["text/plain"]
        assert name in output.data["text/html"]


def test_gateway_never_shows_a_key(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPY_GATEWAY_TEXT_BASE_URL", "https://example.com/v1")
    monkeypatch.setenv("IPY_GATEWAY_API_KEY", SECRET)
    shell.magics_manager.registry["GatewayMagics"].gateway_config = GatewayConfig.from_env()

    captured = run(shell, "config = %gateway")
    again = run(shell, "config")
    printed = run(shell, "print(config, repr(config), vars(config))\n%gateway")

    shown = [output.data for output in (*captured.outputs, *again.outputs, *printed.outputs)]
    assert len(shown) == 3
    assert "set, for https://example.com" in shown[0]["text/plain"]
    assert SECRET not in f"{shown} {captured.stdout} {again.stdout} {printed.stdout} {printed.stderr}"


def test_gateway_with_a_url_asks_that_server_from_now_on(shell: InteractiveShell) -> None:
    with answering_server("Hello from **there**.") as url:
        run(shell, f"%gateway {url}")
        captured = run(shell, "reply = %chat Who is there?")

    assert captured.stdout == "Hello from **there**.\n"
    assert shell.user_ns["reply"].server == url


def test_gateway_gives_the_configuration_as_a_value(shell: InteractiveShell) -> None:
    run(shell, "before = %gateway\nafter = %gateway http://localhost:8080/")

    assert shell.user_ns["before"] == GatewayConfig()
    assert shell.user_ns["after"].text_base_url == "http://localhost:8080"


# The name of a recording


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("talk.wav", "talk.wav"),
        ("  talk.wav  ", "talk.wav"),
        ('"my talk.wav"', "my talk.wav"),
        ("'my talk.wav'", "my talk.wav"),
        ("my talk.wav", "my talk.wav"),
        ("Gespräch mit 王さん.wav", "Gespräch mit 王さん.wav"),
        ("what's up.wav", "what's up.wav"),
        ('"a  b.wav"', "a  b.wav"),
    ],
)
def test_a_name_is_taken_as_it_is_written(line: str, name: str) -> None:
    assert file_argument(line, "%transcribe") == Path(name)


@pytest.mark.skipif(os.name != "posix", reason="completion writes quotes on Windows")
def test_a_name_is_taken_as_tab_completion_writes_it() -> None:
    assert file_argument(r"my\ talk\ \(1\).wav", "%transcribe") == Path("my talk (1).wav")


def test_an_address_of_a_file_is_its_path() -> None:
    assert file_argument("file:///talks/my%20talk.wav", "%%analyze") == Path("/talks/my talk.wav")


def test_a_tilde_is_the_home_folder() -> None:
    assert file_argument("~/talk.wav", "%transcribe") == Path.home() / "talk.wav"
    assert file_argument('"~/my talk.wav"', "%transcribe") == Path.home() / "my talk.wav"


def test_the_home_of_nobody_is_a_name_like_any_other() -> None:
    assert file_argument("~nobody-here/talk.wav", "%transcribe") == Path("~nobody-here/talk.wav")


def test_a_file_with_a_difficult_name_is_transcribed(warm_kernel: Kernel, work_folder: Path) -> None:
    shutil.copy(work_folder / "note.m4a", work_folder / "Gespräch mit 王さん (1).m4a")

    run = warm_kernel.run("%transcribe Gespräch mit 王さん (1).m4a")

    assert run.status == "ok", run.traceback
    assert "Wilson" in run.text


# %transcribe


def test_transcribe_shows_the_transcript_once(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("%transcribe interview.wav")

    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    assert set(data_of(output)) == {"text/plain", "text/html"}
    for fact in FACTS:
        assert fact in data_of(output)["text/plain"]
        assert fact in data_of(output)["text/html"]
    assert output["metadata"]["ipy_gateway"]["source"] == "interview.wav"


def test_transcribe_gives_a_transcript(warm_kernel: Kernel) -> None:
    run = warm_kernel.run(
        "t = %transcribe interview.wav\nprint(len(t.segments) > 5, t.text.count('meters'), '8 meters' in t)"
    )

    assert run.status == "ok", run.traceback
    assert run.outputs[-1]["text"] == "True 2 True\n"
    assert len(run.outputs) == 2


def test_the_string_is_shown_richly_in_a_later_cell(warm_kernel: Kernel) -> None:
    warm_kernel.run("t = %transcribe note.m4a")

    run = warm_kernel.run("t")

    (output,) = run.outputs
    assert "Wilson" in data_of(output)["text/plain"]
    assert "Wilson" in data_of(output)["text/html"]


def test_the_string_is_shown_after_a_cell_that_is_not_counted(warm_kernel: Kernel) -> None:
    warm_kernel.finish(str(warm_kernel.client.execute("t = %transcribe note.m4a", store_history=False)))

    run = warm_kernel.run("t")

    assert len(run.outputs) == 1


def test_transcribe_works_in_a_loop(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("""
texts = []
for name in ["note.m4a", "note.m4a"]:
    text = %transcribe {name}
    texts.append(text)
print(len(texts), texts[0] == texts[1])
""")

    assert run.status == "ok", run.traceback
    assert len(run.outputs) == 3
    assert run.outputs[-1]["text"] == "2 True\n"


def test_every_transcript_that_was_cut_off_is_told_of(warm_kernel: Kernel) -> None:
    with answering_server("It begins", finish_reason="length") as url:
        warm_kernel.run(f"%gateway {url}")
        runs = [warm_kernel.run("%transcribe note.m4a") for _ in range(2)]
        warm_kernel.run("%gateway local://engine")

    assert [
        run.text.endswith("[Cut off at the server's length limit: what follows is missing.]") for run in runs
    ]
    assert ["Warning" in run.text for run in runs] == [False, False]


def test_a_transcript_survives_pickle() -> None:
    text = TranscriptText("Call Peter Wilson.", source="note.m4a", server="local://engine")

    copy = pickle.loads(pickle.dumps(text))

    assert (copy, copy.source, copy.server) == (text, "note.m4a", "local://engine")


# %%chat and %%analyze


def test_chat_is_answered_by_the_embedded_engine(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("%%chat\nName the capital of France, in one word.", timeout_s=180)

    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    assert "Paris" in data_of(output)["text/plain"]
    assert set(data_of(output)) == {"text/plain", "text/markdown", "text/html"}
    assert output["metadata"]["ipy_gateway"]["model"] == "smollm2-135m-instruct"


def test_chat_shows_markdown_rendered_by_us(warm_kernel: Kernel) -> None:
    answer = "# Facts\n\n* **eight** meters\n* <img src=x onerror=alert(1)>\n"

    with answering_server(answer) as url:
        run = warm_kernel.run(
            f"%gateway {url}\nget_ipython().run_cell_magic('chat', '', 'Facts?')\n%gateway local://engine"
        )

    data = data_of(run.outputs[1])
    assert set(data) == {"text/plain", "text/markdown", "text/html"}
    assert data["text/plain"] == answer.strip()
    assert "<h1>Facts</h1>" in data["text/html"]
    assert "<li><strong>eight</strong> meters</li>" in data["text/html"]
    assert "<img" not in data["text/html"]


def test_chat_says_that_an_answer_was_cut_off(warm_kernel: Kernel) -> None:
    with answering_server("It begins", finish_reason="length") as url:
        (output,) = warm_kernel.run(f"%%chat --url {url}\nTell me all.").outputs

    data = data_of(output)
    assert data["text/plain"] == "It begins\n[Cut off at the server's length limit: what follows is missing.]"
    assert "Cut off" in data["text/html"]
    assert output["metadata"]["ipy_gateway"]["cut_off"] is True


def test_chat_shows_an_answer_that_no_output_can_encode(warm_kernel: Kernel) -> None:
    half_a_pair = json.loads(r'"half \ud83d of a smile, \u001b[31mred"')

    with answering_server(half_a_pair) as url:
        run = warm_kernel.run(
            f"%gateway {url}\nget_ipython().run_cell_magic('chat', '', 'Smile.')\n%gateway local://engine"
        )

    assert run.status == "ok", run.traceback
    assert data_of(run.outputs[1])["text/plain"] == "half \N{REPLACEMENT CHARACTER} of a smile, [31mred"


def test_analyze_answers_about_a_recording(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("%%analyze interview.wav\nWho is the guest? Answer in one sentence.", timeout_s=180)

    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    assert "Wilson" in data_of(output)["text/plain"]
    facts = output["metadata"]["ipy_gateway"]
    assert (facts["source"], facts["model"]) == ("interview.wav", "smollm2-135m-instruct")


def test_the_core_can_be_awaited_in_a_cell(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("""
from pathlib import Path
from ipy_gateway import transcribe_audio
config = %gateway
print(await transcribe_audio(Path("note.m4a").read_bytes(), config))
""")

    assert run.status == "ok", run.traceback
    assert "Wilson" in run.outputs[-1]["text"]


# Who watches


def test_headless_there_is_one_output_and_no_update(warm_kernel: Kernel) -> None:
    run = warm_kernel.run("%transcribe interview.wav", allow_stdin=False)

    (output,) = run.outputs
    assert "8 meters" in data_of(output)["text/plain"]
    assert run.display_updates == 0
    assert output["transient"] == {}


def test_headless_the_outputs_of_two_runs_are_alike(warm_kernel: Kernel) -> None:
    first, second = (warm_kernel.run("%transcribe note.m4a", allow_stdin=False) for _ in range(2))

    assert data_of(first.outputs[0]) == data_of(second.outputs[0])


def test_who_watches_sees_the_waiting_and_in_the_end_one_output(warm_kernel: Kernel) -> None:
    with answering_server("At last.", delay_s=1.5) as url:
        run = warm_kernel.run(f"_ = %gateway {url}\nget_ipython().run_cell_magic('chat', '', 'When?')")
        warm_kernel.run("%gateway local://engine")

    settings, answer = run.outputs
    assert "local" not in settings
    assert data_of(answer)["text/plain"] == "At last."
    assert 2 <= run.display_updates <= 8
