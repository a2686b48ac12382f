"""What %%analyze is about: found on its line, fetched where it is at an address, and played."""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.config import GatewayConfig
from ..core.exceptions import InvalidRequestError
from ..core.files.temporary_files import temporary_folder
from ..core.messages import TranscriptText
from ..core.recordings.preview import Preview, preview_of
from ..core.recordings.recording_url import fetch_recording
from ..core.transcripts.transcript import Transcript
from ..core.transcripts.transcripts import Transcripts
from ..render.markdown import cites_times
from .files import file_argument, unquoted
from .sources import source_at
from .values.variables import Names, value_of

_UNUSUAL = re.compile(r"[^\w .()-]")  # in the name of a file


@dataclass(frozen=True, slots=True)
class Analyzed:
    """What is analyzed.

    Attributes:
        source: a path, bytes, an address, or a transcript.
        name: what to call it.
        player: the name that its player has elsewhere in the notebook, or "".
    """

    source: Path | bytes | str | Transcript = field(repr=False)
    name: str
    player: str = ""

    @asynccontextmanager
    async def at_hand(self, config: GatewayConfig) -> AsyncGenerator[Any, None]:
        """It as `stream_analysis` takes it; what is at an address is there up to the end of the block.

        Raises:
            GatewayError: it can't be fetched.
        """
        if not isinstance(self.source, str):
            yield self.source
            return
        with temporary_folder() as folder:
            # Models are told its name.
            path = folder / (_UNUSUAL.sub("_", self.name)[-100:] or "recording")
            await fetch_recording(self.source, path, config, name=self.name)
            yield path


async def preview_for(answer: str, source: Any, config: GatewayConfig) -> Preview | None:
    """What plays the moments that an answer cites; None where it cites none, or there is no recording."""
    if isinstance(source, Transcript) or not cites_times(answer):
        return None
    return await preview_of(source, config)


def analyzed_by(text: str, shell: InteractiveShell, local_ns: Names | None) -> Analyzed:
    """What the line of `%%analyze` names: a file, an address, or a variable.

    Raises:
        InvalidRequestError: it is none of these.
    """
    if text.startswith("{{") and text.endswith("}}"):
        return _of_value(value_of(text, shell, local_ns), text)
    source = source_at(unquoted(text))
    if source:
        return Analyzed(source.place, source.name, source.name)
    path = file_argument(text, "%%analyze")
    return Analyzed(path, path.name, path.name)


def _of_value(value: Any, text: str) -> Analyzed:
    if isinstance(value, TranscriptText):
        value = Transcript(str(value), source=value.source, server=value.server, model=value.model)
    if isinstance(value, Transcript):
        return Analyzed(value, value.source or text, value.source)
    if isinstance(value, os.PathLike):
        path = Path(value)
        return Analyzed(path, path.name, path.name)
    if isinstance(value, bytes | bytearray | memoryview):
        return Analyzed(bytes(value), text)
    if isinstance(value, Transcripts) and len(value):
        name = text[2:-2].strip()
        raise InvalidRequestError(
            f"{text} holds the transcripts of several recordings.",
            f"Give one: {{{{{name}[{next(iter(value.transcripts))!r}]}}}}, or ask about all in %%chat.",
        )
    raise InvalidRequestError(
        f"{text} is no recording but {type(value).__name__}.",
        "Give a transcript, bytes or a Path: a text is never taken for a file name.",
    )
