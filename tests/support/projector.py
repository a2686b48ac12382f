"""A llama.cpp audio projector with random weights.

With it the real llama.cpp server takes `input_audio`: HTTP, base64 and the decoding of audio are the real
ones, and what the model makes of it is gibberish. Tensor names and metadata are those of llama.cpp's
"ultravox" projector (tools/mtmd/clip-impl.h, clip.cpp).
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

AUDIO_FRAMES = 1500  # a Whisper encoder's; the stack factor has to divide it
STACK_FACTOR = 20  # one token for so many frames: the fewer, the faster is the answer
MEL_BINS = 80


def write_projector(
    path: Path, *, text_width: int, width: int = 64, heads: int = 4, hidden: int = 256, seed: int = 7
) -> Path:
    """Write a projector for a text model whose embeddings have `text_width` numbers (SmolLM2-135M: 576)."""
    random = np.random.default_rng(seed)

    def weights(*shape: int, dtype: type = np.float32) -> Any:
        return (random.standard_normal(shape) * 0.05).astype(dtype)

    writer = gguf.GGUFWriter(str(path), "clip")
    _write_metadata(writer, text_width=text_width, width=width, heads=heads)
    tensors = {
        "a.conv1d.1.weight": weights(width, MEL_BINS, 3, dtype=np.float16),
        "a.conv1d.1.bias": weights(width, 1),
        "a.conv1d.2.weight": weights(width, width, 3, dtype=np.float16),
        "a.conv1d.2.bias": weights(width, 1),
        "a.position_embd.weight": weights(AUDIO_FRAMES, width),
        **{f"a.blk.0.attn_{name}.weight": weights(width, width) for name in ("q", "k", "v", "out")},
        **{f"a.blk.0.attn_{name}.bias": weights(width) for name in ("q", "v", "out")},
        **{f"a.blk.0.{name}.weight": np.ones(width, np.float32) for name in ("ln1", "ln2")},
        **{f"a.blk.0.{name}.bias": np.zeros(width, np.float32) for name in ("ln1", "ln2")},
        "a.blk.0.ffn_up.weight": weights(2 * width, width),
        "a.blk.0.ffn_up.bias": weights(2 * width),
        "a.blk.0.ffn_down.weight": weights(width, 2 * width),
        "a.blk.0.ffn_down.bias": weights(width),
        "a.post_ln.weight": np.ones(width, np.float32),
        "a.post_ln.bias": np.zeros(width, np.float32),
        "mm.a.norm_pre.weight": np.ones(width * STACK_FACTOR, np.float32),
        "mm.a.mlp.1.weight": weights(hidden, width * STACK_FACTOR),
        "mm.a.norm_mid.weight": np.ones(hidden // 2, np.float32),
        "mm.a.mlp.2.weight": weights(text_width, hidden // 2),
    }
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_metadata(writer: gguf.GGUFWriter, *, text_width: int, width: int, heads: int) -> None:
    writer.add_name("random-ultravox-mmproj")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_bool("clip.has_vision_encoder", False)
    writer.add_string("clip.projector_type", "ultravox")
    numbers = {
        "embedding_length": width,
        "attention.head_count": heads,
        "feed_forward_length": 2 * width,
        "block_count": 1,
        "projection_dim": text_width,
        "num_mel_bins": MEL_BINS,
        "projector.stack_factor": STACK_FACTOR,
    }
    for name, number in numbers.items():
        writer.add_uint32(f"clip.audio.{name}", number)
    writer.add_float32("clip.audio.attention.layer_norm_epsilon", 1e-5)
