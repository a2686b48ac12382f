"""What a transcript looks like, with and without a player."""

import json
import re
import struct
import sys
import zlib
from dataclasses import replace
from importlib import resources
from random import Random

import pytest

from ipy_gateway.core.recordings.preview import PEAK_COUNT, SMALL_PREVIEW, Preview
from ipy_gateway.core.transcripts.languages import starts_unspaced
from ipy_gateway.core.transcripts.transcript import Gap, Transcript
from ipy_gateway.core.transcripts.transcription import Segment
from ipy_gateway.render import html
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.transcript_view import transcript_bundle
from ipy_gateway.render.waveform import HEIGHT_PIXELS, waveform_png

from ..support.strict_html import StrictReader
from ..support.transcripts import talk_of
from .hostile import HOSTILE_ANSWERS

PREVIEW = Preview(b"sound", covered_s=49.0, duration_s=49.0, peaks=bytes([0, 128, 255]))
TALK = Transcript(
    "Good morning. Good night.",
    (Segment(5, 7.5, "Good morning.", speaker="Anna"), Segment(3700.25, 3702, "Good\nnight.")),
    source="talk.m4a",
    model="tiny",
    server="http://host",
    duration_s=3720.0,
    seconds=310.0,
    gaps=(Gap(30, 60, "no answer"),),
)
SCRIPT = str(html.script("transcript_files.js", "transcript_search.js", "transcript.js"))
OWN_SCRIPT = SCRIPT.removeprefix("<script>").removesuffix("</script>")


def read(bundle: Bundle) -> StrictReader:
    return StrictReader(bundle.data["text/html"], own_script=OWN_SCRIPT)


def shown(bundle: Bundle) -> str:
    """The markup without style sheets and scripts, as an untrusted notebook keeps it."""
    return re.sub(r"<(style|script)>.*?</\1>", "", bundle.data["text/html"], flags=re.DOTALL)


def notebook_bytes(bundle: Bundle) -> int:
    """What it takes in a notebook's file (nbformat 4.5: every line is an item of a list)."""
    data = {kind: text.splitlines(keepends=True) for kind, text in bundle.data.items()}
    output = {"output_type": "display_data", "data": data, "metadata": bundle.metadata}
    return len(json.dumps({"cells": [{"outputs": [output]}]}, indent=1, ensure_ascii=False).encode())


def test_a_terminal_shows_every_segment_with_its_time_and_every_gap() -> None:
    assert transcript_bundle(TALK).data["text/plain"] == (
        "[0:05] Anna: Good morning.\n[gap from 0:30 to 1:00: no answer]\n[1:01:40] Good night."
    )


def test_a_notebook_shows_the_same_and_who_said_so() -> None:
    bundle = transcript_bundle(TALK)

    assert read(bundle).violations == []
    assert read(bundle).text == (
        "talk.m4a · 1:02:00 · tiny · http://host · 12x real time"
        "0:05 Anna: Good morning.0:30 [gap from 0:30 to 1:00: no answer]1:01:40 Good night."
    )


def test_without_script_there_is_no_control_but_the_player() -> None:
    markup = shown(transcript_bundle(TALK, preview=PREVIEW))

    assert re.findall(r"<(audio|button|input|select|textarea|a)\b", markup) == ["audio"]
    assert '<audio controls="" src="data:audio/webm;base64,c291bmQ="' in markup


def test_without_a_preview_there_is_no_player() -> None:
    assert not {"audio", "img"} & set(read(transcript_bundle(TALK)).tags)


def test_a_preview_of_a_part_says_which() -> None:
    part = Preview(b"sound", covered_s=900.0, duration_s=3720.0, peaks=b"")

    text = read(transcript_bundle(TALK, preview=part)).text

    assert "The player has a preview of the first 15 minutes." in text
    assert "preview" not in read(transcript_bundle(TALK, preview=PREVIEW)).text


