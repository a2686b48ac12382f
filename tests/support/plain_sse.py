"""The event stream of the WHATWG specification, word for word, on a whole stream at once.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import itertools
import re

from ipy_gateway.core.sse import ServerEvent


def events_by_the_book(stream: bytes) -> list[ServerEvent]:
    """What the specification makes of a stream; the end without a blank line is dropped."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    events, data, event_type, last_id = [], "", "", ""
    for line in re.split("\r\n|\n|\r", text)[:-1]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            events.append(ServerEvent(data.removesuffix("\n"), event_type or "message", last_id))
        if not line:
            data, event_type = "", ""
        elif field == "data":
            data += value + "\n"
        elif field == "event":
            event_type = value
        elif field == "id" and "\0" not in value:
            last_id = value
    return events


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """A stream in pieces, some of them empty."""
    edges = [0, *sorted(min(edge, len(stream)) for edge in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]
