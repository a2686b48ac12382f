"""Answers that are HTTP, and not what was asked for."""

from functools import partial
from typing import Any

import pytest

from ipy_gateway import UpstreamResponseError

from ..support.fault_server import Answer, answer, completion, fault_server
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

NO_JSON = "{url} answered with something that is not JSON"
NO_OBJECT = "{url} answered with something that is not a JSON object"
NO_TRANSCRIPT = ("plain", "streamed", "magic")  # some servers answer a recording with its text alone
PAGE = b"<!DOCTYPE html><html><head><title>Log in\n here</title></head><body>hello</body></html>"


def fault(what: str, reply: Answer, says: str, **differences: Any) -> Fault:
    return Fault(what, partial(fault_server, reply), UpstreamResponseError, says, **differences)


def said(body: Any, *, content_type: str = "application/json", status: int = 200) -> Answer:
    return answer(status, body=body, headers={"Content-Type": content_type})


WRONG = {
    "html-page": fault(
        "A web page in a 200: a log-in form, a router, a portal",
        said(PAGE, content_type="text/html"),
        NO_JSON + ': an HTML page titled "Log in here".',
        uses=EVERY_USE,
    ),
    "html-as-json": fault(
        "A web page that is called JSON", said(PAGE), NO_JSON + ': an HTML page titled "Log in here".'
    ),
    "text": fault(
        "Plain text in a 200",
        said(b"It works!", content_type="text/plain"),
        NO_JSON + ": It works!.",
        uses=NO_TRANSCRIPT,
    ),
    "image": fault("An image", said(b"\x89PNG\r\n\x1a\n" + bytes(100), content_type="image/png"), NO_JSON),
    "nothing": fault("An empty body", said(b""), NO_JSON),
    "cut-json": fault("JSON that is cut, with a length that fits", said(b'{"choices": [{"mess'), NO_JSON),
    "two-jsons": fault("Two JSON objects one after the other", said(b"{}{}"), NO_JSON),
    "deep-json": fault("JSON that is nested 100,000 times", said(b'{"choices":' + b"[" * 100_000), NO_JSON),
    "long-number": fault(
        "JSON with a number of 10,000 digits", said(b'{"a": ' + b"1" * 10_000 + b"}"), NO_JSON
    ),
    "invalid-utf8": fault("JSON whose text is not UTF-8", said(b'{"choices": "\xff\xfe\xfa"}'), NO_JSON),
    "null": fault("JSON null", said(b"null"), NO_OBJECT),
    "list": fault("A JSON list", said([]), NO_OBJECT),
    "string": fault("A JSON string", said(b'"Fine."'), NO_OBJECT + ": Fine.", uses=NO_TRANSCRIPT),
    "no-choices": fault(
        "An object without choices", said({"object": "list", "data": []}), "{url} answered without choices."
    ),
    "empty-choices": fault("No choice at all", said({"choices": []}), "{url} answered without choices."),
    "choices-object": fault(
        "Choices that are no list", said({"choices": {"0": {}}}), "{url} answered without choices."
    ),
    "choice-number": fault(
        "A choice that is no object", said({"choices": [7]}), "{url} answered without choices."
    ),
    "no-message": fault(
        "A choice without a message", said({"choices": [{"index": 0}]}), "{url} answered without choices."
    ),
    "content-number": fault(
        "A content that is a number",
        said({"choices": [{"message": {"content": 7}}]}),
        "{url} sent a chunk whose 'content' can't be read: 7.",
        uses=("streamed",),
    ),
    "key-in-refusal": fault(
        "A refusal that repeats the key",
        said({"choices": [{"message": {"content": None, "refusal": f"Not with {KEY}."}}]}),
        "{url} refused: Not with **********.",
        uses=("await", "%transcribe", "%%analyze"),  # a refusal to chat is an answer
    ),
    "message-list": fault(
        "A message that is no object",
        said({"choices": [{"message": ["Fine."]}]}),
        "{url} answered without choices.",
    ),
}

