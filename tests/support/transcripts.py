"""Transcripts of any kind, for tests of what holds for all of them."""

from itertools import cycle, islice

from hypothesis import strategies as st

from ipy_gateway import Gap, Segment, Transcript, Word

# Words as they are said, and what servers, models and attackers make of them.
WORDS = st.sampled_from(
    (
        *("I", "and", "the", "morning,", "end.", "1,000.5", "Donaudampfschifffahrtsgesellschaftskapitän" * 2),
        *(
            "-->",
            "<b>",
            "</v>",
            "<script>",
            "&amp;",
            "{\\an8}",
            "NOTE",
            "WEBVTT",
            "12",
            "C:\\new",
            "=1+1",
            "**a**",
        ),
        *(
            "今日は、いい天気です。",
            "สวัสดีครับ",
            "مرحبا",
            "שלום",
            "👩‍👩‍👧",
            "e\u0301",
            "\u202eevil",
            "a\x00b",
            "c\x1bd",
        ),
    )
)
TEXTS = st.lists(WORDS | st.text(max_size=5), max_size=12).map(" ".join)
TIMES_S = st.floats(0, 100) | st.integers(0, 100) | st.sampled_from([0.0, 5.0, 400_000.0])
SPANS = st.tuples(TIMES_S, TIMES_S).map(lambda times: (min(times), max(times)))


@st.composite
def words_of(draw: st.DrawFn, text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """Words of a text with times in a segment, some of them missing or written otherwise."""
    written = [word.strip(",.").upper() if draw(st.booleans()) else word for word in text.split()]
    times_s = sorted(draw(st.lists(st.floats(start_s, end_s), min_size=len(written), max_size=len(written))))
    return tuple(
        Word(time_s, next_s, word)
        for word, time_s, next_s in zip(written, times_s, [*times_s[1:], end_s], strict=False)
        if word and draw(st.integers(0, 9))
    )


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """A segment with words or without."""
    (start_s, end_s), text = draw(SPANS), draw(TEXTS)
    words = draw(words_of(text, start_s, end_s)) if draw(st.booleans()) else ()
    return Segment(
        start_s, end_s, text, words, draw(st.sampled_from([None, "Anna", "Ben <i> & co", "x" * 99]))
    )


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """A transcript with segments that may overlap, and with gaps."""
    spans = draw(st.lists(SPANS, max_size=2))
    return Transcript(
        draw(TEXTS),
        tuple(
            sorted(draw(st.lists(segments(), min_size=1, max_size=4)), key=lambda segment: segment.start_s)
        ),
        gaps=tuple(Gap(start_s, end_s, draw(TEXTS)) for start_s, end_s in sorted(spans)),
        language=draw(st.sampled_from([None, "en", "ja"])),
        duration_s=draw(st.none() | TIMES_S),
        source=draw(TEXTS),
        seconds=draw(st.none() | TIMES_S),
        cut_off=draw(st.booleans()),
        notices=tuple(draw(st.lists(TEXTS, max_size=2))),
    )


SAID = "they said that it's been the best of times and nobody's known about mountains or telescopes anyway"


def talk_of(count: int, *, words: int, every_s: float = 3.6) -> Transcript:
    """Two people who take turns in so many segments, some of which begin before the one before has ended."""
    said = (
        " ".join(islice(cycle(SAID.split()), number % 17, number % 17 + words)) for number in range(count)
    )
    segments = (
        Segment(
            round(number * every_s + number % 7 * 0.033, 3),
            round((number + 0.8) * every_s + number % 5 * 0.237, 3),
            f"{text.capitalize()}.",
            speaker=("Anna", "Ben")[number % 2],
        )
        for number, text in enumerate(said)
    )
    return Transcript("", tuple(segments), duration_s=count * every_s)
