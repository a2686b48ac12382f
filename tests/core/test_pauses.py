"""Where sound is cut."""

import random
from array import array

import pytest

from ipy_gateway.core.transcribing.pauses import Cut, find_cut

from ..support.tones import RATE_HZ, spoken

WORDS = spoken(range(75))  # 30 s


def noise(seconds: float, *, loudness: int) -> bytes:
    choose = random.Random(3)
    return array("h", [choose.randint(-loudness, loudness) for _ in range(int(seconds * RATE_HZ))]).tobytes()


def cut(samples: bytes, *, start_s: float = 24.0, end_s: float = 30.0) -> Cut:
    return find_cut(samples, RATE_HZ, 1, start_s=start_s, end_s=end_s)


@pytest.mark.parametrize("pause", [bytes(2 * RATE_HZ), noise(1.0, loudness=200)], ids=["silent", "noisy"])
def test_the_cut_is_in_the_middle_of_the_pause(pause: bytes) -> None:
    at = 26 * RATE_HZ * 2

    found = cut(WORDS[:at] + pause + WORDS[at : at + 3 * RATE_HZ * 2])

    assert found.is_pause
    assert found.frame / RATE_HZ == pytest.approx(26.5, abs=0.1)


def test_of_two_pauses_the_longer_is_taken() -> None:
    second = RATE_HZ * 2
    samples = WORDS[: 25 * second] + bytes(second) + WORDS[:second] + bytes(2 * second) + WORDS[:second]

    assert cut(samples).frame / RATE_HZ == pytest.approx(28, abs=0.1)


def test_a_pause_elsewhere_does_not_count() -> None:
    samples = WORDS[: 20 * RATE_HZ] + bytes(10 * RATE_HZ) + WORDS

    found = cut(samples)

    assert not found.is_pause
    assert 24 <= found.frame / RATE_HZ <= 30


def test_without_a_pause_it_is_the_quietest_place() -> None:
    at = 27 * RATE_HZ * 2
    softer = array("h", [value // 2 for value in array("h", WORDS[at : at + RATE_HZ * 2])]).tobytes()

    found = cut(WORDS[:at] + softer + WORDS[at + RATE_HZ * 2 :])

    assert not found.is_pause
    assert 27 <= found.frame / RATE_HZ <= 28


def test_a_soft_voice_is_no_pause() -> None:
    soft = array("h", [value // 8 for value in array("h", WORDS[: 6 * RATE_HZ * 2])]).tobytes()
    samples = bytes(RATE_HZ) + (WORDS[: 5 * RATE_HZ * 2] + bytes(RATE_HZ * 2)) * 4 + soft

    found = find_cut(samples, RATE_HZ, 1, start_s=25, end_s=30)

    assert not found.is_pause


def test_a_sound_card_whose_rest_is_not_zero_has_pauses_too() -> None:
    at = 26 * RATE_HZ * 2
    samples = WORDS[:at] + bytes(RATE_HZ * 2) + WORDS[at : at + 3 * RATE_HZ * 2]
    lifted = array("h", [value + 3000 for value in array("h", samples)]).tobytes()

    assert cut(lifted) == cut(samples)


@pytest.mark.parametrize("samples", [bytes(30 * RATE_HZ * 2), noise(30, loudness=15)], ids=["zeros", "hiss"])
def test_silence_is_one_pause(samples: bytes) -> None:
    found = cut(samples)

    assert found.is_pause
    assert found.frame / RATE_HZ == pytest.approx(27, abs=0.1)


def test_next_to_nothing_is_cut_somewhere() -> None:
    assert cut(bytes(10), start_s=0, end_s=1).frame >= 0
