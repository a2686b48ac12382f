"""Many recordings, transcribed by the workers of a dask cluster of processes."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    Budget,
    BudgetExceededError,
    ConfigurationError,
    GatewayConfig,
    InvalidRequestError,
    Outcome,
    Transcript,
    TranscriptionProgress,
    UpstreamResponseError,
    transcribe_many,
)
from ipy_gateway.core.transcribing.cluster import Cluster

from ..support.fault_server import Answer, RecordedRequest, answer, fault_server
from ..support.hearing_server import Ear, hearing_server
from ..support.tones import WORD_S, WORDS, spoken, wav, word, write_long_wav
from ..support.tools import package

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CLIENTS_KEY, WORKERS_KEY = "the-client-keeps-this", "every-worker-has-this"
THREADS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalCluster]":
    """Two processes with two threads each, a key and a journal."""
    folder = tmp_path_factory.mktemp("cluster")
    environment = {
        "IPY_GATEWAY_API_KEY": WORKERS_KEY,
        "IPY_GATEWAY_JOURNAL_FILE": str(folder / "journal.sqlite3"),
    }
    with package("distributed").LocalCluster(
        n_workers=2,
        threads_per_worker=THREADS,
        processes=True,
        dashboard_address=":0",  # a free port, for scheduler and health check
        scheduler_kwargs={"dashboard": False},
        local_directory=str(folder),
        env=environment,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def executor(cluster: "LocalCluster") -> "Iterator[Client]":
    """A client for threads, as most notebooks have it."""
    with package("distributed").Client(cluster) as client:
        yield client


def config_for(url: str) -> GatewayConfig:
    return GatewayConfig(url, audio_api="transcriptions", window_s=30, max_retries=0, api_key=CLIENTS_KEY)


def files_in(folder: Path, count: int) -> dict[str, Path]:
    """Short recordings, by what is said in them."""
    files = {f"{word(number)} {word(number // WORDS)}": folder / f"{number}.wav" for number in range(count)}
    for number, path in enumerate(files.values()):
        path.write_bytes(wav(spoken([number, number // WORDS])))
    return files


def refusing(*texts: str) -> Any:
    refused = answer(400, body={"error": {"message": "Too blue."}}, headers={"x-request-id": "r-1"})
    return lambda text: refused if text in texts else None


async def no_more(requests: Sequence[object]) -> int:
    """How many requests came in the end."""
    known = -1
    async with asyncio.timeout(30):
        while known < len(requests):
            known = len(requests)
            await asyncio.sleep(1)
    return known


async def test_every_recording_has_its_outcome_when_a_worker_is_killed(
    cluster: "LocalCluster", executor: "Client", tmp_path: Path
) -> None:
    files = files_in(tmp_path, 80)
    refused = ["w7 w0", "w30 w1"]
    ear = Ear(refusal_of=refusing(*refused), delay_s=0.05)
    outcomes: list[Outcome] = []
    told: list[TranscriptionProgress] = []
    sent: list[bytes] = []
    scheduler: Any = cluster.scheduler
    pickled = package("distributed.protocol.pickle").dumps

    with hearing_server(ear) as server:
        config = config_for(server.url)
        async for outcome in transcribe_many(
            files.values(), config, executor=executor, on_progress=told.append
        ):
            outcomes.append(outcome)

            sent += [pickled(task.run_spec) for task in list(scheduler.tasks.values())]
            if len(outcomes) == 20:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)
        keys = {request.headers["authorization"] for request in server.requests}

    assert Counter(outcome.source for outcome in outcomes) == Counter(files.values())
    texts = {str(outcome.transcript): outcome.source for outcome in outcomes if outcome.transcript}
    assert texts == {text: path for text, path in files.items() if text not in refused}
    errors = [outcome.error for outcome in outcomes if outcome.error]
    assert len(errors) == len(refused)
    assert all(isinstance(error, UpstreamResponseError) and error.request_id == "r-1" for error in errors)

    # What the dead worker had under way, and what it had not handed over, is asked again, and nothing else.
    assert len(ear.texts) <= len(texts) + 2 * 2 * THREADS
    assert {progress.source for progress in told} == {path.name for path in files.values()}
    assert {progress.position for progress in told} == set(range(len(files)))
    assert all(list(files.values())[one.position] == one.source for one in outcomes)
    assert sum({progress.source: progress.failures for progress in told}.values()) == len(refused)

    assert any(b"42.wav" in one for one in sent)
    assert not any(key.encode() in one for one in sent for key in (CLIENTS_KEY, WORKERS_KEY))
    assert keys == {f"Bearer {WORKERS_KEY}"}


async def test_a_client_of_the_running_loop_will_do_too(cluster: "LocalCluster") -> None:
    told: list[TranscriptionProgress] = []
    recordings = [wav(spoken(range(number, number + 200))) for number in range(3)]

    with hearing_server(Ear()) as server:
        async with package("distributed").Client(cluster.scheduler_address, asynchronous=True) as executor:
            outcomes = [
                outcome
                async for outcome in transcribe_many(
                    recordings, config_for(server.url), executor=executor, on_progress=told.append
                )
            ]

    assert {outcome.source for outcome in outcomes} == set(recordings)
    assert all(outcome.transcript and len(str(outcome.transcript).split()) == 200 for outcome in outcomes)
    assert sorted(progress.windows for progress in told) == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


async def test_closing_takes_the_work_back(
    cluster: "LocalCluster", executor: "Client", tmp_path: Path
) -> None:
    ear = Ear(delay_s=0.2)
    short_one, *long_ones = [tmp_path / f"{number}.wav" for number in range(4)]
    short_one.write_bytes(wav(spoken([1, 37])))
    for number, path in enumerate(long_ones):
        write_long_wav(path, spoken(range(number, number + 1000)), times=3)

    with hearing_server(ear) as server:
        outcomes = transcribe_many([short_one, *long_ones], config_for(server.url), executor=executor)
        async with aclosing(outcomes):
            first = await anext(outcomes)
        asked = await no_more(ear.windows_s)

    assert str(first.transcript) == "w1 w37"
    assert asked < 3 * 3000 * WORD_S / 30 / 2  # of the windows that there are
    assert cluster.scheduler and not cluster.scheduler.tasks
    assert len(asyncio.all_tasks()) == 1


async def test_closing_again_and_again_leaves_the_client_usable(executor: "Client") -> None:
    recordings = [wav(spoken([number, 37])) for number in range(8)]

    with hearing_server(Ear()) as server:
        config = config_for(server.url)
        for _ in range(10):
            async with aclosing(transcribe_many(recordings, config, executor=executor)) as outcomes:
                await anext(outcomes)
        outcomes = transcribe_many(recordings, config, executor=executor)
        transcripts = [outcome.transcript async for outcome in outcomes]

    assert sorted(map(str, transcripts)) == [f"w{number} w37" for number in range(8)]


async def test_no_source_is_taken_long_before_a_worker_has_room_for_it(executor: "Client") -> None:
    taken = []

    def sources() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield wav(spoken([number, 39]))

    with hearing_server(Ear(delay_s=0.05)) as server:
        async with aclosing(
            transcribe_many(sources(), config_for(server.url), executor=executor, concurrency=50)
        ) as outcomes:
            await anext(outcomes)

            assert len(taken) <= 2 * 2 * THREADS + 1


async def test_no_more_recordings_than_wanted_are_there_at_once(executor: "Client") -> None:
    ear = Ear(delay_s=0.02)

    with hearing_server(ear) as server:
        recordings = [wav(spoken([number, 38])) for number in range(8)]
        outcomes = [
            outcome
            async for outcome in transcribe_many(
                recordings, config_for(server.url), executor=executor, concurrency=1
            )
        ]

    assert [outcome.source for outcome in outcomes] == recordings


async def test_what_no_worker_can_open_is_an_outcome_like_any_other(
    executor: "Client", tmp_path: Path
) -> None:
    (tmp_path / "page.wav").write_bytes(b"<html>")
    with (tmp_path / "page.wav").open("rb") as file:
        sources: list[Any] = [tmp_path / "page.wav", "/nowhere.wav", "memory://nowhere.wav", None, file]

        outcomes = [
            outcome
            async for outcome in transcribe_many(
                sources, config_for("http://127.0.0.1:9"), executor=executor, concurrency=1
            )
        ]

    assert [outcome.source for outcome in outcomes] == sources
    assert [str(outcome.error).partition(". ")[0] for outcome in outcomes] == [
        "The recording is a web page (HTML), not sound",
        "There is no file '/nowhere.wav'",
        "There is no recording at 'memory://nowhere.wav'",
        "A recording for a cluster is a path, a URL or bytes, not NoneType",
        "A recording for a cluster is a path, a URL or bytes, not BufferedReader",
    ]


async def test_what_workers_send_counts_in_the_budget(executor: "Client") -> None:
    recordings = [wav(spoken([number, 36])) for number in range(8)]

    with hearing_server(Ear()) as server, Budget(requests=5).applied() as budget:
        outcomes = [
            outcome
            async for outcome in transcribe_many(
                recordings, config_for(server.url), executor=executor, concurrency=1
            )
        ]
        sent = len(server.requests)

    assert [outcome.error is None for outcome in outcomes] == [True] * 5 + [False] * 3
    assert {str(outcome.error).partition(".")[0] for outcome in outcomes[5:]} == {
        "The budget of 5 requests is spent; this one was not sent"
    }
    assert all(isinstance(outcome.error, BudgetExceededError) for outcome in outcomes[5:])
    assert budget.used.requests == sent == 5


async def test_workers_go_over_a_budget_by_no_more_than_what_is_under_way(executor: "Client") -> None:
    recordings = [wav(spoken([number, 35])) for number in range(40)]

    with hearing_server(Ear(delay_s=0.05)) as server, Budget(requests=6).applied() as budget:
        outcomes = [
            outcome
            async for outcome in transcribe_many(recordings, config_for(server.url), executor=executor)
        ]
        sent = len(server.requests)

    assert len(outcomes) == 40
    assert sent == sum(outcome.transcript is not None for outcome in outcomes) == budget.used.requests
    assert 6 <= sent < 6 + 2 * 2 * THREADS


class OddError(Exception):
    """An error that can be pickled, and not be unpickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


