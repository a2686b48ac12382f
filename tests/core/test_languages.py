"""Languages have names and codes, and some write no spaces."""

import pytest

from ipy_gateway.core.transcripts.languages import joined, language_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("english", "en"),
        ("English", "en"),
        ("en", "en"),
        ("haitian creole", "ht"),
        ("Klingon", "Klingon"),
        (" ", None),
        ("x" * 41, None),
    ],
)
def test_a_name_of_a_language_gives_its_code(name: str, code: str | None) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["Well,", "yes."], "Well, yes."),
        ([" We", "ll,", " yes."], " Well, yes."),
        (["Well, ", "yes."], "Well, yes."),
        (["你好", "Anna"], "你好Anna"),
        (["Anna", "吗"], "Anna吗"),
        ([], ""),
    ],
)
def test_texts_are_joined_as_their_languages_are_written(texts: list[str], whole: str) -> None:
    assert joined(texts) == whole
