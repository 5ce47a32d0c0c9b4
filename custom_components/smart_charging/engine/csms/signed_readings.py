"""Reads what a meter signed out of sampled values: as OCPP 1.6 has it, and as 2.0.1 does."""

from collections.abc import Mapping

from ..model import Json, SignedValue

SIGNED = "SignedData"  # OCPP 1.6 section 7.42 ValueFormat
LONGEST_DATA = 32_768  # OCPP 2.1 part 2 SignedMeterValueType; 2.0.1 has 2,500
_LONGEST_KEY = 2500
_LONGEST_NAME = 50
_PLAIN = "OCMF|"  # some send it as if it were a number


def signed_value(raw: Mapping[str, Json]) -> SignedValue | None:
    """Return what is signed of one sampledValue, as received; None for nothing, and for what is too long to be kept.

    In 1.6 it takes the place of the value, in 2.0.1 it stands beside it.
    """
    beside = raw.get("signedMeterValue")
    if isinstance(beside, dict):
        data = beside.get("signedMeterData")
        method, encoding = _word(beside, "signingMethod"), _word(beside, "encodingMethod")
        public_key = _word(beside, "publicKey", _LONGEST_KEY)
    elif looks_signed(raw):
        data, method, encoding, public_key = raw.get("value"), None, None, None
    else:
        return None
    if not isinstance(data, str) or not data.strip() or len(data) > LONGEST_DATA:
        return None
    return SignedValue(data, _word(raw, "context") or "Sample.Periodic", method, encoding, public_key)


def looks_signed(raw: Mapping[str, Json]) -> bool:
    """Return whether the value of a sampledValue is no number but signed data."""
    value = raw.get("value")
    return raw.get("format") == SIGNED or (isinstance(value, str) and value.startswith(_PLAIN))


def _word(raw: Mapping[str, Json], name: str, longest: int = _LONGEST_NAME) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= longest else None
