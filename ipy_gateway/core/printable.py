"""Text that is safe to show: no escape sequences, no control characters."""

import re

_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
# Bidirectional embeddings, overrides and isolates let a text show in another order than it is written.
_DIRECTIONS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_HALVES = dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")
_SHOWN = {**_CONTROLS, **_DIRECTIONS, **_HALVES}
# Where Unicode lets a line break: all blanks but the no-break, figure and narrow no-break space.
BLANKS = r"[\t-\r\x1c-\x20\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+"
_BLANKS = re.compile(BLANKS)


def printable(text: str) -> str:
    """The text without control and direction-override characters; line ends and tabs stay.

    Half a surrogate pair, which a server's JSON may hold and no output can encode, becomes U+FFFD.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_SHOWN)


def one_line(text: str) -> str:
    """The printable text with a single space for each run of blanks and line ends, and none around it."""
    return printable(_BLANKS.sub(" ", text)).strip()
