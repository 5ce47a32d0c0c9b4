"""Mending JSON that stations are known to break, apart from the reader so that sound frames never pay for it."""

from collections.abc import Callable
import re
from typing import Final

# A string (an unclosed one runs to the end, which keeps this linear), a value left out, a value that is no JSON number.
_TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))'
    r"|(?P<gap>:\s*+(?=[,}]))"
    r"|(?P<number>(?<=[\s:,\[])-?(?:nan|inf(?:inity)?)(?=[\s,\]}]))",
    re.DOTALL | re.IGNORECASE,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_PADDING: Final = "\x00\ufeff \t\r\n"


def repaired(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the frame with the known breaks mended, and what was mended.

    Seen in the field: `"transactionId":,` (AEFA Home), bare NaN (C printf of a float), line breaks
    within strings, bytes of Latin-1, trailing NUL of C strings. A gap becomes null, never a number.
    """
    kinds: dict[str, None] = {}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        kinds["JSON mended: invalid UTF-8"] = None
    bare = text.strip(_PADDING)
    if bare != text.strip():
        kinds["JSON mended: padding"] = None
    return _TOKEN.sub(_mender(kinds), bare).encode(), tuple(kinds)


def _mender(kinds: dict[str, None]) -> Callable[[re.Match[str]], str]:
    def mend(match: re.Match[str]) -> str:
        token = match.group()
        if match.lastgroup == "string":
            if _CONTROL.search(token):
                kinds["JSON mended: control character"] = None
                return _CONTROL.sub(" ", token)
            return token
        if match.lastgroup == "gap":
            kinds["JSON mended: value missing"] = None
            return ":null"
        kinds["JSON mended: not a number"] = None
        return "null"

    return mend
