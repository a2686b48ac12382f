"""A web page is no transcript, however it comes; and a transcript is no web page."""

import codecs
import time

import httpx
import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError
from ipy_gateway.core.transcribing.transcriptions import parse_transcription
from ipy_gateway.core.wire.web_pages import begins_web_page, is_web_page

URL = "http://host"
PAGES = {
    "doctype": b"<!DOCTYPE html><title>Log in</title>",
    "html": b"<html><body>Log in</body></html>",
    "no frame": b"<p>Please log in</p>",
    "title alone": b"<title>502</title><center>Bad Gateway</center>",
    "script": b"<script>location='/login'</script>",
    "comment": b"<!-- proxy --><html>",
    "blanks": b"\n\t  \r\n <html>",
    "byte order mark": codecs.BOM_UTF8 + b"\n<html>",
    "two byte order marks": codecs.BOM_UTF8 * 2 + b"<html>",
    "UTF-16": "\ufeff<html>Log in".encode("utf-16-le"),
    "UTF-16, big end first": "\ufeff<html>Log in".encode("utf-16-be"),
    "UTF-16 without mark": "<html>".encode("utf-16-be"),
    "XHTML": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">',
    "capitals": b"<HTML><BODY>",
    "attributes": b'<div id="app"></div><script src="/main.js"></script>',
    "after a warning": b"Warning: no such index.\n<!doctype html><p>Log in",
    "end alone": b"Log in\n</body></html>\n",
    "closing tag": b"</head><body>",
}
TYPES = ["text/html", "text/plain", "text/html; charset=utf-8", "application/json", "text/vtt", "", "x/y"]


@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_is_never_a_transcript(page: bytes, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = httpx.Response(200, content=page, headers=headers)

    with pytest.raises(UpstreamResponseError, match="not JSON"):
        parse_transcription(response, URL, GatewayConfig(URL))


@pytest.mark.parametrize("page", ["<!doctype html><p>Log in", " <!-- a --> <!-- b -->\n<html>", "<BODY>"])
def test_a_page_within_json_is_no_transcript(page: str) -> None:
    for body in ({"text": page}, page):
        with pytest.raises(UpstreamResponseError, match="http://host answered with"):
            parse_transcription(httpx.Response(200, json=body), URL, GatewayConfig(URL))


def test_a_page_in_text_html_is_known_by_any_tag() -> None:
    assert is_web_page('Please <a href="/login">log in</a>.', "text/html")
    assert not is_web_page('Please <a href="/login">log in</a>.', "text/plain")


@pytest.mark.parametrize(
    "text",
    [
        "Well, yes.",
        "<|en|> Yes.",
        "<unk> yes",
        "<laughter> Yes.",
        "<noise>",
        "a < b > c",
        "The <html> tag comes first, then the <body> tag.",
        "",
    ],
)
def test_a_transcript_is_no_page(text: str) -> None:
    assert not is_web_page(text, "text/plain")
    assert not begins_web_page(text)


def test_markup_that_a_prompt_asked_for_is_a_transcript() -> None:
    answer = httpx.Response(200, json={"text": "<p>Well, <b>yes</b>.</p>"})

    assert parse_transcription(answer, URL, GatewayConfig(URL)).text == "<p>Well, <b>yes</b>.</p>"


def test_a_text_without_form_can_be_refused() -> None:
    config = GatewayConfig(URL)

    with pytest.raises(UpstreamResponseError, match="not JSON: It works"):
        parse_transcription(httpx.Response(200, text="It works"), URL, config, takes_plain_text=False)
    subtitles = httpx.Response(200, text="1\n00:00:00,000 --> 00:00:01,000\nYes.\n")
    assert parse_transcription(subtitles, URL, config, takes_plain_text=False).text == "Yes."


@pytest.mark.parametrize("piece", ["<!-- -->", "<!--", "<p ", "</html>   ", "\n<", "\ufeff", "<b "])
def test_a_hostile_text_takes_linear_time(piece: str) -> None:
    started = time.perf_counter()

    is_web_page(piece * 100_000 + "x", "text/html")
    begins_web_page(piece * 100_000 + "x")

    assert time.perf_counter() - started < 5
