"""Files of pictures to tensors and back, by Pillow, which is imported when it is needed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tensorcore.data.texts import Texts, as_bytes
from tensorcore.errors import InvalidArgumentError
from tensorcore.tensor import Tensor, as_tensor

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "pictures are read and written by Pillow, which is not installed: "
            'pip install "tensorcore[image]"'
        ) from error
    return Image


def decode_image(
    contents: Any,
    channels: int = 0,
    dtype: Any = "uint8",
    name: str | None = None,
    expand_animations: bool = True,
) -> Tensor:
    """The picture in a PNG, JPEG, GIF or BMP file's bytes, uint8 (height, width, channels).

    Args:
        contents: the bytes, as `tf.io.read_file` gives them.
        channels: 1 grey, 3 colours, 4 colours and transparency; 0 as the file has it.
        dtype: uint8, or a float dtype for values from 0 to 1.
    """
    data = as_bytes(contents).item()
    image_class = _pillow()
    try:
        picture = image_class.open(io.BytesIO(data))
        picture.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidArgumentError(
            f"Input is empty or not a picture that can be decoded ({len(data)} bytes): {error}"
        ) from error
    mode = MODES.get(channels)
    if mode is None:
        mode = picture.mode if picture.mode in MODES.values() else "RGB"
    values = np.asarray(picture.convert(mode))
    values = values[..., None] if values.ndim == 2 else values
    if np.dtype(dtype).kind == "f":
        values = (values / 255.0).astype(dtype)
    return as_tensor(np.ascontiguousarray(values))


def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8", name: Any = None) -> Tensor:
    """The picture in a PNG file's bytes."""
    return decode_image(contents, channels, dtype)


def decode_jpeg(
    contents: Any, channels: int = 0, name: str | None = None, **options: Any
) -> Tensor:
    """The picture in a JPEG file's bytes."""
    return decode_image(contents, channels)


def _encoded(image: Any, kind: str, **options: Any) -> Texts:
    values = np.asarray(as_tensor(image).numpy())
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[-1] not in MODES:
        raise InvalidArgumentError(
            f"encoding needs uint8 (height, width, 1 to 4 channels), received {values.dtype} "
            f"{values.shape}"
        )
    buffer = io.BytesIO()
    values = values[..., 0] if values.shape[-1] == 1 else values
    _pillow().fromarray(values).save(buffer, kind, **options)
    return Texts(buffer.getvalue())


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Texts:
    """The bytes of a PNG file."""
    return _encoded(image, "PNG")


def encode_jpeg(image: Any, format: str = "", quality: int = 95, **options: Any) -> Texts:
    """The bytes of a JPEG file."""
    return _encoded(image, "JPEG", quality=quality)
