"""What is public stays as it is, is documented, and docs/api.md says so."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitType

import ipy_gateway
import ipy_gateway.core

from .conftest import PROJECT

SURFACE = Path(__file__).parent / "public_api.txt"
NAMES = sorted({*ipy_gateway.__all__, "AudioUpload"})
CALLED_BY_IPYTHON = {"load_ipython_extension", "unload_ipython_extension"}
SHOWN_DEFAULTS = (type(None), bool, int, float, str, tuple)
MAX_DEFAULT = 40


def surface() -> Iterator[str]:
    """A line for every public name and for every method, property and attribute, with signatures."""
    for name in NAMES:
        value = getattr(ipy_gateway, name)
        yield name + signature_of(value)
        for member in members_of(value):
            method = getattr(value, member, None)
            yield f"{name}.{member}" + (signature_of(method) if inspect.isroutine(method) else "")


def signature_of(function: Any) -> str:
    try:
        given = inspect.signature(function).parameters.values()
    except ValueError:  # a class that is made as its base, which is written in C
        return "(...)"
    parameters = [one for one in given if one.name != "self"]
    texts = [text_of(one) for one in parameters]
    keywords = [one.kind for one in parameters if one.kind is one.KEYWORD_ONLY]
    if keywords:
        texts.insert([one.kind for one in parameters].index(keywords[0]), "*")
    return f"({', '.join(texts)})"


def text_of(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    if parameter.default is parameter.empty:
        return parameter.name
    default = repr(parameter.default) if isinstance(parameter.default, SHOWN_DEFAULTS) else "..."
    return f"{parameter.name}={default if len(default) <= MAX_DEFAULT else '...'}"


def members_of(value: Any) -> list[str]:
    """Public methods, properties, traits and fields of a class that are ours, not a framework's."""
    ours = [base for base in getattr(value, "__mro__", ()) if base.__module__.startswith("ipy_gateway")]
    names = {name for base in ours for name, member in vars(base).items() if is_member(member)}
    names |= {name for base in ours for name in vars(base).get("__annotations__", {})}
    return sorted(name for name in names if not name.startswith("_"))


def is_member(value: Any) -> bool:
    return is_method(value) or isinstance(value, TraitType)


def is_method(value: Any) -> bool:
    """Whether something has a docstring of its own: a method of any kind, or a property."""
    return isinstance(value, property) or inspect.isfunction(getattr(value, "__func__", value))


def documented() -> Iterator[tuple[str, Any]]:
    """Every public class, function, method and property."""
    for name in NAMES:
        value = getattr(ipy_gateway, name)
        yield name, value
        for member in members_of(value):
            found = inspect.getattr_static(value, member, None)
            if is_method(found):
                yield f"{name}.{member}", getattr(found, "__func__", found)


def wanted_in_docstring(value: Any) -> list[str]:
    """The parameters of a function; the attributes of a class."""
    if inspect.isclass(value):
        found = {name: inspect.getattr_static(value, name, None) for name in members_of(value)}
        return [name for name, member in found.items() if not is_method(member)]
    if isinstance(value, property):
        return []
    return [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]


def docstring_of(value: Any) -> str:
    """Of a class also those of its bases that are ours."""
    classes = [one for one in getattr(value, "__mro__", ()) if one.__module__.startswith("ipy_gateway")]
    return "\n".join(one.__doc__ or "" for one in classes or [value])


def test_names_and_signatures_are_as_they_were() -> None:
    """Where a change is meant, write it into the file, and tell users of it in CHANGELOG.md."""
    now, before = [*surface()], SURFACE.read_text("utf-8").splitlines()

    assert {"new": {*now} - {*before}, "gone": {*before} - {*now}} == {"new": set(), "gone": set()}
    assert before == now, "the lines are sorted as the names are"


def test_the_package_gives_what_its_core_does() -> None:
    for name in ipy_gateway.core.__all__:
        assert getattr(ipy_gateway, name) is getattr(ipy_gateway.core, name)
    assert {*ipy_gateway.core.__all__} <= {*ipy_gateway.__all__}


@pytest.mark.parametrize(("name", "value"), [pytest.param(*pair, id=pair[0]) for pair in documented()])
def test_everything_public_is_documented(name: str, value: Any) -> None:
    assert (value.__doc__ or "").strip(), f"{name} has no docstring"
    doc = docstring_of(value)

    if name in CALLED_BY_IPYTHON or re.search(r"^ *Args: as ", doc, re.MULTILINE):
        return

    missing = [
        one for one in wanted_in_docstring(value) if not re.search(rf"^ +\**{one}: ", doc, re.MULTILINE)
    ]
    assert missing == []


def test_the_reference_is_up_to_date() -> None:
    command = [sys.executable, "docs/make_reference.py", "--check"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, f"python docs/make_reference.py writes docs/api.md anew\n{done.stderr}"
