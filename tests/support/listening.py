"""An asyncio server on loopback, in a thread with a loop of its own: the test's loop may come and go."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def listening(serve: Serve, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a running server that does this with each connection."""
    ports: list[int] = []
    started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def run() -> None:
        async with _listener(serve, tls) as port:
            ports.append(port)
            started.set()
            await stop.wait()

    def run_loop() -> None:
        with contextlib.closing(loop):
            loop.set_exception_handler(lambda *_: None)  # a failed handshake is what is tested
            loop.run_until_complete(run())

    thread = threading.Thread(target=run_loop, name="server of a test")
    thread.start()
    try:
        assert started.wait(5)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)


@contextlib.asynccontextmanager
async def _listener(serve: Serve, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        for _ in range(3):  # one that was just accepted gets its handler, or is closed, a turn later
            handlers = asyncio.all_tasks() - {asyncio.current_task()}
            for handler in handlers:
                handler.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            await asyncio.sleep(0)
