"""What the examples suppose: recordings of these names, servers at these addresses, values in variables."""

import json
import shutil
from pathlib import Path

from ..support.chat_stream import USAGE, streamed
from ..support.fault_server import Answer, RecordedRequest, answer, completion
from ..support.well_server import WellServer

FILES = (
    *("interview.m4a", "note.m4a", "conference.m4a", "talk.m4a", "talk.wav", "a.mp3", "my recording.wav"),
    *("talks/monday.m4a", "talks/tuesday.mp3", "interviews/ada.mp3"),
)
SERVERS = ("localhost:8080", "localhost:8081", "a:80", "b:80", "host:80")  # one server plays them all
DOWNLOAD = "https://example.org/talk.mp3"
# What stands for anything of its kind.
PLACEHOLDERS = {
    "record FILE": "record lesson.json",
    "replay FILE": "replay lesson.json",
    "FILE": "interview.m4a",
    "FOLDER": "transcripts",
    "QUESTION": "What is a decibel?",
    "NAME=VALUE": "timeout_s=60",
    "NAME": "qwen3",
    "URL": "http://localhost:8080",
    "[options]": "-t 0",
}
VARIABLES = """
import asyncio
from pathlib import Path

from pydantic import BaseModel

from ipy_gateway import *
from ipy_gateway import AudioUpload

class Person(BaseModel):
    name: str
    age: int

config = GatewayConfig({url!r}, journal=False)
messages = [{{"role": "user", "content": "How old is Ada?"}}]
audio_bytes = Path("note.m4a").read_bytes()
recordings = [audio_bytes, audio_bytes]
urls = [str(Path("note.m4a").resolve())]
transcript = Transcript("Good morning.", [Segment(0.0, 1.2, "Good morning.")], source="talk.m4a")
t = transcript
draft = "Many words."
question = "What is a decibel?"
"""
# Whatever an example has turned on is off again before the next one.
AS_AT_FIRST = """
%reload_ext ipy_gateway
%gateway record off
%gateway replay off
%gateway budget off
%gateway loop own
_ = %gateway {url}
_ = %gateway set timeout_s=30
"""


def lay_out(folder: Path, note: Path) -> None:
    """Put a recording into a folder under all the names that examples give it."""
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(note, folder / name)


def respond(request: RecordedRequest) -> Answer:
    """A server that chats and hears, knows how old Ada is, and has a recording to download."""
    if request.target.endswith(".mp3"):
        return answer(body=Path(__file__).parents[2].joinpath("notebooks/audio/note.m4a").read_bytes())
    if b'"Person"' in request.body and b'"response_format"' in request.body:
        text = json.dumps({"name": "Ada", "age": 36})
        return streamed(text, USAGE) if request.json.get("stream") else completion(text)
    return WellServer(models=("tiny", "qwen3", "llama3")).respond(request)


def as_typed(code: str, url: str) -> str:
    """An example with real addresses, and with values for what stands for any."""
    for placeholder, value in PLACEHOLDERS.items():
        code = code.replace(placeholder, value)
    for server in SERVERS:
        code = code.replace(f"http://{server}", url)
    return code.replace(DOWNLOAD, f"{url}/talk.mp3")
