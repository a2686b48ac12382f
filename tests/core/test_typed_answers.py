"""Answers as objects: the schema that is sent, what is read out of answers, and the one second try."""

import json
from typing import Any, Literal

import httpx
import pandas
import pytest
from pydantic import BaseModel, Field

from ipy_gateway import (
    Budget,
    GatewayConfig,
    InvalidAnswerError,
    InvalidRequestError,
    UpstreamResponseError,
    chat_completion_as,
)
from ipy_gateway.core.answers.answer_kinds import AnswerProblem, answer_kind
from ipy_gateway.core.requests.typed_answers import may_send_schema

from ..support.chat_stream import delta, streamed
from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer, fault_server

QUESTION = [{"role": "user", "content": "Who is Ada, 36?"}]
ADA = '{"name": "Ada", "age": 36}'
NO_FORMAT = answer(400, body={"error": {"message": "response_format is not supported"}})


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int = Field(ge=0)


class Family(BaseModel):
    parent: Person
    children: list[Person] = []
    city: str | None = None


class Sized(BaseModel):
    size: Literal["small", "large"]
    legs: int = Field(ge=0, le=9)


async def asked(*script: Answer, kind: Any = Person, **params: Any) -> tuple[Any, FaultServer]:
    with fault_server(*script) as server:
        typed = await chat_completion_as(QUESTION, kind, GatewayConfig(server.url, max_retries=0), **params)
    return typed, server


# A real llama.cpp server

ANIMALS = (
    *("ant", "bear", "bee", "camel", "cat", "cow", "crab", "crow", "deer", "dog"),
    *("duck", "eagle", "fish", "fly", "fox", "frog", "goat", "hen", "horse", "lion"),
    *("mouse", "newt", "owl", "pig", "rat", "seal", "sheep", "snake", "spider", "swan"),
)


async def size_of(animal: str, url: str) -> Sized | InvalidAnswerError:
    question = [{"role": "user", "content": f"Size and legs of a {animal}?"}]
    try:
        typed = await chat_completion_as(question, Sized, GatewayConfig(url), max_tokens=30, temperature=0)
    except InvalidAnswerError as error:
        return error
    return typed.value


@pytest.mark.parametrize("count", [5, pytest.param(30, marks=pytest.mark.long)])
async def test_every_answer_of_a_real_small_model_is_an_object_or_an_error_with_its_text(
    text_server: str, count: int
) -> None:
    answers = [await size_of(animal, text_server) for animal in ANIMALS[:count]]

    objects = [one for one in answers if isinstance(one, Sized)]
    assert all(one.text for one in answers if isinstance(one, InvalidAnswerError))
    assert len(objects) >= 0.8 * count  # the grammar leaves room for blanks without end
    assert may_send_schema(text_server)


@pytest.mark.parametrize("count", [4, pytest.param(30, marks=pytest.mark.long)])
async def test_through_a_server_that_ignores_the_schema_too_and_the_second_try_is_seen_there(
    text_server: str, count: int
) -> None:
    def unconstrained(request: RecordedRequest) -> Answer:
        seen.append(body := json.loads(request.body))
        body = {name: value for name, value in body.items() if name != "response_format"}
        reply = httpx.post(f"{text_server}{request.target}", json=body, timeout=60)
        return answer(reply.status_code, body=reply.content, headers={"Content-Type": "text/event-stream"})

    seen: list[dict[str, Any]] = []
    with fault_server(respond=unconstrained) as server:
        answers = [await size_of(animal, server.url) for animal in ANIMALS[:count]]

    assert all("response_format" in body for body in seen)
    seconds = [body["messages"][-1]["content"] for body in seen if len(body["messages"]) > 1]
    failed = [one for one in answers if isinstance(one, InvalidAnswerError)]
    assert len(failed) <= len(seconds) == len(seen) - count
    assert all(question.startswith("The answer is wrong: ") for question in seconds)
    assert all(one.text and "gave no Sized in 2 tries" in one.message for one in failed)
    assert failed  # such a small model needs a grammar


# What is sent


