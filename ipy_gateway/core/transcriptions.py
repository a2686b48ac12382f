"""What to ask of /v1/audio/transcriptions, and what its many dialects answer.

Servers differ in what they make of a request: read is what came, never what was asked for.
"""

import html
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import httpx

from .answers import answer_error, parse_object
from .config import GatewayConfig
from .exceptions import UpstreamResponseError

_MAX_LANGUAGE_CHARACTERS = 40
# Languages that write no spaces between words: Thai to Tibetan, Myanmar, Khmer, Chinese and Japanese.
_UNSPACED = r"[\u0e00-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\uffef\U00020000-\U0003ffff]"
_STARTS_UNSPACED = re.compile(_UNSPACED)
_ENDS_UNSPACED = re.compile(f"{_UNSPACED}$")

# Whisper writes down silence. Only whisper.cpp's own mark is never speech; the others (seen in whisper.cpp's
# issue 2363 and pull request 473) may be asked for in a prompt, and go only where nothing else is said.
# "[MUSIC]", "[inaudible]" and the like tell something about the recording, and stay.
_BLANK_AUDIO = re.compile(r" ?\[ ?BLANK[_ ]AUDIO ?\]", re.IGNORECASE)
_ONLY_SILENCE = re.compile(
    r"(?:[\[(]\s*(?:silence|silent|no audio|no speech|無音)\s*[\])]\s*)+", re.IGNORECASE
)

_HTML_PAGE = re.compile(r"\s*<(?:!doctype|!--|\?xml|html|head|body)", re.IGNORECASE)
_EVENTS = re.compile(r"\s*(?:(?:event|id|retry)?:[^\r\n]*[\r\n]+)*data: ?[{\[]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_CLOCK = r"(?:([0-9]{1,6}):)?([0-9]{1,3}):([0-9]{1,2}(?:[.,][0-9]{1,9})?)"
_TIMING = re.compile(rf"[ \t]*{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t].*)?$")
_SUBTITLES = re.compile(rf"WEBVTT(?!\S)|(?:[0-9]+[ \t]*[\r\n]+[ \t]*)?{_CLOCK}[ \t]*-->")
_VTT_BLOCK = re.compile(r"NOTE(?!\S)|STYLE[ \t]*$|REGION[ \t]*$")
_VOICE = re.compile(r"<v(?:\.[^ \t<>]*)?[ \t]([^<>]*)>")
_TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang|font)(?:\.[^ \t<>]*)?(?:[ \t][^<>]*)?>|<[0-9:.]+>")
_ENTITY = re.compile(r"&[#0-9A-Za-z]{1,10};")
# OpenAI's and llama.cpp's "transcript.text.delta", Mistral's "transcription.segment", and their kin.
_EVENT_TYPE = re.compile(r"transcript(?:ion)?\.(?:text\.)?(delta|segment|done|language)")


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it is said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class TimedText:
    """Some words that are said in one go.

    Attributes:
        start_s: where they begin, in seconds from the start of the recording.
        end_s: where they end; never before `start_s`.
        text: what is said, without blanks around it.
        words: the single words, where the server gives them.
        speaker: who speaks, in the server's words, or None.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[TimedWord, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a server heard in a recording.

    Attributes:
        text: all that is said; "" for silence.
        segments: the same with times; () where the server gives none.
        language: ISO 639 code where the name is one of Whisper's, else the server's own word, or None.
        duration_s: length of the recording as the server gives it, or None.
    """

    text: str
    segments: tuple[TimedText, ...] = ()
    language: str | None = None
    duration_s: float | None = None

    @property
    def words(self) -> tuple[TimedWord, ...]:
        """The words of all segments."""
        return tuple(word for segment in self.segments for word in segment.words)


def transcription_fields(
    *,
    model: str | None = None,
    language: str | None = None,
    prompt: str | None = None,
    response_format: str | None = None,
    temperature: float | None = None,
    words: bool = False,
    stream: bool = False,
) -> dict[str, str | list[str]]:
    """The fields of the form beside its file, ready for httpx's `data`; nothing that is unset is among them.

    Args:
        model: its name; most servers insist on one.
        language: ISO 639-1 code of what is spoken.
        prompt: words that may occur. llama.cpp takes it in place of its built-in instruction.
        response_format: "json", "verbose_json", ...
        temperature: of the decoding.
        words: ask for the times of words, and so for "verbose_json" where no other format is given.
        stream: ask for the text as it is recognized; whether it comes so is up to the server.
    """
    fields: dict[str, str | list[str] | None] = {
        "model": model,
        "language": language,
        "prompt": prompt,
        "response_format": response_format or ("verbose_json" if words else None),
        "temperature": None if temperature is None else f"{temperature:g}",
        "timestamp_granularities[]": ["word", "segment"] if words else None,
        "stream": "true" if stream else None,  # llama.cpp knows no other word for it
    }
    return {name: value for name, value in fields.items() if value}


