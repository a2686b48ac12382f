"""Write docs/api.md, the reference of all public names, from their docstrings and signatures.

python docs/make_reference.py            writes it
python docs/make_reference.py --check    says whether it is as it should be, for tests
"""

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipy_gateway

TARGET = Path(__file__).parent / "api.md"
INTRODUCTION = """# Reference

Every public name of `ipy_gateway`. What is marked *async* is awaited, in the cell of a notebook as it
stands. Times are in seconds (`_s`), sizes in bytes (`_bytes`), rates in Hz (`_hz`). Every error that is
raised on purpose is a [`GatewayError`](#gatewayerror). This page is made by `python docs/make_reference.py`.
"""
GROUPS = {
    "Recordings to text": "transcribe transcribe_many transcribe_audio stream_transcription "
    "normalize_audio_to_wav",
    "Questions about recordings": "analyze stream_analysis analyze_audio",
    "Chat": "chat_completion chat_completion_as stream_chat",
    "Where requests go": "GatewayConfig Connections close_connections",
    "Servers": "diagnose list_models takes_json_schema ServerReport Finding Fix Speed",
    "What is spent": "Budget Spending",
    "Cassettes": "recording replaying CassetteWarning",
    "The journal of transcripts": "journal_entries empty_journal JournalEntry JournalWarning",
    "Transcripts": "Transcript Transcripts Segment Word Gap Match Outcome TranscriptText TranscriptChunk",
    "Answers": "AnswerText Completion ChatChunk ToolCallPiece Usage Reply TypedReply",
    "How far it is": "TranscriptionProgress AnalysisProgress",
    "Errors": "GatewayError ConfigurationError InvalidRequestError AudioProcessingError UpstreamError "
    "UpstreamUnreachableError UpstreamTimeoutError UpstreamResponseError InvalidAnswerError "
    "AnswerCancelledError BudgetExceededError ReplayError IncompleteAnswerWarning",
    "In a notebook": "AudioUpload load_ipython_extension unload_ipython_extension",
    "One floor down": "forward_chat_completion forward_models has_audio_content select_upstream_url",
}
SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises):(.*)")
ITEM = re.compile(r"(\*{0,2}\w+(?: / \w+)*): ")
MAX_LINE = 100
CODE = re.compile(r"`(\w+)`")


def public_names() -> list[str]:
    """The names of the package, and the one that is imported only when it is asked for."""
    return sorted({*ipy_gateway.__all__, "AudioUpload"})


def reference() -> str:
    """The page.

    Raises:
        ValueError: a public name is in no group, or a group names something else.
    """
    grouped = [name for names in GROUPS.values() for name in names.split()]
    if sorted(grouped) != public_names():
        raise ValueError(f"GROUPS is not what is public: {sorted(set(grouped) ^ set(public_names()))}")
    return "\n".join([INTRODUCTION, *_contents(), *_groups()]).rstrip() + "\n"


def _contents() -> Iterator[str]:
    for title, names in GROUPS.items():
        yield f"- **{title}**: " + ", ".join(f"[`{name}`](#{name.lower()})" for name in names.split())


def _groups() -> Iterator[str]:
    for title, names in GROUPS.items():
        yield f"\n## {title}\n"
        for name in names.split():
            value = getattr(ipy_gateway, name)
            yield from _class(name, value) if inspect.isclass(value) else _function(name, value)


def _function(name: str, function: Any, *, level: int = 3, of: str = "") -> Iterator[str]:
    yield f"{'#' * level} {of}{name}\n"
    yield f"```python\n{signature(name, function)}\n```\n"
    yield from markdown_of(function, itself=name)


def _class(name: str, cls: type) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"```python\n{_class_line(name, cls)}\n```\n"
    yield from markdown_of(cls, itself=name)
    for member, value in members(cls):
        if isinstance(value, property):
            assert value.fget
            yield f"#### {name}.{member}\n"
            yield f"```python\n{member}: {_annotation(_parsed(value.fget).returns)}\n```\n"
            yield from markdown_of(value.fget, itself=name)
        else:
            function = getattr(value, "__func__", value)
            yield from _function(member, function, level=4, of=f"{name}.")


def members(cls: type) -> list[tuple[str, Any]]:
    """The public methods and properties of a class, with those of bases that are not public themselves."""
    public_bases = [getattr(ipy_gateway, name) for name in public_names()]
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("ipy_gateway") and (base is cls or base not in public_bases):
            ours = {name: value for name, value in vars(base).items() if _is_member(name, value)}
            found = {**ours, **found}
    return list(found.items())


def _is_member(name: str, value: Any) -> bool:
    is_callable = inspect.isfunction(getattr(value, "__func__", value))  # a classmethod holds one
    return not name.startswith("_") and (isinstance(value, property) or is_callable)


