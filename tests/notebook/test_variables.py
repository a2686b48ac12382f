"""{{name}} and {{expression}} in a text."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway.core.exceptions import InvalidRequestError
from ipy_gateway.notebook.values.parts import Filled
from ipy_gateway.notebook.values.variables import fill, fill_option

from ..support.filling import text_of

SHARED_SHELL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


# What is a placeholder


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{name}}", "Anna"),
        ("{{ name }}", "Anna"),
        ("Hello {{name}}, {{ name.upper() }}!", "Hello Anna, ANNA!"),
        ("{{name}}{{name}}", "AnnaAnna"),
        ("{{ {'a': 1}['a'] }}", "1"),
        ("{{ {'a': {'b': 2}}['a'] }}", '{"b": 2}'),
        ("{{{'a': 1}['a']}}", "1"),
        ('{{ "}}" }}', "}}"),
        ("{{ '''}} and\n{{''' }}", "}} and\n{{"),
        ("{{ '\\'}}' }}", "'}}"),
        ('{{ f"{name}}}" }}', "Anna}"),
        ("{{ [n\nfor n in name] }}", '["A", "n", "n", "a"]'),
        ("{{ 1, 2 }}", "[1, 2]"),
        ('{"who": "{{name}}"}', '{"who": "Anna"}'),
        ('{"who":{{{name}}}}', '{"who":{Anna}}'),
        ("{{(}} {{name}}", "{{(}} Anna"),
        ("{{ don't }} {{name}}", "{{ don't }} Anna"),
    ],
)
def test_an_expression_between_double_braces_becomes_its_value(
    shell: InteractiveShell, text: str, filled: str
) -> None:
    shell.user_ns["name"] = "Anna"

    assert fill(text, shell) == Filled((filled,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no braces",
        "{}",
        "{x}",
        "print({'a': 1})",
        "{'a': {'b': 1}}",
        "f'{x}'",
        r"\frac{a}{b} costs $5",
        "{{}}",
        "{{ }}",
        "{{...}}",
        "{{% raw %}}",
        "{{#if x}}{{else}}{{/if}}",
        "{{ two words }}",
        "{{ open",
        "{{ open } }",
        "{{ 'open }}",
        "{ {name} }",
        "}}{{",
        "{{{{ two words }}}}",
        "{{ \0 }}",
        "{{ \ud800 }}",
    ],
)
def test_all_else_stays_as_it_is(shell: InteractiveShell, text: str) -> None:
    assert fill(text, shell) == Filled((text,))


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("{{{{name}}}}", "{{name}}"),
        ("Write {{{{ name }}}} for {{name}}.", "Write {{ name }} for Anna."),
        ("{{{{{name}}}}}", "{{{name}}}"),
        ("{{{{unknown}}}}", "{{unknown}}"),
    ],
)
def test_braces_doubled_once_more_stand_for_themselves(
    shell: InteractiveShell, text: str, literal: str
) -> None:
    shell.user_ns["name"] = "Anna"

    assert fill(text, shell) == Filled((literal,))


def test_what_was_filled_in_is_not_searched_again(shell: InteractiveShell) -> None:
    shell.user_ns.update(outer="{{inner}} {{", inner="secret")

    assert text_of(fill("{{outer}}inner}}", shell)) == "{{inner}} {{inner}}"


@pytest.mark.parametrize(
    "text", ["{{ " * 5_000, "{{ }} " * 5_000, "{{(" * 5_000 + "'", "{{" + "(" * 50_000 + ")" * 50_000 + "}}"]
)
def test_thousands_of_braces_come_to_an_end(shell: InteractiveShell, text: str) -> None:
    assert fill(text, shell) == Filled((text,))


@SHARED_SHELL
@given(text=st.text().filter(lambda text: "{{" not in text))
def test_any_text_without_double_braces_is_unchanged(shell: InteractiveShell, text: str) -> None:
    assert fill(text, shell) == Filled((text,))


@SHARED_SHELL
@given(text=st.text(alphabet="{}{}{}ab()[]'\"\\:,.*=!#\n 1", max_size=60))
def test_any_braces_give_a_text_or_an_error_of_ours(shell: InteractiveShell, text: str) -> None:
    shell.user_ns["a"] = "A"

    with suppress(InvalidRequestError):
        assert isinstance(text_of(fill(text, shell)), str)


# How it is evaluated


def test_it_is_evaluated_in_the_namespace_of_the_user(shell: InteractiveShell) -> None:
    shell.run_cell("factor = 3\ndef times(number):\n    return number * factor")
    before = set(shell.user_ns)

    filled = fill("{{ [times(n) for n in range(factor)] }} {{ max(1, 2) }}", shell)

    assert text_of(filled) == "[0, 3, 6] 2"
    assert set(shell.user_ns) == before


def test_expressions_are_evaluated_once_each_from_left_to_right(shell: InteractiveShell) -> None:
    shell.run_cell("numbers = iter(range(10))")

    assert text_of(fill("{{next(numbers)}} {{next(numbers)}} {{next(numbers)}}", shell)) == "0 1 2"


# What goes wrong


def test_an_unknown_name_is_an_error_that_names_near_misses(shell: InteractiveShell) -> None:
    shell.user_ns["transcript"] = "..."

    with pytest.raises(InvalidRequestError) as raised:
        fill("Sum up: {{transcrpt}}", shell)

    assert raised.value.message == "There is no variable 'transcrpt', which {{ transcrpt }} asks for."
    assert raised.value.hint == (
        "Did you mean transcript? Braces that are meant as such are doubled: {{{{transcrpt}}}}."
    )
    assert isinstance(raised.value.__cause__, NameError)


def test_an_unknown_name_like_no_other_asks_for_its_cell(shell: InteractiveShell) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"'zzqx', which \{\{ zzqx\[0\] \}\} asks for\. Run the cell"
    ):
        fill("{{ zzqx[0] }}", shell)


def test_an_unknown_name_within_a_function_is_not_taken_for_the_placeholders(shell: InteractiveShell) -> None:
    shell.run_cell("def broken():\n    return zzqx")

    with pytest.raises(InvalidRequestError, match=r"\{\{ broken\(\) \}\} raised NameError: name 'zzqx'"):
        fill("{{broken()}}", shell)


def test_an_expression_that_raises_is_one_sentence(shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        fill("{{ {'a': 1}['b'] }}", shell)

    assert raised.value.message == "{{ {'a': 1}['b'] }} raised KeyError: 'b'."
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_long_expression_and_a_long_reason_are_shortened(shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        fill("{{ {}['" + "long" * 500 + "'] }}", shell)

    assert len(raised.value.message) < 320


def test_await_is_asked_for_in_a_cell_of_its_own(shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError, match=r"'await' outside function.* cell of its own"):
        fill("{{ await something }}", shell)


def test_a_value_whose_repr_raises_is_named(shell: InteractiveShell) -> None:
    shell.run_cell(
        "class Broken:\n    def __repr__(self):\n        raise OSError('gone.')\nbroken = Broken()"
    )

    with pytest.raises(
        InvalidRequestError, match=r"^\{\{ broken \}\}, of type Broken, can't be sent: OSError: gone\. "
    ):
        fill("{{broken}}", shell)


# Options


def test_an_option_is_filled_with_text(shell: InteractiveShell) -> None:
    shell.user_ns["language"] = "Japanese"

    assert fill_option("Answer in {{language}}, {x}", shell) == ("Answer in Japanese, {x}", ())


def test_what_is_left_out_of_an_option_is_told(shell: InteractiveShell) -> None:
    shell.user_ns["essay"] = "x" * 100_001

    _, notices = fill_option("Answer as in {{essay}}", shell)

    assert notices == ("{{ essay }} is too long: 1 of 100,001 characters left out.",)


@pytest.mark.parametrize(("data", "kind"), [(b"\x89PNG\r\n\x1a\n", "a picture"), ("tone", "a sound")])
def test_an_option_takes_no_picture_and_no_sound(
    shell: InteractiveShell, tone: bytes, data: object, kind: str
) -> None:
    shell.user_ns["given"] = tone if data == "tone" else data

    with pytest.raises(
        InvalidRequestError, match=rf"^\{{\{{ given \}}\}} is {kind}, and an option takes text"
    ):
        fill_option("{{given}}", shell)
