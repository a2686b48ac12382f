"""Long answers of many shapes, by their length in characters."""

from collections.abc import Callable

SENTENCE = "The quick brown fox jumps over the lazy dog. "


def prose(size: int) -> str:
    return _filled(SENTENCE * 9 + "\n\n", size)


def mixed(size: int) -> str:
    code = "```python\n" + "value = compute(value)\n" * 12 + "```\n\n"
    items = "".join(f"- an *item* of the {number}th kind\n" for number in range(8))
    table = "\n|a|b|\n|-|-|\n|one|two|\n|three|four|\n\n"
    return _filled("## A part\n\n" + SENTENCE * 6 + "\n\n" + code + items + table, size)


def one_fence(size: int) -> str:
    return "```python\n" + _filled("value = compute(value)\n\n", size)


def one_list(size: int) -> str:
    return "".join(f"{number}. an item of the list\n" for number in range(1, size // 24))


def one_line(size: int) -> str:
    return _filled("word ", size)


SHAPES: list[Callable[[int], str]] = [prose, mixed, one_fence, one_list, one_line]


def _filled(part: str, size: int) -> str:
    return (part * (size // len(part) + 1))[:size]