ERRORS: dict[str, tuple[str, Any, str]] = {
    "object": (
        "OpenAI's and llama.cpp's",
        {"error": {"code": 400, "message": "boom", "type": "x"}},
        ": boom.",
    ),
    "code-text": ("with a code that is text", {"error": {"code": "bad", "message": "boom"}}, ": boom."),
    "code-null": ("with a code that is null", {"error": {"code": None, "message": "boom"}}, ": boom."),
    "text": ("an error that is text", {"error": "boom"}, ": boom."),
    "name-and-message": ("a name and a message", {"error": "Name", "message": "boom"}, ": boom."),
    "detail": ("FastAPI's detail", {"detail": "boom"}, ": boom."),
    "detail-list": (
        "FastAPI's list of fields",
        {"detail": [{"loc": ["body", "n"], "msg": "boom"}]},
        ": body.n: boom.",
    ),
    "detail-error": ("an error in a detail", {"detail": {"error": {"message": "boom"}}}, ": boom."),
    "message": ("a message alone", {"message": "boom"}, ": boom."),
    "list": ("a list of errors (Gemini)", [{"error": {"message": "boom"}}], ": boom."),
    "plain-text": ("plain text", b"boom\n", ": boom."),
    "html": ("a proxy's page", PAGE, ': an HTML page titled "Log in here".'),
    "empty": ("nothing at all", b"", "."),
    "empty-object": ("an empty object", {}, "."),
    "not-utf8": ("bytes that are not UTF-8", b"b\xffoom", ": b�oom."),
    "half-character": ("half of a character", b'{"error": "boom \\ud800"}', ": boom."),
    "giant": ("30 MB of text", b"boom " * 6_000_000, ": boom boom"),
    "control-characters": (
        "control characters and escapes",
        {"error": "\x1b[31mboom\x00\r\n"},
        ": [31mboom.",
    ),
    "deep": ("an error nested 100,000 times", b'{"error":' * 100_000, "."),
    "key": ("the key itself", {"error": f"Incorrect API key {KEY}"}, ": Incorrect API key **********."),
}

STATUSES = (
    {
        name: fault(
            f"An error body of this shape: {what}",
            said(body, status=400),
            "{url} answered 400 Bad Request" + says,
        )
        for name, (what, body, says) in ERRORS.items()
    }
    | {
        f"{code}": fault(
            f"Status {code}", said({"error": "boom"}, status=code), f"{{url}} answered {shown}: boom."
        )
        for code, shown in {
            401: "401 Unauthorized",
            403: "403 Forbidden",
            404: "404 Not Found",
            405: "405 Method Not Allowed",
            413: "413 Request Entity Too Large",
            422: "422 Unprocessable Entity",
            500: "500 Internal Server Error",
            501: "501 Not Implemented",
            502: "502 Bad Gateway",
            504: "504 Gateway Timeout",
            529: "529",
            599: "599",
            999: "999",
        }.items()
    }
    | {
        "204": fault("No content", answer(204, headers={"Content-Length": "0"}, body=b""), NO_JSON),
        "304": fault("A cache's 304", answer(304, body=b""), "{url} answered 304 Not Modified."),
        "101": fault(
            "A switch of protocols that nobody asked for",
            answer(101, body=b""),
            "What {url} answered is not HTTP (",
        ),
    }
)

ERRORS_IN_200 = {
    "object": fault(
        "An error object in a 200",
        said({"error": {"message": "boom"}}),
        "{url} answered with an error: boom.",
        uses=EVERY_USE,
    ),
    "text": fault("An error text in a 200", said({"error": "boom"}), "{url} answered with an error: boom."),
    "beside-choices": fault(
        "An error beside choices",
        said({"error": "boom", "choices": []}),
        "{url} answered with an error: boom.",
    ),
    "detail": fault("A detail in a 200", said({"detail": "boom"}), "{url} answered without choices: boom."),
    "message": fault(
        "vLLM's error in a 200",
        said({"object": "error", "message": "boom"}),
        "{url} answered without choices: boom.",
    ),
    "key": fault(
        "The key, repeated in a 200",
        said({"error": f"no {KEY}"}),
        "{url} answered with an error: no **********.",
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(WRONG))
def test_an_answer_that_makes_no_sense(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize(("fault", "use"), cases(STATUSES))
def test_an_error_of_the_server(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize(("fault", "use"), cases(ERRORS_IN_200))
def test_an_error_in_a_200(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "extra",
    [b'"x": NaN', b'"x": "\\ud800"', b'"usage": 7', b'"model": ["m"]', b'"x": ' + b"[" * 500 + b"]" * 500],
    ids=["NaN", "half a character", "usage", "model", "deep"],
)
def test_what_is_odd_beside_the_answer_is_passed_over(extra: bytes, use: str, trial: Trial) -> None:
    body = b'{"choices": [{"message": {"content": "Fine."}, "finish_reason": "stop"}], ' + extra + b"}"

    with fault_server(answer(body=body)) as server:
        assert "Fine." in trial.text(use, server)


@pytest.mark.parametrize("use", USES)
def test_an_answer_of_a_wrong_content_type_is_understood(use: str, trial: Trial) -> None:
    reply = completion("Fine.")
    typed = Answer(reply.data.replace(b"application/json", b"text/x-whatever; charset=nope"))

    with fault_server(typed) as server:
        assert "Fine." in trial.text(use, server)
