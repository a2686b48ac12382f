"""Recording what servers answer, and asking the same again when they are gone."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from ipy_gateway import recording, replaying

Result = TypeVar("Result")


async def recorded(path: Path, ask: Callable[[], Awaitable[Result]]) -> Result | Exception:
    """What comes of asking, an error too, while a cassette is recorded."""
    with recording(path):
        return await outcome_of(ask)


async def replayed(path: Path, ask: Callable[[], Awaitable[Result]]) -> Result | Exception:
    """What comes of asking a cassette."""
    with replaying(path):
        return await outcome_of(ask)


async def outcome_of(ask: Callable[[], Awaitable[Result]]) -> Result | Exception:
    """What comes of asking, an error too."""
    try:
        return await ask()
    except Exception as error:
        return error


def exchanges_in(path: Path) -> list[dict[str, Any]]:
    """What a cassette holds, read as anybody may read it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    exchanges: list[dict[str, Any]] = content["exchanges"]
    return exchanges
