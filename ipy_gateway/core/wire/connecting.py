"""A socket, connected to the first of a host's addresses that answers; none of the others stays open."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from .lookups import Address

HEAD_START_S = 0.25  # what an address has before the next one is tried as well (RFC 8305)


async def connected_socket(addresses: Sequence[Address]) -> socket.socket:
    """The first connection that is made.

    asyncio's own way to try several addresses leaves sockets open when it is cancelled (Python 3.11).

    Args:
        addresses: at least one, in the order of preference; IPv6 and IPv4 take turns.

    Raises:
        OSError: none can be connected to; what was said of the first.
    """
    left = deque(in_turns(addresses))
    if len(left) == 1:
        return await _connected(left[0])
    tries: list[asyncio.Task[socket.socket]] = []
    try:
        while left or not all(one.done() for one in tries):
            if left:
                tries.append(asyncio.ensure_future(_connected(left.popleft())))
            under_way = [one for one in tries if not one.done()]
            head_start_s = HEAD_START_S if left else None
            await asyncio.wait(under_way, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
            if found := next((one for one in tries if one.done() and not one.exception()), None):
                tries.remove(found)
                return found.result()
        return tries[0].result()  # which raises
    finally:
        for one in tries:
            one.cancel()
            one.add_done_callback(_close)


def in_turns(addresses: Sequence[Address]) -> Iterator[Address]:
    """Addresses in the order in which they are tried: the kind of the first one, another kind, and so on."""
    families = dict.fromkeys(family for family, _ in addresses)
    each = [[address for address in addresses if address[0] == family] for family in families]
    return (address for address in chain.from_iterable(zip_longest(*each)) if address)


async def _connected(address: Address) -> socket.socket:
    family, where = address
    # By its protocol asyncio knows that it may not hold back what is small: a body after its head, for 40 ms.
    connecting = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, where)
    except BaseException:
        connecting.close()
        raise
    return connecting


def _close(late: asyncio.Task[socket.socket]) -> None:
    if not late.cancelled() and not late.exception():
        late.result().close()
