"""Whether a server is reached: its proxy, TLS, its URL with and without /v1, its key, its models."""

import re
import ssl
from collections.abc import Sequence
from contextlib import suppress

import httpx

from ..answers.answers import parse_object
from ..answers.retries import is_loading
from ..client import forward, forward_chat_completion, forward_models, forward_transcription
from ..exceptions import ConfigurationError, GatewayError, UpstreamError, UpstreamResponseError
from ..loop_clients import is_loopback, proxy_for
from ..routing import endpoint_url, is_local
from ..wire.bodies import media_type_of
from ..wire.transport_errors import causes_of
from ..wire.web_pages import decoded, is_web_page
from .findings import Fix, Probe
from .fixes import another_url, give_key, go_around_proxy
from .other_addresses import address_that_answers, is_model_list, reaches_directly
from .probing import Probing, failed_for_its_key
from .sample_sound import sample_sound
from .status import models_in

NO_ROUTE = (404, 405, 501)
SHOWN_MODELS = 3
FOUND = "Ask the server where it answers."
WHISPER_CPP = "Start whisper.cpp's server with --inference-path /v1/audio/transcriptions."


async def probe_address(probing: Probing, ports: Sequence[int]) -> bool:
    """Ask for the list of models, and say what came of it; whether to go on.

    Args:
        probing: the server.
        ports: where another one may be on this computer.
    """
    try:
        response = await forward_models(probing.url, probing.glance)
    except (UpstreamError, ConfigurationError) as error:
        await _say_why_not(probing, error, ports)
        return False
    probing.headers = response.headers
    if _is_page(response) or response.status_code in NO_ROUTE:
        return await _probe_other_routes(probing, response, ports)
    _note_the_way(probing)
    await _note_url(probing, response)
    return _note_models(probing, response)


def _note_the_way(probing: Probing) -> None:
    """The server answered: whatever stands before it works."""
    url = httpx.URL(probing.url)
    if is_local(probing.url):
        probing.note("proxy", "not tried", "nothing leaves this computer")
        probing.note("TLS", "not tried", "nothing leaves this computer")
        return
    proxy = proxy_for(url)
    way = f"through {proxy.url.copy_with(userinfo=b'')}" if proxy else "none: it is asked directly"
    probing.note("proxy", "works", way)
    if url.scheme == "https":
        probing.note("TLS", "works", "its certificate is valid")
    else:
        near = "on this computer" if is_loopback(url.host) else "anybody on the way may read along"
        probing.note("TLS", "not offered", f"http://, {near}")


async def _note_url(probing: Probing, response: httpx.Response) -> None:
    if is_local(probing.url):
        probing.note("URL", "works", "the embedded engine, on this computer")
        return
    base = endpoint_url(probing.url, "/models").removesuffix("/models")
    detail = f"it answers at {base}"
    if base.endswith("/v1") and is_model_list(response):
        without = await _answers_without_version(probing, base)
        detail += ", with and without /v1" if without else ", and not without /v1"
    probing.note("URL", "works", detail)


async def _answers_without_version(probing: Probing, base: str) -> bool:
    with suppress(UpstreamError):
        return is_model_list(await forward("GET", base.removesuffix("/v1") + "/models", "", probing.glance))
    return False


def _note_models(probing: Probing, response: httpx.Response) -> bool:
    try:
        models = tuple(models_in(parse_object(response, probing.url, probing.config)))
    except UpstreamResponseError as error:
        if failed_for_its_key(error):
            probing.note("key", "fails", error.message, give_key(probing.url, probing.config))
            return False
        probing.note("models", "fails", error.message, Fix(error.hint) if error.hint else None)
        return not is_loading(error)
    probing.models = tuple(model.id for model in models)
    probing.unfetched = tuple(model.id for model in models if model.is_fetched is False)
    if models:
        probing.note("models", "works", _names(probing.models))
    else:
        probing.note("models", "not offered", "its list is empty")
    return True


def _names(models: tuple[str, ...]) -> str:
    shown = ", ".join(models[:SHOWN_MODELS])
    return shown if len(models) <= SHOWN_MODELS else f"{shown} and {len(models) - SHOWN_MODELS} more"


async def _probe_other_routes(probing: Probing, response: httpx.Response, ports: Sequence[int]) -> bool:
    """There is no list: a server that keeps none, another path, or something else that answers."""
    if response.status_code in NO_ROUTE and await _has_routes(probing):
        _note_the_way(probing)
        await _note_url(probing, response)
        probing.note("models", "not offered", "it keeps no list")
        return True
    problem = _problem_of(response, probing)
    if _is_page(response) and proxy_for(httpx.URL(probing.url)):
        await _blame_proxy(probing, problem)
        return False
    _note_the_way(probing)
    found = await address_that_answers(probing.url, probing.config, ports)
    if found:
        probing.note("URL", "fails", problem, another_url(probing.url, found, probing.config, FOUND))
    else:
        probing.note("URL", "fails", problem, await _no_address_fix(probing, response))
    return False


