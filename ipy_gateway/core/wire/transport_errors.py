"""What is behind an error of a transport, in a few words."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx


def reason_of(causes: list[BaseException]) -> str:
    """The plainest word about an error: httpx hides what the operating system said."""
    error = causes[0]
    if isinstance(error, httpx.ConnectTimeout):
        return "connecting took too long"
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, OSError) and (cause.errno or isinstance(cause, ssl.SSLError)):
            return os_reason(cause)
    text = str(error)
    if isinstance(error, httpx.RemoteProtocolError):
        text = text.partition(":")[0]  # what follows is the server's bytes
    return text.rstrip(".") or type(error).__name__


def causes_of(error: BaseException, handled_before: BaseException | None = None) -> Iterator[BaseException]:
    """What led to an error; not what the caller was handling when it asked us."""
    cause: BaseException | None = error
    while cause and cause is not handled_before:
        yield cause
        cause = cause.__cause__ or cause.__context__
        if isinstance(cause, BaseExceptionGroup):  # anyio tries each address of a host
            cause = cause.exceptions[0]


def os_reason(error: OSError) -> str:
    """What the operating system, or TLS, says."""
    if isinstance(error, ssl.SSLError):
        return str(error.strerror or error)
    return os.strerror(error.errno) if error.errno else str(error)
