"""How long threads of the embedded engine spin while they wait for each other: a core is kept from others."""

import os
from collections.abc import Generator
from contextlib import contextmanager

# GNU's OpenMP, which CTranslate2 and llama.cpp bring, reads when it is loaded for how many turns a thread
# spins before it sleeps. With its own 300,000, on two cores that two more programs wanted, llama.cpp wrote
# 2 to 6 tokens a second and Whisper took longer than the speech; with these 35 tokens, and a tenth of that.
# On cores that nobody else wants it costs llama.cpp 8 % (110 of 120 tokens a second), and Whisper nothing.
SPIN_VARIABLE = "GOMP_SPINCOUNT"
SPINS = "200"


def spins() -> str:
    """What the user says of it, or else ours."""
    return os.environ.get(SPIN_VARIABLE, SPINS)


@contextmanager
def spinning_briefly() -> Generator[None, None, None]:
    """Have what is loaded inside spin no longer; how the user's own programs wait is none of our business."""
    if SPIN_VARIABLE in os.environ:
        yield
        return
    os.environ[SPIN_VARIABLE] = SPINS
    try:
        yield
    finally:
        os.environ.pop(SPIN_VARIABLE, None)
