"""Thumbnails, made by Pillow where it is installed (`bharat[media]`).

A picture comes from anybody: only raster formats are decoded, and none with more pixels than a camera makes.
"""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec

from bharat.data.off_loop import off_loop

SIDE = 256
"""Pixels of the longer side, at most."""
MOST_BYTES = 32 * 1024 * 1024
"""Larger pictures get no thumbnail: one is held in memory while it is decoded."""
MOST_PIXELS = 50_000_000
MOST_DECODED = 96 * 1024 * 1024
"""Bytes of pixels. A JPEG is decoded at an eighth of its size; of the other formats the whole picture is in memory."""
THUMBNAIL_TYPE = "image/webp"
_FORMATS = {"image/gif": "GIF", "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


_ONE_AT_A_TIME = threading.Lock()
"""Each costs memory, of a server too where the worker is in it."""


class NoPicture(Exception):
    """The bytes are none of the pictures that thumbnails are made of."""


def can_picture(content_type: str, size: int) -> bool:
    """Whether a thumbnail can be made of such a file."""
    return content_type in _FORMATS and 0 < size <= MOST_BYTES and find_spec("PIL") is not None


def thumbnail_of(picture: bytes) -> bytes:
    """A WebP that fits into `SIDE` by `SIDE` pixels, upright, without the picture's metadata. Raises `NoPicture`."""
    with _ONE_AT_A_TIME:
        return off_loop(lambda: _made(picture))


def _made(picture: bytes) -> bytes:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(picture), formats=sorted(_FORMATS.values())) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise NoPicture(f"it has {opened.width} x {opened.height} pixels")
            if opened.format != "JPEG" and opened.width * opened.height * len(opened.getbands()) > MOST_DECODED:
                raise NoPicture(f"it takes more than {MOST_DECODED} bytes to decode")
            opened.draft("RGB", (SIDE * 2, SIDE * 2))
            opened.thumbnail((SIDE, SIDE))
            upright = ImageOps.exif_transpose(opened)  # of the small one: it copies
            small = upright.convert("RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB")
    except NoPicture:
        raise
    except Exception as error:  # decoders of hostile bytes raise whatever they come to
        raise NoPicture(f"it can't be decoded ({type(error).__name__})") from error
    written = io.BytesIO()
    small.save(written, "WEBP", quality=80)
    return written.getvalue()
