"""What loading costs: one module or extension, in a process of its own, beyond what is there before.

Run by `python -m benchmarks` as `python -m benchmarks.loading NAME`.
"""

import importlib
import json
import sys
import time
import warnings

from IPython.core.interactiveshell import InteractiveShell

from .figures import memory_of

EXTENSIONS = ("ipy_gateway", "jupyter_ai_magics")


def main(name: str) -> None:
    """Load it, and print seconds of CPU and bytes of memory."""
    warnings.simplefilter("ignore")
    shell = InteractiveShell.instance()
    shell.run_cell("1 + 1", store_history=False)
    before = memory_of("self", "VmRSS")
    started = time.process_time()
    if name in EXTENSIONS:
        shell.run_line_magic("load_ext", name)
    else:
        importlib.import_module(name)
    cost = {"cpu_s": time.process_time() - started, "peak_bytes": memory_of("self", "VmRSS") - before}
    print("\n" + json.dumps(cost))


if __name__ == "__main__":
    main(sys.argv[1])
