"""Many recordings at once."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    InvalidRequestError,
    Outcome,
    TranscriptionProgress,
    UpstreamResponseError,
    transcribe_many,
)

from ..support.fault_server import Answer, answer
from ..support.hearing_server import Ear, hearing_server
from ..support.tones import WORDS, spoken, wav, word


def config_for(url: str) -> GatewayConfig:
    return GatewayConfig(url, audio_api="transcriptions", window_s=30, max_retries=0)


def recording(number: int) -> bytes:
    return wav(spoken([number] * 3))


def two_words(number: int) -> str:
    """What is said in a short recording of this number, unlike in any other up to 1600."""
    return f"{word(number)} {word(number // WORDS)}"


def short_recordings(folder: Path, count: int) -> dict[str, Path]:
    """Recordings in files, by what is said in them."""
    files = {two_words(number): folder / f"{number}.wav" for number in range(count)}
    for number, path in enumerate(files.values()):
        path.write_bytes(wav(spoken([number, number // WORDS])))
    return files


class Moods:
    """A server that refuses every 50th recording for good, and as many for the first time that it hears them.

    Every 100th loses its connection, for the first time.
    """

    def __init__(self) -> None:
        self.passing = {two_words(number) for number in range(5, 500, 50)}
        self.lost = {two_words(number) for number in range(3, 500, 100)}
        self.lasting = {two_words(number) for number in range(7, 500, 50)}
        self._known: set[str] = set()

    def refusal_of(self, text: str) -> Answer | None:
        if text in self.lasting:
            return answer(400, body={"error": {"message": "Too blue."}})
        if text in self._known:
            return None
        self._known.add(text)
        if text in self.lost:
            return Answer(b"", closes=True)
        return answer(503, headers={"retry-after-ms": "1"}) if text in self.passing else None


async def test_every_recording_has_its_outcome() -> None:
    sources = [recording(number) for number in range(10)]

    with hearing_server(Ear()) as server:
        outcomes = [outcome async for outcome in transcribe_many(sources, config_for(server.url))]

    texts = {outcome.source: outcome.transcript and outcome.transcript.text for outcome in outcomes}
    assert texts == {recording(number): f"{word(number)} " * 2 + word(number) for number in range(10)}
    assert not any(outcome.error for outcome in outcomes)


async def test_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    refused = answer(400, body={"error": {"message": "Too blue."}})
    ear = Ear(refusal=lambda number: refused if number in (0, 1) else None)
    sources: list[Any] = [recording(0), tmp_path / "nowhere.wav", b"<html>", None, recording(1)]

    with hearing_server(ear) as server:
        outcomes = [
            outcome async for outcome in transcribe_many(sources, config_for(server.url), concurrency=1)
        ]

    assert [outcome.source for outcome in outcomes] == sources
    assert [type(outcome.error) for outcome in outcomes] == [
        *(UpstreamResponseError, InvalidRequestError, AudioProcessingError, InvalidRequestError),
        type(None),
    ]
    assert outcomes[-1].transcript


async def test_recordings_that_are_alike_are_told_apart_by_their_places() -> None:
    told: list[TranscriptionProgress] = []

    with hearing_server(Ear()) as server:
        outcomes = transcribe_many([recording(1)] * 3, config_for(server.url), on_progress=told.append)
        ended = [outcome.position async for outcome in outcomes]

    assert sorted(ended) == [0, 1, 2]
    assert sorted(progress.position for progress in told) == [0, 1, 2]


async def test_no_source_is_taken_before_there_is_room_for_it() -> None:
    taken = []

    def sources() -> Iterator[bytes]:
        for number in range(10):
            taken.append(number)
            yield recording(number)

    with hearing_server(Ear()) as server:
        outcomes = transcribe_many(sources(), config_for(server.url), concurrency=2)
        async with aclosing(outcomes):
            await anext(outcomes)
            await asyncio.sleep(0.2)  # whoever is slow

            assert len(taken) <= 2


async def test_sources_may_come_from_an_asynchronous_iterator() -> None:
    async def sources() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield recording(number)

    with hearing_server(Ear()) as server:
        outcomes = [outcome async for outcome in transcribe_many(sources(), config_for(server.url))]

    assert len(outcomes) == 3


async def test_what_is_done_is_given_while_the_next_source_is_long_in_coming() -> None:
    is_there = asyncio.Event()

    async def sources() -> AsyncIterator[bytes]:
        yield recording(0)
        await is_there.wait()
        yield recording(1)

    with hearing_server(Ear()) as server:
        outcomes = transcribe_many(sources(), config_for(server.url))
        async with aclosing(outcomes), asyncio.timeout(20):
            first = await anext(outcomes)
            is_there.set()
            rest = [outcome async for outcome in outcomes]

    assert [outcome.source for outcome in (first, *rest)] == [recording(0), recording(1)]


async def test_what_a_source_raises_is_raised_after_what_is_done() -> None:
    async def sources() -> AsyncIterator[bytes]:
        yield recording(0)
        await asyncio.to_thread(is_heard.wait, 20)
        raise ZeroDivisionError

    is_heard = threading.Event()
    with hearing_server(Ear()) as server:
        outcomes = transcribe_many(sources(), config_for(server.url))
        first = await anext(outcomes)
        is_heard.set()
        with pytest.raises(ZeroDivisionError):
            await anext(outcomes)

    assert first.transcript
    assert len(asyncio.all_tasks()) == 1


async def test_all_together_ask_no_more_than_the_server_takes() -> None:
    ear = Ear(delay_s=0.02)
    sources = [wav(spoken(range(number, number + 200))) for number in range(4)]
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = GatewayConfig(
            server.url, audio_api="transcriptions", window_s=30, max_requests=2, journal=False
        )
        outcomes = [outcome async for outcome in transcribe_many(sources, config, on_progress=told.append)]

    assert server.opened <= 2
    assert all(outcome.transcript for outcome in outcomes)
    assert len(told) == len(ear.windows_s)


async def test_a_loop_that_ends_early_ends_the_work() -> None:
    ear = Ear(delay_s=0.05)
    sources = [wav(spoken(range(number, number + 400))) for number in range(20)]

    with hearing_server(ear) as server:
        outcomes = transcribe_many(sources, config_for(server.url), concurrency=2)
        async with aclosing(outcomes):
            await anext(outcomes)
        asked = len(ear.windows_s)
        await asyncio.sleep(0.3)

    assert len(ear.windows_s) == asked
    assert len(asyncio.all_tasks()) == 1


async def test_of_500_recordings_none_is_lost_and_none_is_asked_again_after_an_interrupt(
    tmp_path: Path,
) -> None:
    files, moods, at_once = short_recordings(tmp_path, 500), Moods(), 16
    ear = Ear(refusal_of=moods.refusal_of)
    first: list[Outcome] = []
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = replace(config_for(server.url), max_retries=2)
        async with aclosing(transcribe_many(files.values(), config, concurrency=at_once)) as outcomes:
            async for outcome in outcomes:
                first.append(outcome)
                if len(first) == 200:
                    break
        asked_first = len(ear.texts)
        outcomes = transcribe_many(files.values(), config, concurrency=at_once, on_progress=told.append)
        everything = [outcome async for outcome in outcomes]

    assert Counter(outcome.source for outcome in everything) == Counter(files.values())
    texts = {str(outcome.transcript): outcome.source for outcome in everything if outcome.transcript}
    assert texts == {text: path for text, path in files.items() if text not in moods.lasting}
    assert {outcome.source for outcome in everything if outcome.error} == set(map(files.get, moods.lasting))
    assert all("Too blue." in str(outcome.error) for outcome in everything if outcome.error)

    asked = Counter(ear.texts)
    assert asked.keys() == texts.keys()
    assert {asked[str(outcome.transcript)] for outcome in first if outcome.transcript} == {1}
    assert asked_first <= 200 + 2 * at_once
    assert len(ear.texts) <= len(texts) + at_once  # those that were under way when it was interrupted

    assert {progress.source for progress in told} == {path.name for path in files.values()}
    assert sum(progress.windows for progress in told) == len(told) == 500
    assert sum(progress.failures for progress in told) == len(moods.lasting)
    assert sum(progress.from_journal for progress in told) >= len([one for one in first if one.transcript])
    assert {progress.done_s for progress in told} == {progress.total_s for progress in told}


@pytest.mark.parametrize("concurrency", [0, -1, 1.5])
async def test_a_concurrency_that_makes_no_sense_is_refused(concurrency: Any) -> None:
    with pytest.raises(InvalidRequestError, match="concurrency is"):
        await anext(transcribe_many([], GatewayConfig(), concurrency=concurrency))
