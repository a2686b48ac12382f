"""What the line of a chat says: options at its front, and a question that is left as it was typed."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipy_gateway import InvalidRequestError
from ipy_gateway.notebook.lines.options import (
    ACTION_OPTIONS,
    CHAT_HELP,
    QUESTION_OPTIONS,
    Action,
    ChatOptions,
    option_words,
    parse_chat_line,
    request_params,
)

many_examples = settings(max_examples=150)


def on_line(line: str) -> ChatOptions:
    return parse_chat_line(line, is_cell=False)


def on_cell(line: str) -> ChatOptions:
    return parse_chat_line(line, is_cell=True)


def error_of(line: str, *, is_cell: bool = False) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as raised:
        parse_chat_line(line, is_cell=is_cell)
    return raised.value


# Questions


@pytest.mark.parametrize(
    "question",
    [
        "what's a decibel?",
        'Say "hello" and don\'t {explain} $HOME C:\\new  two  blanks',
        "What does -t do, and --model?",
        "a, b -m c",
        "-5 degrees is how much?",
        "- an item",
        "1 << 3 is what?",
        "if << is a shift, what is >>?",
        "what does it mean: cout <<",
        "'quoted'",
        "=5",
        "first\nsecond",
        "日本語で?",
        "semicolon;",
    ],
)
def test_a_question_is_left_as_it_was_typed(question: str) -> None:
    assert on_line(question) == ChatOptions(question=question)
    assert on_line(f"  -m m   {question}  ") == ChatOptions(question=question, model="m")
    assert on_line(f"-- {question}") == ChatOptions(question=question)


def test_options_stand_at_the_front_only() -> None:
    options = on_line("-m m it's 5 o'clock, -t is no option here")

    assert options == ChatOptions(question="it's 5 o'clock, -t is no option here", model="m")


@pytest.mark.parametrize("question", ["-m is what?", "--history", "-- two", "--", "reply << 3"])
def test_two_dashes_end_the_options(question: str) -> None:
    assert on_line(f"-t 0 -- {question}") == ChatOptions(question=question, temperature=0.0)


@pytest.mark.parametrize("line", ["", "  ", "-m x", "--", "-t 0 --", "reply <<"])
def test_a_line_without_a_question_says_what_is_missing(line: str) -> None:
    error = error_of(line)

    assert error.message == "%chat has no question."
    assert "%chat What is a decibel?" in error.hint


def test_a_conversation_may_be_begun_anew_without_a_question() -> None:
    assert on_line("--new -n work") == ChatOptions(new=True, name="work")


def test_a_cell_needs_no_line() -> None:
    assert on_cell("  ") == ChatOptions()


def test_a_question_on_the_line_of_a_cell_is_sent_to_where_it_belongs() -> None:
    error = error_of("-m x What is it?", is_cell=True)

    assert error.message == "'What is it?' stands behind the options of %%chat."
    assert "below this line" in error.hint


# Options with values


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-m x", {"model": "x"}),
        ("-mx", {"model": "x"}),
        ("-m=x", {"model": "x"}),
        ("--model x", {"model": "x"}),
        ("--model=x", {"model": "x"}),
        ("-m 'my model'", {"model": "my model"}),
        ('--model="my model"', {"model": "my model"}),
        ("-m a=b", {"model": "a=b"}),
        ("-m qwen2.5:7b-instruct", {"model": "qwen2.5:7b-instruct"}),
        ("-s 'You are \"brief\"  {x} \\n'", {"system": 'You are "brief"  {x} \\n'}),
        ('-s "it\'s you"', {"system": "it's you"}),
        ("-s it's", {"system": "it's"}),
        ('-s ""', {"system": ""}),
        ("-t 0", {"temperature": 0.0}),
        ("-t -1.5", {"temperature": -1.5}),
        ("-t-1", {"temperature": -1.0}),
        ("--temperature=.5", {"temperature": 0.5}),
        ("--max-tokens 5", {"max_tokens": 5}),
        ("--max-tokens=-1", {"max_tokens": -1}),
        ("--seed -3", {"seed": -3}),
        ("--url http://localhost:8080/v1", {"url": "http://localhost:8080/v1"}),
        ("--timeout 1.5", {"timeout_s": 1.5}),
        ("--new", {"new": True}),
        ("-n work", {"name": "work"}),
        ("-o réponse_2", {"output": "réponse_2"}),
        ("reply <<", {"output": "reply"}),
        ("reply<<", {"output": "reply"}),
        ("reply << -m x", {"output": "reply", "model": "x"}),
        ("-m x reply <<", {"output": "reply", "model": "x"}),
        ("-m x -t 1 --seed 7", {"model": "x", "temperature": 1.0, "seed": 7}),
    ],
)
def test_an_option_sets_its_value(line: str, expected: dict[str, Any]) -> None:
    assert on_cell(line) == ChatOptions(**expected)


def test_a_name_at_the_front_takes_the_reply_on_a_line_too() -> None:
    assert on_line("reply << -m x Why?") == ChatOptions(output="reply", model="x", question="Why?")
    assert on_line("reply << Why?") == ChatOptions(output="reply", question="Why?")


@pytest.mark.parametrize(
    ("pair", "name", "value"),
    [
        ("top_p=0.9", "top_p", 0.9),
        ("top_k=5", "top_k", 5),
        ("logprobs=true", "logprobs", True),
        ("user=null", "user", None),
        ("user=me", "user", "me"),
        ("user=True", "user", "True"),
        ('user="5"', "user", "5"),
        ("user='two words'", "user", "two words"),
        ('user="two words"', "user", "two words"),
        ('user=""', "user", ""),
        ('stop="\\n"', "stop", "\n"),
        ('path="C:\\dir"', "path", "C:\\dir"),
        ('stop=["a", "b c"]', "stop", ["a", "b c"]),
        ('response_format={"type": "json_object"}', "response_format", {"type": "json_object"}),
        ('\'response_format={"type": "json_object"}\'', "response_format", {"type": "json_object"}),
        ('response_format=\'{"type": "json_object"}\'', "response_format", {"type": "json_object"}),
        ("equation=a=b", "equation", "a=b"),
        ("version=5abc", "version", "5abc"),
        ("limit=NaN", "limit", "NaN"),
        ("limit=1e999", "limit", "1e999"),
        ("name=x", "name", "x"),
    ],
)
def test_a_parameter_is_json_or_text(pair: str, name: str, value: Any) -> None:
    for line in (f"-p {pair} Why?", f"-p{pair} Why?", f"--param={pair} Why?"):
        options = on_line(line)
        assert options == ChatOptions(question="Why?", params={name: value})
        assert type(options.params[name]) is type(value)


def test_parameters_add_up() -> None:
    assert on_cell("-p a=1 -n work -p b=2 -p name=x").params == {"a": 1, "b": 2, "name": "x"}


# Requests


def test_nothing_that_is_not_set_is_sent() -> None:
    assert request_params(on_line("Why?")) == {}
    assert request_params(on_cell("--url http://x --timeout 5 -s brief --new -n work -o reply")) == {}


def test_what_is_set_is_sent_also_where_it_is_nothing() -> None:
    options = on_cell("-m x -t 0 --max-tokens 0 --seed 0 -p top_p=0 -p user=null")

    assert request_params(options) == {
        "model": "x",
        "temperature": 0.0,
        "max_tokens": 0,
        "seed": 0,
        "top_p": 0,
        "user": None,
    }


def test_a_parameter_may_name_what_has_an_option() -> None:
    assert request_params(on_cell("-p temperature=0.5")) == {"temperature": 0.5}


# Actions


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--history", {"action": "history"}),
        ("--undo -n work", {"action": "undo", "name": "work"}),
        ("--list", {"action": "list"}),
        ("--save 'my talk.json'", {"action": "save", "file": "my talk.json"}),
        ("-n work --load=C:\\talks\\a.json", {"action": "load", "file": "C:\\talks\\a.json", "name": "work"}),
    ],
)
def test_a_line_may_do_something_in_place_of_asking(line: str, expected: dict[str, Any]) -> None:
    assert on_line(line) == ChatOptions(**expected)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--undo Why?", "--undo takes no question, not 'Why?'."),
        ("--undo --history", "--history and --undo are two wishes."),
        ("--undo --undo", "--undo and --undo are two wishes."),
        ("--history -m x", "--history asks nothing, so that 'model' has no meaning."),
        ("--history -p a=1", "--history asks nothing, so that 'a' has no meaning."),
        ("--new --list", "--list asks nothing, so that 'new' has no meaning."),
        ("--save", "--save needs a value."),
        ("--load ''", "The value of --load is empty."),
        ("--undo=5", "--undo takes no value, not '--undo=5'."),
    ],
)
def test_an_action_stands_alone(line: str, sentence: str) -> None:
    assert error_of(line).message == sentence


@pytest.mark.parametrize("action", ["--history", "--undo", "--list", "--save x", "--load x"])
def test_an_action_above_a_question_is_refused(action: str) -> None:
    error = error_of(action, is_cell=True)

    assert "stands above a question" in error.message
    assert error.hint.startswith("Write %chat --")


# What is wrong


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        ("--modle x Why?", "%chat has no option '--modle'.", "Did you mean --model?"),
        ("--modle=x Why?", "%chat has no option '--modle'.", "Did you mean --model?"),
        ("--mod x Why?", "%chat has no option '--mod'.", "Did you mean --model?"),
        ("--max_tokens 5 Why?", "%chat has no option '--max_tokens'.", "Did you mean --max-tokens?"),
        ("-model x Why?", "%chat has no option '-model'.", "Did you mean --model?"),
        ("-new Why?", "%chat has no option '-new'.", "Did you mean --new?"),
        ("--model.x Why?", "%chat has no option '--model.x'.", "Did you mean --model?"),
        ("-x Why?", "%chat has no option '-x'.", "Options are --model, "),
        ("--5 Why?", "%chat has no option '--5'.", "Options are --model, "),
        ("---- Why?", "%chat has no option '----'.", "Options are --model, "),
        ("--=x Why?", "%chat has no option '--'.", "Options are --model, "),
        ("-t hot Why?", "--temperature needs a number, not 'hot'.", "Write --temperature 0.5."),
        ("-t nan Why?", "--temperature needs a number, not 'nan'.", ""),
        ("-t inf Why?", "--temperature needs a number, not 'inf'.", ""),
        ("--timeout 5s Why?", "--timeout needs a number, not '5s'.", ""),
        ("--max-tokens 1.5 Why?", "--max-tokens needs a whole number, not '1.5'.", ""),
        ("--seed x Why?", "--seed needs a whole number, not 'x'.", "Write --seed 100."),
        ("-m", "--model needs a value.", "Write --model NAME."),
        ("--model= x", "--model needs a value.", ""),
        ("-m -t 0 Why?", "--model needs a value.", ""),
        ("-m -- Why?", "--model needs a value.", ""),
        ("-m '' Why?", "The value of --model is empty.", ""),
        ("-s 'You are Why?", "The value of --system has an open quote.", "Close it with '."),
        ("-s 'a'b Why?", "'b' stands right behind the quoted value of --system.", "Write a space"),
        ("-m a -m b Why?", "--model is given twice.", "Give it once."),
        ("-p a=1 -p a=2 Why?", "a is given twice.", ""),
        ("-t 0 -p temperature=1 Why?", "temperature is given twice.", ""),
        ("-p temperature=1 -t 0 Why?", "--temperature is given twice.", ""),
        ("reply << -o other Why?", "--output is given twice.", ""),
        ("-p top_k Why?", "--param needs NAME=VALUE, not 'top_k'.", ""),
        ("-p =5 Why?", "--param needs NAME=VALUE, not '=5'.", ""),
        ("-p top_k= 5", "--param top_k has no value.", ""),
        ('-p x={"a": 1 Why?', "The value of --param x is no JSON: '{\"a\":'.", "Look for a missing bracket"),
        ("-p x=[1,2 Why?", "The value of --param x is no JSON: '[1,2'.", ""),
        ("-p stream=true Why?", "--param can't set 'stream': answers are always streamed.", "Leave it out."),
        ("-p messages=[] Why?", "--param can't set 'messages': the conversation gives", "Use --load"),
        ("-p api_key=sk-1 Why?", "--param can't set 'api_key': it would be saved", "Write %gateway key"),
        ("-p API-KEY=sk-1 Why?", "--param can't set 'API-KEY': it would be saved", ""),
        ("-p config=1 Why?", "--param can't set 'config': it is not part of a request.", "Use %gateway set"),
        ("-o my-reply Why?", "'my-reply' can't be the name of a variable.", "Write -o reply."),
        ("-o class Why?", "'class' can't be the name of a variable.", ""),
        ("-o 5 Why?", "'5' can't be the name of a variable.", ""),
    ],
)
def test_a_wrong_option_is_named_with_what_to_do(line: str, sentence: str, hint: str) -> None:
    error = error_of(line)

    assert error.message.startswith(sentence)
    assert error.hint.startswith(hint)
    assert error.hint


@pytest.mark.parametrize("line", ["my-reply <<", "class <<", "-m x 5 <<", "<<", "-m x two words <<"])
def test_what_can_be_no_variable_takes_no_reply(line: str) -> None:
    assert "can't be the name of a variable" in error_of(line, is_cell=True).message


def test_a_key_is_not_repeated_in_the_error() -> None:
    assert "sk-secret" not in str(error_of("-p api_key=sk-secret Why?"))


def test_the_magic_is_named_as_it_was_written() -> None:
    assert error_of("-x", is_cell=True).message == "%%chat has no option '-x'."


# Help


def test_every_option_can_be_looked_up_and_completed() -> None:
    written = [word for option in QUESTION_OPTIONS + ACTION_OPTIONS for word in option.words]

    assert all(word in CHAT_HELP for word in written)
    assert option_words() == sorted(written)
    assert set(option_words()) - set(option_words(is_cell=True)) == {
        "--history",
        "--list",
        "--load",
        "--save",
        "--undo",
    }


def test_every_option_has_its_field_and_every_action_its_option() -> None:
    fields = set(ChatOptions.__dataclass_fields__) - {"no_audio"}  # which is %%analyze's own

    assert {option.field for option in QUESTION_OPTIONS} == fields - {"question", "action", "file"}
    assert {option.field for option in ACTION_OPTIONS} == set(get_args(Action))


# Anything


PIECES = st.sampled_from(
    [
        *option_words(),
        *(
            "=",
            " ",
            "  ",
            "'",
            '"',
            "--",
            "-",
            "<<",
            "x",
            "reply",
            "class",
            "5",
            "-5",
            "1e999",
            "NaN",
            "a=b",
            "stop=",
        ),
        *(
            "{",
            "}",
            "[",
            "]",
            '{"a": 1}',
            "\\",
            "$",
            "\n",
            "\u2028",
            "\0",
            "stream=1",
            "🏯",
            "\ud800",
            "9" * 5000,
        ),
    ]
)


ANY_LINE = st.lists(PIECES, max_size=10).map("".join) | st.text(max_size=40)


def refusal_of(line: str, *, is_cell: bool) -> InvalidRequestError | None:
    """The error that a line gives; any other exception fails the test."""
    try:
        parse_chat_line(line, is_cell=is_cell)
    except InvalidRequestError as error:
        return error
    return None


@many_examples
@given(line=ANY_LINE, is_cell=st.booleans())
def test_any_line_is_understood_or_refused_in_one_sentence(line: str, is_cell: bool) -> None:
    error = refusal_of(line, is_cell=is_cell)

    assert error is None or error.hint
    assert error is None or len(error.message) < 300


@many_examples
@given(line=ANY_LINE.filter(lambda line: refusal_of(line, is_cell=False) is None))
def test_whatever_is_understood_ends_with_its_question(line: str) -> None:
    options = on_line(line)

    assert line.strip().endswith(options.question)
    assert options.question or options.action or options.new


@many_examples
@given(question=st.text(min_size=1, max_size=60).map(str.strip).filter(bool))
def test_whatever_follows_two_dashes_is_the_question(question: str) -> None:
    assert on_line(f"-m m -- {question}") == ChatOptions(question=question, model="m")
