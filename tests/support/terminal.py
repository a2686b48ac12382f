"""IPython on a terminal, as somebody types into it."""

import os
import re
import sys
from pathlib import Path
from typing import Any

PROMPT = r"In \[\d+\]: "
_TAKEN_AWAY = re.compile(r"[^\n]*\r\x1b\[K")  # a row that was replaced
_CONTINUATIONS = re.compile(r"\A(\s*\.{3}: )+")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """IPython as somebody types into it."""

    def __init__(self, folder: Path, ipython_folder: Path) -> None:
        import pexpect

        self.process: Any = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
            cwd=str(folder),
            env={**os.environ, "IPYTHONDIR": str(ipython_folder)},
            encoding="utf-8",
            echo=False,
            timeout=120,
            dimensions=(24, 1000),
        )
        self.process.expect(PROMPT)

    def ask(self, line: str) -> str:
        """Type a line; what is shown until the next prompt."""
        self.process.sendline(line)
        return self.read()

    def ask_cell(self, *lines: str) -> str:
        """Type a cell; what is shown until the next prompt."""
        self.type_cell(*lines)
        return _CONTINUATIONS.sub("", self.read())

    def ask_for(self, line: str, *expected: str) -> str:
        """Type a line; what is shown, with its escape codes, until these texts came one after the other."""
        self.process.sendline(line)
        shown = ""
        for text in expected:
            self.process.expect_exact(text)
            shown += self.process.before + text
        return shown

    def type_cell(self, *lines: str) -> None:
        """Type a cell, which two empty lines end."""
        for line in (*lines, "", ""):
            self.process.sendline(line)

    def close(self) -> None:
        """End it."""
        self.process.close(force=True)

    def read(self) -> str:
        """What is shown until the next prompt."""
        self.process.expect(PROMPT)
        return _ESCAPES.sub("", _TAKEN_AWAY.sub("", self.process.before))
