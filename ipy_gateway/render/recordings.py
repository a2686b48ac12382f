"""What many recordings look like while they are transcribed, and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..core.printable import one_line
from .bundle import Bundle
from .html import Html, block, element
from .text import duration

State = Literal["waiting", "under way", "done", "known already", "failed", "stopped"]
ENDED: tuple[State, ...] = ("done", "known already", "failed")
LIVE_ROWS = 12
FINAL_ROWS = 200
STYLE = "recordings.css"


@dataclass(frozen=True, slots=True)
class RecordingState:
    """How far a recording has come.

    Attributes:
        name: its name.
        state: what goes on with it.
        length_s: its length, or None as long as that is unknown.
        done_s: seconds of it that are transcribed.
        seconds: how long its transcription took, or None.
        problem: why it failed, or what is missing of it, or "".
    """

    name: str
    state: State = "waiting"
    length_s: float | None = None
    done_s: float = 0.0
    seconds: float | None = None
    problem: str = ""

    @property
    def share(self) -> float:
        """How much of it is through, from 0 to 1."""
        if self.state in ENDED:
            return 1.0
        return min(self.done_s / self.length_s, 1.0) if self.length_s else 0.0


def one_progress_bundle(what: str, state: RecordingState, *, seconds: float) -> Bundle:
    """One recording while work goes on: how far it has come, and how long it will take."""
    of = "" if state.length_s is None else f" of {duration(state.length_s)}"
    text = one_line(f"{what} … {duration(state.done_s)}{of} · {_time_left(state.share, seconds)}")
    bar = element("progress", value=f"{state.share:.4f}", max="1")
    return Bundle(text, block(element("p", text, bar, class_="ipg-facts")))


def progress_bundle(states: Sequence[RecordingState], *, seconds: float) -> Bundle:
    """All recordings while work goes on: how many are done, how long it will take, and those under way."""
    share = sum(state.share for state in states) / len(states)
    line = f"{_counts(states)} · {_time_left(share, seconds)}"
    bar = element("progress", value=f"{share:.4f}", max="1")
    shown = _live_rows(states)
    facts = element("p", line, bar, class_="ipg-facts")
    html = block(facts, _table(shown, is_deterministic=False), styles=(STYLE,))
    return Bundle("\n".join([line, *map(_line, shown)]), html)


def summary_bundle(
    states: Sequence[RecordingState], *, note: str = "", is_deterministic: bool = False
) -> Bundle:
    """All recordings when the work has ended, or was stopped.

    Args:
        note: what the user is told about it.
        is_deterministic: whether times of work, and what was known before, are kept out.
    """
    if is_deterministic:
        states = [replace(one, state="done") if one.state == "known already" else one for one in states]
    shown = states[:FINAL_ROWS]
    rest = f"and {len(states) - len(shown)} more" if len(states) > len(shown) else ""
    lines = [_counts(states), *map(_line, shown), *filter(None, [rest, note])]
    table = _table(shown, is_deterministic=is_deterministic)
    notes = [element("p", text, class_="ipg-notice") for text in (rest, note) if text]
    html = block(element("p", _counts(states), class_="ipg-facts"), table, *notes, styles=(STYLE,))
    return Bundle(
        "\n".join(lines), html, {"seconds": {one_line(state.name): state.seconds for state in shown}}
    )


def _counts(states: Sequence[RecordingState]) -> str:
    count = {kind: sum(state.state == kind for state in states) for kind in ENDED}
    parts = [f"{count['done'] + count['known already']} of {len(states)} recordings transcribed"]
    if count["known already"]:
        parts.append(f"{count['known already']} of them known already")
    if count["failed"]:
        parts.append(f"{count['failed']} failed")
    return ", ".join(parts)


def _time_left(share: float, seconds: float) -> str:
    """What the rest takes where it goes on as it did so far; at first nobody knows."""
    if share < 0.02 or seconds < 1:
        return duration(seconds)
    return f"{duration(seconds)}, about {duration(seconds * (1 - share) / share)} left"


def _live_rows(states: Sequence[RecordingState]) -> list[RecordingState]:
    """Those under way, those that failed, and the last that are done: not hundreds, four times a second."""
    under_way = [state for state in states if state.state == "under way"]
    failed = [state for state in states if state.state == "failed"]
    ended = [state for state in states if state.state in ("done", "known already")]
    return [*under_way, *failed[-LIVE_ROWS:], *ended[-LIVE_ROWS:]][:LIVE_ROWS]


def _line(state: RecordingState) -> str:
    length = "" if state.length_s is None else f", {duration(state.length_s)}"
    problem = f": {state.problem}" if state.problem else ""
    return one_line(f"{state.name}{length}: {_state_text(state)}{problem}")


def _state_text(state: RecordingState) -> str:
    if state.state == "under way" and state.length_s:
        return f"{state.share:.0%}"
    return state.state


def _table(states: Sequence[RecordingState], *, is_deterministic: bool) -> Html:
    titles = ("recording", "length", "state", *(() if is_deterministic else ("speed",)), "problem")
    head = element("tr", *(element("th", title, scope="col") for title in titles))
    rows = (_row(state, is_deterministic=is_deterministic) for state in states)
    return element("table", head, *rows, class_="ipg-recordings")


def _row(state: RecordingState, *, is_deterministic: bool) -> Html:
    length = "" if state.length_s is None else duration(state.length_s)
    figures = [length, _state_text(state), *([] if is_deterministic else [_speed(state)])]
    short = (element("td", figure, class_="ipg-short") for figure in figures)
    return element("tr", element("td", state.name), *short, element("td", state.problem))


def _speed(state: RecordingState) -> str:
    if state.state != "done" or not state.seconds or not state.length_s:
        return ""
    return f"{state.length_s / state.seconds:.1f} × real time"
