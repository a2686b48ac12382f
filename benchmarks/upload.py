"""200 MB from a page to a kernel through the upload widget: CPU and memory of the kernel.

Run `python -m benchmarks.upload` in an environment with the extra `bench`.
"""

import tempfile
import time
from pathlib import Path

from tests.support.kernel import running_kernel
from tests.support.upload_page import UploadPage, upload_page

from .figures import Figure, cpu_s_of, hand_over, memory_of, reset_peak_of

MEGABYTES = 200
NOBODY = "http://127.0.0.1:9"  # the port of the discard protocol: the file is not transcribed
WIDGET = (
    "%load_ext ipy_gateway\nfrom ipy_gateway import AudioUpload\n"
    f"_ = %gateway {NOBODY}\n_ = %gateway set max_retries=0\n"
    "import os\nwidget = AudioUpload()\nwidget"
)


def main() -> None:
    """Measure a small upload, to be warm, and then the large one."""
    with tempfile.TemporaryDirectory() as folder, running_kernel(Path(folder)) as kernel:
        made = kernel.run(WIDGET)
        assert made.status == "ok", made.error_text
        process_id = int(kernel.run("print(os.getpid())").text)
        with upload_page(kernel) as page:
            _upload(page, 5)
            idle_bytes, cpu_s, started = reset_peak_of(process_id), cpu_s_of(process_id), time.monotonic()
            _upload(page, MEGABYTES)
            cpu_s, seconds = cpu_s_of(process_id) - cpu_s, time.monotonic() - started
            above = memory_of(process_id, "VmHWM") - idle_bytes
    print(f"{MEGABYTES} MB in slices of 1 MiB, each acknowledged before the next:")
    print(f"{cpu_s:.2f} s of CPU of the kernel, {seconds:.1f} s in all, {above / 1e6:.0f} MB above idle")
    hand_over(
        [
            Figure(f"upload of {MEGABYTES} MB, ms of CPU per MB", cpu_s * 1000 / MEGABYTES),
            Figure(f"upload of {MEGABYTES} MB, MB above idle", above / 1e6),
        ]
    )


def _upload(page: UploadPage, megabytes: int) -> None:
    """Until the last slice is acknowledged."""
    page.upload(f"{megabytes}.mp3", bytes(megabytes * 1_000_000), kind="audio/mpeg")


if __name__ == "__main__":
    main()
