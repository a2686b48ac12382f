"""A download that is given up."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import socket, sys, threading
from concurrent.futures import CancelledError
from pathlib import Path

hangs = threading.Event()
socket.getaddrinfo = lambda *_, **__: hangs.wait()

from ipy_gateway.local.downloads import Download, run
from ipy_gateway.local.pins import WHISPER_TINY_EN

cancelled = threading.Event()
download = Download(WHISPER_TINY_EN, Path(sys.argv[1]), print, cancelled)

async def fetch(client):
    threading.Timer(0.2, cancelled.set).start()
    await client.get("http://somewhere.invalid")

try:
    run(download, fetch, Path(sys.argv[1], "files"), 1)
except CancelledError:
    print("given up")
"""


def test_a_lookup_that_hangs_does_not_keep_the_process_from_its_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]

    run = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (run.returncode, run.stdout, run.stderr) == (0, "given up\n", "")
