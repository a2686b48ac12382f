"""What a chat answer looks like while it is being written: its blocks, and before them its reasoning."""

from .bundle import Bundle
from .html import block, element
from .markdown import markdown_html
from .text import duration

# One line of a terminal, with what stands before it.
MAX_THOUGHT_CHARACTERS = 100


def block_bundle(markdown: str, *, has_style: bool = True) -> Bundle:
    """One or more blocks of an answer, finished or not.

    Args:
        markdown: the blocks, e.g. as `BlockSplitter` gives them.
        has_style: whether to bring the style sheet, which only the first output of a cell needs.
    """
    return Bundle(markdown.strip("\n"), block(markdown_html(markdown), has_style=has_style))


def reasoning_bundle(reasoning: str, *, seconds: float, has_style: bool = True) -> Bundle:
    """The line that says that a model thinks, how long it has done so, and what it thought last.

    Args:
        reasoning: all that it thought so far.
        seconds: since it began.
        has_style: as in `block_bundle`.
    """
    text = f"Reasoning … {duration(seconds)} {_last_words(reasoning)}".rstrip()
    return Bundle(text, block(element("span", text, class_="ipg-facts"), has_style=has_style))


def _last_words(text: str) -> str:
    """The end of a text on one line, from the beginning of a word on."""
    end = text[-4 * MAX_THOUGHT_CHARACTERS :]
    words = " ".join(end.split())
    if len(words) <= MAX_THOUGHT_CHARACTERS and len(end) == len(text):
        return words
    kept = words[-MAX_THOUGHT_CHARACTERS:]
    return f"… {kept.partition(' ')[2] or kept}"
