"""An instruction about a recording or transcript of any length: every part is asked about, or named."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    AnalysisProgress,
    GatewayConfig,
    InvalidRequestError,
    Reply,
    Segment,
    Transcript,
    UpstreamError,
    UpstreamResponseError,
    analyze,
    stream_analysis,
)
from ipy_gateway.core.transcripts.transcript import Gap

from ..support.analyst import Analyst, analyst_server
from ..support.chat_stream import broken, streamed
from ..support.fault_server import answer, completion
from ..support.hearing_server import Ear
from ..support.tones import spoken, wav, word

SHORT = wav(spoken(range(20)))  # 8 s
LONG = wav(spoken(range(150), pause_s=0.5, pause_every=10))  # 67 s
TALK = Transcript(
    "",
    tuple(
        Segment(10.0 * n, 10.0 * n + 9, f"Sentence {n} goes on for a while, and ends.") for n in range(120)
    ),
    source="talk.m4a",
)  # 20 minutes
FEW_TOKENS = 1500
BROKEN = answer(500, body={"error": {"message": "CUDA error"}})


async def ask(
    analyst: Analyst, source: Any, *, params: dict[str, Any] | None = None, **settings: Any
) -> Reply:
    with analyst_server(analyst) as server:
        config = GatewayConfig(server.url, max_retries=0, **settings)
        return await analyze(source, "What is said?", config, **(params or {}))


# Recordings


async def test_a_short_recording_is_asked_about_in_one_message() -> None:
    analyst = Analyst()

    reply = await ask(analyst, SHORT, params={"temperature": 0.5}, analyze_system_prompt_prefix="Be brief.")

    assert reply.text == "I hear " + " ".join(map(word, range(20)))
    assert analyst.questions == ["Be brief.\nWhat is said?"]
    assert analyst.bodies[0]["temperature"] == 0.5


async def test_a_long_recording_is_heard_in_windows_and_drawn_together() -> None:
    analyst = Analyst()

    reply = await ask(analyst, LONG, window_s=30)

    *windows, final = analyst.questions
    assert len(windows) >= 3 and max(analyst.sounds_s) <= 30
    assert all(question.startswith("\nWhat is said?\n\n") for question in windows)
    assert "from 0:00 to 0:" in windows[0]
    second = f"part begins at [0:{int(analyst.sounds_s[0])}]"  # the others are asked at the same time
    assert any(second in question for question in windows[1:])
    heard = [text for line in final.splitlines() if line.startswith("I hear ") for text in line.split()[2:]]
    assert heard == list(map(word, range(150)))
    assert reply.text.startswith("Together: 0:00-0:")


async def test_what_bounds_the_answer_does_not_bound_those_about_parts() -> None:
    analyst = Analyst()

    await ask(analyst, LONG, params={"max_tokens": 7, "temperature": 0.1}, window_s=30)

    assert [body.get("max_tokens") for body in analyst.bodies] == [*[None] * (len(analyst.bodies) - 1), 7]
    assert {body.get("temperature") for body in analyst.bodies} == {0.1}


async def test_a_window_that_fails_is_named_at_the_end_of_the_answer() -> None:
    analyst = Analyst(refusal=lambda question: BROKEN if "begins at [0:2" in question else None)

    reply = await ask(analyst, LONG, window_s=30)

    answered, problem = reply.text.split("\n\n")
    assert answered.startswith("Together: 0:00-0:2")
    assert problem.startswith("No answer for 0:2")
    assert "CUDA error" in problem


async def test_a_window_that_is_too_large_is_halved() -> None:
    too_large = answer(413, body={"error": {"message": "too large"}})
    analyst = Analyst(refusal=lambda _: too_large if analyst.sounds_s[-1] > 15 else None)

    reply = await ask(analyst, LONG, window_s=30, max_requests=1)

    assert "No answer" not in reply.text
    assert reply.text.count("-") >= 5


async def test_a_recording_of_which_no_window_is_answered_fails_with_the_first_error() -> None:
    analyst = Analyst(refusal=lambda _: BROKEN)

    with pytest.raises(UpstreamResponseError, match="CUDA error"):
        await ask(analyst, LONG, window_s=30)


async def test_a_server_that_only_transcribes_is_asked_for_the_transcript(tmp_path: Path) -> None:
    analyst = Analyst(Ear("segments"), takes_sound=False)
    (tmp_path / "talk.wav").write_bytes(LONG)

    reply = await ask(analyst, tmp_path / "talk.wav", window_s=30)

    (question,) = analyst.questions
    assert question.startswith("What is said?\n\nBelow is the transcript of talk.wav")
    assert "\n[0:00 - 0:02] w0 w1 w2 w3 w4 w5\n" in question
    assert reply.text == "It begins at [0:00]"


async def test_a_second_run_does_not_transcribe_again() -> None:
    ear, is_broken = Ear("segments"), [True]
    analyst = Analyst(ear, takes_sound=False, refusal=lambda _: BROKEN if is_broken.pop() else None)
    with analyst_server(analyst) as server:
        config = GatewayConfig(server.url, server.url, "audio_text", max_retries=0, window_s=30)
        with pytest.raises(UpstreamResponseError, match="CUDA error"):
            await analyze(LONG, "What is said?", config)
        heard_once = len(ear.windows_s)
        is_broken.append(False)

        reply = await analyze(LONG, "What is said?", config)

    assert len(ear.windows_s) == heard_once >= 3
    assert reply.text == "It begins at [0:00]"


async def test_where_neither_way_works_the_first_error_counts() -> None:
    analyst = Analyst(takes_sound=False)

    with pytest.raises(UpstreamResponseError) as raised:
        await ask(analyst, LONG, window_s=30)

    assert raised.value.status_code == 404
    assert "/chat/completions" in raised.value.hint


# Transcripts


async def test_a_transcript_that_fits_is_asked_about_at_once() -> None:
    analyst = Analyst()

    reply = await ask(analyst, TALK[:100], params={"model": "tiny"})

    (question,) = analyst.questions
    assert question.count("Sentence") == 10
    assert analyst.bodies[0]["model"] == "tiny"
    assert (reply.text, reply.model, reply.finish_reason) == ("It begins at [0:00]", "scripted", "stop")


async def test_a_long_transcript_is_asked_about_in_parts_with_every_line_in_one_of_them() -> None:
    analyst = Analyst()

    reply = await ask(analyst, TALK, history_tokens=FEW_TOKENS)

    *parts, final = analyst.questions
    lines = [line for part in parts for line in part.splitlines() if "Sentence" in line]
    assert sorted(lines) == sorted(TALK.to_text(times=True).splitlines())
    assert len(parts) > 3
    assert final.count("It begins at [") == len(parts)
    assert reply.text.startswith("Together: 0:00-") and reply.text.endswith("-19:59")


async def test_a_server_whose_context_is_smaller_is_sent_less() -> None:
    analyst = Analyst(context_characters=3000)

    reply = await ask(analyst, TALK, history_tokens=4000)

    taken = [question for question in analyst.questions if len(question) <= 3000]
    lines = {line for question in taken for line in question.splitlines() if "Sentence" in line}
    assert lines == set(TALK.to_text(times=True).splitlines())
    assert "No answer" not in reply.text


async def test_answers_too_many_to_be_drawn_together_at_once_are_so_in_steps() -> None:
    long = completion("This was found. " * 90)
    analyst = Analyst(refusal=lambda question: long if "Sentence" in question else None)

    reply = await ask(analyst, TALK, history_tokens=FEW_TOKENS)

    steps = [question for question in analyst.questions if "\nPart " in question]
    assert len(steps) > 2
    assert reply.text.startswith("Together: 0:00-") and reply.text.endswith("-19:59")


async def test_a_part_without_an_answer_is_named() -> None:
    analyst = Analyst(refusal=lambda question: BROKEN if "Sentence 60 " in question else None)

    reply = await ask(analyst, TALK, history_tokens=FEW_TOKENS)

    *_, problem = reply.text.split("\n\n")
    assert problem.startswith("No answer for ")
    assert problem.endswith("CUDA error.")


async def test_a_gap_of_the_transcript_is_named() -> None:
    gap = Gap(30.0, 40.0, "the server was busy")
    analyst = Analyst()

    reply = await ask(analyst, Transcript("", (Segment(0, 9, "Hello."),), gaps=(gap,)))

    assert "[gap from 0:30 to 0:40: the server was busy]" in analyst.questions[0]
    assert reply.text.endswith("\n\nNot transcribed: [gap from 0:30 to 0:40: the server was busy]")


async def test_what_is_missing_is_named_behind_reasoning_without_an_end() -> None:
    gap = Gap(30.0, 40.0, "busy")
    analyst = Analyst(refusal=lambda _: streamed("<think>Hm, hm"))

    reply = await ask(analyst, Transcript("", (Segment(0, 9, "Hello."),), gaps=(gap,)))

    assert (reply.reasoning, reply.text) == ("Hm, hm", "Not transcribed: [gap from 0:30 to 0:40: busy]")


async def test_findings_are_not_lost_where_they_cannot_be_drawn_together() -> None:
    analyst = Analyst(refusal=lambda question: BROKEN if "\nPart " in question else None)

    reply = await ask(analyst, TALK, history_tokens=FEW_TOKENS)

    assert reply.text.count("It begins at [") == len(analyst.questions) - 1
    assert "These answers could not be drawn together: " in reply.text
    assert reply.text.endswith("CUDA error.")


async def test_an_answer_that_breaks_off_is_an_error() -> None:
    analyst = Analyst(refusal=lambda _: broken("It beg"))

    with pytest.raises(UpstreamError) as raised:
        await ask(analyst, TALK[:100])

    assert raised.value.partial_text == "It beg"


async def test_all_parts_failed_is_the_error_of_the_first() -> None:
    analyst = Analyst(refusal=lambda _: BROKEN)

    with pytest.raises(UpstreamResponseError, match="CUDA error"):
        await ask(analyst, TALK, history_tokens=FEW_TOKENS)


async def test_a_text_without_times_and_without_blanks_is_cut_anywhere() -> None:
    analyst = Analyst()

    reply = await ask(analyst, Transcript("語" * 5000), history_tokens=FEW_TOKENS)

    assert sum(question.count("語") for question in analyst.questions) == 5000
    assert reply.text.startswith("Together: part 1, part 2")


async def test_silence_is_said_without_asking_anybody() -> None:
    analyst = Analyst()

    reply = await ask(analyst, Transcript(""))

    assert (reply.text, analyst.questions) == ("No speech was found in the recording.", [])


async def test_an_instruction_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"instruction takes about [\d,]+ of the 1,500 tokens"):
        await analyze(TALK, "Why? " * 1000, GatewayConfig("http://localhost:1", history_tokens=FEW_TOKENS))


@pytest.mark.parametrize(
    ("instruction", "params"), [("  ", {}), ("Why?", {"n": 2}), ("Why?", {"stream": True})]
)
async def test_what_makes_no_sense_is_refused(instruction: str, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        await analyze(TALK, instruction, GatewayConfig("http://localhost:1"), **params)


# On the way


async def test_progress_is_told_part_by_part() -> None:
    told: list[AnalysisProgress] = []

    with analyst_server(Analyst()) as server:
        config = GatewayConfig(server.url, history_tokens=FEW_TOKENS)
        await analyze(TALK, "What is said?", config, on_progress=told.append)

    total = told[0].total_parts
    assert [str(progress) for progress in told] == [
        *(f"part {min(done + 1, total or 0)} of {total}" for done in range((total or 0) + 1)),
        "drawing together",
    ]
    assert {progress.source for progress in told} == {"talk.m4a"}


async def test_the_answer_comes_as_it_is_written() -> None:
    with analyst_server(Analyst()) as server:
        chunks = [chunk async for chunk in stream_analysis(TALK[:100], "What?", GatewayConfig(server.url))]

    assert [chunk.text for chunk in chunks if chunk.text] == ["It ", "begins ", "at ", "[0:00]"]


async def test_a_cancelled_analysis_closes_its_connections() -> None:
    with analyst_server(Analyst(delay_s=1)) as server:
        config = GatewayConfig(server.url, history_tokens=FEW_TOKENS)
        asking = asyncio.ensure_future(analyze(TALK, "What is said?", config))
        await asyncio.to_thread(server.wait_for_requests, 4)
        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0
