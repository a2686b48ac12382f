"""`{{name}}` and `{{expression}}` in a text become what they are worth in the user's namespace.

What is a placeholder, and how to write one that stays, is said in `placeholders`; what becomes of a value
by its type, in `values`. What was filled in is never searched for placeholders again.
"""

import ast
import builtins
import difflib
import types
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ...core.exceptions import GatewayError, InvalidRequestError
from .parts import Filled, Inserted, Picture, joined
from .placeholders import Placeholder, pieces_of
from .values import filled_with

Names = Mapping[str, Any]

_MAX_REASON_CHARACTERS = 200


def fill(text: str, shell: InteractiveShell, local_ns: Mapping[str, Any] | None = None) -> Filled:
    """A text with the values of its placeholders, which are evaluated from left to right on this thread.

    Args:
        text: the text.
        shell: whose variables it names.
        local_ns: those of the function in which the magic stands, which come first.

    Raises:
        InvalidRequestError: there is no such variable, an expression raises, or a value can't be sent.
    """
    names = _names_of(shell, local_ns)
    return joined(
        _value_of(piece, shell, names) if isinstance(piece, Placeholder) else Filled((piece,))
        for piece in pieces_of(text)
    )


def fill_option(
    text: str, shell: InteractiveShell, local_ns: Mapping[str, Any] | None = None
) -> tuple[str, tuple[str, ...]]:
    """An option's value with the values of its placeholders, all of which have to be text, and notices.

    It needs the option as it was written: a magic whose line comes here has to be marked `no_var_expand`,
    or IPython makes `{name}` of `{{name}}`.

    Raises:
        InvalidRequestError: as `fill`, or a value is a picture or a sound.
    """
    filled = fill(text, shell, local_ns)
    texts: list[str] = []
    for part in filled.parts:
        if not isinstance(part, str):
            kind = "a picture" if isinstance(part, Picture) else "a sound"
            raise InvalidRequestError(
                f"{part.label} is {kind}, and an option takes text alone.", "Write it into the cell's text."
            )
        texts.append(part)
    return "".join(texts), filled.notices


def value_of(text: str, shell: InteractiveShell, local_ns: Mapping[str, Any] | None = None) -> Any:
    """The value itself of a text that is one placeholder.

    Raises:
        InvalidRequestError: it is no placeholder, there is no such variable, or the expression raises.
    """
    pieces = list(pieces_of(text))
    if len(pieces) != 1 or not isinstance(pieces[0], Placeholder):
        raise InvalidRequestError(f"{text!r:.80} is no expression.", "Write {{name}}.")
    return _evaluate(pieces[0], shell, _names_of(shell, local_ns))


def expression_value(
    expression: str,
    written: str,
    shell: InteractiveShell,
    local_ns: Mapping[str, Any] | None = None,
    **more: Any,
) -> Any:
    """The value of an expression that stands without braces, as the value of an option does.

    Args:
        expression: it.
        written: how a sentence calls it.
        shell: whose variables it names.
        local_ns: those of the function in which the magic stands, which come first.
        **more: names that it may use where they are no variables.

    Raises:
        InvalidRequestError: there is no such variable, or the expression raises.
    """
    names = {**more, **_names_of(shell, local_ns)}
    return _evaluate(Placeholder(expression.strip(), written), shell, names)


def _names_of(shell: InteractiveShell, local_ns: Mapping[str, Any] | None) -> dict[str, Any]:
    """All names in one dictionary, because a comprehension in an expression sees globals alone."""
    return {**shell.user_global_ns, **shell.user_ns, **(local_ns or {})}


def _value_of(placeholder: Placeholder, shell: InteractiveShell, names: dict[str, Any]) -> Filled:
    value = _evaluate(placeholder, shell, names)
    try:
        filled = filled_with(value, placeholder.label)
        inserted = Inserted(placeholder.label, type(value).__name__, filled.parts)
        return replace(filled, inserted=(inserted,))
    except GatewayError:
        raise
    except Exception as error:  # the user's own __repr__, for one, may raise anything
        raise InvalidRequestError(
            f"{placeholder.label}, of type {type(value).__name__}, can't be sent: {_reason(error)}.",
            "Convert it first, to text for example.",
        ) from error


def _evaluate(placeholder: Placeholder, shell: InteractiveShell, names: dict[str, Any]) -> object:
    code = _compiled(placeholder)
    try:
        with shell.builtin_trap:  # get_ipython and what else IPython adds to the builtins
            return eval(code, names)  # noqa: S307 - the user's own expression
    except Exception as error:
        raise _explained(error, placeholder, names) from error


def _compiled(placeholder: Placeholder) -> types.CodeType:
    try:
        return compile(placeholder.tree, f"<{placeholder.label}>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else _reason(error)
        raise InvalidRequestError(
            f"{placeholder.label} can't be evaluated: {reason}.",
            "Evaluate it in a cell of its own, give the value a name, and write that.",
        ) from error


def _explained(error: Exception, placeholder: Placeholder, names: Mapping[str, Any]) -> InvalidRequestError:
    name = error.name if isinstance(error, NameError) else None
    if name and name in _names_in(placeholder) and name not in names:
        asked = f"which {placeholder.label} asks for"
        return InvalidRequestError(
            f"There is no variable {name!r}, {asked}.", _near_misses(name, names, placeholder)
        )
    return InvalidRequestError(
        f"{placeholder.label} raised {_reason(error)}.", "Try the expression in a cell of its own."
    )


def _names_in(placeholder: Placeholder) -> set[str]:
    return {node.id for node in ast.walk(placeholder.tree) if isinstance(node, ast.Name)}


def _near_misses(name: str, names: Mapping[str, Any], placeholder: Placeholder) -> str:
    known = {other for other in (*names, *vars(builtins)) if not other.startswith("_")}
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.7)
    first = f"Did you mean {' or '.join(close)}?" if close else "Run the cell that defines it first."
    if placeholder.written:
        return first
    return f"{first} Braces that are meant as such are doubled: {{{{{{{{{name}}}}}}}}}."


def _reason(error: BaseException) -> str:
    """Type and message of somebody else's error, in one short line without its full stop."""
    lines = str(error).strip().splitlines()
    line = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    shortened = line if len(line) <= _MAX_REASON_CHARACTERS else line[:_MAX_REASON_CHARACTERS] + "…"
    return shortened.rstrip(".")
