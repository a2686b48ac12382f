"""What imports what, and what an import loads."""

import ast
import importlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import ipy_gateway
from ipy_gateway import core
from ipy_gateway.core.loop_clients import FAST_VARIABLE

from ..support.fault_server import answer, completion, fault_server

PACKAGE = Path(ipy_gateway.__file__).parent
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FLOORS = ("core", "local", "render", "notebook")
MAY_IMPORT = {
    "core": {"core"},
    "local": {"core", "local"},
    "render": {"core", "render"},
    "notebook": {"core", "render", "notebook"},
}
# The folders of the core: each imports from those before it, and from the files beside them.
FOLDERS = (
    *("waiting", "files", "wire", "cassettes", "conversations", "recordings", "transcripts"),
    *("answers", "requests", "transcribing", "analysis", "doctor"),
)
HEAVY = (
    *("IPython", "ipywidgets", "anywidget", "markdown_it", "nest_asyncio2"),
    *("faster_whisper", "xllamacpp", "numpy", "pandas", "tqdm", "huggingface_hub", "ctranslate2", "av"),
    *("filelock", "platformdirs", "python_multipart", "imageio_ffmpeg", "distributed", "dask", "fsspec"),
)


def loaded_by(statement: str) -> set[str]:
    program = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(output.stdout))


@pytest.mark.parametrize("module", ["ipy_gateway", "ipy_gateway.core", "ipy_gateway.local.transport"])
def test_an_import_loads_nothing_heavy(module: str) -> None:
    loaded = loaded_by(f"import {module}")

    assert module in loaded
    assert not loaded & set(HEAVY)
    assert not {name for name in loaded if name.startswith(("ipy_gateway.notebook", "ipy_gateway.render"))}


@pytest.mark.parametrize("module", ["ipy_gateway", "ipy_gateway.core"])
def test_the_embedded_engine_is_not_loaded_before_it_is_asked(module: str) -> None:
    assert not {name for name in loaded_by(f"import {module}") if name.startswith("ipy_gateway.local")}


