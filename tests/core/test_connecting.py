"""A host with several addresses: the first that answers is taken, and none of the others stays open."""

import asyncio
import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

from ipy_gateway.core.wire.connecting import connected_socket, in_turns
from ipy_gateway.core.wire.lookups import Address, addresses_of

HANG_S = 10
QUEUED = 4  # connections that a queue of length 0 holds, and a few more


@contextlib.contextmanager
def taking() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@contextlib.contextmanager
def silent() -> Iterator[Address]:
    """An address whose queue is full: what connects to it gets no answer at all."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(QUEUED):
            filling = opened.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listener.getsockname())
        yield (socket.AF_INET, listener.getsockname())


def refusing() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return (socket.AF_INET, gone.getsockname())


async def hung_up(listener: socket.socket) -> bool:
    """Whether the next connection of a listener is closed by the other end."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(HANG_S):
        accepted, _ = await loop.sock_accept(listener)
        with accepted:
            return await loop.sock_recv(accepted, 1) == b""


@pytest.mark.parametrize("kinds", [["refusing"], ["silent"], ["refusing", "silent"], []])
async def test_an_address_that_does_not_answer_gives_way_to_the_next(kinds: list[str]) -> None:
    with taking() as listener, silent() as unanswered:
        before = [refusing() if kind == "refusing" else unanswered for kind in kinds]
        address = listener.getsockname()

        async with asyncio.timeout(HANG_S):
            connected = await connected_socket([*before, (socket.AF_INET, address)])

        with connected:
            assert connected.getpeername() == address


async def test_the_first_that_answers_is_taken_and_the_other_left_alone() -> None:
    with taking() as first, taking() as second:
        addresses = [(socket.AF_INET, one.getsockname()) for one in (first, second)]

        with await connected_socket(addresses) as connected:
            assert connected.getpeername() == first.getsockname()
            assert select.select([second], [], [], 0)[0] == []


async def test_where_nobody_answers_the_reason_of_the_first_is_said() -> None:
    nowhere = (socket.AF_INET6, ("::ffff:0:0:1", 9))  # no address of a machine

    with pytest.raises(ConnectionRefusedError):
        await connected_socket([refusing()])
    with pytest.raises(ConnectionRefusedError):
        await connected_socket([refusing(), nowhere])


@pytest.mark.parametrize("rest", [0, 1])
async def test_one_that_is_given_up_stays_open_nowhere(rest: int) -> None:
    with silent() as unanswered:
        connecting = asyncio.ensure_future(connected_socket([unanswered] * (1 + rest)))
        await asyncio.sleep(0.01)

        connecting.cancel()
        await asyncio.wait([connecting])
        await asyncio.sleep(0)

        assert connecting.cancelled()  # a socket left open is a ResourceWarning, and that an error


async def test_one_that_is_cancelled_when_it_has_succeeded_is_closed() -> None:
    with taking() as listener:
        address = (socket.AF_INET, listener.getsockname())
        connecting = asyncio.ensure_future(connected_socket([address, address]))
        await asyncio.to_thread(select.select, [listener], [], [], HANG_S)  # it is connected now

        connecting.cancel()
        await asyncio.wait([connecting])

        if not connecting.cancelled():
            connecting.result().close()
        assert await hung_up(listener)


def test_both_kinds_of_address_take_turns() -> None:
    new, old = ([(family, number) for number in range(3)] for family in (socket.AF_INET6, socket.AF_INET))

    assert list(in_turns([*new, *old[:2]])) == [new[0], old[0], new[1], old[1], new[2]]
    assert list(in_turns([old[0], *new[:1]])) == [old[0], new[0]]


async def test_addresses_are_taken_as_they_are_and_names_looked_up() -> None:
    assert await addresses_of("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert (socket.AF_INET, ("127.0.0.1", 80)) in await addresses_of("localhost", 80)


@pytest.mark.parametrize(("host", "port"), [("nothing.invalid", 80), ("127.0.0.1", 99_999)])
async def test_what_can_t_be_looked_up_is_no_host(host: str, port: int) -> None:
    with pytest.raises(socket.gaierror):
        await addresses_of(host, port)
