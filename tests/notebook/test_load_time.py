"""What `%load_ext ipy_gateway` loads, and what waits for the first magic."""

import json
import subprocess
import sys

ENGINES = {
    "faster_whisper",
    "ctranslate2",
    "xllamacpp",
    "av",
    "numpy",
    "onnxruntime",
    "huggingface_hub",
    "tokenizers",
}
FOR_LATER = {
    *("ipywidgets", "anywidget", "nest_asyncio2", "imageio_ffmpeg", "httpx", "pydantic", "markdown_it"),
    *("ipy_gateway.core.client", "ipy_gateway.notebook.chat_magics", "ipy_gateway.notebook.audio_magics"),
}
CODE = """
import json, sys, time
import IPython
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
shell.run_cell("1 + 1")
before = set(sys.modules)
started = time.process_time()
shell.run_line_magic("load_ext", "ipy_gateway")
seconds = time.process_time() - started
loaded = set(sys.modules) - before
shell.run_line_magic("gateway", "settings")
shell.run_cell_magic("chat", "--dry-run", "Hello")
used = set(sys.modules) - before
print(json.dumps({"seconds": seconds, "loaded": sorted(loaded), "used": sorted(used)}))
"""


def test_load_ext_loads_what_the_first_magic_needs_and_no_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])

    print(f"%load_ext ipy_gateway took {measured['seconds']:.3f} s of CPU beyond IPython")
    loaded, used = set(measured["loaded"]), set(measured["used"])
    assert "ipy_gateway.notebook.magics" in loaded
    assert not (ENGINES | FOR_LATER) & loaded
    assert not {name for name in loaded if name.startswith("ipy_gateway.render.")}
    assert "ipy_gateway.notebook.chat_magics" in used
    assert not ENGINES & used
