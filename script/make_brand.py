"""Draw the integration's images, a plug before the sun: python -m script.make_brand."""

from collections.abc import Iterator
from math import cos, pi, sin
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BRAND = Path(__file__).resolve().parents[1] / "custom_components/smart_charging/brand"
OVERSAMPLING = 4  # drawn larger and scaled down, so that edges are smooth
RAYS = 12
SUN_CENTRE = (0.5, 0.46)

type Colour = tuple[int, int, int, int]

SUN_TOP: Colour = (255, 209, 64, 255)
SUN_BOTTOM: Colour = (250, 140, 22, 255)
PLUG_LIGHT: Colour = (22, 46, 79, 255)  # on a light page
PLUG_DARK: Colour = (240, 246, 255, 255)  # on a dark page
BOLT: Colour = (255, 214, 74, 255)
BOLT_DARK: Colour = (250, 140, 22, 255)


def draw_icon(side: int, *, dark: bool) -> Image.Image:
    """Return the square icon, `side` pixels wide, for a light or a dark page."""
    full = side * OVERSAMPLING
    plug, bolt = (PLUG_DARK, BOLT_DARK) if dark else (PLUG_LIGHT, BOLT)
    image = Image.new("RGBA", (full, full))
    image.paste(_gradient(full), mask=_sun_mask(full))
    # A gap around the plug keeps it apart from the sun on any background.
    gap = _plug_mask(full, grown=0.022)
    image.paste((0, 0, 0, 0), mask=gap)
    image.paste(plug, mask=_plug_mask(full, grown=0.0))
    ImageDraw.Draw(image).polygon(list(_scaled(_bolt(), full)), fill=bolt)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def draw_logo(height: int, *, dark: bool) -> Image.Image:
    """Return the icon with the name beside it, `height` pixels high."""
    icon = draw_icon(height, dark=dark)
    font = ImageFont.load_default(size=height * 0.34)
    colour = PLUG_DARK if dark else PLUG_LIGHT
    words = ("Smart", "Charging")
    width = int(max(font.getlength(word) for word in words)) + 1
    image = Image.new("RGBA", (height + round(height * 0.06) + width, height))
    image.paste(icon)
    pen = ImageDraw.Draw(image)
    for word, middle in zip(words, (0.31, 0.67), strict=True):
        position = (height * 1.06, height * middle)
        pen.text(position, word, font=font, fill=colour, anchor="lm", stroke_width=height * 0.006, stroke_fill=colour)
    return image


def _gradient(full: int) -> Image.Image:
    column = Image.new("RGBA", (1, full))
    for y in range(full):
        share = y / (full - 1)
        mixed = tuple(round(a + (b - a) * share) for a, b in zip(SUN_TOP, SUN_BOTTOM, strict=True))
        column.putpixel((0, y), mixed)
    return column.resize((full, full))


def _sun_mask(full: int) -> Image.Image:
    mask = Image.new("L", (full, full))
    pen = ImageDraw.Draw(mask)
    x, y = SUN_CENTRE
    pen.ellipse(_box(x, y, 0.28, 0.28, full), fill=255)
    for number in range(RAYS):
        angle = 2 * pi * (number + 0.5) / RAYS - pi / 2
        length = 0.445 if number % 2 else 0.415
        ends = [(x + cos(angle) * r, y + sin(angle) * r) for r in (0.345, length)]
        _round_line(pen, ends, 0.052, full)
    return mask


def _plug_mask(full: int, *, grown: float) -> Image.Image:
    mask = Image.new("L", (full, full))
    pen = ImageDraw.Draw(mask)
    for x in (0.425, 0.575):
        _round_line(pen, [(x, 0.275), (x, 0.40)], 0.056 + 2 * grown, full)
    # The body: straight at the prongs, round towards the cable.
    left, top, right, bottom = 0.345 - grown, 0.37 - grown, 0.655 + grown, 0.70 + grown
    body = tuple(value * full for value in (left, top, right, bottom))
    pen.rounded_rectangle(body, radius=0.15 * full, fill=255)
    top_half = (left * full, top * full, right * full, 0.55 * full)
    pen.rounded_rectangle(top_half, radius=(0.035 + grown) * full, fill=255, corners=(True, True, False, False))
    _round_line(pen, [(0.5, 0.68), (0.5, 0.945)], 0.07 + 2 * grown, full)
    return mask


def _bolt() -> tuple[tuple[float, float], ...]:
    return ((0.525, 0.415), (0.435, 0.545), (0.492, 0.545), (0.472, 0.645), (0.567, 0.508), (0.508, 0.508))


def _scaled(points: tuple[tuple[float, float], ...], full: int) -> Iterator[tuple[float, float]]:
    return ((x * full, y * full) for x, y in points)


def _box(x: float, y: float, half_width: float, half_height: float, full: int) -> tuple[float, float, float, float]:
    return ((x - half_width) * full, (y - half_height) * full, (x + half_width) * full, (y + half_height) * full)


def _round_line(pen: ImageDraw.ImageDraw, ends: list[tuple[float, float]], width: float, full: int) -> None:
    pen.line(list(_scaled(tuple(ends), full)), fill=255, width=round(width * full))
    for x, y in ends:
        pen.ellipse(_box(x, y, width / 2, width / 2, full), fill=255)


def main() -> None:
    """Write the light and the dark images in both sizes."""
    BRAND.mkdir(exist_ok=True)
    for prefix, dark in (("", False), ("dark_", True)):
        for suffix, scale in (("", 1), ("@2x", 2)):
            draw_icon(256 * scale, dark=dark).save(BRAND / f"{prefix}icon{suffix}.png", optimize=True)
            draw_logo(200 * scale, dark=dark).save(BRAND / f"{prefix}logo{suffix}.png", optimize=True)
    print(f"make_brand: eight images in {BRAND}")


if __name__ == "__main__":
    main()
