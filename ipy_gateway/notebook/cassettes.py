"""%gateway record and %gateway replay: all exchanges of a notebook, kept in a file, and answered from it."""

import os

from ..core.cassettes.recorder import Recorder
from ..core.cassettes.replayer import Replayer
from ..core.cassettes.tape import tape_in_use, use_everywhere
from ..core.exceptions import ConfigurationError, InvalidRequestError

VARIABLE = "IPY_GATEWAY_REPLAY"


def follow(line: str) -> str:
    """Do what `%gateway record FILE`, `%gateway replay FILE`, or one of them with "off", says.

    Where the environment asks for replay, nothing is recorded: a notebook that records itself is replayed so.

    Returns:
        a sentence to show, which is the same while it is recorded and while it is replayed.

    Raises:
        InvalidRequestError: there is no name, or the file can't be used.
    """
    verb, _, rest = line.strip().partition(" ")
    name = _unquoted(rest.strip())
    if not name:
        raise InvalidRequestError(
            f"%gateway {verb} needs the name of a file.",
            f"Write %gateway {verb} lesson.json, or %gateway {verb} off.",
        )
    if name == "off":
        return _end(Recorder if verb == "record" else Replayer)
    if verb == "replay":
        use_everywhere(Replayer(name))
    elif not (_replayed_by_environment() and isinstance(tape_in_use(), Replayer)):
        use_everywhere(Recorder(name))
    return f"The exchanges of this notebook with servers are in {name!r}."


def replay_as_environment_says() -> None:
    """Replay the cassette that IPY_GATEWAY_REPLAY names, unless something is recorded or replayed already.

    Raises:
        ConfigurationError: it can't be used; servers are not to be asked instead.
    """
    name = _replayed_by_environment()
    if not name or tape_in_use():
        return
    try:
        use_everywhere(Replayer(name))
    except InvalidRequestError as error:
        raise ConfigurationError(
            f"{VARIABLE} names what can't be replayed: {error.message}", f"Correct or unset {VARIABLE}."
        ) from error


def state() -> str:
    """What is recorded or replayed, in a sentence, or ""."""
    tape = tape_in_use()
    if isinstance(tape, Recorder):
        return f"Every exchange is recorded in {str(tape.path)!r}; so far {_exchanges(tape)}."
    if isinstance(tape, Replayer):
        return f"Answers come from {str(tape.path)!r}, which holds {_exchanges(tape)}; nothing is sent."
    return ""


def _end(kind: type[Recorder] | type[Replayer]) -> str:
    if isinstance(tape_in_use(), kind):
        use_everywhere(None)
    return f"Nothing is {'recorded' if kind is Recorder else 'replayed'} any more."


def _exchanges(tape: Recorder | Replayer) -> str:
    return "1 exchange" if tape.count == 1 else f"{tape.count} exchanges"


def _replayed_by_environment() -> str:
    return os.environ.get(VARIABLE, "").strip()


def _unquoted(name: str) -> str:
    is_quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "'\""
    return name[1:-1] if is_quoted else name
