"""Many recordings at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    InvalidRequestError,
    TranscriptionProgress,
    UpstreamResponseError,
    transcribe_many,
)

from ..support.fault_server import answer
from ..support.hearing_server import Ear, hearing_server
from ..support.tones import spoken, wav, word


def config_for(url: str) -> GatewayConfig:
    return GatewayConfig(url, audio_api="transcriptions", window_s=30, max_retries=0)


def recording(number: int) -> bytes:
    return wav(spoken([number] * 3))


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


async def test_all_together_ask_no_more_than_the_server_takes() -> None:
    ear = Ear(delay_s=0.02)
    sources = [wav(spoken(range(number, number + 200))) for number in range(4)]
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", window_s=30, max_requests=2)
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


@pytest.mark.parametrize("concurrency", [0, -1, 1.5])
async def test_a_concurrency_that_makes_no_sense_is_refused(concurrency: Any) -> None:
    with pytest.raises(InvalidRequestError, match="concurrency is"):
        await anext(transcribe_many([], GatewayConfig(), concurrency=concurrency))