def signature(name: str, function: Any) -> str:
    """A signature as it stands in the source, without the instance; on several lines where it is long."""
    parsed = _parsed(function)
    result = _annotation(parsed.returns)
    is_awaited = isinstance(parsed, ast.AsyncFunctionDef) and not result.startswith("AsyncGenerator")
    written = [f"@{_source(decorator)}" for decorator in parsed.decorator_list]
    opening = f"async {name}" if is_awaited else name
    written.append(_on_lines(opening, _arguments(parsed.args), f" -> {result}" if result else ""))
    return "\n".join(written)


def _arguments(arguments: ast.arguments) -> list[str]:
    """Each argument as it stands in a signature; self and cls are left out."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    written = [_argument(*pair) for pair in zip(positional, defaults, strict=True)]
    if written and written[0] in ("self", "cls"):
        del written[0]
    if arguments.vararg:
        written.append(f"*{_argument(arguments.vararg)}")
    elif arguments.kwonlyargs:
        written.append("*")
    written += map(_argument, arguments.kwonlyargs, arguments.kw_defaults)
    return [*written, f"**{_argument(arguments.kwarg)}"] if arguments.kwarg else written


def _argument(argument: ast.arg, default: ast.expr | None = None) -> str:
    kind = _annotation(argument.annotation)
    written = f"{argument.arg}: {kind}" if kind else argument.arg
    return f"{written} = {_source(default)}" if default else written


def _annotation(annotation: ast.expr | None) -> str:
    """A type, without the quotes of one that is imported for type checkers alone."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return _source(annotation) if annotation else ""


def _source(node: ast.AST) -> str:
    return ast.unparse(node).replace("'", '"')


def _on_lines(opening: str, arguments: list[str], result: str = "") -> str:
    line = f"{opening}({', '.join(arguments)}){result}"
    if len(line) <= MAX_LINE:
        return line
    return f"{opening}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){result}"


def _class_line(name: str, cls: type) -> str:
    if dataclasses.is_dataclass(cls):
        return "\n".join(_dataclass_lines(name, cls))
    made_by = vars(cls).get("__init__") or getattr(vars(cls).get("__new__"), "__func__", None)
    after = "" if cls.__bases__ == (object,) else f"  # a kind of {cls.__bases__[0].__name__}"
    if not inspect.isfunction(made_by):
        return f"{name}(...){after}"
    return _on_lines(name, _arguments(_parsed(made_by).args)) + after


def _dataclass_lines(name: str, cls: Any) -> Iterator[str]:
    yield f"@dataclass(frozen={cls.__dataclass_params__.frozen})"
    yield f"class {name}:"
    had_keyword = False
    annotations = _annotations(cls)
    for field in dataclasses.fields(cls):
        if field.name.startswith("_"):
            continue
        if field.kw_only and not had_keyword:
            had_keyword = True
            yield "    _: KW_ONLY"
        yield f"    {field.name}: {annotations[field.name]}{_default(field)}"


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f" = {getattr(field.default_factory, '__name__', '...')}()"
    return "" if field.default is dataclasses.MISSING else f" = {_literal(field.default)}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) < MAX_LINE else "...").replace("'", '"')
    return f"{value:_}" if type(value) is int else repr(value)


def _annotations(cls: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(parsed, ast.ClassDef)
            for line in parsed.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    found[line.target.id] = _annotation(line.annotation)
    return found


def _parsed(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef:
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    (parsed,) = ast.parse(source).body
    assert isinstance(parsed, ast.FunctionDef | ast.AsyncFunctionDef)
    return parsed


def markdown_of(value: Any, *, itself: str) -> Iterator[str]:
    """A docstring as Markdown: sections become lists, indented blocks become code, names become links."""
    blocks = re.split(r"\n\s*\n", inspect.getdoc(value) or "")
    for block in blocks:
        lines = block.splitlines()
        section = SECTION.fullmatch(lines[0]) if lines else None
        if section:
            yield "\n".join(_section(section, lines[1:], itself)) + "\n"
        elif block.startswith("    "):
            yield f"```python\n{textwrap.dedent(block)}\n```\n"
        else:
            yield _linked(block, itself) + "\n"


def _section(section: re.Match[str], lines: list[str], itself: str) -> Iterator[str]:
    title, rest = section.groups()
    body = textwrap.dedent("\n".join(lines))
    if rest or not ITEM.match(body):
        yield _linked(f"**{title}** {' '.join([rest.strip(), *body.split()]).strip()}", itself)
        return
    yield f"**{title}**\n"
    for line in body.splitlines():
        item = None if line.startswith(" ") else ITEM.match(line)
        named = f"- `{item[1]}`: " if item else "  "
        said = line[item.end() :] if item else line.strip()
        yield (_linked(named, itself) if title == "Raises" else named) + _linked(said, itself)


def _linked(text: str, itself: str) -> str:
    others = {*public_names()} - {itself}
    return CODE.sub(lambda code: f"[{code[0]}](#{code[1].lower()})" if code[1] in others else code[0], text)


def main() -> int:
    """Write the page, or check it."""
    page = reference()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text("utf-8") == page else 1
    TARGET.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
