"""The files of an upload widget: what goes on with each, and with all of them together."""

import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from .upload_limits import Announcement

ItemState = Literal["uploading", "uploaded", "waiting", "transcribing", "done", "failed", "stopped"]
STATES: Final[tuple[ItemState, ...]] = get_args(ItemState)
AT_REST: Final[tuple[ItemState, ...]] = ("uploaded", "failed", "stopped")
UNDER_WAY: Final[tuple[ItemState, ...]] = ("waiting", "transcribing")
State = Literal["idle", "uploading", "uploaded", "transcribing", "done", "error"]


@dataclass(frozen=True, slots=True)
class Item:
    """A file in the widget's list.

    Attributes:
        id: what the page calls it.
        name: its name, unlike those of all others of the widget.
        size: its size in bytes.
        modified: when it was changed, by which a page knows it again.
        state: what goes on with it.
        share: how much of that is through, from 0 to 1.
        text: how far it has come, or why it failed, in words.
    """

    id: str
    name: str
    size: int
    modified: int
    state: ItemState = "uploading"
    share: float = 0.0
    text: str = ""


class Items:
    """All of them, in the order in which they came. Methods may be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[str, Item] = {}
        self._names: set[str] = set()
        self._last_id = ""
        self._refusal = ""

    def named(self, announcement: Announcement) -> Announcement:
        """The announcement with a name that no other file of this widget has."""
        path = Path(announcement.name)
        with self._lock:
            name, number = announcement.name, 1
            while name in self._names:
                number += 1
                name = f"{path.stem} ({number}){path.suffix}"
        return replace(announcement, name=name)

    def add(self, announcement: Announcement) -> None:
        """A file begins to come."""
        item = Item(announcement.id, announcement.name, announcement.size_bytes, announcement.modified_ms)
        with self._lock:
            self._items[item.id] = item
            self._names.add(item.name)
            self._last_id, self._refusal = item.id, ""

    def refuse(self, problem: str) -> None:
        """A file was not taken."""
        with self._lock:
            self._refusal = problem

    def change(self, item_id: str, *, only: Collection[ItemState] = STATES, **changes: Any) -> bool:
        """Note what goes on with a file, unless it was removed meanwhile, or is in no state of `only`.

        Returns:
            Whether it was changed.
        """
        with self._lock:
            item = self._items.get(item_id)
            if item is None or item.state not in only:
                return False
            self._items[item_id] = replace(item, **changes)
            self._last_id, self._refusal = item_id, ""
            return True

    def change_share(self, item_id: str, received: int) -> None:
        """Note how much of a file has come."""
        item = self._items.get(item_id)
        if item:
            self.change(item_id, share=received / item.size)

    def remove(self, item_id: str) -> None:
        """Take a file off the list; one that had no result leaves its name to others."""
        with self._lock:
            item = self._items.pop(item_id, None)
            if item and item.state not in ("done", "failed"):
                self._names.discard(item.name)

    def state_of(self, item_id: str) -> ItemState | None:
        """What goes on with a file, or None where it is not on the list."""
        with self._lock:
            item = self._items.get(item_id)
            return item.state if item else None

    def as_json(self) -> list[dict[str, Any]]:
        """The list for the page."""
        with self._lock:
            return [asdict(item) for item in self._items.values()]

    @property
    def summary(self) -> tuple[State, float, str]:
        """What goes on with all together, how far it has come, and what is wrong."""
        with self._lock:
            by_state = {item.state: item for item in reversed(self._items.values())}
            last, refusal = self._items.get(self._last_id), self._refusal
        if item := by_state.get("transcribing") or by_state.get("waiting"):
            return "transcribing", item.share, refusal
        if item := by_state.get("uploading"):
            return "uploading", item.share, refusal
        if refusal:
            return "error", 0.0, refusal
        match last:
            case Item(state="failed"):
                return "error", 0.0, f"{last.name}: {last.text}"
            case Item(state="done" | "uploaded"):
                return ("done" if last.state == "done" else "uploaded"), 1.0, ""
            case _:
                return "idle", 0.0, ""
