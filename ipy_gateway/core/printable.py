"""Text that is safe to show: no escape sequences, no control characters."""

import re
import unicodedata

KEPT_CONTROLS = frozenset("\n\t")
# Bidirectional controls let a text show in another order than it is written.
DIRECTION_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
# Where Unicode lets a line break: all blanks but the no-break, figure and narrow no-break space.
BLANKS = r"[\t-\r\x1c-\x20\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+"
_BLANKS = re.compile(BLANKS)


def printable(text: str) -> str:
    """The text without control and direction-override characters; line ends and tabs stay.

    Half a surrogate pair, which a server's JSON may hold and no output can encode, becomes U+FFFD.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(map(_shown, lines))


def one_line(text: str) -> str:
    """The printable text with a single space for each run of blanks and line ends, and none around it."""
    return printable(_BLANKS.sub(" ", text)).strip()


def _shown(character: str) -> str:
    match unicodedata.category(character):
        case "Cc":
            return character if character in KEPT_CONTROLS else ""
        case "Cf":
            return "" if unicodedata.bidirectional(character) in DIRECTION_CONTROLS else character
        case "Cs":
            return "\N{REPLACEMENT CHARACTER}"
        case _:
            return character
