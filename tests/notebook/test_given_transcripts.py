"""Transcripts that are awaited."""

import asyncio
import gc

import pytest

from ipy_gateway.core.transcripts.transcript import Transcript
from ipy_gateway.notebook.upload.given_transcripts import GivenTranscripts


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_waited_on_a_loop_that_was_closed_costs_the_others_nothing() -> None:
    given = GivenTranscripts()
    closed = asyncio.new_event_loop()
    waiting = closed.create_task(given.next())
    closed.run_until_complete(asyncio.sleep(0))
    closed.close()

    given.add(Transcript("Yes."))

    assert asyncio.run(given.next()) == Transcript("Yes.")
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left on purpose
    del waiting
    gc.collect()
