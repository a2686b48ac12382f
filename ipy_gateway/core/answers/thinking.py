"""Reasoning that a model writes into its answer, told apart from the answer while it is being written.

Where a server has no parser for a model's reasoning, the answer begins with `<think>...</think>`: the habit
of DeepSeek-R1 and Qwen3, also spelled `<thinking>`. Only the very start counts: further down the tags are
text, which may be about them.
"""

from typing import Final, Literal

CLOSING_TAGS: Final = {"<think>": "</think>", "<thinking>": "</thinking>"}

Place = Literal["before", "thinking", "after thinking", "answer"]


class ThinkingSplitter:
    """Takes pieces of an answer's content, and says of each what is reasoning and what is text.

    A piece that may be the beginning of a tag is held back until the next one decides.
    """

    def __init__(self) -> None:
        self._place: Place = "before"
        self._blanks: list[str] = []  # before the first word: dropped where that is a tag
        self._held = ""
        self._closing_tag = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """What a piece adds to the reasoning, and to the text."""
        reasoning, text = "", self._held + piece
        self._held = ""
        if self._place == "before":
            text = self._started(text)
        if self._place == "thinking":
            reasoning, text = self._thought(text)
        if self._place == "after thinking":
            text = text.lstrip()
            self._place = "answer" if text else self._place
        return reasoning, text

    def rest(self) -> tuple[str, str]:
        """What is held back, as reasoning and text: no tag came of it if the answer ends here."""
        if self._place == "thinking":
            return self._held, ""
        return "", "".join(self._blanks) + self._held

    def _started(self, text: str) -> str:
        """What can be told of the start: text where it is the answer's, or what follows an opening tag."""
        word = text.lstrip()
        self._blanks.append(text[: len(text) - len(word)])
        for tag, closing_tag in CLOSING_TAGS.items():
            if word.startswith(tag):
                self._place, self._closing_tag = "thinking", closing_tag
                self._blanks.clear()
                return word.removeprefix(tag)
        if any(tag.startswith(word) for tag in CLOSING_TAGS):
            self._held = word
            return ""
        self._place = "answer"
        blanks = "".join(self._blanks)
        self._blanks.clear()
        return blanks + word

    def _thought(self, text: str) -> tuple[str, str]:
        thought, tag, text = text.partition(self._closing_tag)
        if tag:
            self._place = "after thinking"
            return thought, text
        held = _length_of_begun(self._closing_tag, thought)
        self._held = thought[len(thought) - held :]
        return thought[: len(thought) - held], ""


def _length_of_begun(tag: str, text: str) -> int:
    """How many characters at the end of a text may be the beginning of a tag."""
    lengths = range(min(len(tag) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(tag[:length])), 0)
