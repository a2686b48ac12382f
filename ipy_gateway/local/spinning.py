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
_SET_BY_THE_USER = {SPIN_VARIABLE, "OMP_WAIT_POLICY"}


def spinning_as_wanted() -> dict[str, str]:
    """What to add to the environment of a child that loads OpenMP: nothing where the user has a say in it."""
    return {} if _SET_BY_THE_USER & os.environ.keys() else {SPIN_VARIABLE: SPINS}


@contextmanager
def spinning_briefly() -> Generator[None, None, None]:
    """Have what is loaded inside spin no longer; how the user's own programs wait is none of our business."""
    added = spinning_as_wanted()
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
