"""The source of a function, class or module, also of one that was defined in a cell."""

import ast
import inspect
import linecache
import types
from typing import Any


def is_code(value: object) -> bool:
    """Whether a value is a function, class or module."""
    return inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)


def source_of(value: Any) -> str | None:
    """The source as it is written, or None where it can't be had: of what is built in, for one."""
    if not is_code(value):
        return None
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return _class_in_a_cell(value) if isinstance(value, type) else None


def _class_in_a_cell(cls: type) -> str | None:
    """A class of the namespace `__main__` has no file, before Python 3.13; its methods know their cell."""
    methods = (member for member in vars(cls).values() if isinstance(member, types.FunctionType))
    sources = (_class_around(method.__code__, cls.__name__) for method in methods)
    return next((source for source in sources if source is not None), None)


def _class_around(method: types.CodeType, name: str) -> str | None:
    lines = linecache.getlines(method.co_filename)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if start <= method.co_firstlineno <= (node.end_lineno or 0):
            return "".join(lines[start - 1 : node.end_lineno])
    return None