def test_the_script_is_told_the_times_to_the_millisecond() -> None:
    markup = shown(transcript_bundle(TALK, preview=PREVIEW))

    assert 'data-times="hkIdsEbhhKbsjWhzczQcpI"' in markup  # 5000 2500 22500 30000 3640250 1750
    assert 'data-source="talk.m4a"' in markup
    assert 'data-covered="49.000"' in markup


@pytest.mark.parametrize(
    ("seconds", "expected"), [(310, "12x real time"), (1000, "3.7x real time"), (7440, "0.5x real time")]
)
def test_the_speed_is_told_in_times_real_time(seconds: float, expected: str) -> None:
    assert f"http://host · {expected}" in read(transcript_bundle(TALK, seconds=seconds)).text


def test_what_was_known_already_has_no_speed() -> None:
    text = read(transcript_bundle(TALK, seconds=0.01, known="known already")).text

    assert "http://host · known already" in text
    assert "real time" not in text


def test_a_deterministic_transcript_has_its_speed_in_the_facts_alone() -> None:
    bundle = transcript_bundle(TALK, is_deterministic=True)

    assert "real time" not in read(bundle).text
    assert bundle.metadata["ipy_gateway"]["seconds"] == 310


def test_the_facts_are_for_machines() -> None:
    assert transcript_bundle(TALK, preview=PREVIEW, seconds=2.5).metadata["ipy_gateway"] == {
        "source": "talk.m4a",
        "server": "http://host",
        "model": "tiny",
        "language": None,
        "duration_s": 3720.0,
        "segments": 2,
        "gaps": 1,
        "cut_off": False,
        "preview_s": 49.0,
        "seconds": 2.5,
    }


def test_a_text_without_times_is_shown_by_its_lines() -> None:
    bundle = transcript_bundle(Transcript("Good morning.\n\nGood  night.", source="talk.m4a"))

    assert bundle.data["text/plain"] == "Good morning.\nGood night."
    assert "<li>Good morning.<li>Good night.</ol>" in shown(bundle)
    assert "data-times" not in shown(bundle)


def test_silence_is_told() -> None:
    bundle = transcript_bundle(Transcript("", duration_s=3.0))

    assert bundle.data["text/plain"] == "(no speech)"
    assert "(no speech)" in read(bundle).text


def test_what_is_missing_is_told_above_the_text_and_where_that_is_shortened() -> None:
    segments = tuple(Segment(second, second + 1, "Good") for second in range(200))
    gaps = (Gap(200, 300, "no answer"), Gap(400, 500, "refused"))

    bundle = transcript_bundle(Transcript("Good", segments, gaps=gaps))

    notice = "2 parts are missing, the first of them: [gap from 3:20 to 5:00: no answer]"
    assert read(bundle).text.index(notice) < read(bundle).text.index("0:00")
    assert bundle.excerpt is not None
    assert bundle.excerpt.endswith(f"has]\n{notice}")


def test_a_transcript_that_was_cut_off_says_so() -> None:
    bundle = transcript_bundle(Transcript("Good", (Segment(0, 1, "Good"),), cut_off=True))

    notice = "Cut off at the server's length limit: what follows is missing."
    assert bundle.data["text/plain"] == f"[0:00] Good\n[{notice}]"
    assert notice in read(bundle).text


def test_a_notice_stands_above_the_text_and_below_it_in_plain_text() -> None:
    notice = "The recording has 2 sound tracks, and the first of them was transcribed."
    bundle = transcript_bundle(Transcript("Good", (Segment(0, 1, "Good"),), notices=(notice,)))

    assert bundle.data["text/plain"] == f"[0:00] Good\n[{notice}]"
    assert read(bundle).text.index(notice) < read(bundle).text.index("0:00")


