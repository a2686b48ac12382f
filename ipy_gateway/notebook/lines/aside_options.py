"""Options of questions beside the conversation: in the background, or to several models."""

from collections.abc import Collection
from typing import Final

from ...core.exceptions import InvalidRequestError
from .option_line import Option

ASIDE_OPTIONS: Final = (
    Option("background", "bg", "", "", "go on with other cells; `await` what it gives, or `.cancel()` it"),
    Option("compare", "compare", "", "MODELS", "ask several side by side: qwen3,llama3@URL,URL"),
)
ASIDE_HELP: Final = (
    "`%%chat --bg -o r` ends at once, and its output goes on while other cells run. `await r` gives the",
    "reply, or raises the error; `r.cancel()` hangs up; `r.text`, `r.done` and `r.error` tell how it is.",
    "Where nobody watches, as in nbclient, it waits and fails as %%chat does, so that each run is the same.",
    "",
    "`--compare qwen3,llama3@http://localhost:8081,local://engine` shows the answers in columns; each is a",
    "model, a model at a server, or a server. `-o r` is a dict of them: a Reply or an error for each.",
    "",
    "Both know the conversation as it stands, or nothing with --new, and what they give is no part of it.",
    "But `--bg --name NAME` goes on with that conversation, which takes no other question meanwhile.",
)


def check_aside(asked_for: Collection[str]) -> None:
    """Make sure that these fields do not contradict each other.

    Raises:
        InvalidRequestError: they do.
    """
    for field, option in (("background", "--bg"), ("compare", "--compare")):
        for other_field, other in (("kind", "--as"), ("dry_run", "--dry-run")):
            if field in asked_for and other_field in asked_for:
                raise InvalidRequestError(f"{option} can't be asked with {other}.", "Leave one of them out.")
    if "compare" not in asked_for:
        return
    if "model" in asked_for:
        raise InvalidRequestError("--model and --compare are two wishes.", "Name all models in --compare.")
    if "background" in asked_for:
        raise InvalidRequestError("--compare can't be asked with --bg.", "Leave one of them out.")
