"""What outputs do to the page that shows them: what runs, is asked for, pops up, or takes its place."""

from dataclasses import dataclass, field

from playwright.sync_api import Dialog, Error, Page, Request

from .fault_server import FaultServer

PICTURES_OF_JUPYTER = ("/static/", "/kernelspecs/")
ICONS_OF_VOILA = "https://cdn.jsdelivr.net/npm/@fortawesome/"
ERROR_OF_NOTEBOOK = "Cannot read properties of undefined (reading 'schema')"  # 7.6, with no output at all


@dataclass(frozen=True, slots=True)
class Effects:
    """What outputs did to a page.

    Attributes:
        runs: what `window.__canary` is, which hostile scripts set.
        hits: how many connections the canary server got.
        requests: what the page asked for that JupyterLab alone does not.
        dialogs: what dialogs said.
        is_left: whether another page was loaded in its place.
        pages: how many pages there are, the first one included.
        frames: how many frames it has, itself included.
    """

    runs: object = None
    hits: int = 0
    requests: tuple[str, ...] = ()
    dialogs: tuple[str, ...] = ()
    is_left: bool = False
    pages: int = 1
    frames: int = 1


@dataclass
class Watch:
    """Collects what outputs do to a page of a Jupyter server, and what errors no script catches."""

    server_url: str
    canary: FaultServer
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def begin(self, page: Page) -> None:
        """Watch over a page that is still empty."""
        page.on("request", self._note_request)
        page.on("dialog", self._dismiss)
        page.on("pageerror", self._note_error)

    def mark(self, page: Page) -> None:
        """Mark a page as loaded, so that it shows when another one takes its place."""
        page.evaluate("() => { window.isMarked = true }")

    def effects(self, page: Page) -> Effects:
        """What came of everything so far."""
        runs, is_marked = page.evaluate("() => [window.__canary ?? null, window.isMarked ?? false]")
        return Effects(
            runs,
            self.canary.opened,
            tuple(self.requests),
            tuple(self.dialogs),
            not is_marked,
            len(page.context.pages),
            len(page.frames),
        )

    def _note_request(self, request: Request) -> None:
        own = f"{self.server_url}/"
        is_of_jupyter = request.url.startswith(own)
        if request.resource_type in ("image", "media") and is_of_jupyter:
            is_of_jupyter = request.url.removeprefix(self.server_url).startswith(PICTURES_OF_JUPYTER)
        if not is_of_jupyter and not request.url.startswith(("data:", ICONS_OF_VOILA)):
            self.requests.append(request.url)

    def _note_error(self, error: Error) -> None:
        if error.message != ERROR_OF_NOTEBOOK:
            self.errors.append(f"{error.message}\n{error.stack}")

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()
