"""Whether what a meter signed is what it signed: OCMF, checked by `pyocmf` where that is installed.

The check takes some milliseconds of work and, the first time, a large import: call it in a thread. A key that came along with
the values shows only that nobody changed them since; that it is the meter's, only a key from elsewhere shows.
"""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
import json
from typing import TYPE_CHECKING, Final
import warnings

from .model import SignedValue
from .session_record import SessionRecord, TransactionRecord
from .usage import SignedMark

if TYPE_CHECKING:
    from pyocmf import OCMF

REQUIREMENTS_WHEN_CHOSEN: Final = ("pyocmf==0.6.0",)  # without it what is signed is kept, and nobody checks it

_HEAD: Final = "OCMF|"
_LAYERS: Final = 4  # what is wrapped more often is no value of any station
_DER: Final = b"\x30"
_UNITS: Final = {"kWh": Decimal(1000), "Wh": Decimal(1)}
_SLACK_WH: Final = Decimal(20)  # begin and end may be rounded to 10 Wh each
_SLACK: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class SignedCheck:
    """What came of checking one value; `registers_wh` are the registers that it tells, by their OBIS codes."""

    mark: SignedMark
    registers_wh: tuple[tuple[str, Decimal], ...] = ()


def marks_of(record: SessionRecord, public_key: str | None = None) -> dict[str, SignedMark]:
    """Return what is known of the signed values of each transaction of a session, by its id, see `mark_of`."""
    return {one.transaction.transaction_id: mark_of(one, public_key) for one in record.transactions}


def mark_of(record: TransactionRecord, public_key: str | None = None) -> SignedMark:
    """Return what is known of the signed values of a transaction.

    VERIFIED are those of which each fits its signature, and which together tell the energy that was counted.
    `public_key` is the meter's; without it, the one counts that the station sent along.
    """
    if not record.signed:
        return SignedMark.UNSIGNED
    values = [one.value for one in record.signed]
    sent = next((key for value in values if (key := _sent_key(value)) is not None), None)
    checks = [check(value, public_key or _sent_key(value) or sent) for value in values]
    if any(one.mark is SignedMark.INVALID for one in checks):
        return SignedMark.INVALID
    registers = [register for one in checks for register in one.registers_wh]
    if all(one.mark is SignedMark.VERIFIED for one in checks) and _tell(registers, record.transaction.energy_wh):
        return SignedMark.VERIFIED
    return SignedMark.SIGNED


def check(value: SignedValue, public_key: str | None) -> SignedCheck:
    """Return whether a value fits its signature; SIGNED for what can't be checked here."""
    text = ocmf_text(value.data)
    if text is None:
        return SignedCheck(SignedMark.SIGNED)
    try:
        from pyocmf import OCMF, PyOCMFError, SignatureVerificationError, SpecWarning  # noqa: PLC0415 - it is optional
    except ImportError:
        return SignedCheck(SignedMark.SIGNED)
    warnings.filterwarnings("ignore", category=SpecWarning)  # they quote the tag
    try:
        parsed = OCMF.from_string(text)
        fits = parsed.verify_signature(_key_text(public_key))
        return SignedCheck(SignedMark.VERIFIED if fits else SignedMark.INVALID, _registers(parsed))
    except SignatureVerificationError as error:
        malformed = error.reason == "invalid_signature_format"
        return SignedCheck(SignedMark.INVALID if malformed else SignedMark.SIGNED)
    except PyOCMFError, ValueError, ArithmeticError, RecursionError, ImportError:
        return SignedCheck(SignedMark.SIGNED)


def ocmf_text(data: str) -> str | None:
    """Return the OCMF in what a station sent: plain, in hexadecimal digits, in base64, or in the object of OCPP 2.0.1."""
    text = data.strip()
    for _ in range(_LAYERS):
        if text.startswith(_HEAD):
            return text
        inner = _object(text).get("signedMeterData") if text.startswith("{") else _decoded(text)
        if not isinstance(inner, str):
            return None
        text = inner.strip()
    return None


def public_key_der(text: str) -> bytes | None:
    """Return a public key in DER: told in hexadecimal digits or base64, also as `oca:base16:asn1:...`, or in base64 of that.

    The form is that of "Signed Meter Values in OCPP" by the Open Charge Alliance.
    """
    text = "".join(text.split())
    for _ in range(_LAYERS):
        raw = _bytes(text.rpartition(":")[2])
        if raw is None or raw.startswith(_DER):
            return raw
        try:
            text = "".join(raw.decode("ascii").split())
        except UnicodeDecodeError:
            return None
    return None


def _key_text(public_key: str | None) -> str | None:
    der = None if public_key is None else public_key_der(public_key)
    return None if der is None else der.hex()


def _sent_key(value: SignedValue) -> str | None:
    """Return the public key that came along with a value, in OCPP 1.6 in the object that takes its place."""
    text = value.data.strip()
    inside = _object(text).get("publicKey") if text.startswith("{") else None
    return value.public_key or (inside if isinstance(inside, str) and inside else None)


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError, RecursionError:
        return {}
    return found if isinstance(found, dict) else {}


def _decoded(text: str) -> str | None:
    raw = _bytes(text)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def _bytes(text: str) -> bytes | None:
    """Return what a text of hexadecimal digits or of base64 stands for."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error, ValueError:
        return None


def _registers(parsed: OCMF) -> tuple[tuple[str, Decimal], ...]:
    return tuple(
        (str(reading.RI), reading.RV * _UNITS[str(reading.RU)])
        for reading in parsed.payload.RD
        if reading.RV is not None and str(reading.RU) in _UNITS
    )


def _tell(registers: Iterable[tuple[str, Decimal]], energy_wh: float) -> bool:
    """Return whether one of the registers gained the energy that was counted."""
    by_code: defaultdict[str, list[Decimal]] = defaultdict(list)
    for code, register_wh in registers:
        by_code[code].append(register_wh)
    counted_wh = Decimal(repr(energy_wh))
    slack_wh = max(_SLACK_WH, _SLACK * counted_wh)
    return any(abs(max(read) - min(read) - counted_wh) <= slack_wh for read in by_code.values())
