"""A tutorial with all there is, recorded at the embedded engine and two servers, runs without any of them."""

import json
import shutil
from pathlib import Path

import pytest

from ..support.chat_stream import USAGE, streamed
from ..support.fault_server import Answer, RecordedRequest, fault_server
from ..support.lessons import checked_by_nbval, recorded_lesson
from ..support.well_server import WellServer, well_server

KEY = "sk-hush-0123456789abcdef"
DEAD = "http://127.0.0.1:9"
QUESTION = "-t 0 --max-tokens"
OVER_BUDGET = "%chat Who has counted?"
SPENT = "%%chat --compare one@{other},two@{other}\nWho comes first?"
CELLS = [
    "%load_ext ipy_gateway",
    "%gateway record lesson.json",
    "_ = %gateway local://engine",
    "%gateway models",
    "%gateway budget 100k tokens, 60 requests, 30 audio minutes",
    "%gateway doctor",
    f"%gateway doctor {DEAD}",
    "_ = %gateway {well}\n%gateway doctor",
    "%chat --dry-run Who has a key?",
    "_ = %gateway local://engine",
    "t = %transcribe note.m4a --no-audio",
    f"%%analyze note.m4a {QUESTION} 12\nWho is to be called?",
    f"%%analyze {{{{{{{{t}}}}}}}} {QUESTION} 12\nWho is to be called?",
    "from pydantic import BaseModel\nclass Person(BaseModel):\n    name: str\n    age: int",
    "%%chat --as Person -o twice --url {other}\nAda is 36 years old.",
    "twice.name, twice.age",
    f"%%chat --as dict {QUESTION} 12 --dry-run\nWho is called in {{{{{{{{t}}}}}}}}",
    f"%%chat --bg -o r {QUESTION} 12\nWhat is a decibel?",
    "(await r).text",
    f"%%chat --compare local://engine,one@{{other}},{DEAD} {QUESTION} 12 -o answers\nWhat is a phon?",
    "[type(one).__name__ for one in answers.values()]",
    "%gateway budget",
    "from ipy_gateway import Budget, chat_completion_as, diagnose\n"
    "config = %gateway settings\n"
    "with Budget(requests=1).applied() as budget:\n"
    "    few = await diagnose(config)\n"
    "few[0].is_well, budget.used",
    "%gateway budget off\n%gateway budget 1 request",
    SPENT,
    OVER_BUDGET,
    "%gateway budget off",
    "%gateway record off",
]


def respond(request: RecordedRequest) -> Answer:
    """No object at first, then one; and who was asked."""
    asked = json.loads(request.body)
    if "response_format" in asked:
        is_second = len(asked["messages"]) > 2
        return streamed('{"name": "Ada", "age": 36}' if is_second else "It is Ada.", USAGE)
    return streamed(f"I am {asked['model']}.", USAGE)


@pytest.fixture(scope="module")
def tutorial(
    tmp_path_factory: pytest.TempPathFactory, note: Path, speech_model: Path, chat_model: Path
) -> Path:
    """The notebook, run once while everything was there, with its cassette beside it."""
    folder = tmp_path_factory.mktemp("tutorial")
    shutil.copy(note, folder)
    with fault_server(respond=respond) as other, well_server(WellServer(key=KEY)) as well:
        sources = [cell.format(other=other.url, well=well.url) for cell in CELLS]
        ours = {"IPY_GATEWAY_API_KEY": KEY, "IPY_GATEWAY_TEXT_BASE_URL": well.url}
        return recorded_lesson(folder, sources, failing=[OVER_BUDGET], **ours)


def test_it_passes_strict_nbval_without_servers_weights_and_keys(tutorial: Path, tmp_path: Path) -> None:
    models, cache = tmp_path / "models", tmp_path / "cache"
    models.mkdir()
    cache.mkdir()
    nowhere = dict.fromkeys(("HF_ENDPOINT", "PIP_INDEX_URL", "UV_DEFAULT_INDEX"), DEAD)

    said = checked_by_nbval(
        tutorial,
        IPY_GATEWAY_REPLAY="lesson.json",
        IPY_GATEWAY_MODELS=str(models),
        IPY_GATEWAY_CACHE=str(cache),
        HTTP_PROXY=DEAD,
        **nowhere,
    )

    assert f"{len(CELLS)} passed" in said, said
    assert not any(cache.iterdir())


def test_it_did_what_it_is_for(tutorial: Path) -> None:
    cells = json.loads(tutorial.read_text())["cells"]
    shown = {
        cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"]): cell for cell in cells
    }
    text = {source: json.dumps(cell["outputs"]) for source, cell in shown.items()}
    (compared,) = (text[source] for source in text if "two@" in source)

    assert "('Ada', 36)" in text["twice.name, twice.age"]
    assert (
        "['Reply', 'Reply', 'UpstreamUnreachableError']"
        in text["[type(one).__name__ for one in answers.values()]"]
    )
    assert "I am one." in compared and "The budget of 1 request is spent" in compared
    assert "BudgetExceededError" in text[OVER_BUDGET]


def test_no_key_is_in_its_cassette(tutorial: Path) -> None:
    assert KEY not in (tutorial.parent / "lesson.json").read_text()
