"""Replay: requests are answered out of a cassette, and nothing is sent."""

import re
import threading
from collections import defaultdict
from pathlib import Path

import httpx

from ..exceptions import ReplayError
from ..secret import HIDDEN
from .canonical_request import CanonicalRequest, canonical_request, secrets_around
from .cassette import Exchange, read_cassette, resolved
from .recorded_answers import PieceStream, answer_of_json, error_of_json
from .request_differences import differences, nearest_of

ANY_KEY = r'[^\s"]+'


class Replayer:
    """Answers as it was recorded.

    A request is found by its method, its route, such as /chat/completions, and its body. Headers do not
    count, nor does the server, unless that very one was asked the same. Equal requests are answered in the
    order in which they were recorded, and then as the last of them again. A key that was left out of a
    question may be any. What was given up while it was recorded counts where there is nothing else.

    Args:
        path: the cassette.

    Raises:
        InvalidRequestError: it can't be read, or is none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = resolved(path, "read")
        self._exchanges = read_cassette(self.path)
        self._lock = threading.Lock()  # loops of several threads come here
        self._by_key: defaultdict[tuple[str, str, str], list[Exchange]] = defaultdict(list)
        for exchange in self._exchanges:
            self._by_key[exchange.request.key].append(exchange)
        self._with_hidden_keys = [one for one in self._exchanges if HIDDEN in one.request.key[2]]
        self._played: defaultdict[tuple[tuple[str, str, str], str], int] = defaultdict(int)

    @property
    def count(self) -> int:
        """How many exchanges are in the cassette."""
        return len(self._exchanges)

    async def answer(self, request: httpx.Request, transport: httpx.AsyncBaseTransport) -> httpx.Response:
        """The recorded answer; the transport is not asked.

        Raises:
            ReplayError: there is none.
            httpx.TransportError, GatewayError: an error that was recorded.
        """
        await request.aread()
        asked = canonical_request(request, secrets_around(request))
        exchange = self._next(asked)
        if exchange is None:
            raise self._unknown(asked)
        return self._answer_in(exchange)

    def _next(self, asked: CanonicalRequest) -> Exchange | None:
        same = self._by_key.get(asked.key) or self._but_for_keys(asked)
        of_this_server = [one for one in same if one.request.server == asked.server]
        known = of_this_server or same
        candidates = [one for one in known if one.is_complete] or known
        if not candidates:
            return None
        place = asked.key, asked.server if of_this_server else ""
        with self._lock:
            number = self._played[place]
            self._played[place] += 1
        return candidates[min(number, len(candidates) - 1)]

    def _but_for_keys(self, asked: CanonicalRequest) -> list[Exchange]:
        """Where somebody has put a key into a question, which was recorded without it and is unknown here."""
        return [
            exchange
            for exchange in self._with_hidden_keys
            if exchange.request.key[:2] == asked.key[:2]
            and re.fullmatch(
                ANY_KEY.join(map(re.escape, exchange.request.key[2].split(HIDDEN))), asked.key[2]
            )
        ]

    def _answer_in(self, exchange: Exchange) -> httpx.Response:
        kept, error = exchange.response, exchange.error
        if kept is None:
            assert error is not None
            raise error_of_json(error)
        if kept.get("is_left_out"):
            raise ReplayError(
                f"What {exchange.request.url} answered was too large for the cassette {self.path.name!r}.",
                "Leave out of the notebook what fetches so much, or fetch it before.",
            )
        if not exchange.is_complete:  # it ends, and nobody knows where it would have ended
            kept = {**kept, "is_framed": False}
        response = answer_of_json(kept)
        if error is not None:
            assert isinstance(response.stream, PieceStream)
            response.stream.error_at_end = error_of_json(error)
        return response

    def _unknown(self, asked: CanonicalRequest) -> ReplayError:
        what, name = f"{asked.method} {asked.url}", self.path.name
        record = f"record it again: %gateway record {name}"
        nearest = nearest_of(asked, [exchange.request for exchange in self._exchanges])
        if nearest is None:
            return ReplayError(
                f"{what} is not in the cassette {name!r}, nor any request like it; nothing was sent.",
                f"To have it answered, {record}",
            )
        found = differences(nearest, asked)
        places = ", ".join(difference.place for difference in found.shown)
        return ReplayError(
            f"{what} is not in the cassette {name!r}: the nearest request there differs in {places}; "
            "nothing was sent.",
            "\n".join([f"Take the change back, or {record}", *found.lines]),
        )
