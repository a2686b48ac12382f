"""Where examples stand: blocks of code in Markdown and docstrings, and lines with magics between them."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from ..conftest import PROJECT

DOCUMENTS = sorted(
    {*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")}
    - {PROJECT / "docs" / "api.md", PROJECT / "CHANGELOG.md"}  # made from docstrings; what was true once
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAGIC = re.compile(r"`((?:\w+ = )?%%?[a-z][^`\n]*)`")

COMMAND = re.compile(r"python (-m ipy_gateway[^`\"\n]*)`")


@dataclass(frozen=True)
class Example:
    """Some code that is shown to readers.

    Attributes:
        where: the file, and what in it.
        code: the lines.
    """

    where: str
    code: str


def blocks_in_documents(language: str) -> Iterator[Example]:
    """The fenced blocks of a language; "" for those that name none, which are cells of a notebook."""
    for path in DOCUMENTS:
        for number, (tongue, code) in enumerate(FENCED.findall(path.read_text("utf-8"))):
            if tongue == language:
                yield Example(f"{path.name}-{number}", code)


def lines_in_documents() -> Iterator[Example]:
    """The lines with magics that stand in sentences and tables."""
    for path in DOCUMENTS:
        text = FENCED.sub("", path.read_text("utf-8"))
        for line in dict.fromkeys(MAGIC.findall(text)):
            yield Example(f"{path.name}: {line}", line.replace(r"\|", "|"))


def commands_in_documents() -> Iterator[str]:
    """What is to be typed in a terminal that this package does."""
    texts = [path.read_text("utf-8") for path in DOCUMENTS]
    yield from dict.fromkeys(command for text in texts for command in COMMAND.findall(text))


def blocks_in_docstrings() -> Iterator[Example]:
    """The indented blocks of all docstrings that are Python."""
    for where, docstring in _docstrings():
        for number, block in enumerate(_indented(docstring)):
            if _is_python(block):
                yield Example(f"{where}-{number}", block)


def usage_of(magic: Callable[..., Any]) -> Iterator[Example]:
    """What the help of a magic shows under "Usage"."""
    usage = inspect.cleandoc(magic.__doc__ or "").partition("Usage::")[2]
    for paragraph in usage.split("\n\n"):
        if not paragraph.startswith("    "):
            if paragraph:
                return
            continue
        lines = textwrap.dedent(paragraph).splitlines()
        cells = (
            ["\n".join(lines)] if lines[0].startswith("%%") else [re.split("  +", line)[0] for line in lines]
        )
        yield from (Example(f"help: {cell.splitlines()[0]}", cell) for cell in cells)


def _docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT / "ipy_gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.stem}.{getattr(node, 'name', '')}".rstrip("."), ast.get_docstring(node) or ""


def _indented(docstring: str) -> Iterator[str]:
    """Paragraphs that are indented, but not sections nor the usage of magics, which stand below a colon."""
    above = ""
    for paragraph in re.split(r"\n\s*\n", docstring):
        if not paragraph.startswith("    "):
            above = paragraph
        elif not above.endswith(":"):
            yield textwrap.dedent(paragraph)


def _is_python(block: str) -> bool:
    """Whether a block is a cell of IPython's, and more than words and numbers in a row."""
    code = textwrap.indent(TransformerManager().transform_cell(block), "    ")
    try:
        (function,) = ast.parse(f"async def cell():\n{code}").body
    except SyntaxError:
        return False
    assert isinstance(function, ast.AsyncFunctionDef)
    return any(not isinstance(line, ast.Expr) or isinstance(line.value, ast.Call) for line in function.body)
