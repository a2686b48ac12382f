"""Several servers for one kind of request: who is asked next, who is rested, who comes back."""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakKeyDictionary

from ..cassettes.tape import Tape, tape_in_use

FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0


AudioApi = Literal["chat", "transcriptions"]


@dataclass(slots=True)
class _Server:
    requests_under_way: int = 0
    failures_in_a_row: int = 0
    rests_until: float = 0.0
    has_answered: bool = False
    last_asked: float = 0.0
    audio_api: AudioApi | None = None
    models_without_times: set[str | None] = field(default_factory=set)
    takes_json_schema: bool = True


class ServerBoard:
    """What is known of each server, by base URL; shared by all loops and threads of a process.

    A recording begins without any of it, as its replay will, or other requests would be made then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[str, _Server] = {}
        self._of_tapes: WeakKeyDictionary[Tape, dict[str, _Server]] = WeakKeyDictionary()

    def pick(
        self, urls: Sequence[str], *, passed_over: frozenset[str] = frozenset(), in_order: bool = False
    ) -> str:
        """The server to ask: of those that are not resting the one with the fewest requests under way.

        Where all rest, the one whose rest ends first: somebody has to try.

        Args:
            urls: base URLs, in the order of preference.
            passed_over: servers that this request has tried already.
            in_order: whether the first that does not rest is taken, however busy it is.
        """
        if len(urls) == 1:
            return urls[0]
        with self._lock:
            candidates = [url for url in urls if url not in passed_over] or list(urls)
            now = time.monotonic()
            awake = [url for url in candidates if self._of(url).rests_until <= now]
            if not awake:
                return min(candidates, key=lambda url: self._of(url).rests_until)
            return awake[0] if in_order else min(awake, key=self._load)

    @contextmanager
    def busy(self, url: str) -> Generator[None, None, None]:
        """Count a request as under way at a server."""
        with self._lock:
            server = self._of(url)
            server.requests_under_way += 1
            server.last_asked = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                server.requests_under_way -= 1

    def answered(self, url: str) -> None:
        """The server works: it rests no more."""
        with self._lock:
            server = self._of(url)
            server.has_answered = True
            server.failures_in_a_row = 0
            server.rests_until = 0.0

    def failed(self, url: str, *, rest_s: float = 0.0) -> None:
        """The server failed: let it rest, longer each time, and at least for `rest_s` seconds."""
        with self._lock:
            server = self._of(url)
            rest = min(FIRST_REST_S * 2**server.failures_in_a_row, LONGEST_REST_S)
            server.failures_in_a_row += 1
            server.rests_until = time.monotonic() + max(rest, rest_s)

    def has_answered(self, url: str) -> bool:
        """Whether this server has ever answered in this process."""
        with self._lock:
            return self._of(url).has_answered

    def audio_api(self, url: str) -> AudioApi | None:
        """The way in which this server was found to take recordings, or None as long as that is not known."""
        with self._lock:
            return self._of(url).audio_api

    def learn_audio_api(self, url: str, api: AudioApi) -> None:
        """Remember how this server takes recordings."""
        with self._lock:
            self._of(url).audio_api = api

    def forget_audio_api(self, url: str, api: AudioApi) -> None:
        """Forget it, unless somebody has found out anew in the meantime."""
        with self._lock:
            server = self._of(url)
            server.audio_api = None if server.audio_api == api else server.audio_api

    def gives_times(self, url: str, model: str | None) -> bool:
        """Whether this server may tell when the words of a recording are said; it does until it refuses."""
        with self._lock:
            return model not in self._of(url).models_without_times

    def learn_no_times(self, url: str, model: str | None) -> None:
        """Remember that this server refuses to tell when words are said."""
        with self._lock:
            self._of(url).models_without_times.add(model)

    def takes_json_schema(self, url: str) -> bool:
        """Whether this server may be given a JSON schema for its answer; it may until it refuses."""
        with self._lock:
            return self._of(url).takes_json_schema

    def learn_json_schema(self, url: str, *, is_taken: bool) -> None:
        """Remember whether this server takes a JSON schema for its answer."""
        with self._lock:
            self._of(url).takes_json_schema = is_taken

    def requests_under_way(self, url: str) -> int:
        """How many requests a server is answering for this process."""
        with self._lock:
            return self._of(url).requests_under_way

    def _of(self, url: str) -> _Server:
        tape = tape_in_use()
        servers = self._servers if tape is None else self._of_tapes.setdefault(tape, {})
        return servers.setdefault(url, _Server())

    def _load(self, url: str) -> tuple[int, float]:
        server = self._of(url)
        return server.requests_under_way, server.last_asked


board = ServerBoard()