async def test_the_schema_goes_along_and_demands_every_field() -> None:
    typed, server = await asked(streamed(ADA), temperature=0)

    assert typed.value == Person(name="Ada", age=36)
    assert (typed.text, typed.tries) == (ADA, 1)
    body = server.request.json
    assert body["messages"] == QUESTION and body["temperature"] == 0
    form = body["response_format"]
    assert (form["type"], form["json_schema"]["name"]) == ("json_schema", "Person")
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"] == {
        "type": "object",
        "description": "Somebody.",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }


def test_objects_within_are_strict_too() -> None:
    kind = answer_kind(Family)

    assert kind.is_strict
    assert kind.schema["required"] == ["parent", "children", "city"]
    assert kind.schema["$defs"]["Person"]["additionalProperties"] is False


@pytest.mark.parametrize("kind", [dict, dict[str, int], pandas.DataFrame])
def test_what_has_names_of_its_own_choice_is_not_strict(kind: Any) -> None:
    assert not answer_kind(kind).is_strict


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (list[Person], f'{{"answer": [{ADA}]}}', [Person(name="Ada", age=36)]),
        (list[Person], f"[{ADA}]", [Person(name="Ada", age=36)]),  # from a server without the schema
        (int, '{"answer": 42}', 42),
        (int, "42", 42),
        (Literal["yes", "no"], '{"answer": "no"}', "no"),
        (dict, '{"a": [1]}', {"a": [1]}),
        (Person | None, '{"answer": null}', None),
    ],
)
async def test_any_kind_is_asked_for_as_an_object(kind: Any, text: str, value: Any) -> None:
    typed, server = await asked(streamed(text), kind=kind)

    assert typed.value == value
    assert server.request.json["response_format"]["json_schema"]["schema"]["type"] == "object"


async def test_a_table_has_the_columns_that_the_model_finds_fit() -> None:
    typed, _ = await asked(streamed('{"answer": [{"n": "a", "x": 1}, {"n": "b"}]}'), kind=pandas.DataFrame)

    assert list(typed.value.columns) == ["n", "x"]
    assert typed.value["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("kind", ["Person", 3, len, Person(name="Ada", age=3), list["Nobody"]])  # type: ignore[name-defined]  # noqa: F821
async def test_what_is_no_type_is_refused_before_anything_is_sent(kind: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"is no type"):
        await chat_completion_as(QUESTION, kind, GatewayConfig("http://127.0.0.1:9"))


async def test_a_response_format_of_ones_own_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="sets response_format itself"):
        await chat_completion_as(QUESTION, Person, GatewayConfig(), response_format={"type": "text"})


# Servers that refuse the schema


@pytest.mark.parametrize(
    "refusal",
    [
        NO_FORMAT,
        answer(422, body={"detail": [{"loc": ["body", "response_format", "type"], "msg": "no such value"}]}),
        answer(400, body={"error": "json_schema is unknown"}),
    ],
)
async def test_a_server_that_refuses_the_schema_finds_it_in_the_message_from_then_on(refusal: Answer) -> None:
    with fault_server(refusal, streamed(ADA)) as server:
        config = GatewayConfig(server.url)
        typed = await chat_completion_as(QUESTION, Person, config)
        again = await chat_completion_as(QUESTION, Person, config)

        assert typed.value == again.value == Person(name="Ada", age=36)
        assert not may_send_schema(server.url)
    _, second, third = (request.json for request in server.requests)
    assert second == third and "response_format" not in second
    (message,) = second["messages"]
    assert message["content"].startswith("Who is Ada, 36?\n\nAnswer with JSON alone")
    assert '"additionalProperties": false' in message["content"]


async def test_a_schema_that_is_too_much_for_a_server_says_nothing_of_others() -> None:
    refusal = answer(400, body={"error": {"message": "Invalid schema for response_format 'Person'"}})
    with fault_server(refusal, streamed(ADA)) as server:
        await chat_completion_as(QUESTION, Person, GatewayConfig(server.url))

        assert may_send_schema(server.url)