def parse_transcription(response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    """The transcription in a complete response, in whichever of the formats it came.

    An empty body is silence where its type is that of text or subtitles, as servers answer it to
    response_format=text, and an error as JSON, as an HTML page or without a type.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, or no transcription.
    """
    body = response.content.decode("utf-8", "replace").removeprefix("\ufeff")
    if response.is_success:
        if _media_type(response) == "text/event-stream":
            return _read_events(body, response, base_url, config)
        text = _text_in(body, _media_type(response))
        if text is not None:
            return _read_text(text, response, base_url, config)
    answer = parse_object(response, base_url, config)
    if _has_a_format_of_its_own(answer.get("text")):
        return _read_text(answer["text"], response, base_url, config)
    found = _transcription_in(answer)
    if found is None:
        raise answer_error(f"{base_url} answered without a transcript", answer, response, base_url, config)
    return found


def _media_type(response: httpx.Response) -> str:
    media_type: str = response.headers.get("content-type", "")
    return media_type.partition(";")[0].strip().lower()


def _text_in(body: str, media_type: str) -> str | None:
    """The text that is the answer, or None where it is JSON or no answer at all."""
    value = _json_of(body)
    if isinstance(value, dict) or _HTML_PAGE.match(body):
        return None
    if isinstance(value, str) and "json" in media_type:  # FastAPI's way to return a text
        return value
    if _has_a_format_of_its_own(body):
        return body
    if media_type == "text/html":  # whisper.cpp's type for plain text
        return body if body.strip() and not re.match(r"\s*</?[a-z]", body, re.IGNORECASE) else None
    return body if media_type.startswith("text/") or media_type == "application/x-subrip" else None


def _has_a_format_of_its_own(text: object) -> bool:
    """LiteLLM wraps subtitles, and even a stream of events, in the text of a JSON object."""
    return isinstance(text, str) and (_are_subtitles(text) or bool(_EVENTS.match(text)))


def _are_subtitles(text: str) -> bool:
    return bool(_SUBTITLES.match(text.lstrip()))


def _read_text(text: str, response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    if _EVENTS.match(text):
        return _read_events(text, response, base_url, config)
    if _are_subtitles(text):
        return _assembled(None, _cues(text))
    return Transcription(_cleaned(text))


def _read_events(body: str, response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    stream = TranscriptionStream(response, base_url, config)
    for _ in stream.feed(_events_in(body)):
        pass
    return stream.finish()


def _events_in(body: str) -> Iterator[tuple[str, str]]:
    """Name and data of the events in a whole body (https://html.spec.whatwg.org/multipage/server-sent-events)."""
    name, data = "", []
    for line in [*_LINE_END.split(body), ""]:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
        elif not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []


class TranscriptionStream:
    """Reads the events of a streamed transcription; the bytes and their decoding are someone else's.

    It ends with `[DONE]`, with a `.done` event, or, in dialects that have neither, with the response.
    """

    def __init__(self, response: httpx.Response, base_url: str, config: GatewayConfig) -> None:
        """Of `response` only status and headers are read."""
        self._response, self._base_url, self._config = response, base_url, config
        self._source = ""  # what brings the text: "delta", or "segment" where those come alone
        self._pieces: list[str] = []
        self._segments: list[TimedText] = []
        self._final = Transcription("")
        self._unknown: Mapping[str, Any] = {}
        self._has_ended = False

    @property
    def partial_text(self) -> str:
        """The text that has come so far."""
        return "".join(self._pieces)

    @property
    def has_ended(self) -> bool:
        """Whether the server has said that nothing more will come."""
        return self._has_ended

    def feed(self, events: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Read events, each its name (or "") and data, and give the pieces of text that they bring.

        Raises:
            UpstreamResponseError: an event is an error or none of a transcription; with the text so far in
                its `partial_text`.
        """
        for name, data in events:
            if self._has_ended:
                return
            piece = self._take(name, data)
            if piece:
                yield piece

    def finish(self, *, is_framed: bool = True) -> Transcription:
        """The whole transcription, after the last event.

        Args:
            is_framed: whether HTTP told where the response ends, by chunks or by a length. If not, a lost
                connection looks like an end, and a stream without an end of its own is taken for broken.

        Raises:
            UpstreamResponseError: nothing came, or the end is missing; with the text so far in its
                `partial_text`.
        """
        if not self._source and not self._has_ended:
            raise self._error("ended its stream before the transcript began", self._unknown)
        if not self._has_ended and not is_framed:
            raise self._error("broke off in the middle of the transcript", {})
        # speaches ends with an empty text, and then the deltas count.
        text = self._final.text or _cleaned(self.partial_text)
        segments = self._final.segments or _assembled(text, self._segments).segments
        return replace(self._final, text=text, segments=segments)

    def _take(self, name: str, data: str) -> str:
        if data.strip() == "[DONE]":
            self._has_ended = True
            return ""
        body = _json_of(data)
        if name == "error" or (isinstance(body, dict) and _is_error(body)):
            raise self._error("broke off the transcript with an error", body or data)
        if not data.strip():
            return ""
        if not isinstance(body, dict):
            raise self._error("sent an event that is no JSON object", data)
        event_type = body.get("type")
        return self._take_body(body, event_type if isinstance(event_type, str) else name)

    def _take_body(self, body: dict[str, Any], event_type: str) -> str:
        kind = _EVENT_TYPE.fullmatch(event_type)
        match kind[1] if kind else None:
            case "delta":
                return self._grow("delta", body.get("delta") or body.get("text"))  # Mistral calls it text
            case "segment":
                self._segments += _segments_in([body])[0]
                return self._grow_apart(body.get("text"))
            case "done":
                self._has_ended = True
                self._final = self._merged(body)
            case "language":
                self._final = replace(self._final, language=_language(body.get("audio_language")))
            case _ if isinstance(body.get("choices"), list):  # vLLM
                return self._grow("delta", _content(body["choices"]))
            case _ if isinstance(body.get("text"), str):  # older speaches: an answer for each segment
                self._final = replace(self._merged(body), text="", segments=())
                self._segments += _segments_in(body.get("segments"))[0]
                return self._grow_apart(body["text"])
            case _:
                self._unknown = body
        return ""

    def _merged(self, body: Mapping[str, Any]) -> Transcription:
        said = _transcription_in({**body, "text": self._string(body.get("text"))}) or self._final
        return replace(
            said,
            language=said.language or self._final.language,
            duration_s=self._final.duration_s if said.duration_s is None else said.duration_s,
        )

    def _grow_apart(self, text: Any) -> str:
        """Add a text that ends where a word does."""
        piece = self._string(text)
        separator = _separator(self._pieces[-1], piece) if self._pieces and piece else ""
        return self._grow("segment", separator + piece)

    def _grow(self, source: str, text: Any) -> str:
        piece = self._string(text)
        self._source = self._source or source
        if source != self._source:  # OpenAI's diarization sends the text twice: in deltas and in segments
            return ""
        piece = piece if self._pieces else piece.lstrip()
        if piece:
            self._pieces.append(piece)
        return piece

    def _string(self, text: Any) -> str:
        if text is not None and not isinstance(text, str):
            raise self._error(f"sent a text that is no string but {type(text).__name__}", {})
        return _well_formed(text or "")

    def _error(self, what: str, body: Any) -> UpstreamResponseError:
        sentence = f"{self._base_url} {what}"
        error = answer_error(sentence, body, self._response, self._base_url, self._config)
        error.partial_text = self.partial_text
        return error


def _is_error(body: Mapping[str, Any]) -> bool:
    return bool(body.get("error")) or "error" in (body.get("type"), body.get("object"))


def _content(choices: list[Any]) -> Any:
    first = choices[0] if choices else None  # a chunk with the usage alone has no choices
    delta = first.get("delta") if isinstance(first, Mapping) else None
    return delta.get("content") if isinstance(delta, Mapping) else None


def _transcription_in(body: Mapping[str, Any]) -> Transcription | None:
    """The transcription in a JSON object: all but the text may be missing, null or beyond understanding."""
    segments, has_times = _segments_in(body.get("segments"))
    text = body.get("text")
    if not isinstance(text, str) and not segments:
        return None
    words = _words_in(body.get("words"))
    text = _cleaned(text) if isinstance(text, str) else ""
    text = text or _cleaned(_joined([segment.text for segment in segments]))
    return replace(
        _assembled(text, _with_words(segments if has_times else [], words, text)),
        language=_language(body.get("language")),
        duration_s=_seconds(body.get("duration")),
    )


def _segments_in(items: Any) -> tuple[list[TimedText], bool]:
    """Segments as they are written, and whether any has a time. One without goes after its predecessor."""
    segments: list[TimedText] = []
    has_times = False
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str):
            continue
        start_s, end_s = _seconds(item.get("start")), _seconds(item.get("end"))
        has_times = has_times or start_s is not None
        if start_s is None:
            start_s = segments[-1].end_s if segments else 0.0
        end_s = start_s if end_s is None else max(start_s, end_s)
        words = tuple(_words_in(item.get("words")))
        segments.append(TimedText(start_s, end_s, _well_formed(item["text"]), words, _speaker(item)))
    return segments, has_times


def _speaker(item: Mapping[str, Any]) -> str | None:
    name = item.get("speaker")
    name = item.get("speaker_id") if name is None else name  # Mistral
    if isinstance(name, bool) or not isinstance(name, str | int):
        return None
    return _well_formed(str(name)).strip() or None


def _words_in(items: Any) -> list[TimedWord]:
    """The words of a list; whisper.cpp's are parts of words, of which the first has a blank before it."""
    parts: list[TimedWord] = []
    for item in items if isinstance(items, list) else []:
        text = (item.get("word") or item.get("text")) if isinstance(item, Mapping) else None
        start_s = _seconds(item.get("start")) if isinstance(text, str) else None
        if start_s is not None and isinstance(text, str):
            end_s = _seconds(item.get("end"))
            parts.append(TimedWord(start_s, max(start_s, end_s or 0.0), _well_formed(text)))
    words = _whole_words(parts) if any(part.text[:1].isspace() for part in parts[1:]) else parts
    cleaned = [replace(word, text=_cleaned(word.text)) for word in words]
    return [word for word in cleaned if word.text]


def _whole_words(parts: list[TimedWord]) -> list[TimedWord]:
    groups: list[list[TimedWord]] = []
    for part in parts:
        if groups and not part.text[:1].isspace() and not _STARTS_UNSPACED.match(part.text):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [
        TimedWord(group[0].start_s, max(part.end_s for part in group), "".join(part.text for part in group))
        for group in groups
    ]


def _with_words(segments: list[TimedText], words: list[TimedWord], text: str) -> list[TimedText]:
    """Give the words from the top of an answer to the segments in which their middle is."""
    if not words or any(segment.words for segment in segments):
        return segments
    if not segments:
        return [TimedText(words[0].start_s, max(word.end_s for word in words), text, tuple(words))]
    starts_s = [segment.start_s for segment in segments]
    shares: list[list[TimedWord]] = [[] for _ in segments]
    for word in words:
        shares[max(bisect_right(starts_s, (word.start_s + word.end_s) / 2) - 1, 0)].append(word)
    return [replace(segment, words=tuple(share)) for segment, share in zip(segments, shares, strict=True)]


def _assembled(text: str | None, segments: list[TimedText]) -> Transcription:
    """A transcription of raw segments, whose texts make up the whole where there is none."""
    if text is None:
        text = _cleaned(_joined([segment.text for segment in segments]))
    cleaned = [replace(segment, text=_cleaned(segment.text)) for segment in segments]
    return Transcription(text, tuple(segment for segment in cleaned if segment.text))


def _joined(texts: list[str]) -> str:
    """The whole of several texts. Where they bring their blanks, one without is the rest of a word."""
    texts = [text for text in texts if text.strip() and not _ONLY_SILENCE.fullmatch(text.strip())]
    if any(text[:1].isspace() for text in texts):
        return "".join(texts)
    return "".join([*texts[:1], *(_separator(before, after) + after for before, after in pairwise(texts))])


def _separator(before: str, after: str) -> str:
    is_apart = before[-1:].isspace() or after[:1].isspace()
    is_unspaced = _ENDS_UNSPACED.search(before[-1:]) or _STARTS_UNSPACED.match(after)
    return "" if is_apart or is_unspaced else " "


def _cleaned(text: str) -> str:
    text = _well_formed(text)
    if text.startswith(" ") and text.endswith(
        "\n"
    ):  # whisper.cpp: a line for each segment, even within a word
        text = _joined(text.split("\n"))
    text = _BLANK_AUDIO.sub("", text).strip()
    return "" if _ONLY_SILENCE.fullmatch(text) else text


def _well_formed(text: str) -> str:
    """JSON can hold half a surrogate pair, which can't be written to any file."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _seconds(value: Any) -> float | None:
    """A time; vLLM gives the duration as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_subtitles(text: str) -> tuple[TimedText, ...]:
    """The cues of SubRip or WebVTT subtitles, however carelessly written.

    Numbers, hours and blank lines may be missing, the decimal mark be a comma or a point, and line ends
    be of any kind. Markup is removed, and a voice (`<v Anna>`) becomes the speaker.
    """
    return _assembled("", _cues(text)).segments


def _cues(text: str) -> list[TimedText]:
    text = text.lstrip("\ufeff \t\r\n")
    is_vtt = text.startswith("WEBVTT")
    found: list[tuple[re.Match[str], list[str]]] = []
    in_block = False
    before = ""
    for line in _LINE_END.split(text):
        timing = _TIMING.match(line)
        in_block = not timing and bool(line.strip()) and (in_block or _starts_block(line, before, is_vtt))
        if timing:
            _drop_name_of_next(found)
            found.append((timing, []))
        elif found and not in_block:
            found[-1][1].append(line)
        before = line.strip()
    return [_cue(timing, lines, is_vtt=is_vtt) for timing, lines in found]


def _starts_block(line: str, before: str, is_vtt: bool) -> bool:
    return is_vtt and not before and bool(_VTT_BLOCK.match(line))


def _drop_name_of_next(found: list[tuple[re.Match[str], list[str]]]) -> None:
    """The number or name of a cue stands on the line before its times."""
    lines = found[-1][1] if found else []
    if lines and lines[-1].strip() and (lines[-1].strip().isdigit() or (lines[1:] and not lines[-2].strip())):
        lines.pop()


def _cue(timing: re.Match[str], lines: list[str], *, is_vtt: bool) -> TimedText:
    text = " ".join(line.rstrip() for line in lines if line.strip())
    voice = _VOICE.search(text) if is_vtt else None
    text = _TAG.sub("", text)
    if is_vtt:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    start_s, end_s = _clock_s(*timing.groups()[:3]), _clock_s(*timing.groups()[3:])
    return TimedText(start_s, max(start_s, end_s), text, speaker=voice[1].strip() or None if voice else None)


def _clock_s(hours: str | None, minutes: str, seconds: str) -> float:
    return round(int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", ".")), 9)


def _language(name: Any) -> str | None:
    """A language's code: whisper.cpp and OpenAI's whisper-1 say "english", others "en"."""
    if not isinstance(name, str) or len(name) > _MAX_LANGUAGE_CHARACTERS:
        return None
    word = _well_formed(name).strip()
    return _LANGUAGE_CODES.get(word.lower(), word) or None


# The languages of Whisper (openai/whisper, whisper/tokenizer.py).
_LANGUAGES = """
en english,zh chinese,de german,es spanish,ru russian,ko korean,fr french,ja japanese,pt portuguese,
tr turkish,pl polish,ca catalan,nl dutch,ar arabic,sv swedish,it italian,id indonesian,hi hindi,fi finnish,
vi vietnamese,he hebrew,uk ukrainian,el greek,ms malay,cs czech,ro romanian,da danish,hu hungarian,ta tamil,
no norwegian,th thai,ur urdu,hr croatian,bg bulgarian,lt lithuanian,la latin,mi maori,ml malayalam,cy welsh,
sk slovak,te telugu,fa persian,lv latvian,bn bengali,sr serbian,az azerbaijani,sl slovenian,kn kannada,
et estonian,mk macedonian,br breton,eu basque,is icelandic,hy armenian,ne nepali,mn mongolian,bs bosnian,
kk kazakh,sq albanian,sw swahili,gl galician,mr marathi,pa punjabi,si sinhala,km khmer,sn shona,yo yoruba,
so somali,af afrikaans,oc occitan,ka georgian,be belarusian,tg tajik,sd sindhi,gu gujarati,am amharic,
yi yiddish,lo lao,uz uzbek,fo faroese,ht haitian creole,ps pashto,tk turkmen,nn nynorsk,mt maltese,
sa sanskrit,lb luxembourgish,my myanmar,bo tibetan,tl tagalog,mg malagasy,as assamese,tt tatar,haw hawaiian,
ln lingala,ha hausa,ba bashkir,jw javanese,su sundanese,yue cantonese
"""
_LANGUAGE_CODES = {
    name: code for code, _, name in (entry.strip().partition(" ") for entry in _LANGUAGES.split(","))
}
