"""RELIABILITY.md says what these tests check, and nothing else."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .uses import Fault

PROJECT = Path(__file__).parents[2]
TABLE = (PROJECT / "RELIABILITY.md").read_text(encoding="utf-8")
NAME = re.compile(r"`([\w/]+\.py)::(test_\w+)\[([^`]+)\]`")


def row(fault: Fault, name: str) -> str:
    """A fault's line in the table."""
    sentences = (says.replace("{url}", "URL") for says in fault.sentences)
    says = " Or: ".join(says if says.endswith(".") else f"{says}…" for says in sentences)
    return f"| {fault.what} | `{fault.error.__name__}`: {says} | `{name}` |"


def rows() -> Iterator[str]:
    """Every fault of these tests, in the order of the files."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        for function in _tests_of(module):
            faults = {_fault_id(case): case.values[0] for case in _cases_of(function)}
            for fault_id, fault in faults.items():
                yield row(fault, f"tests/faults/{path.name}::{function.__name__}[{fault_id}]")


def test_every_fault_has_its_line_and_every_line_its_fault() -> None:
    assert {line for line in TABLE.splitlines() if "::test_" in line} == set(rows())


def test_every_name_of_a_test_is_one() -> None:
    names = NAME.findall(TABLE)

    assert len(names) == TABLE.count("::test_")
    assert [name for name in names if not _is_test(*name)] == []


def _is_test(path: str, function: str, fault_id: str) -> bool:
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    test = getattr(module, function, None)
    return callable(test) and fault_id in map(_fault_id, _cases_of(test))


def _tests_of(module: ModuleType) -> list[Any]:
    return [value for name, value in vars(module).items() if name.startswith("test_")]


def _cases_of(function: Any) -> list[Any]:
    """The parameters of a test that takes a fault."""
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    return [case for mark in marks if mark.args[0] == ("fault", "use") for case in mark.args[1]]


def _fault_id(case: Any) -> str:
    return str(case.id).rpartition("-")[0]
