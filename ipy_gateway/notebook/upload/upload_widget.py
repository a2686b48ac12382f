"""AudioUpload: recordings dropped, chosen, pasted or made in the page, and their transcripts."""

import asyncio
import threading
import weakref
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import anywidget
import traitlets
from IPython.display import publish_display_data

from ...core.config import GatewayConfig
from ...core.exceptions import GatewayError
from ...core.printable import one_line
from ...core.transcripts.transcript import Transcript
from ...core.transcripts.transcripts import Transcripts
from ...render.bundle import Bundle
from ..loop import gateway_loop
from .given_transcripts import GivenTranscripts, with_result
from .upload_assets import MODULE, STYLE
from .upload_callback import Callback, OnTranscript, in_words
from .upload_items import AT_REST, UNDER_WAY, Items
from .upload_limits import (
    ACCEPT,
    MAX_BYTES,
    Announcement,
    limits_for_page,
    limits_of,
    natural_number,
    upload_id,
)
from .upload_output import SavedOutput
from .upload_queue import Failed, Heard, Step, UploadQueue, Wish, configuration
from .upload_spool import Upload, UploadSpool

PUBLISH_S: Final = 0.1


class AudioUpload(anywidget.AnyWidget):
    """A place to drop, choose, paste or record something, which is transcribed then.

        widget = AudioUpload()
        widget                          # at the end of a cell: shows it
        transcript = await widget       # in another cell: the next transcript

    Traits change, and observers and an async `on_transcript` run, on the thread of the gateway's loop.

    Args:
        config: servers, key and limits; by default those of `%gateway` when a transcription begins.
        accept: which files are taken: MIME types such as "audio/*", and suffixes such as ".wav".
        max_bytes: how large a file may be.
        language: ISO 639-1 code of what is spoken, where that is known.
        prompt: words that may occur, such as names.
        model: name of the model that is asked.
        words: whether the times of single words are wanted.
        again: transcribe anew what is known already.
        on_transcript: called with each transcript; a coroutine function, or one that gets a thread.
        auto: whether to transcribe a file as soon as it is there; else a button does it, or `start`.

    Attributes:
        state: "idle", "uploading", "uploaded", "transcribing", "done" or "error".
        progress: how far that has come, from 0 to 1.
        transcript: the last one, or None.
        transcripts: all of them, by the names of their recordings, and the errors of the others.
        error: what went wrong last, in a sentence, or "".

    Raises:
        InvalidRequestError: an argument is wrong.
    """

    _esm = MODULE
    _css = STYLE

    state = traitlets.Unicode("idle", help="what goes on").tag(sync=True)
    progress = traitlets.Float(0.0, help="how far it has come, from 0 to 1").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong last").tag(sync=True)
    transcript = traitlets.Any(None, help="the last transcript")
    transcripts = traitlets.Any(help="all transcripts")
    _items: Any = traitlets.List(help="the files").tag(sync=True)
    _shown = traitlets.Unicode("", help="whose transcript is shown").tag(sync=True)
    _view = traitlets.Unicode("", help="that transcript").tag(sync=True)
    _limits = traitlets.Dict(help="what is taken").tag(sync=True)
    _key = traitlets.Unicode("", help="what tells this widget from others").tag(sync=True)

    def __init__(
        self,
        config: GatewayConfig | None = None,
        *,
        accept: str | Sequence[str] = ACCEPT,
        max_bytes: int = MAX_BYTES,
        language: str | None = None,
        prompt: str | None = None,
        model: str | None = None,
        words: bool = False,
        again: bool = False,
        on_transcript: OnTranscript | None = None,
        auto: bool = True,
    ) -> None:
        limits = limits_of(accept, max_bytes)
        wish = Wish(configuration(config), language, prompt, words=words, again=again, model=model)
        self._auto = auto
        self._callback = Callback(on_transcript) if on_transcript is not None else None
        self._files = Items()
        self._uploads: dict[str, Upload] = {}
        self._bundles: dict[str, Bundle] = {}
        self._given = GivenTranscripts()
        self._is_changed = threading.Event()
        self._saved = SavedOutput()
        self._queue = UploadQueue(wish, self._take)
        self._spool = UploadSpool(limits)
        super().__init__(
            _limits=limits_for_page(limits, is_automatic=auto),
            _key=self._saved.key,
            transcripts=Transcripts({}, {}),
        )
        weakref.finalize(self, self._spool.close)  # when the interpreter exits, too
        self.on_msg(self._answer)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """What has come whole and is on the list; the file is gone when its transcript is there."""
        return tuple(self._uploads.values())

    def start(self) -> None:
        """Transcribe what has been uploaded and waits, as the buttons do."""
        for one in self.uploads:
            if self._files.state_of(one.id) == "uploaded":
                self._transcribe(one.id)

    def __await__(self) -> Generator[Any, None, Transcript]:
        """The first transcript that was not awaited yet; waits where there is none."""
        return self._given.next().__await__()

    def close(self) -> None:
        """Stop all that goes on, and remove the files."""
        if self._key:  # else an argument was wrong, and there is nothing yet
            self._queue.close()
            self._spool.close()
            self._given.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and the last transcript for whoever can't show widgets."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **self._saved.bundle.data}, metadata

    def _ipython_display_(self, **_: Any) -> None:
        """Show the widget, and beside it what stays in the saved notebook when the widget is gone."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        publish_display_data({**data, "text/plain": "AudioUpload()"}, metadata)
        self._saved.show()

    def _answer(self, _: object, message: Any, buffers: Sequence[bytes | memoryview]) -> None:
        """What a page sends; on the kernel's thread, or on that of a subshell."""
        if not isinstance(message, Mapping):
            return
        try:
            self._obey(message, buffers)
        except GatewayError as error:
            self._refuse(message, error)
        self._publish_soon()

    def _obey(self, message: Mapping[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
        given = upload_id(message)
        match message.get("kind"):
            case "begin" if not self._spool.has(given):  # else it comes again, as the answer was lost
                announcement = self._files.named(Announcement.of(message))
                self._spool.begin(announcement)
                self._files.add(announcement)
                self._acknowledge(message, 0)
            case "slice":
                self._take_slice(given, natural_number(message, "offset"), buffers[0] if buffers else b"")
                self._acknowledge(message, self._received(given))
            case "begin" | "resume":
                self._acknowledge(message, self._received(given))
            case "transcribe":
                self._transcribe(given)
            case "cancel":
                self._cancel(given)
            case "remove":
                self._cancel(given)
                self._spool.discard(given)
                self._files.remove(given)
                self._uploads.pop(given, None)
                self._forget_view(given)
            case "show" if given in self._bundles:
                self._publish_view(given)

    def _take_slice(self, upload_id: str, offset: int, data: bytes | memoryview) -> None:
        if upload_id in self._uploads:
            return  # its last slice, sent again because the answer was lost
        upload = self._spool.write(upload_id, offset, data)
        if upload:
            self._uploads[upload_id] = upload
            self._files.change(upload_id, state="uploaded", share=1.0)
            if self._auto:
                self._transcribe(upload_id)
        else:
            self._files.change_share(upload_id, self._spool.received(upload_id))

    def _received(self, upload_id: str) -> int:
        upload = self._uploads.get(upload_id)
        return upload.size_bytes if upload else self._spool.received(upload_id)

    def _acknowledge(self, message: Mapping[str, Any], received: int) -> None:
        ask = natural_number({"ask": 0, **message}, "ask")  # tells the page whether it still waits for this
        self.send({"kind": "ack", "id": message["id"], "ask": ask, "received": received})

    def _refuse(self, message: Mapping[str, Any], error: GatewayError) -> None:
        given = one_line(str(message.get("id")))[:40]
        if given not in self._uploads and not self._spool.has(given):
            self._files.remove(given)
        self._files.refuse(str(error))
        self.send({"kind": "refused", "id": given, "reason": str(error)})

    def _transcribe(self, upload_id: str) -> None:
        upload = self._uploads.get(upload_id)
        if upload and self._files.change(upload_id, only=AT_REST, state="waiting", share=0.0, text=""):
            self._queue.add(upload)

    def _cancel(self, upload_id: str) -> None:
        if self._files.state_of(upload_id) == "uploading":
            self._spool.discard(upload_id)
            self._files.remove(upload_id)
        elif self._files.change(upload_id, only=UNDER_WAY, state="stopped", share=0.0, text=""):
            self._queue.cancel(upload_id)

    def _take(self, event: Step | Heard | Failed) -> None:
        """What the queue tells, on the loop's thread."""
        upload = event.upload
        change = partial(self._files.change, upload.id, only=UNDER_WAY)  # nothing, where it was cancelled
        match event:
            case Step():
                if change(state="transcribing", share=event.share, text=event.text):
                    self._publish_soon()
                return
            case Failed() if change(state="failed", share=0.0, text=in_words(event.error)):
                self._hand_out(upload.name, event.error)
            case Heard():
                self._bundles[upload.id] = event.bundle
                if not change(state="done", share=1.0, text=""):
                    del self._bundles[upload.id]
                    return
                self._spool.discard(upload.id)
                self._publish_view(upload.id)
                self._hand_out(upload.name, event.transcript)
        self._publish()

    def _hand_out(self, name: str, result: Transcript | Exception) -> None:
        try:
            self.transcripts = with_result(self.transcripts, name, result)
            if isinstance(result, Transcript):
                self.transcript = result
        except Exception as error:  # of an observer, which is not the transcription's fault
            self._note_problem(f"An observer of the widget failed: {in_words(error)}")
        if isinstance(result, Transcript):
            self._given.add(result)
            if self._callback:
                self._callback.start(result, self._note_problem)

    def _note_problem(self, problem: str) -> None:
        self._files.refuse(problem)
        self._publish_soon()

    def _publish_view(self, upload_id: str) -> None:
        """Show a transcript; in what is saved first, so that links find the player of the widget."""
        if bundle := self._bundles.get(upload_id):  # else it was removed meanwhile, by another thread
            self._saved.change(bundle)
            self._shown, self._view = upload_id, str(bundle.html)

    def _forget_view(self, upload_id: str) -> None:
        """Whoever removes a recording does not want its transcript in the saved notebook."""
        self._bundles.pop(upload_id, None)
        if self._shown != upload_id:
            return
        if self._bundles:
            self._publish_view(list(self._bundles)[-1])
        else:
            self._saved.change(None)
            self._shown = self._view = ""

    def _publish_soon(self) -> None:
        """Tell the page how it goes, but not for every slice."""
        if not self._is_changed.is_set():
            self._is_changed.set()
            gateway_loop().submit(self._publish_later())

    async def _publish_later(self) -> None:
        await asyncio.sleep(PUBLISH_S)
        self._publish()

    def _publish(self) -> None:
        self._is_changed.clear()
        self._items = self._files.as_json()
        state, self.progress, self.error = self._files.summary
        self.state = state  # last: who waits for it finds all else as it should be
