"""Web pages where an answer should be: login portals, proxies and front pages send them with a 200."""

import codecs
import re

# Elements with which pages and pieces of them begin. What recognizers put between angle brackets is none of
# these: <|en|>, <unk>, <noise>, <laughter>.
_ELEMENT = (
    r"(?:html|head|body|title|meta|link|base|script|style|noscript|template|frameset|iframe|main|header|footer|"
    r"nav|section|article|div|span|p|h[1-6]|center|table|ul|ol|dl|pre|br|hr|a|b|i|strong|font|form|img|svg)"
)
_UNSEEN = "\ufeff\u200b"  # byte order marks, also those that were pasted in
_BLANKS = rf"[\s{_UNSEEN}]*"
_START = re.compile(rf"{_BLANKS}<(?:[!?][a-z\[-]|/?{_ELEMENT}[\s/>])", re.IGNORECASE)
# Atomic: without it, many comments would be tried in all the ways in which one can hold the next.
_COMMENTS = rf"(?>(?:<!--.*?-->{_BLANKS})*)"
_WHOLE_START = re.compile(rf"{_BLANKS}{_COMMENTS}<(?:!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL)
# A page may come after the complaints of the program that made it.
_LATE_START = re.compile(r"^[ \t]*<!doctype\s+html|</html>\s*\Z", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(rf"</?{_ELEMENT}(?:[\s/][^<>]*)?>", re.IGNORECASE)
_ENCODINGS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def is_web_page(body: str, media_type: str = "") -> bool:
    """Whether the body of an answer is a web page or a piece of one, whatever its type says.

    Args:
        body: all of it.
        media_type: as the server gives it; where it is "text/html", one tag is enough.
    """
    body = body.replace("\0", "")  # UTF-16 that does not say so
    has_tag = media_type == "text/html" and _TAG.search(body)
    return bool(_START.match(body) or _LATE_START.search(body) or has_tag)


def begins_web_page(text: str) -> bool:
    """Whether a text that is said to be a transcript is a whole web page instead."""
    return bool(_WHOLE_START.match(text))


def decoded(body: bytes) -> str:
    """The text of a body: UTF-8 unless its byte order mark says otherwise, and without that mark."""
    for mark, encoding in _ENCODINGS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode("utf-8", "replace").removeprefix("\ufeff")
