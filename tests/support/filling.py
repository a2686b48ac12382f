"""A value in a text that a user writes."""

from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway.notebook.values.parts import Filled
from ipy_gateway.notebook.values.variables import fill


def filled(shell: InteractiveShell, value: object) -> Filled:
    """What becomes of the text {{value}}."""
    shell.user_ns["value"] = value
    return fill("{{value}}", shell)


def text_of(filled: Filled) -> str:
    """The text where all is text."""
    (text,) = filled.parts
    assert isinstance(text, str)
    return text
