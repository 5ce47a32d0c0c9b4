"""Cut the fonts of statements out of DejaVu Sans: python -m script.make_fonts DIRECTORY.

DIRECTORY holds DejaVuSans.ttf and DejaVuSans-Bold.ttf as released (2.37 was used). What is kept are the scripts that a
statement is set in, currency signs and a few marks; hinting and typographic features are not used in PDF and left out.
"""

from pathlib import Path
import sys

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

TARGET = Path(__file__).parent.parent / "custom_components/smart_charging/engine/billing/fonts"
NAMES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
RANGES = (
    (0x20, 0x24F),  # Latin
    (0x2B0, 0x2FF),  # modifier letters
    (0x370, 0x3FF),  # Greek
    (0x400, 0x52F),  # Cyrillic
    (0x1E00, 0x1FFF),  # Latin and Greek with more accents
    (0x2010, 0x206F),  # punctuation
    (0x2070, 0x209F),  # superscripts and subscripts
    (0x20A0, 0x20CF),  # currency signs
    (0x2100, 0x214F),  # letter-like signs
    (0x2190, 0x2199),  # arrows
    (0x2212, 0x2212),  # minus
    (0x25A1, 0x25A1),  # stands for what the font lacks
    (0x2713, 0x2717),  # check marks
)


def cut(source: Path, target: Path) -> None:
    """Write the part of a font that statements need."""
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # the names, and the licence
    options.drop_tables += ["FFTM", "kern", "MATH", "GDEF", "GPOS", "GSUB"]
    with TTFont(source, recalcTimestamp=False) as font:
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
        subsetter.subset(font)
        font.save(target)


def main(directory: str) -> None:
    """Cut both fonts and say how large they are."""
    TARGET.mkdir(exist_ok=True)
    for name in NAMES:
        cut(Path(directory) / name, TARGET / name)
        print(f"{name}: {(TARGET / name).stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
