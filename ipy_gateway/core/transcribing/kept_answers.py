"""Answers about windows on their way into the journal and back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..audio import UploadAudio
from ..config import GatewayConfig
from ..requests.model_names import audio_model
from ..routing import audio_urls
from ..transcripts.transcription import Segment, Transcription, Word
from .journal import Journal, JournalRow
from .window_requests import WindowAnswer, Wish
from .windows import Window

_VERSION = 1  # of what is kept: another one is not found
_HALVED = {"halved": True}


@dataclass(slots=True)
class KeptAnswers:
    """What the journal holds of one recording.

    Attributes:
        journal: where it is kept.
        config: the servers, and how they are asked.
        wish: what is asked.
        source: name of the recording, or "".
        recording: hash of its first window, once that is known.
    """

    journal: Journal
    config: GatewayConfig
    wish: Wish
    source: str
    recording: str = ""

    async def find(self, window: Window) -> WindowAnswer | Literal["halved"] | None:
        """The answer of any of the servers, "halved" where that was done, or None where nothing is known."""
        found = await self.journal.find([self._key(window, url) for url in audio_urls(self.config)])
        if found == _HALVED:
            return "halved"
        return _answer_in(found) if found else None

    async def keep(self, window: Window, answer: WindowAnswer) -> None:
        """Keep an answer."""
        content = asdict(answer)
        text = answer.transcription.text
        row = self._row(window, answer.server, answer.model, end_s=window.end_s, text=text, answer=content)
        await self.journal.keep(row)

    async def keep_halved(self, window: Window) -> None:
        """Keep that a window was too much at once: next time its halves are asked for right away."""
        row = self._row(window, audio_urls(self.config)[0], "", end_s=window.start_s, text="", answer=_HALVED)
        await self.journal.keep(row)

    def _row(
        self, window: Window, server: str, model: str, *, end_s: float, text: str, answer: Mapping[str, Any]
    ) -> JournalRow:
        key = self._key(window, server)
        recording = self.recording or key
        return JournalRow(
            key, recording, self.source, server, model, window.start_s, end_s, text=text, answer=answer
        )

    def _key(self, window: Window, base_url: str) -> str:
        config, wish = self.config, self.wish
        asked = [
            *(_VERSION, base_url, audio_model(base_url, config), config.audio_api, wish.language, wish.words),
            *(wish.prompt, config.transcribe_system_prompt, hash_of(window.upload)),
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def hash_of(upload: UploadAudio) -> str:
    """What tells one piece of sound from all others."""
    return hashlib.sha256(upload.data).hexdigest()


def _answer_in(kept: Mapping[str, Any]) -> WindowAnswer | None:
    try:
        heard = kept["transcription"]
        segments = tuple(_segment_in(segment) for segment in heard["segments"])
        transcription = Transcription(**{**heard, "segments": segments})
        return WindowAnswer(transcription, kept["server"], kept["model"], kept["way"])
    except (KeyError, TypeError):  # another version wrote it, or somebody by hand: it is asked for again
        return None


def _segment_in(kept: Mapping[str, Any]) -> Segment:
    words: Sequence[Mapping[str, Any]] = kept["words"]
    return Segment(**{**kept, "words": tuple(Word(**word) for word in words)})
