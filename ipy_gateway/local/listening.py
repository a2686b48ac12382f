"""What is said in samples: faster-whisper's sentences."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .packing import Pack
from .requirements import import_extra
from .silence import SAMPLE_RATE_HZ

# Four take less time than one after the other; more would take no less, and could be stopped later.
CLIPS_AT_ONCE = 4
# faster-whisper's own limits, by which it tells what its decoder lost itself in, and tries again.
_COMPRESSION_RATIO, _AVERAGE_LOG_PROBABILITY = 2.4, -1.0
# Between the middles of two words; in clips without their silence it is hardly ever more than one second, and
# the decoder jumps over five and more, from the first time that something is said to the second.
_LONGEST_HUSH_S = 2.0
_SENTENCE_END = re.compile(r"[.?!…。！？]\W*$")
_ABBREVIATION = re.compile(
    r"^\W*(?:\w|mrs?|ms|dr|prof|st|jr|sr|vs|nr|no|[ap]\.m|e\.g|i\.e)\.\W*$", re.IGNORECASE
)
_PAUSE_S = 0.6  # where it is as long, a sentence is at an end in languages without marks, too


def hear(pack: Pack, samples: Any, model: Any, options: dict[str, Any]) -> tuple[Iterator[Any], Any]:
    """The sentences of a pack as faster-whisper's segments with words, and its information.

    Args:
        pack: the clips.
        samples: those of the recording.
        model: a WhisperModel.
        options: of its `transcribe`.
    """
    packed = pack.samples(samples)
    segments, info = _at_once(pack, packed, model, options)
    return _sentences(pack, segments), info


def _at_once(
    pack: Pack, packed: Any, model: Any, options: dict[str, Any]
) -> tuple[Iterator[tuple[Any, float]], Any]:
    """All clips together; by itself again what the decoder lost itself in, or left something out of."""
    segments, info = (
        import_extra("faster_whisper")
        .BatchedInferencePipeline(model)
        .transcribe(
            packed,
            clip_timestamps=[{"start": start_s, "end": end_s} for start_s, end_s in pack.bounds_s],
            batch_size=CLIPS_AT_ONCE,
            word_timestamps=True,
            without_timestamps=True,  # with them the small models leave out sentences
            **options,
        )
    )

    def heard() -> Iterator[tuple[Any, float]]:
        for (start_s, end_s), segment in zip(pack.bounds_s, segments, strict=True):
            is_lost = _is_lost(segment) and "temperature" not in options
            if not is_lost and _longest_hush_s(segment, start_s, end_s) <= _LONGEST_HUSH_S:
                yield segment, 0.0
                continue
            clip = packed[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
            again, _ = model.transcribe(clip, word_timestamps=True, **{**options, "language": info.language})
            yield from ((one, start_s) for one in again)

    return heard(), info


def _sentences(pack: Pack, segments: Iterator[tuple[Any, float]]) -> Iterator[Any]:
    for segment, offset_s in segments:
        for words in _by_sentence(segment.words):
            yield _sentence(segment, [_placed(word, pack, offset_s) for word in words])


def _is_lost(segment: Any) -> bool:
    """Whether a decoder repeats itself, or guesses."""
    return bool(
        segment.compression_ratio > _COMPRESSION_RATIO or segment.avg_logprob < _AVERAGE_LOG_PROBABILITY
    )


def _longest_hush_s(segment: Any, start_s: float, end_s: float) -> float:
    """For how long nothing is said in a clip, as its words have it."""
    middles_s = [(word.start + word.end) / 2 for word in segment.words]
    return float(max(after - before for before, after in pairwise([start_s, *middles_s, end_s])))


def _by_sentence(words: list[Any]) -> Iterator[list[Any]]:
    sentence: list[Any] = []
    for word in words:
        if sentence and (_ends_sentence(sentence[-1].word) or word.start - sentence[-1].end > _PAUSE_S):
            yield sentence
            sentence = []
        sentence.append(word)
    if sentence:
        yield sentence


def _ends_sentence(word: str) -> bool:
    return bool(_SENTENCE_END.search(word)) and not _ABBREVIATION.match(word)


def _placed(word: Any, pack: Pack, offset_s: float) -> Any:
    start_s, end_s = pack.in_recording(float(word.start) + offset_s, float(word.end) + offset_s)
    return replace(word, start=round(start_s, 3), end=round(end_s, 3))


def _sentence(segment: Any, words: list[Any]) -> Any:
    text = "".join(word.word for word in words)
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words)
