"""A real llama.cpp HTTP server on loopback, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ipy_gateway.local.chat import SERVER_SCRIPT


@contextmanager
def llama_server(model: Path, **options: Any) -> Iterator[str]:
    """Its base URL, as long as the block lasts; options as for `ipy_gateway.local.llama_server.serve`."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(SERVER_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    with process:
        try:
            process.stdin.write(json.dumps({"model": str(model), "context_tokens": 4096, **options}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or "{}")
            assert "address" in answer, answer
            yield answer["address"]
        finally:
            process.kill()
