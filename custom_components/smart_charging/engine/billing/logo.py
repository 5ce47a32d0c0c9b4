"""What may be an issuer's logo: it comes from outside and goes into documents that have to be printable for years."""

import io
from typing import Final

MAX_LOGO_BYTES: Final = 500_000
MAX_LOGO_PIXELS: Final = 4_000_000
_FORMATS: Final = ("PNG", "JPEG")


def check_logo(data: bytes) -> None:
    """Raise ValueError for what is no PNG or JPEG image of a sensible size."""
    # Pillow is only needed where there is a logo, and takes its time to load.
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    if len(data) > MAX_LOGO_BYTES:
        raise ValueError(f"a logo has at most {MAX_LOGO_BYTES // 1000} kB")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_LOGO_PIXELS:
                raise ValueError(f"a logo has at most {MAX_LOGO_PIXELS} pixels")
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("a logo is a PNG or JPEG image") from error