async def test_another_refusal_is_the_callers() -> None:
    with pytest.raises(UpstreamResponseError, match="temperature"):
        await asked(answer(400, body={"error": "temperature is too high"}))


async def test_a_server_that_refuses_both_is_asked_twice_at_most() -> None:
    with fault_server(NO_FORMAT) as server, pytest.raises(UpstreamResponseError):
        await chat_completion_as(QUESTION, Person, GatewayConfig(server.url))

    assert len(server.requests) == 2


# Servers that ignore it


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{ADA}\n```",
        f"Here you are:\n```\n{ADA}\n```\nAnything else?",
        f"Of {{these}} [people] it is {ADA}.",
        f'It has {{"name": "a text"}} like this: {ADA}',
    ],
)
async def test_json_is_found_among_words(text: str) -> None:
    typed, _ = await asked(streamed(text))

    assert typed.value == Person(name="Ada", age=36)
    assert typed.reply.message == {"role": "assistant", "content": ADA}


@pytest.mark.parametrize(
    "chunks", [(f"<think>{{}}</think>{ADA}",), (delta(reasoning_content='{"name": 1}'), delta(ADA))]
)
async def test_reasoning_is_no_answer(chunks: tuple[Any, ...]) -> None:
    typed, _ = await asked(streamed(*chunks))

    assert typed.value == Person(name="Ada", age=36)
    assert typed.reply.reasoning


async def test_the_second_try_shows_the_model_its_mistake() -> None:
    wrong = '{"name": "Ada", "age": "old"}'

    typed, server = await asked(streamed(wrong), streamed(ADA))

    assert (typed.value.age, typed.tries) == (36, 2)
    question, mistake, correction = server.requests[1].json["messages"]
    assert question == QUESTION[0]
    assert mistake == {"role": "assistant", "content": wrong}
    assert correction["content"].startswith("The answer is wrong: age: Input should be a valid integer")
    assert "not 'old'. Answer with JSON alone" in correction["content"]


async def test_after_an_empty_answer_the_question_itself_says_more() -> None:
    _, server = await asked(streamed(""), streamed(ADA))

    (message,) = server.requests[1].json["messages"]
    assert "The answer is wrong: it is empty." in message["content"]


async def test_after_the_second_try_there_is_an_error_with_the_text() -> None:
    with (
        fault_server(streamed("I don't know."), streamed("I \x1b[31mreally don't.")) as server,
        pytest.raises(InvalidAnswerError, match="gave no Person in 2 tries: it holds no") as raised,
    ):
        await chat_completion_as(QUESTION, Person, GatewayConfig(server.url))

    assert raised.value.text == "I \x1b[31mreally don't."
    assert raised.value.upstream == server.url
    assert len(server.requests) == 2


async def test_a_cut_off_answer_is_called_so() -> None:
    cut_off = streamed('{"name": "Ada', finish_reason="length")

    with pytest.raises(InvalidAnswerError, match="cut off") as raised:
        await asked(cut_off)

    assert raised.value.hint.startswith("Raise --max-tokens")
    assert raised.value.text == '{"name": "Ada'


async def test_what_there_was_is_kept_where_the_second_try_fails() -> None:
    with pytest.raises(UpstreamResponseError) as raised:
        await asked(streamed("No idea."), answer(401))

    assert raised.value.partial_text == "No idea."


async def test_both_tries_count_for_a_budget() -> None:
    with Budget(requests=5).applied() as budget:
        await asked(streamed("No idea."), streamed(ADA))

    assert budget.used.requests == 2


def test_many_mistakes_are_told_in_part_and_hostile_names_in_plain_words() -> None:
    text = "[" + ", ".join(['{"age": "\\u001b[31m"}'] * 9) + "]"

    with pytest.raises(AnswerProblem, match="and 13 more") as raised:
        answer_kind(list[Person]).read(text)

    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 20_000, "[" * 3_000 + "]" * 3_000, "9" * 5_000])
def test_no_text_is_too_much_to_read(text: str) -> None:
    with pytest.raises(AnswerProblem):
        answer_kind(Person).read(text)