@pytest.mark.parametrize("text", [*HOSTILE_ANSWERS.values(), "</script><!--<script>\u2028 \x1b[31m \u202e"])
def test_no_value_gets_out_of_its_place(text: str) -> None:
    hostile = text.encode(errors="replace").decode()
    transcript = Transcript(
        hostile,
        (Segment(0, 1, hostile, speaker=hostile),),
        source=hostile,
        model=hostile,
        server=hostile,
        gaps=(Gap(1, 2, hostile),),
        notices=(hostile,),
    )

    bundle = transcript_bundle(transcript, preview=PREVIEW)

    assert read(bundle).violations == []
    assert read(bundle).tags.count("li") == 2
    assert "\x1b" not in bundle.data["text/html"] + bundle.data["text/plain"]


@pytest.mark.parametrize("name", ["transcript.js", "transcript_files.js", "transcript_search.js"])
def test_a_script_of_ours_neither_ends_early_nor_asks_for_anything(name: str) -> None:
    source = resources.files("ipy_gateway.render").joinpath("static", name).read_text("utf-8")

    assert source.startswith("// @ts-check\n")
    assert not re.search(
        r"</?script|<!--|innerHTML|insertAdjacent|eval|fetch|XMLHttp|https?:|import\b", source
    )


def test_the_page_joins_segments_of_the_same_scripts_without_a_blank_as_the_core_does() -> None:
    source = (
        resources.files("ipy_gateway.render").joinpath("static", "transcript_search.js").read_text("utf-8")
    )
    (ranges,) = re.findall(r'"\[(.+)\]"', source)
    in_python = re.sub(r"\\\\u\{?([0-9a-f]+)\}?", lambda code: f"\\U{int(code[1], 16):08x}", ranges)
    of_the_page = re.compile(f"[{in_python}]")

    differing = [
        code
        for code in range(sys.maxunicode + 1)
        if bool(of_the_page.match(chr(code))) != starts_unspaced(chr(code))
    ]

    assert differing == []


@pytest.mark.parametrize(
    ("segments", "words"),
    [(600, 18), (1000, 9), (1200, 9), (1800, 5), (1800, 6)],  # up to 180 words a minute
)
def test_an_hour_of_speech_adds_little_to_a_notebook(segments: int, words: int) -> None:
    hour = replace(
        talk_of(segments, words=words, every_s=3600 / segments),
        source="2026-11-30 interview with Anna and Ben.m4a",
        model="large-v3",
        server="http://localhost:8000",
    )
    preview = Preview(bytes(SMALL_PREVIEW.max_bytes), 900.0, 3600.0, Random(1).randbytes(PEAK_COUNT))

    assert notebook_bytes(transcript_bundle(hour)) < 150_000
    assert notebook_bytes(transcript_bundle(hour, preview=preview)) < 1_500_000


def test_a_notebook_has_all_lines_as_html_and_a_hundred_as_text_while_a_terminal_has_all() -> None:
    bundle = transcript_bundle(replace(talk_of(1200, words=1), cut_off=True))

    *lines, left_out, cut_off = bundle.data["text/plain"].splitlines()
    assert len(lines) == 100
    assert left_out == "[and 1,100 more lines, which to_text(times=True) has]"
    assert "length limit" in cut_off
    assert len(bundle.terminal_text.splitlines()) == 1201
    assert bundle.terminal_text.startswith("\n".join(lines))
    assert read(bundle).tags.count("li") == 1200


def test_a_waveform_is_as_tall_as_its_peaks() -> None:
    picture = waveform_png(bytes([0, 128, 255]))

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (6, HEIGHT_PIXELS)
    data = picture[picture.index(b"IDAT") + 4 : picture.index(b"IEND") - 8]
    rows = [f"{row[1]:08b}" for row in zip(*[iter(zlib.decompress(data))] * 2, strict=True)]
    heights = [sum(row[column] == "1" for row in rows) for column in range(6)]
    assert heights == [2, 0, 24, 0, HEIGHT_PIXELS, 0]
