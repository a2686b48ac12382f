"""What a user wants done with each transcript."""

import asyncio
import os
import threading

from ipy_gateway.core.transcripts.transcript import Transcript
from ipy_gateway.notebook.upload.upload_callback import Callback

POOLED_THREADS = min(32, (os.cpu_count() or 1) + 4)  # asyncio's own number


async def test_callbacks_that_take_their_time_keep_nothing_else_waiting() -> None:
    is_over = threading.Event()
    called = threading.Semaphore(0)

    def slow(_: Transcript) -> None:
        called.release()
        is_over.wait(60)

    try:
        callback = Callback(slow)
        for _ in range(POOLED_THREADS + 1):
            callback.start(Transcript("Yes."), print)

        async with asyncio.timeout(20):
            while not called.acquire(blocking=False):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(bool)
    finally:
        is_over.set()
