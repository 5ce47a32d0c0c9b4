"""Rules for brand/: the images that Home Assistant and HACS show, in the sizes they ask for."""

from collections.abc import Iterator
from pathlib import Path
import struct

from .integration import Integration

ICON_PX = 256
LOGO_SHORT_SIDE_PX = (128, 256)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check(integration: Integration) -> Iterator[str]:
    """Yield images that are missing, no PNG or of the wrong size."""
    for name, scale in (("icon", 1), ("icon@2x", 2), ("dark_icon", 1), ("dark_icon@2x", 2)):
        file = integration.path / "brand" / f"{name}.png"
        side = ICON_PX * scale
        if size := _size(file):
            if size != (side, side):
                yield f"brand/{file.name}: must be {side} x {side} pixels, is {size[0]} x {size[1]}"
        elif name == "icon" or file.exists():
            yield f"brand/{file.name}: missing or not a PNG"
    for name, scale in (("logo", 1), ("logo@2x", 2), ("dark_logo", 1), ("dark_logo@2x", 2)):
        file = integration.path / "brand" / f"{name}.png"
        low, high = (side * scale for side in LOGO_SHORT_SIDE_PX)
        if size := _size(file):
            if not low <= min(size) <= high:
                yield f"brand/{file.name}: the shorter side must be {low} to {high} pixels, is {min(size)}"
        elif file.exists():
            yield f"brand/{file.name}: not a PNG"


def _size(file: Path) -> tuple[int, int] | None:
    """Return width and height from the header, None for what is no PNG (ISO/IEC 15948, 11.2.2)."""
    head = file.read_bytes()[:24] if file.is_file() else b""
    if len(head) < 24 or not head.startswith(SIGNATURE):
        return None
    width, height = struct.unpack(">II", head[16:])
    return width, height
