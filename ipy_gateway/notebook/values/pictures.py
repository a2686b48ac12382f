"""Pictures for a model: as they are where they are small, else scaled down."""

import io
from typing import Any

from ...core.exceptions import InvalidRequestError
from .parts import Filled, Picture

MAX_SIDE_PIXELS = 2048  # OpenAI scales to it, and other servers to less
MAX_UNSCALED_BYTES = 5_000_000  # Anthropic's limit for a picture
MAX_BYTES = 20_000_000  # OpenAI's

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_CONVERTED_MODES = {
    "1": "L",
    "La": "LA",
    **dict.fromkeys(("PA", "RGBa"), "RGBA"),
    **dict.fromkeys(("P", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"), "RGB"),
}
_JPEG_QUALITY = 90


def media_type_of(data: bytes) -> str | None:
    """What kind of picture these bytes are, of those that servers take, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _KINDS if data.startswith(magic)), None)


def filled_with_picture(data: bytes, media_type: str, label: str) -> Filled:
    """A picture of a file; it is sent as it is unless that is large.

    Raises:
        InvalidRequestError: it is too large, and Pillow is not installed.
    """
    if len(data) <= MAX_UNSCALED_BYTES:
        return Filled((Picture(data, media_type, label),))
    pillow = _pillow()
    if pillow is not None:
        with pillow.open(io.BytesIO(data)) as image:
            return filled_with_image(image, label)
    if len(data) <= MAX_BYTES:
        return Filled((Picture(data, media_type, label),))
    raise InvalidRequestError(
        f"{label} is a picture of {len(data):,} bytes, and the limit is {MAX_BYTES:,} bytes.",
        "Scale it down, or pip install pillow, and it is done for you.",
    )


def filled_with_image(image: Any, label: str) -> Filled:
    """A `PIL.Image.Image`: a photo as JPEG, all else as PNG, at most 2048 pixels wide and high."""
    from PIL import ImageOps  # whoever has an image has Pillow

    is_photo = image.format == "JPEG"
    width, height = image.size
    sent = _scaled(_sendable(ImageOps.exif_transpose(image)))
    media_type, data = (
        ("image/jpeg", _saved_as_jpeg(sent)) if is_photo else ("image/png", _saved(sent, "PNG"))
    )
    if len(data) > MAX_UNSCALED_BYTES and sent.mode in ("L", "RGB"):
        media_type, data = "image/jpeg", _saved_as_jpeg(sent)
    was_scaled = max(width, height) > MAX_SIDE_PIXELS
    scaled = f"{label}, of {width} × {height} pixels, was scaled to {sent.width} × {sent.height}."
    return Filled((Picture(data, media_type, label),), (scaled,) if was_scaled else ())


def filled_with_figure(figure: Any, label: str) -> Filled:
    """A `matplotlib.figure.Figure`, as a notebook shows it."""
    target = io.BytesIO()
    dpi = min(figure.dpi, MAX_SIDE_PIXELS / max(figure.get_size_inches()))
    figure.savefig(target, format="png", dpi=dpi, bbox_inches="tight")
    return filled_with_picture(target.getvalue(), "image/png", label)


def _pillow() -> Any:
    try:
        import PIL.Image
    except ImportError:
        return None
    return PIL.Image


def _sendable(image: Any) -> Any:
    """In colours that a PNG can hold and that can be scaled; those of a palette can't."""
    if image.mode not in _CONVERTED_MODES:
        return image
    return image.convert("RGBA" if "transparency" in image.info else _CONVERTED_MODES[image.mode])


def _scaled(image: Any) -> Any:
    longest = max(image.size)
    if longest <= MAX_SIDE_PIXELS:
        return image
    width, height = (max(1, round(side * MAX_SIDE_PIXELS / longest)) for side in image.size)
    return image.resize((width, height))


def _saved_as_jpeg(image: Any) -> bytes:
    return _saved(image if image.mode == "L" else image.convert("RGB"), "JPEG", quality=_JPEG_QUALITY)


def _saved(image: Any, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()