async def fail_oddly(*_: Any) -> Transcript:
    raise OddError("Something", "odd.")


async def lack_the_package(*_: Any) -> Transcript:
    raise AssertionError("it is not even found")


async def test_an_error_that_cannot_travel_is_told_in_its_words(executor: "Client") -> None:
    there = Cluster(executor, GatewayConfig(), fail_oddly, None)

    outcome = await there.outcome_of("talk.wav", 0)

    assert repr(outcome.error) == "RuntimeError('OddError: Something odd.')"


async def test_workers_without_the_package_are_an_error_of_one_sentence(executor: "Client") -> None:
    lack_the_package.__module__ = (
        "ipy_gateway.core.newer"  # as a client has it that is newer than its workers
    )

    sys.modules["ipy_gateway.core.newer"] = sys.modules[__name__]
    try:
        outcome = await Cluster(executor, GatewayConfig(), lack_the_package, None).outcome_of("talk.wav", 0)
    finally:
        del sys.modules["ipy_gateway.core.newer"]

    assert isinstance(outcome.error, ConfigurationError)
    assert "no ipy_gateway" in str(outcome.error)


async def test_a_cluster_that_is_gone_is_an_error_of_one_sentence() -> None:
    distributed = package("distributed")
    async with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address=":0", asynchronous=True
        ) as gone,
        distributed.Client(gone, asynchronous=True) as executor,
    ):
        await executor.close()

        (outcome,) = [
            outcome async for outcome in transcribe_many(["a.wav"], GatewayConfig(), executor=executor)
        ]

    assert isinstance(outcome.error, ConfigurationError)
    assert str(outcome.error).startswith("'a.wav' did not come back from the cluster: ")


async def test_an_executor_of_another_kind_is_refused() -> None:
    executor: Any = object()

    with pytest.raises(InvalidRequestError, match=r"executor is no dask\.distributed\.Client but object"):
        await anext(transcribe_many([], GatewayConfig(), executor=executor))


async def test_one_that_ends_its_workers_is_an_error_of_one_sentence(
    cluster: "LocalCluster", executor: "Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    poison = tmp_path / "poison.wav"
    poison.write_bytes(wav(spoken([9, 9])))

    def respond(_: RecordedRequest) -> Answer:
        for worker in cluster.workers.values():
            os.kill(worker.pid, signal.SIGKILL)
        return Answer(b"", closes=True)

    with fault_server(respond=respond) as server:
        (outcome,) = [
            outcome async for outcome in transcribe_many([poison], config_for(server.url), executor=executor)
        ]

    assert isinstance(outcome.error, AudioProcessingError)
    assert str(outcome.error) == (
        "'poison.wav' was given up: each worker of the cluster that had it ended. "
        "Transcribe it by itself, and see the workers' logs: they may lack memory."
    )
