"""The line of %transcribe: recordings and options in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipy_gateway import InvalidRequestError
from ipy_gateway.notebook.lines.transcribe_options import TranscribeOptions, parse_transcribe_line


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("talk.wav", ("talk.wav",)),
        ("talk.wav;", ("talk.wav",)),
        ("a.wav b.mp3  c.m4a", ("a.wav", "b.mp3", "c.m4a")),
        ('"my talk.wav" b.mp3', ("my talk.wav", "b.mp3")),
        ("'my talk.wav'", ("my talk.wav",)),
        (r"my\ talk.wav", ("my talk.wav",)),
        ("interviews/*.mp3", ("interviews/*.mp3",)),
        ("https://example.org/talk.mp3?x=1&y=2", ("https://example.org/talk.mp3?x=1&y=2",)),
        ("{{ data }}", ("{{ data }}",)),
        ("{{clips['a b']}} b.wav", ("{{clips['a b']}}", "b.wav")),
        ("-- -odd.wav", ("-odd.wav",)),
    ],
)
def test_recordings_are_words_or_quoted(line: str, sources: tuple[str, ...]) -> None:
    assert parse_transcribe_line(line) == TranscribeOptions(sources)


@pytest.mark.parametrize(
    "line",
    [
        "a.wav b.wav -l de --save out --format srt,VTT,.txt --words -j 3 --again -m whisper-1 -o talks",
        "-l de --save out a.wav --format srt,VTT,.txt --words -j 3 --again b.wav -m whisper-1 -o talks",
    ],
)
def test_options_stand_anywhere(line: str) -> None:
    assert parse_transcribe_line(line) == TranscribeOptions(
        sources=("a.wav", "b.wav"),
        output="talks",
        save="out",
        formats=("srt", "vtt", "txt"),
        language="de",
        model="whisper-1",
        words=True,
        jobs=3,
        again=True,
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "needs the name of a recording"),
        ("-l de", "needs the name of a recording"),
        ("'talk.wav", "has an open quote"),
        ("talk.wav --sav out", "has no option '--sav'"),
        ("talk.wav --format srt", "--format says how to save, and nothing where"),
        ("talk.wav --format doc", "has no kind 'doc'"),
        ("talk.wav --format ,", "--format names none"),
        ("talk.wav -j many", "needs a whole number"),
        ("talk.wav -j 0", "--jobs is 0"),
        ("talk.wav -o 3x", "can't be the name of a variable"),
        ("talk.wav -l", "--language needs a value"),
        ("talk.wav -l de -l en", "--language is given twice"),
        ("talk.wav --resume --again", "are two wishes"),
        ("talk.wav --player --no-audio", "are two wishes"),
    ],
)
def test_what_is_wrong_is_said(line: str, says: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_transcribe_line(line)

    assert says in caught.value.message
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_line_gives_options_or_an_error_of_ours(line: str) -> None:
    try:
        options = parse_transcribe_line(line)
    except InvalidRequestError:
        return
    assert all(options.sources)
