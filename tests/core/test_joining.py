"""Windows put together."""

from ipy_gateway.core.transcribing.joining import Heard, put_together
from ipy_gateway.core.transcripts.transcript import Gap
from ipy_gateway.core.transcripts.transcription import Segment, Transcription, Word


def said(text: str, *segments: Segment, language: str | None = None, cut_off: bool = False) -> Transcription:
    return Transcription(text, segments, language=language, cut_off=cut_off)


def test_times_count_from_the_start_of_the_recording_and_end_with_the_window() -> None:
    padded = Segment(1.0, 30.0, "Yes.", (Word(1.0, 30.0, "Yes."),), speaker="A")

    whole, _ = put_together([Heard(0, 20, 0, said("No.")), Heard(20, 25, 0, said("Yes.", padded))])

    assert whole.text == "No. Yes."
    assert whole.segments == (
        Segment(0, 20, "No."),
        Segment(21, 25, "Yes.", (Word(21, 25, "Yes."),), speaker="A"),
    )
    assert whole.duration_s == 25


def test_sentences_share_a_window_without_times_by_their_length() -> None:
    whole, _ = put_together([Heard(10, 20, 0, said("Yes. No no no."))])

    assert [(segment.text, segment.start_s) for segment in whole.segments] == [
        ("Yes.", 10),
        ("No no no.", 10 + 10 * 4 / 13),
    ]
    assert whole.segments[-1].end_s == 20


def test_sentences_without_blanks_are_told_apart() -> None:
    whole, _ = put_together([Heard(0, 20, 0, said("はい。いいえ。")), Heard(20, 30, 0, said("はい。"))])

    assert whole.text == "はい。いいえ。はい。"
    assert [segment.text for segment in whole.segments] == ["はい。", "いいえ。", "はい。"]


def test_silence_is_nothing() -> None:
    whole, gaps = put_together(
        [Heard(0, 20, 0, said("")), Heard(20, 40, 0, said("Yes.")), Heard(40, 50, 0, said(""))]
    )

    assert whole.text == "Yes."
    assert whole.duration_s == 50
    assert gaps == ()


def test_what_failed_is_a_gap_without_what_its_neighbours_heard() -> None:
    _, gaps = put_together(
        [
            Heard(0, 30, 0, said("a")),
            Heard(28, 60, 2, reason="Busy."),
            Heard(60, 90, 0, reason="Busy."),
            Heard(88, 120, 2, said("b")),
            Heard(120, 150, 0, reason="Gone."),
        ]
    )

    assert gaps == (Gap(30, 88, "Busy."), Gap(120, 150, "Gone."))


def test_no_seam_is_sewn_across_a_gap() -> None:
    windows = [
        Heard(0, 30, 0, said("a b c")),
        Heard(28, 60, 2, reason="Busy."),
        Heard(58, 90, 2, said("b c d")),
    ]

    whole, _ = put_together(windows)

    assert whole.text == "a b c b c d"


def test_the_language_is_the_one_that_is_spoken_longest() -> None:
    whole, _ = put_together(
        [
            Heard(0, 10, 0, said("Oui.", language="fr")),
            Heard(10, 40, 0, said("Yes.", language="en")),
            Heard(40, 140, 0, said("", language="cy")),
        ]
    )

    assert whole.language == "en"


def test_one_part_that_was_cut_off_tells_of_the_whole() -> None:
    whole, _ = put_together([Heard(0, 10, 0, said("a", cut_off=True)), Heard(10, 20, 0, said("b"))])

    assert whole.cut_off


def test_times_never_go_back() -> None:
    first = said("a b", Segment(0, 9, "a"), Segment(8.5, 10, "b"))
    second = said("c d", Segment(0, 1, "c"), Segment(0.2, 3, "d"))

    whole, _ = put_together([Heard(0, 10, 0, first), Heard(8, 18, 2, second)])

    starts_s = [segment.start_s for segment in whole.segments]
    assert starts_s == sorted(starts_s)
