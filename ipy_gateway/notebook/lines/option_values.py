"""What the values of options have to be, and how options are described."""

import keyword
import math

from ...core.exceptions import InvalidRequestError
from .option_line import Option

OPTION_WIDTH = 24


def number_of(option: Option, text: str) -> float:
    """The number that an option's value is.

    Raises:
        InvalidRequestError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidRequestError(f"{option} needs a number, not {text!r:.80}.", f"Write {option} 0.5.")
    return number


def count_of(option: Option, text: str) -> int:
    """The whole number that an option's value is.

    Raises:
        InvalidRequestError: it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise InvalidRequestError(
            f"{option} needs a whole number, not {text!r:.80}.", f"Write {option} 100."
        ) from None


def filled(option: Option, text: str) -> str:
    """An option's value, which may not be empty.

    Raises:
        InvalidRequestError: it is.
    """
    if not text.strip():
        raise InvalidRequestError(f"The value of {option} is empty.", f"Write {option} {option.value}.")
    return text


def variable_name(name: str) -> str:
    """A name that a variable may have.

    Raises:
        InvalidRequestError: it can't be one.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InvalidRequestError(f"{name!r:.80} can't be the name of a variable.", "Write -o reply.")
    return name


def described(option: Option) -> str:
    """The line of a help text about an option."""
    words = f"{', '.join(option.words)} {option.value}".rstrip()
    return f"    {words:<{OPTION_WIDTH}} {option.help}"
