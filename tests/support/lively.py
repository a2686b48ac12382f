"""A chat that is shown in a shell of this process, with a clock of its own, and what a kernel would send."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.session import Session
from traitlets.config import Config

from ipy_gateway.core.answers.chunks import ChatChunk
from ipy_gateway.core.answers.replies import Reply
from ipy_gateway.notebook.chat.live import LiveAnswer
from ipy_gateway.render.answers import Answer

Result = TypeVar("Result")


class StepBridge:
    """A bridge and its clock: the work goes on for a step, some time passes, and it is painted.

    Attributes:
        now_s: what the clock says.
    """

    def __init__(self, step_s: float = 0.1) -> None:
        self.now_s = 1000.0
        self._step_s = step_s

    def clock(self) -> float:
        return self.now_s

    def run(
        self, work: Coroutine[Any, Any, Result], *, while_waiting: Callable[[], None] | None = None
    ) -> Result:
        while True:
            try:
                work.send(None)
            except StopIteration as end:
                result: Result = end.value
                return result
            self.now_s += self._step_s
            if while_waiting:
                while_waiting()


class _Step:
    """Awaited, it lets the bridge paint."""

    def __await__(self) -> Any:
        yield


@dataclass
class Message:
    """A message of a kernel, and how many bytes it is on the wire."""

    kind: str
    content: dict[str, Any]
    size: int

    @property
    def display_id(self) -> str:
        return str(self.content.get("transient", {}).get("display_id", ""))

    @property
    def text(self) -> str:
        return str(self.content["data"]["text/plain"])


@dataclass
class Outputs:
    """The outputs of a cell, as a front end has them."""

    shown: list[Message] = field(default_factory=list)
    clears_next: bool = False

    def take(self, message: Message) -> None:
        if message.kind == "clear_output":
            self.clears_next = True
            return
        if message.kind == "update_display_data":
            (place,) = [n for n, one in enumerate(self.shown) if one.display_id == message.display_id]
            self.shown[place] = message
            return
        if self.clears_next:
            self.shown, self.clears_next = [], False
        self.shown.append(message)


class RecordingPublisher(DisplayPublisher):
    """Makes the messages that a kernel's publisher makes, and keeps them.

    Attributes:
        fails: raise an error instead.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)  # type: ignore[no-untyped-call]  # as IPython has it
        self.messages: list[Message] = []
        self.outputs = Outputs()
        self.fails = False
        self._session = Session(key=b"key")
        code = {"code": "%%chat\nWhat is there to say?", "silent": False, "allow_stdin": True}
        self._parent = self._session.msg("execute_request", code)

    @property
    def size(self) -> int:
        """Bytes of all messages."""
        return sum(message.size for message in self.messages)

    def publish(self, data: Any, metadata: Any = None, **how: Any) -> None:  # type: ignore[override]  # as kernels do
        kind = "update_display_data" if how.get("update") else "display_data"
        content = {"data": data, "metadata": metadata or {}, "transient": how.get("transient") or {}}
        self._send(kind, content)

    def clear_output(self, wait: bool = False) -> None:
        self._send("clear_output", {"wait": wait})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        if self.fails:
            raise RuntimeError("The front end is gone.")
        wire = self._session.msg(kind, content, parent=self._parent)
        frames = self._session.serialize(wire, ident=b"display_data")
        message = Message(kind, content, sum(map(len, frames)))
        self.messages.append(message)
        self.outputs.take(message)


class StandInKernel:
    """What of a kernel is looked at to find out who watches, and what a cell consists of."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get_parent(self) -> dict[str, Any]:
        return {"content": {"code": self._code, "allow_stdin": True}}


@contextmanager
def shell_of_a_kernel(code: str = "%%chat\nGo on.") -> Iterator[tuple[InteractiveShell, RecordingPublisher]]:
    """A shell that looks as if a kernel ran this cell in it, and the publisher that records what it shows."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.kernel = StandInKernel(code)  # type: ignore[attr-defined]  # shells of kernels have one
    publisher = shell.display_pub = RecordingPublisher(shell)
    try:
        yield shell, publisher
    finally:
        InteractiveShell.clear_instance()


def steps(text: str, characters: int) -> list[ChatChunk]:
    """A text as chunks of a length."""
    return [ChatChunk(text=text[at : at + characters]) for at in range(0, len(text), characters)]


def show_live(
    shell: InteractiveShell,
    chunks: Iterable[ChatChunk],
    *,
    owns_cell: bool = True,
    ending: BaseException | None = None,
    is_whole: bool = False,
) -> Reply:
    """Show an answer whose chunks come one by one, a tenth of a second apart, and which may break off.

    Args:
        ending: what is raised in the end,
        is_whole: after the answer has come to its end.
    """
    bridge = StepBridge()
    live = LiveAnswer(shell, "Waiting for the answer", bridge, owns_cell=owns_cell, clock=bridge.clock)

    async def coming() -> AsyncGenerator[ChatChunk, None]:
        for chunk in chunks:
            yield chunk
            await _Step()
        if ending and not is_whole:
            raise ending

    async def work() -> Reply:
        await live.incoming.take_all(coming(), timeout_s=None)
        if ending:
            raise ending
        return live.incoming.reply()

    def answer_of(reply: Reply) -> Answer:
        return Answer(
            text=reply.text or reply.refusal, reasoning=reply.reasoning, partial=not reply.is_complete
        )

    return live.follow(work(), answer_of)
