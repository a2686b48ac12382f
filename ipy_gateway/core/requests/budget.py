"""What may be spent on requests: tokens, requests and minutes of audio, counted where requests are sent."""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, Final

from ..exceptions import BudgetExceededError, InvalidRequestError

SECONDS_PER_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Spending:
    """An amount of each kind that a budget knows.

    Attributes:
        requests: requests that were sent, each attempt counted.
        tokens: tokens read and written, as servers report them, estimated where they do not; of recordings at
            a transcriptions endpoint only those that are reported.
        audio_s: seconds of sound that were sent.
    """

    requests: int = 0
    tokens: int = 0
    audio_s: float = 0.0

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            self.requests + other.requests, self.tokens + other.tokens, self.audio_s + other.audio_s
        )

    def __sub__(self, other: "Spending") -> "Spending":
        return Spending(
            self.requests - other.requests, self.tokens - other.tokens, self.audio_s - other.audio_s
        )


KINDS: Final = tuple(one.name for one in fields(Spending))


class Budget:
    """Limits of what may be spent, and what has been.

        with Budget(tokens=200_000).applied() as budget:
            await chat_completion(messages, config)
        budget.used.tokens

    Every request that is sent inside, whatever it is for, is counted, failed attempts included; what comes
    from the journal costs nothing. What a request takes is estimated before it is sent, with as many tokens
    for its answer as `max_tokens` allows, and corrected by what the server reports. A request without
    `max_tokens` may end above the limit: the next one is refused. Workers of a cluster get a copy, with what
    has been spent when a recording is handed out: together they may go over a limit by what is under way.

    Args:
        requests: how many requests may be sent, or None for any number.
        tokens: how many tokens may be read and written.
        audio_s: how many seconds of sound may be sent.

    Raises:
        InvalidRequestError: a limit is negative.
    """

    def __init__(
        self, *, requests: int | None = None, tokens: int | None = None, audio_s: float | None = None
    ) -> None:
        self._lock = threading.Lock()  # requests are sent in one thread and shown in another
        self._limits: dict[str, float] = {}
        self._used = Spending()
        self.limit(requests=requests, tokens=tokens, audio_s=audio_s)

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_was, (self.limits, self.used)

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits by kind: "requests", "tokens", "audio_s"; a kind that is not there has none."""
        with self._lock:
            return dict(self._limits)

    @property
    def used(self) -> Spending:
        """What has been spent, with what requests that are under way may take."""
        with self._lock:
            return self._used

    def limit(
        self, *, requests: int | None = None, tokens: int | None = None, audio_s: float | None = None
    ) -> None:
        """Set limits, and leave those that are not given as they are; what has been spent stays counted.

        Args: as `Budget`.

        Raises:
            InvalidRequestError: a limit is negative.
        """
        given = {"requests": requests, "tokens": tokens, "audio_s": audio_s}
        limits = {kind: limit for kind, limit in given.items() if limit is not None}
        for kind, limit in limits.items():
            if not limit >= 0:
                raise InvalidRequestError(f"A budget of {limit!r} {kind} makes no sense.", "Give 0 or more.")
        with self._lock:
            self._limits.update(limits)

    def add(self, spent: Spending) -> None:
        """Count what has been spent elsewhere, as by the worker of a cluster.

        Args:
            spent: how much.
        """
        self.correct(Spending(), spent)

    @contextmanager
    def applied(self) -> Generator["Budget", None, None]:
        """Count what is awaited inside; budgets around this one count it, too."""
        around = _applied.get()
        token = _applied.set(around if self in around else (*around, self))
        try:
            yield self
        finally:
            _applied.reset(token)

    def reserve(self, cost: Spending) -> None:
        """Count what a request may take.

        Args:
            cost: an estimate.

        Raises:
            BudgetExceededError: more than is left.
        """
        with self._lock:
            for kind, limit in self._limits.items():
                wanted, used = getattr(cost, kind), getattr(self._used, kind)
                if wanted and used + wanted > limit:
                    raise _exceeded(kind, wanted, used, limit)
            self._used += cost

    def correct(self, reserved: Spending, spent: Spending) -> None:
        """Count what a request has taken in place of what was reserved for it.

        Args:
            reserved: what was given to `reserve`.
            spent: what the server reported.
        """
        with self._lock:
            self._used += spent - reserved


def _as_it_was(limits: Mapping[str, Any], used: Spending) -> Budget:
    budget = Budget(**limits)
    budget.add(used)
    return budget


@contextmanager
def counted(budgets: Sequence[Budget]) -> Generator[Callable[[], Spending], None, None]:
    """Apply several budgets, and tell what has been spent inside: every request counts in each of them."""
    before = [budget.used for budget in budgets]
    with ExitStack() as applied:
        for budget in budgets:
            applied.enter_context(budget.applied())
        yield lambda: budgets[0].used - before[0] if budgets else Spending()


def apply_everywhere(budget: Budget | None) -> None:
    """Count what the whole process sends, in whatever task and thread; None ends it."""
    _process.budget = budget


def budget_of_process() -> Budget | None:
    """What counts everywhere, or None."""
    return _process.budget


def applied_budgets() -> tuple[Budget, ...]:
    """The budgets that count what is sent at this place."""
    here, of_process = _applied.get(), _process.budget
    return here if of_process is None or of_process in here else (of_process, *here)


def amount(kind: str, value: float) -> str:
    """An amount as people write it: "1,204 tokens", "2.5 minutes of audio"."""
    number = amount_of(kind, value)
    unit = "minutes" if kind == "audio_s" else kind
    what = " of audio" if kind == "audio_s" else ""
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}{what}"


def amount_of(kind: str, value: float) -> str:
    """An amount without its unit: tokens, requests, or minutes of audio."""
    return f"{round(value / SECONDS_PER_MINUTE, 1):,.10g}" if kind == "audio_s" else f"{value:,.0f}"


def _exceeded(kind: str, wanted: float, used: float, limit: float) -> BudgetExceededError:
    left: Any = max(limit - used, 0)
    more = _line_for(kind, max(2 * limit, used + wanted))
    wish = f"This request takes about {amount(kind, wanted)}, and the budget has {amount(kind, left)} left"
    return BudgetExceededError(
        f"The budget of {amount(kind, limit)} is spent; this one was not sent."
        if kind == "requests"
        else f"{wish} of {amount_of(kind, limit)}. It was not sent.",
        f"Raise the budget, with %gateway budget {more} for example or Budget.limit in code, "
        "or end it with %gateway budget off.",
        kind=kind,
        left=left,
    )


def _line_for(kind: str, limit: float) -> str:
    if kind == "audio_s":
        return f"{max(limit / SECONDS_PER_MINUTE, 1):.0f} audio minutes"
    return f"{max(limit, 2):.0f} {kind}"


class _Process:
    """What counts where no block says otherwise: a notebook's cells have no context in common."""

    budget: Budget | None = None


_process = _Process()
_applied: ContextVar[tuple[Budget, ...]] = ContextVar("ipy_gateway_budgets", default=())
