"""Frames made fit for a log: no password, no key, no id token."""

import re
from typing import Final

_STRING: Final = r'(?:"(?:[^"\\]|\\.)*+"|[^\s,\]}"\[{]++)'
_SECRET_NAMES: Final = (
    "idTag|parentIdTag|idToken|additionalIdToken|customerIdentifier|emaid|vin|password|basicAuthPassword|"
    "authorizationKey|apnUserName|apnPassword|simPin|vatNumber|pin|signedMeterData"
)
_SECRET_FIELD: Final = re.compile(rf'("(?:{_SECRET_NAMES})"\s*:\s*){_STRING}', re.IGNORECASE)
# Names that hold a secret in these places only.
_VPN: Final = re.compile(r'"vpn"\s*:\s*\{', re.IGNORECASE)
_VPN_FIELD: Final = re.compile(rf'("(?:key|user)"\s*:\s*){_STRING}', re.IGNORECASE)
_CUSTOMER_INFORMATION: Final = re.compile(r'"NotifyCustomerInformation"')
_SIGNED: Final = re.compile(r'"SignedData"|OCMF\|')  # what a meter signs tells whose tag it was for
_SECRET_KEY: Final = re.compile("AuthorizationKey|Password|Secret|Credential", re.IGNORECASE)
_VALUE_FIELD: Final = re.compile(rf'("(?:value|attributeValue|data)"\s*:\s*){_STRING}', re.IGNORECASE)
_URL_LOGIN: Final = re.compile(r'(://)[^/@\s"]+@')
_URL_TOKEN: Final = re.compile(r'(transfer(?:\\?/)[^/\s"]+(?:\\?/))[A-Za-z0-9_-]{43}')  # see transfers.py


def redacted(frame: bytes) -> str:
    """Return a frame's text with every secret replaced, at most 2,000 characters."""
    text = _SECRET_FIELD.sub(r'\1"***"', frame.decode(errors="replace"))
    if _VPN.search(text):
        text = _VPN_FIELD.sub(r'\1"***"', text)
    if any(told.search(text) for told in (_SECRET_KEY, _CUSTOMER_INFORMATION, _SIGNED)):
        text = _VALUE_FIELD.sub(r'\1"***"', text)
    return _URL_TOKEN.sub(r"\1***", _URL_LOGIN.sub(r"\1***@", text))[:2000]


def names_secret(name: str) -> bool:
    """Return whether a setting of this name holds a password or key."""
    return _SECRET_KEY.search(name) is not None


def without_login(text: str) -> str:
    """Return a text whose addresses name no user and no password."""
    return _URL_LOGIN.sub(r"\1***@", text)