async def _no_address_fix(probing: Probing, response: httpx.Response) -> Fix:
    if response.headers.get("server") == "whisper.cpp":
        return Fix(WHISPER_CPP)
    base = endpoint_url(probing.url, "/models").removesuffix("/models")
    if re.search(r"/v1$", base) and await _answers_without_version(probing, base):
        return Fix(f"Let the server answer at {base}, too: without /v1 it can't be asked.")
    return Fix("Look up the address of its OpenAI-compatible API: it often ends in /v1.")


async def _has_routes(probing: Probing) -> bool:
    """Whether anything is there for a chat or a recording; an empty chat costs nothing."""
    url, config = probing.url, probing.glance
    with suppress(UpstreamError):
        if _is_answer(await forward_chat_completion({}, url, config)):
            return True
    with suppress(UpstreamError):
        sound = sample_sound()
        return _is_answer(await forward_transcription(sound.data, sound.format, {}, url, probing.patient))
    return False


def _is_answer(response: httpx.Response) -> bool:
    return response.status_code not in NO_ROUTE and not _is_page(response)


def _is_page(response: httpx.Response) -> bool:
    return is_web_page(decoded(response.content), media_type_of(response))


def _problem_of(response: httpx.Response, probing: Probing) -> str:
    try:
        parse_object(response, probing.url, probing.config)
    except UpstreamResponseError as error:
        return error.message
    return f"{probing.url} keeps no list of models, and answers neither chats nor recordings."


async def _say_why_not(probing: Probing, error: GatewayError, ports: Sequence[int]) -> None:
    """No answer came, or none that is HTTP."""
    if isinstance(error, ConfigurationError):
        await _say_what_is_configured(probing, error, ports)
    elif problem := _certificate_problem(error):
        _note_proxy_is_no_matter(probing)
        probing.note("TLS", "fails", error.message, _certificate_fix(problem))
    elif proxy_for(httpx.URL(probing.url)):
        await _blame_proxy(probing, error.message)
    else:
        _note_proxy_is_no_matter(probing)
        found = await address_that_answers(probing.url, probing.config, ports)
        advice = "Start the server, or correct its host and port."
        fix = another_url(probing.url, found, probing.config, FOUND) if found else Fix(advice)
        probing.note("URL", "fails", error.message, fix)


def _note_proxy_is_no_matter(probing: Probing) -> None:
    if not proxy_for(httpx.URL(probing.url)):
        probing.note("proxy", "works", "none: it is asked directly")


async def _say_what_is_configured(probing: Probing, error: ConfigurationError, ports: Sequence[int]) -> None:
    if "allow_key_over_http" in error.hint:
        found = await address_that_answers(probing.url, probing.config, ports)
        fix = Fix("Allow it, in a network that you trust alone.", {"allow_key_over_http": True})
        if found.startswith("https://"):
            fix = another_url(probing.url, found, probing.config, "Ask it where it is encrypted.")
        probing.note("key", "fails", error.message, fix)
    else:
        probe: Probe = "URL"  # an engine that is not installed
        if "proxy" in error.message:
            probe = "proxy"
        elif "certificates" in error.message:
            probe = "TLS"
        probing.note(probe, "fails", error.message, Fix(error.hint))


async def _blame_proxy(probing: Probing, problem: str) -> None:
    proxy = proxy_for(httpx.URL(probing.url))
    assert proxy
    direct = await reaches_directly(probing.url)
    detail = f"Through the proxy {proxy.url.copy_with(userinfo=b'')}: {problem}"
    probing.note("proxy", "fails", detail, go_around_proxy(probing.url, reaches_directly=direct))


def _certificate_problem(error: GatewayError) -> ssl.SSLCertVerificationError | None:
    return next(
        (cause for cause in causes_of(error) if isinstance(cause, ssl.SSLCertVerificationError)), None
    )


def _certificate_fix(problem: ssl.SSLCertVerificationError) -> Fix:
    # Numbers of OpenSSL, x509_vfy.h.
    if problem.verify_code == 10:
        return Fix(
            "Renew the certificate on the server (certbot renew, then restart the server); "
            "where others find it valid, correct the clock of this computer."
        )
    if problem.verify_code == 9:
        return Fix("Correct the clock of this computer: the certificate is not valid yet.")
    if problem.verify_code in (62, 63, 64):
        return Fix("Write the URL with the name that is in the certificate.")
    return Fix(
        "Name the file with the certificate of the authority that signed it.",
        variables={"SSL_CERT_FILE": "/path/to/authority.pem"},
    )
