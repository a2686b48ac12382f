"""What `%load_ext ipy_gateway` loads, and how long that takes."""

import json
import subprocess
import sys

ENGINES = (
    "faster_whisper",
    "ctranslate2",
    "xllamacpp",
    "av",
    "numpy",
    "onnxruntime",
    "huggingface_hub",
    "tokenizers",
)
FOR_LATER = ("ipywidgets", "anywidget", "nest_asyncio2", "imageio_ffmpeg", "ipy_gateway.local.transport")
CODE = """
import json, sys, time
import IPython, httpx
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
before = set(sys.modules)
started = time.perf_counter()
shell.run_line_magic("load_ext", "ipy_gateway")
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


def test_load_ext_loads_no_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    measured = json.loads(done.stdout)

    seconds = measured["seconds"]
    print(f"%load_ext ipy_gateway took {seconds:.3f} s beyond IPython and httpx")
    assert "ipy_gateway.notebook.chat_magics" in measured["modules"]
    assert not {*ENGINES, *FOR_LATER} & set(measured["modules"])
