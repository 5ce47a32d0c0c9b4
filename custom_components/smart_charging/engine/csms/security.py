"""Station passwords: hashing, checking, and reading them from a handshake."""

import asyncio
import base64
import binascii
from dataclasses import dataclass
import hashlib
import hmac
import re
import secrets
import string
from typing import Final

from ..config import SecurityProfile
from .rpc import OCPP16

# About 50 ms and 16 MiB per check on a desktop core (RFC 7914 section 2).
_LOG2_N, _R, _P = 14, 8, 1
_SLOW: Final = "scrypt"
_QUICK: Final = "hmac-sha256"
_SALT_BYTES: Final = 16
_MAX_OFFERED_BYTES: Final = 256
_MAX_REMEMBERED: Final = 2048
_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
# OCPP 1.6 security whitepaper, A00.FR.205; OCPP 2.0.1 part 2, A00.FR.205 with BasicAuthPassword.
_KEY_BYTES: Final = (16, 20)
_PASSWORD_LENGTH: Final = (16, 40)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_ALPHABET: Final = string.ascii_letters + string.digits


def _canonical(password: bytes) -> bytes:
    """Return one digest for a password and its hexadecimal spellings.

    OCPP 1.6 security whitepaper A00.FR.204/205: an AuthorizationKey is configured as hexadecimal
    text and sent as the bytes it stands for, but many stations send the text; both must open.
    """
    while _HEX.fullmatch(password):
        password = bytes.fromhex(password.decode("ascii"))
    return hashlib.sha256(password).digest()  # scrypt by itself would take a trailing NUL for nothing


def hash_password(password: str | bytes) -> str:
    """Return a salted scrypt hash as one string; ValueError for an empty password. Takes about 50 ms."""
    raw = password.encode() if isinstance(password, str) else password
    if not raw:
        raise ValueError("an empty password protects nothing")
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = hashlib.scrypt(_canonical(raw), salt=salt, n=1 << _LOG2_N, r=_R, p=_P)
    return "$".join((_SLOW, str(_LOG2_N), str(_R), str(_P), *_texts(salt, derived)))


def hash_random_password(password: str) -> str:
    """Return a salted hash of what `new_password` made, as one string; quick to make and to check.

    Slowness keeps people's passwords from being guessed out of their hashes; 160 random bits can't be guessed at any speed,
    and a thousand stations that come back at once need not wait for each other's.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    return "$".join((_QUICK, *_texts(salt, _quick_digest(password.encode(), salt))))


def is_quick(stored: str) -> bool:
    """Return whether a password is checked against this hash in no time."""
    return stored.startswith(f"{_QUICK}$")


def verify_password(stored: str, offered: bytes) -> bool:
    """Return whether the password offered fits the hash, in constant time; a broken hash fits none.

    Bytes, the same as hexadecimal text, and that text's bytes are one password. Takes about 50 ms, but for a hash that
    `is_quick`.
    """
    if not offered or len(offered) > _MAX_OFFERED_BYTES:
        return False
    try:
        scheme, *cost, salt, derived = stored.split("$")
        salted = base64.b64decode(salt, validate=True)
        if scheme == _QUICK and not cost:
            again = _quick_digest(offered, salted)
        elif scheme == _SLOW:
            log2_n, r, p = cost
            again = hashlib.scrypt(_canonical(offered), salt=salted, n=1 << int(log2_n), r=int(r), p=int(p))
        else:
            return False
        return hmac.compare_digest(again, base64.b64decode(derived, validate=True))
    except ValueError:
        return False


def _quick_digest(password: bytes, salt: bytes) -> bytes:
    return hmac.digest(salt, _canonical(password), "sha256")


def _texts(*parts: bytes) -> tuple[str, ...]:
    return tuple(base64.b64encode(part).decode() for part in parts)


def new_password(protocol: str) -> str:
    """Return a random password as long as this protocol allows.

    For OCPP 1.6 the 40 hexadecimal digits of 20 bytes, for 2.x 40 letters and digits.
    """
    if protocol == OCPP16:
        return secrets.token_hex(_KEY_BYTES[1])
    return "".join(secrets.choice(_ALPHABET) for _ in range(_PASSWORD_LENGTH[1]))


def is_fit_password(protocol: str, password: str) -> bool:
    """Return whether a station of this protocol can be given a password.

    For OCPP 1.6 these are 16 to 20 bytes, as text or as 32 to 40 hexadecimal digits, which always stand
    for the bytes they spell; for 2.x 16 to 40
    characters of printable ASCII without a space, which every station can be relied on to take.
    """
    if protocol == OCPP16:
        low, high = _KEY_BYTES
        raw = password.encode()
        return low <= (len(raw) // 2 if _HEX.fullmatch(raw) else len(raw)) <= high
    low, high = _PASSWORD_LENGTH
    return low <= len(password) <= high and bool(_PRINTABLE.fullmatch(password))


def is_downgrade(seen: SecurityProfile, now: SecurityProfile) -> bool:
    """Return whether a station that was seen to prove more now proves less (OCPP 2.0.1 part 2, A05.FR.04)."""
    return now < seen


def least_profile(configured: SecurityProfile, seen: SecurityProfile | None) -> SecurityProfile:
    """Return what a station must prove: what is configured, and never less than it was seen to prove."""
    return configured if seen is None or not is_downgrade(seen, configured) else seen


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password of HTTP Basic authentication (RFC 7617)."""

    username: str
    password: bytes

    def __repr__(self) -> str:
        """Return a text without the secret."""
        return "Credentials(...)"


def read_credentials(header: str | None) -> Credentials | None:
    """Return what an Authorization header holds, None for no or a malformed one."""
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return Credentials(username.decode(), password) if colon else None
    except binascii.Error, UnicodeDecodeError, ValueError:
        return None


class PasswordCheck:
    """Checks passwords off the event loop and remembers each station's last good one.

    What is remembered is a keyed digest that dies with the process, so that all stations may
    reconnect at once without a scrypt each.
    """

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._key = secrets.token_bytes(32)
        self._good: dict[str, tuple[str, bytes]] = {}
        # Guessing from one address must not delay the stations behind others.
        self._lane = asyncio.Semaphore(2)
        self._suspect_lane = asyncio.Semaphore(1)

    async def matching(
        self, station_id: str, hashes: tuple[str, ...], offered: bytes, *, suspect: bool = False
    ) -> str | None:
        """Return the hash that the password fits, None if it fits none."""
        digest = hmac.digest(self._key, offered, "sha256")
        remembered, good = self._good.get(station_id, ("", b""))
        if remembered in hashes and hmac.compare_digest(good, digest):
            return remembered
        loop = asyncio.get_running_loop()
        for stored in hashes:
            if is_quick(stored):
                fits = verify_password(stored, offered)
            else:
                async with self._suspect_lane if suspect else self._lane:
                    fits = await loop.run_in_executor(None, verify_password, stored, offered)
            if fits:
                self._remember(station_id, stored, digest)
                return stored
        return None

    def _remember(self, station_id: str, stored: str, digest: bytes) -> None:
        self._good.pop(station_id, None)
        self._good[station_id] = (stored, digest)
        while len(self._good) > _MAX_REMEMBERED:
            del self._good[next(iter(self._good))]
