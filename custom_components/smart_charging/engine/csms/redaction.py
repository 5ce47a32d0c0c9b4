"""Frames made fit for a log: no password, no key, no id token."""

import re
from typing import Final

_STRING: Final = r'(?:"(?:[^"\\]|\\.)*+"|[^\s,\]}"\[{]++)'
_SECRET_FIELD: Final = re.compile(
    rf'("(?:idTag|parentIdTag|idToken|password|basicAuthPassword|authorizationKey)"\s*:\s*){_STRING}', re.IGNORECASE
)
_SECRET_KEY: Final = re.compile("AuthorizationKey|Password|Secret|Credential", re.IGNORECASE)
_VALUE_FIELD: Final = re.compile(rf'("(?:value|attributeValue|data)"\s*:\s*){_STRING}', re.IGNORECASE)
_URL_LOGIN: Final = re.compile(r'(://)[^/@\s"]+@')


def redacted(frame: bytes) -> str:
    """Return a frame's text with every secret replaced, at most 2,000 characters."""
    text = _SECRET_FIELD.sub(r'\1"***"', frame.decode(errors="replace"))
    if _SECRET_KEY.search(text):
        text = _VALUE_FIELD.sub(r'\1"***"', text)
    return _URL_LOGIN.sub(r"\1***@", text)[:2000]


def names_secret(name: str) -> bool:
    """Return whether a setting of this name holds a password or key."""
    return _SECRET_KEY.search(name) is not None


def without_login(text: str) -> str:
    """Return a text whose addresses name no user and no password."""
    return _URL_LOGIN.sub(r"\1***@", text)
