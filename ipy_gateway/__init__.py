"""Transcribe audio and chat in notebooks, through any OpenAI-compatible server or with none at all.

    >>> from ipy_gateway import GatewayConfig, transcribe_audio
    >>> text = await transcribe_audio(audio_bytes, GatewayConfig())  # doctest: +SKIP

In a notebook: `%load_ext ipy_gateway`.
"""

from typing import TYPE_CHECKING, Any

from . import core
from .core import __all__ as _core_names
from .core.wire.mounts import mounted_transports

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .core import *  # noqa: F403 - the public API is that of the core, named in its __all__
    from .notebook.upload.upload_widget import AudioUpload as AudioUpload

__version__ = "0.1.0"
__all__ = [*_core_names, "load_ipython_extension", "unload_ipython_extension"]

# Whoever asks local://engine gets the embedded engine; until then nothing of it is imported.
mounted_transports["local"] = "ipy_gateway.local.transport:LocalTransport"


if not TYPE_CHECKING:  # for which there would be every name

    def __getattr__(name: str) -> Any:
        """What is asked for, imported now; `AudioUpload` brings widgets along that the rest needs not."""
        if name in _core_names:
            value = getattr(core, name)
        elif name == "AudioUpload":
            from .notebook.upload.upload_widget import AudioUpload

            value = AudioUpload
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value  # the next time it is not looked up
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "AudioUpload"})


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%load_ext ipy_gateway` runs."""
    from .notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%unload_ext ipy_gateway` runs."""
    from .notebook.extension import unload

    unload(shell)