def names_for_type_checkers() -> dict[str, str]:
    """The core's public names, each with the module that it is imported from for type checkers."""
    tree = ast.parse((PACKAGE / "core" / "__init__.py").read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_public_name_lives_where_type_checkers_are_told() -> None:
    modules = {
        name: importlib.import_module(f"ipy_gateway.core.{module}")
        for name, module in names_for_type_checkers().items()
    }

    found = {name: getattr(core, name) for name in core.__all__}

    assert found == {name: vars(module)[name] for name, module in modules.items()}
    assert found == {name: getattr(ipy_gateway, name) for name in core.__all__}


def test_no_public_name_is_that_of_a_module_which_would_take_its_place() -> None:
    assert not set(ipy_gateway.__all__) & {path.stem for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize("package", [core, ipy_gateway])
def test_completion_and_star_imports_see_every_public_name(package: ModuleType) -> None:
    names: dict[str, object] = {}

    exec(f"from {package.__name__} import *", names)

    assert set(package.__all__) <= set(dir(package))
    assert set(package.__all__) <= set(names)


@pytest.mark.parametrize("package", [core, ipy_gateway])
def test_what_does_not_exist_is_no_name(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("name", "not_loaded"),
    [
        ("GatewayConfig", {"httpx", "asyncio", "ipy_gateway.core.client"}),
        ("GatewayError", {"httpx", "pydantic", "ipy_gateway.core.config"}),
        ("chat_completion", {"ipy_gateway.core.doctor.doctor", "ipy_gateway.core.recordings.preview"}),
    ],
)
def test_a_name_loads_what_it_needs_alone(name: str, not_loaded: set[str]) -> None:
    assert not not_loaded & loaded_by(f"from ipy_gateway import {name}")


@pytest.mark.parametrize(("variable", "is_used"), [("1", True), ("0", False)])
def test_the_extra_fast_is_used_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, variable: str, is_used: bool
) -> None:
    monkeypatch.setenv(FAST_VARIABLE, variable)
    request = (
        "import asyncio\n"
        "from ipy_gateway.core import GatewayConfig, list_models\n"
        "asyncio.run(list_models(GatewayConfig({url!r})))"
    )

    with fault_server(answer(body={"object": "list", "data": []})) as server:
        loaded = loaded_by(request.format(url=server.url))

    assert ("aiohttp" in loaded) == is_used


def imports_of(path: Path, later: tuple[type[ast.AST], ...] = FUNCTIONS) -> Iterator[tuple[str, bool]]:
    """Every module of ours that a file imports, absolute, and whether it does so in one of these nodes."""
    package = ("ipy_gateway", *path.relative_to(PACKAGE).parts[:-1])
    tree = ast.parse(path.read_text())
    inside = {id(node) for outer in ast.walk(tree) if isinstance(outer, later) for node in ast.walk(outer)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join(filter(None, (*origin, node.module)))
            modules = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((module, id(node) in inside) for module in modules if module.startswith("ipy_gateway"))


def floor_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def files_of(floor: str) -> list[Path]:
    return sorted((PACKAGE / floor).rglob("*.py"))


@pytest.mark.parametrize("path", [path for floor in FLOORS for path in files_of(floor)], ids=str)
def test_imports_go_down_only(path: Path) -> None:
    own_floor = path.relative_to(PACKAGE).parts[0]

    floors = {floor_of(module) for module, _ in imports_of(path)}

    assert floors <= MAY_IMPORT[own_floor]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_the_core_imports_from_those_before_it(folder: str) -> None:
    modules = {module for path in files_of(f"core/{folder}") for module, _ in imports_of(path)}

    folders = {module.split(".")[2] for module in modules} & set(FOLDERS)

    assert folders <= {*FOLDERS[: FOLDERS.index(folder)], folder}


def test_every_folder_of_the_core_has_its_place() -> None:
    assert {path.parent.name for path in (PACKAGE / "core").glob("*/*.py")} == set(FOLDERS)


@pytest.mark.parametrize("path", files_of("core"), ids=str)
def test_no_import_of_the_core_hides_in_a_function(path: Path) -> None:
    assert [module for module, is_inside in imports_of(path) if is_inside] == []


def test_the_package_imports_the_notebook_inside_its_functions_alone() -> None:
    imports = list(imports_of(PACKAGE / "__init__.py", (*FUNCTIONS, ast.If)))  # or only for types

    notebook = {within_function for module, within_function in imports if floor_of(module) == "notebook"}
    others = {floor_of(module) for module, _ in imports} - {"notebook"}

    assert notebook == {True}
    assert others == {"core"}


def test_every_file_belongs_to_a_floor() -> None:
    files = {path for floor in FLOORS for path in files_of(floor)}

    assert set(PACKAGE.rglob("*.py")) - files == {PACKAGE / "__init__.py"}


def test_the_core_works_with_httpx_and_pydantic_alone(tmp_path: Path, tone: bytes) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "httpx", "pydantic"],
        check=True,
        timeout=300,
        env=environment,
    )
    (tmp_path / "tone.wav").write_bytes(tone)
    program = (
        "import asyncio, pathlib, sys\n"
        "import ipy_gateway.core\n"
        "from ipy_gateway.core import GatewayConfig, chat_completion, transcribe_audio\n"
        "config = GatewayConfig(sys.argv[1])\n"
        "sound = pathlib.Path('tone.wav').read_bytes()\n"
        "print(asyncio.run(transcribe_audio(sound, config)))\n"
        "print(asyncio.run(chat_completion([{'role': 'user', 'content': 'Hi'}], config))['object'])\n"
    )

    with fault_server(completion("It works.")) as server:
        done = subprocess.run(
            [python, "-W", "error", "-c", program, server.url],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["It works.", "chat.completion"]
