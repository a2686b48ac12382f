"""What the documents say of the project is so: files, extras, settings, variables and messages."""

import ast
import fnmatch
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

import ipy_gateway
from ipy_gateway import GatewayConfig

from .conftest import PROJECT
from .core.test_imports import FOLDERS as CORE_FOLDERS

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
SOURCE = [path.read_text("utf-8") for path in sorted((PROJECT / "ipy_gateway").rglob("*.py"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
EXTRA = re.compile(r"(?:ipy-gateway|-e '\.)\[([\w,]+)\]")
VARIABLE = re.compile(r"\bIPY_GATEWAY_[A-Z_]+")
SETTING = re.compile(r"%gateway set ((?:\w+=\S+ ?)+)")
TEST = re.compile(r"`(tests/[\w/]+(?:\.py)?)`")
STATUS = re.compile(r"URL answered (\d{3}) ([A-Z][A-Za-z ]+):")
HOLE, ANYTHING = "\0", "[\\s\\S]*"
MIN_LETTERS = 8  # a template of less says nothing of its own


def documents() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def messages() -> list[str]:
    """What the document about errors quotes, in the first column of its tables."""
    lines = (PROJECT / "docs" / "troubleshooting.md").read_text("utf-8").splitlines()
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
    return [row for row in rows if row not in ("message", "---")]


def templates() -> list[str]:
    """Every text of the source that says something, with a hole for each value that is filled in."""
    found = []
    for node in (node for source in SOURCE for node in ast.walk(ast.parse(source))):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(str(one.value) if isinstance(one, ast.Constant) else HOLE for one in parts)
        if sum(map(str.isalpha, text)) >= MIN_LETTERS:
            found.append(text)
    return found


TEMPLATES = templates()


def is_said(message: str) -> bool:
    """Whether a message, with "…" and URL for what differs, can come of a text in the source."""
    said = re.compile(re.escape(message).replace("…", ANYTHING).replace("URL", ANYTHING))
    return any(said.fullmatch(text) for text in TEMPLATES) or any(
        re.fullmatch(re.escape(text).replace(HOLE, ANYTHING), message) for text in TEMPLATES if HOLE in text
    )


@documents()
def test_links_lead_somewhere(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text("utf-8")) if not link.startswith(("http", "#"))]

    assert [link for link in links if not (path.parent / link.partition("#")[0]).exists()] == []


@documents()
def test_tests_that_are_named_are_there(path: Path) -> None:
    named = TEST.findall(path.read_text("utf-8"))

    assert [name for name in named if not (PROJECT / name).exists()] == []


@documents()
def test_files_that_are_to_be_typed_are_there(path: Path) -> None:
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    typed = re.findall(r"(?<![\w/])(?:notebooks|tests|docs)/[\w./-]+", blocks)

    assert [name for name in typed if not (PROJECT / name).exists()] == []


@documents()
def test_extras_exist(path: Path) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {one for names in EXTRA.findall(path.read_text("utf-8")) for one in names.split(",")}

    assert named <= {*project["optional-dependencies"]}


@documents()
def test_variables_and_settings_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    settings = {one.name for one in fields(GatewayConfig)}
    variables = {f"IPY_GATEWAY_{name.upper()}" for name in settings} | {*VARIABLE.findall("\n".join(SOURCE))}
    given = {pair.partition("=")[0] for pairs in SETTING.findall(text) for pair in pairs.split()}

    assert {one for one in VARIABLE.findall(text) if one != "IPY_GATEWAY_REQUIRE_ALL"} <= variables
    assert given - {"NAME"} <= settings


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_is_one_of_ours(message: str) -> None:
    assert is_said(message)
    for code, phrase in STATUS.findall(message):
        assert phrase == httpx.codes.get_reason_phrase(int(code))


def test_a_message_of_nobody_is_found() -> None:
    assert not is_said("No server replies at URL (Connection refused).")


def test_the_citation_is_of_this_version() -> None:
    assert f"version: {ipy_gateway.__version__}\n" in (PROJECT / "CITATION.cff").read_text("utf-8")


def test_every_file_is_on_the_map_and_every_name_there_a_file() -> None:
    package = PROJECT / "ipy_gateway"
    folders = {path.parent for path in package.rglob("*.py")} - {package}
    told = names_on_the_map()

    for folder in folders:
        patterns = told.pop(folder.name if folder.parent.name == "core" else str(folder.relative_to(package)))
        files = {path.stem for path in folder.glob("*.py") if path.stem[:2] != "__"}
        others = {path.stem for path in folder.glob("static/*")}
        assert [one for one in files if not any(fnmatch.fnmatch(one, pattern) for pattern in patterns)] == []
        assert [pattern for pattern in patterns if not fnmatch.filter(files | others, pattern)] == []
    assert told == {}


def names_on_the_map() -> dict[str, list[str]]:
    """Patterns in the tables of ARCHITECTURE.md, by folder; those of the core by their name alone."""
    text = (PROJECT / "ARCHITECTURE.md").read_text("utf-8")
    told: dict[str, list[str]] = {}
    for folder, row in re.findall(r"^\| `([\w/]+)`[^|]* \| ([^|]+) \|$", text, re.MULTILINE):
        told.setdefault(folder, []).extend(re.findall(r"`(?:static/)?([\w*]+)`", row))
    return told


def test_the_folders_of_the_core_stand_in_their_order() -> None:
    assert [name for name in names_on_the_map() if name in CORE_FOLDERS] == list(CORE_FOLDERS)


def test_no_file_of_the_package_is_longer_than_the_contributors_are_told() -> None:
    told = re.search(r"at most (\d+) lines", (PROJECT / "CONTRIBUTING.md").read_text("utf-8"))
    assert told
    files = [path for path in (PROJECT / "ipy_gateway").rglob("*.*") if path.suffix in (".py", ".js", ".css")]

    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in files}

    assert {name: length for name, length in lengths.items() if length > int(told[1])} == {}
