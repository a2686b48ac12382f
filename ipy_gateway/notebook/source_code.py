"""The source of a function, class or module, also of one that was defined in a cell."""

import ast
import inspect
import linecache
import types


def source_of(value: object) -> str | None:
    """The source as it is written, or None where it can't be had: of what is built in, for one."""
    if not (inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)):
        return None
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return _class_in_a_cell(value) if isinstance(value, type) else None


def _class_in_a_cell(cls: type) -> str | None:
    """A class of the namespace `__main__` has no file, before Python 3.13; its methods know their cell."""
    for member in vars(cls).values():
        if isinstance(member, types.FunctionType) and member.__qualname__.startswith(f"{cls.__qualname__}."):
            return _class_around(member.__code__, cls.__name__)
    return None


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
