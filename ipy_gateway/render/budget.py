"""What a budget looks like: what is spent of it."""

from ..core.requests.budget import KINDS, Budget, amount, amount_of
from .bundle import Bundle
from .results import note_bundle

NO_BUDGET = "There is no budget. Set one: %gateway budget 200k tokens, or 50 requests, or 30 audio minutes."


def budget_bundle(budget: Budget | None) -> Bundle:
    """What is spent, of what may be."""
    return note_bundle(budget_text(budget) if budget else NO_BUDGET)


def budget_text(budget: Budget) -> str:
    """What is spent, of what may be, in one sentence."""
    limits, used = budget.limits, budget.used
    spent = [_spent(kind, getattr(used, kind), limits.get(kind)) for kind in KINDS]
    return f"Budget: {'; '.join(filter(None, spent))}."


def _spent(kind: str, used: float, limit: float | None) -> str:
    if limit is None:
        return amount(kind, used) if used else ""
    return f"{amount_of(kind, used)} of {amount(kind, limit)}"
