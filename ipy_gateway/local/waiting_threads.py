"""CTranslate2's threads sleep while they wait for each other."""

import ctypes
import importlib.util
import os
from contextlib import suppress
from pathlib import Path

# What GNU's OpenMP reads once, when it is loaded: https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
_POLICY = "OMP_WAIT_POLICY"
_SET_BY_THE_USER = (_POLICY, "GOMP_SPINCOUNT")


def let_waiting_threads_sleep() -> None:
    """Load the OpenMP that comes with CTranslate2's wheel for Linux, told to let threads sleep.

    By default they spin, and Whisper's decoder has them wait for each other thousands of times a second:
    where other programs take one of the cores, that is several times the CPU time and the wait.
    The library is loaded by itself, with the variable set for that moment, so that no other library of this
    process and no child of it is told the same. What the user has set stays.
    """
    if any(name in os.environ for name in _SET_BY_THE_USER):
        return
    for library in _openmp_of_ctranslate2():
        os.environ[_POLICY] = "passive"
        try:
            with suppress(OSError):  # for another machine: the import will say so
                ctypes.CDLL(str(library))
        finally:
            os.environ.pop(_POLICY, None)


def _openmp_of_ctranslate2() -> list[Path]:
    """Where auditwheel puts libraries that a wheel needs; nothing on other systems."""
    package = importlib.util.find_spec("ctranslate2")
    if not package or not package.origin:
        return []
    return list((Path(package.origin).parents[1] / "ctranslate2.libs").glob("libgomp-*.so*"))
