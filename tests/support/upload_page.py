"""What a page does for an upload widget, without the page: messages to a real kernel, slices and all."""

import itertools
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from .fault_server import FaultServer, answer
from .kernel import Kernel

HEARD = answer(body={"text": "Eight meters.", "segments": [{"start": 0, "end": 1, "text": "Eight meters."}]})
WAIT_S = 60


class UploadPage:
    """A widget's other end.

    Attributes:
        state: the widget's traits, as far as they have changed since.
        shown: what its saved output shows, as HTML.
        subshell_id: through which of the kernel's threads it sends, or "".
    """

    def __init__(self, client: BlockingKernelClient, comm_id: str) -> None:
        self._client = client
        self._comm_id = comm_id
        self._ids = (f"file-{number}" for number in itertools.count())
        self.state: dict[str, Any] = {}
        self.shown = ""
        self.subshell_id = ""
        self._printed: dict[str, str] = {}

    def send(self, kind: str, upload_id: str, *buffers: bytes, **content: Any) -> None:
        """One message of the page."""
        self.send_anything({"kind": kind, "id": upload_id, **content}, *buffers)

    def send_anything(self, content: Any, *buffers: bytes) -> None:
        """One message that a page of ours would never send."""
        session = self._client.session
        data = {"method": "custom", "content": content}
        message = session.msg("comm_msg", {"comm_id": self._comm_id, "data": data})
        message["header"] |= {"subshell_id": self.subshell_id} if self.subshell_id else {}
        session.send(self._client.shell_channel.socket, message, buffers=list(buffers))

    def upload(self, name: str, data: bytes, *, kind: str = "audio/wav", slice_bytes: int = 1 << 20) -> str:
        """Send a file in slices, each when the one before was acknowledged; returns what it is called."""
        upload_id = next(self._ids)
        self.send("begin", upload_id, name=name, size=len(data), type=kind, modified=0)
        received = self.answer()["received"]
        while received < len(data):
            self.send("slice", upload_id, data[received : received + slice_bytes], offset=received)
            received = self.answer()["received"]
        return upload_id

    def answer(self) -> dict[str, Any]:
        """The next message to the page."""
        return self._wait_for(lambda answer: answer)

    def wait_for_state(self, state: str) -> None:
        """Wait until the widget says that it is in this state."""
        self._wait_for(lambda _: self.state.get("state") == state)

    def wait_for_text(self, cell: str) -> str:
        """What is printed in the cell of this message, as soon as a line is."""
        self._wait_for(lambda _: self._printed.get(cell, "").endswith("\n"))
        return self._printed[cell]

    def _wait_for(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        answer: dict[str, Any] = {}
        while not condition(answer):
            try:
                answer = self._take(self._client.get_iopub_msg(timeout=max(0, deadline - time.monotonic())))
            except queue.Empty as error:
                raise TimeoutError(f"nothing within {WAIT_S} s; {self.state.get('_items')}") from error
        return answer

    def _take(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        if message["msg_type"] == "stream":
            cell = message["parent_header"].get("msg_id", "")
            self._printed[cell] = self._printed.get(cell, "") + content["text"]  # a line may come in parts
        if message["msg_type"] == "update_display_data":
            self.shown = content["data"]["text/html"]
        if message["msg_type"] != "comm_msg" or content["comm_id"] != self._comm_id:
            return {}
        self.state.update(content["data"].get("state", {}))
        return dict(content["data"].get("content", {}))


@contextmanager
def upload_page(kernel: Kernel, comm_id: str = "") -> Iterator[UploadPage]:
    """The other end of the widget of this id, or else of the one in the variable `widget`."""
    comm_id = comm_id or kernel.run("print(widget.model_id)").text.strip()
    client = kernel.manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=WAIT_S)
        yield UploadPage(client, comm_id)
    finally:
        client.stop_channels()


def make(kernel: Kernel, server: FaultServer, cell: str = "widget = AudioUpload()\nwidget") -> None:
    """A widget that asks this server."""
    settings = "audio_api=transcriptions max_retries=0 journal=False"
    made = kernel.run(f"%gateway {server.url}\n%gateway set {settings}\n{cell}")
    assert made.status == "ok", made.error_text


def run_on_subshell(kernel: Kernel, cell: str) -> str:
    """Run a cell on a new thread of the kernel's, and return what that is called."""
    session, client = kernel.client.session, kernel.client
    session.send(client.control_channel.socket, session.msg("create_subshell_request", {}))
    subshell_id = str(client.control_channel.get_msg(timeout=WAIT_S)["content"]["subshell_id"])
    request = session.msg("execute_request", {"code": cell, "silent": False})
    request["header"]["subshell_id"] = subshell_id
    session.send(client.shell_channel.socket, request)
    kernel.finish(request["header"]["msg_id"])
    return subshell_id
