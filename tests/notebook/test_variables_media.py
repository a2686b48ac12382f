"""Pictures and sounds in variables, and the content of a message with them."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import IPython.display
import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from ipy_gateway import GatewayConfig
from ipy_gateway.core.exceptions import AudioProcessingError, InvalidRequestError
from ipy_gateway.notebook.values.parts import Filled, Picture, Sound, content_of
from ipy_gateway.notebook.values.variables import fill

from ..support.filling import filled

CONFIG = GatewayConfig()


def saved(image: Image.Image, kind: str) -> bytes:
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def picture_of(filled: Filled) -> tuple[Picture, Image.Image]:
    (picture,) = filled.parts
    assert isinstance(picture, Picture)
    return picture, Image.open(io.BytesIO(picture.data))


# Pictures


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WebP", "image/webp")],
)
def test_bytes_and_files_of_a_picture_are_sent_as_they_are(
    shell: InteractiveShell, tmp_path: Path, kind: str, media_type: str
) -> None:
    data = saved(noise(8, 8), kind)
    (tmp_path / "picture").write_bytes(data)

    assert filled(shell, data) == Filled((Picture(data, media_type, "{{ value }}"),))
    assert filled(shell, tmp_path / "picture") == Filled(
        (Picture(data, media_type, "{{ value }} (picture)"),)
    )
    assert filled(shell, IPython.display.Image(data)) == Filled((Picture(data, media_type, "{{ value }}"),))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_an_image_of_any_colours_is_a_png(shell: InteractiveShell, mode: str) -> None:
    picture, image = picture_of(filled(shell, Image.new(mode, (20, 10))))

    assert picture.media_type == "image/png"
    assert (image.format, image.size) == ("PNG", (20, 10))


def test_a_photo_stays_a_jpeg_and_stands_upright(shell: InteractiveShell) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    target = io.BytesIO()
    noise(20, 10).save(target, "JPEG", exif=exif)

    picture, image = picture_of(filled(shell, Image.open(target)))

    assert picture.media_type == "image/jpeg"
    assert (image.format, image.size) == ("JPEG", (10, 20))


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "I;16"])
def test_a_large_image_is_scaled_down_and_the_user_told(shell: InteractiveShell, mode: str) -> None:
    result = filled(shell, Image.new(mode, (4096, 1024)))

    _, image = picture_of(result)
    assert image.size == (2048, 512)
    assert result.notices == ("{{ value }}, of 4096 × 1024 pixels, was scaled to 2048 × 512.",)


def test_a_large_file_is_scaled_down(shell: InteractiveShell) -> None:
    data = saved(noise(3000, 1000), "PNG")
    assert len(data) > 5_000_000

    result = filled(shell, data)

    picture, image = picture_of(result)
    assert image.size == (2048, 683)
    assert len(picture.data) < 5_000_000
    assert "3000 × 1000" in result.notices[0]


def test_a_large_file_that_is_broken_is_an_error(shell: InteractiveShell) -> None:
    data = saved(noise(3000, 1000), "PNG")[:6_000_000]

    with pytest.raises(InvalidRequestError, match=r"^\{\{ value \}\}, of type bytes, can't be sent: OSError"):
        filled(shell, data)


def test_without_pillow_a_large_file_is_sent_and_a_very_large_one_refused() -> None:
    program = (
        "import sys\n"
        "sys.modules['PIL'] = None\n"
        "from ipy_gateway.notebook.values.pictures import filled_with_picture\n"
        "(picture,) = filled_with_picture(bytes(6_000_000), 'image/png', '{{ photo }}').parts\n"
        "print(len(picture.data))\n"
        "filled_with_picture(bytes(20_000_001), 'image/png', '{{ photo }}')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.strip() == "6000000"
    assert "{{ photo }} is a picture of 20,000,001 bytes, and the limit is 20,000,000 bytes." in done.stderr


@pytest.mark.parametrize("given", ["figure", "axes"])
def test_a_figure_and_its_axes_are_a_picture(shell: InteractiveShell, given: str) -> None:
    mpl.use("agg")
    figure = matplotlib.figure.Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_subplot()
    axes.plot([1, 2, 3])

    result = filled(shell, figure if given == "figure" else axes)

    _, image = picture_of(result)
    assert image.format == "PNG"
    assert 200 < image.width < 500
    assert result.notices == ()


def test_a_large_figure_is_drawn_smaller(shell: InteractiveShell) -> None:
    figure = matplotlib.figure.Figure(figsize=(40, 10), dpi=300)
    figure.add_subplot().plot([1, 2, 3])

    _, image = picture_of(filled(shell, figure))

    assert 1000 < image.width <= 2048


def test_a_picture_that_is_only_an_address_is_an_error(shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError, match=r"^\{\{ value \}\} holds no data but the address of some"):
        filled(shell, IPython.display.Image(url="http://127.0.0.1:9/picture.png"))


def test_no_library_is_imported_to_look_at_a_value() -> None:
    program = (
        "import json, sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from ipy_gateway.notebook.values.variables import fill\n"
        "shell = InteractiveShell.instance()\n"
        "shell.user_ns['value'] = object()\n"
        "fill('{{value}} {{ {1} }} {{len}}', shell)\n"
        "print(sorted({'pandas', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


# Sounds


def test_what_ipython_plays_is_a_sound(shell: InteractiveShell, tone: bytes) -> None:
    assert filled(shell, IPython.display.Audio(tone)) == Filled((Sound(tone, "{{ value }}"),))


# The content of a message


async def test_texts_alone_are_a_string(shell: InteractiveShell) -> None:
    shell.user_ns["name"] = "Anna"

    assert await content_of(fill("Hello {{name}}.", shell), CONFIG) == "Hello Anna."
    assert await content_of(fill("", shell), CONFIG) == ""


async def test_texts_pictures_and_sounds_are_parts_in_their_order(
    shell: InteractiveShell, tone: bytes
) -> None:
    picture = saved(noise(4, 4), "PNG")
    shell.user_ns.update(picture=picture, sound=tone, name="Anna")

    content = await content_of(fill("Dear {{name}}: {{picture}}\n{{sound}} The end.", shell), CONFIG)

    assert content == [
        {"type": "text", "text": "Dear Anna: "},
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(picture).decode()}"},
        },
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(tone).decode(), "format": "wav"}},
        {"type": "text", "text": " The end."},
    ]


async def test_a_sound_that_cannot_be_used_is_named(
    shell: InteractiveShell, tone: bytes, tmp_path: Path
) -> None:
    (tmp_path / "talk.wav").write_bytes(tone[:-2000])
    prepared = filled(shell, tmp_path / "talk.wav")

    with pytest.raises(
        AudioProcessingError, match=r"^\{\{ value \}\} \(talk\.wav\): the WAV is cut short"
    ) as raised:
        await content_of(prepared, CONFIG)

    assert raised.value.error_type == "invalid_audio"
