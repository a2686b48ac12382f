"""Server-sent events: bytes in, events out, no IO.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024  # a token takes 300 bytes; a whole answer with log probabilities, a few MB
DONE_MARK = "[DONE]"  # OpenAI's last event
BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):  # which is made in a quarter of the time of a frozen dataclass
    """One event of a stream.

    Attributes:
        data: its data lines, joined by line feeds.
        event: its type; "error" also for llama.cpp's old `error: {...}` lines.
        id: the last id that the stream has named so far.
    """

    data: str
    event: str = "message"
    id: str = ""


class EventTooLargeError(ValueError):
    """An event, or a line of one, has more bytes than allowed; the decoder is of no use afterwards.

    It knows neither server nor answer: who reads the stream makes an `UpstreamResponseError` of it.

    Attributes:
        max_event_bytes: how many bytes are allowed.
    """

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(f"an event of more than {max_event_bytes:,} bytes")
        self.max_event_bytes = max_event_bytes


class EventDecoder:
    """Turns the bytes of one stream into its events, however the bytes are cut.

    Every byte is copied a fixed number of times, so the time is linear in their number.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._is_first_line = True
        self._ended_with_cr = False
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that end in a chunk. Iterate to the end before the next chunk is fed.

        An iterator, so that events before one that is too large are not lost with it.

        Raises:
            EventTooLargeError: more than `max_event_bytes` belong to one event.
        """
        if self._ended_with_cr or b"\r" in chunk or len(chunk) > self._max_event_bytes:
            yield from self._events_of_lines(chunk)
            return
        if self._is_inside_event:
            beginning, end, chunk = chunk.partition(b"\n\n")
            yield from self._events_of_lines(beginning + end)
            if not end:
                return
        whole, end, beginning = chunk.rpartition(b"\n\n")
        yield from self._events_between_blank_lines(whole + end)
        yield from self._events_of_lines(beginning)

    @property
    def _is_inside_event(self) -> bool:
        return bool(self._is_first_line or self._line or self._data or self._event)

    def _events_between_blank_lines(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events of a chunk of whole ones, of which nearly all are one line of data."""
        try:
            events = chunk.decode().split("\n\n")
        except UnicodeDecodeError:
            yield from self._events_of_lines(chunk)
            return
        events.pop()  # what follows the last: nothing
        for event in events:
            if event.startswith("data: ") and "\n" not in event:
                yield tuple.__new__(ServerEvent, (event[6:], "message", self._id))
            else:
                yield from self._events_of_lines(f"{event}\n\n".encode())

    def _events_of_lines(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that end in a chunk of any kind, line by line."""
        if not chunk:
            return
        second_half_of_crlf = self._ended_with_cr and chunk.startswith(b"\n")
        self._ended_with_cr = chunk.endswith(b"\r")
        # Bytes, unlike str, split at LF, CR and CRLF alone.
        lines = chunk[second_half_of_crlf:].splitlines()
        beginning = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
        for line in lines:
            if self._line:
                self._line += line
                line = bytes(self._line)
                self._line.clear()
            if self._is_first_line:
                self._is_first_line = False
                line = line.removeprefix(BOM)
            if self._data_bytes + len(line) > self._max_event_bytes:
                raise EventTooLargeError(self._max_event_bytes)
            if line.startswith(b"data: "):  # nearly every line that is not empty
                self._append_data(line[6:])
            elif line:
                self._take_line(line)
            elif event := self._end_event():
                yield event
        self._line += beginning
        if self._data_bytes + len(self._line) > self._max_event_bytes:
            raise EventTooLargeError(self._max_event_bytes)

    def close(self) -> list[ServerEvent]:
        """The event that the end of the stream left without its blank line, if it is whole."""
        if self._line:
            self._take_line(bytes(self._line).removeprefix(BOM if self._is_first_line else b""))
        event = self._end_event()
        # The specification drops such an event. Every recorded server ends with a blank line, but some
        # gateways leave it out after the event that matters, [DONE] or the finish reason (openai-node #2725).
        # So what is certainly not cut is delivered: a part of a JSON object is none. Errors explain even so.
        return [event] if event and (event.event == "error" or _is_whole(event.data)) else []

    def _take_line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._append_data(value)
            case b"":
                pass  # a comment, which keeps a silent connection alive
            case b"event":
                self._event = _text(value)
            case (
                b"error"
            ):  # llama.cpp before its #16109: no field of the specification, but the only explanation
                self._event = "error"
                self._append_data(value)
            case b"id" if b"\0" not in value:
                self._id = _text(value)

    def _append_data(self, value: bytes) -> None:
        self._data.append(value)
        self._data_bytes += len(value) + 1

    def _end_event(self) -> ServerEvent | None:
        data, event = self._data, self._event
        self._data, self._data_bytes, self._event = [], 0, ""
        # Decoded here, in one piece: no character is cut by a chunk's end.
        return ServerEvent(_text(b"\n".join(data)), event or "message", self._id) if data else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _is_whole(data: str) -> bool:
    if data.strip() == DONE_MARK:
        return True
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False
