"""Id tokens at rest: encrypted, found again by a keyed hash, with a key in a file of its own.

The values are needed in the clear, by stations and relays, so a hash alone will not do. The key lies beside the
database and not in it: a copy of one of the two tells nothing.
"""

import contextlib
import hashlib
import hmac
import os
from pathlib import Path
import secrets
import tempfile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
import sqlalchemy as sa

from ..model import StoreError
from .errors import LedgerKeyError

KEY_BYTES = 32
KEY_SUFFIX = ".key"
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.2: a random nonce of 96 bits
_GROUP_LENGTH = 20  # OCPP 1.6 section 7.28: a parent is an id token itself
_PURPOSE = b"smart_charging id token"
_VAULT = "ledger_vault"


class Vault:
    """Hashes and encrypts with one key; safe to use from several threads."""

    def __init__(self, key: bytes) -> None:
        """Derive a key for each purpose (RFC 5869)."""
        self._lookup_key = _derived(key, b"lookup")
        self._group_key = _derived(key, b"group")
        self._cipher = AESGCM(_derived(key, b"seal"))
        self.check = _derived(key, b"check").hex()
        """Tells whether a key is the same one, and nothing of it."""

    def lookup(self, value: str) -> str:
        """Return what a value is found by, the same in any case (OCPP 1.6 section 7.28: CiString)."""
        return hmac.new(self._lookup_key, value.casefold().encode(), hashlib.sha256).hexdigest()

    def group_value(self, group: str) -> str:
        """Return the id token that stands for a group, of at most 20 characters."""
        digest = hmac.new(self._group_key, group.casefold().encode(), hashlib.sha256).hexdigest()
        return digest[:_GROUP_LENGTH].upper()

    def seal(self, value: str) -> bytes:
        """Return a value encrypted (AES-256-GCM), different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), _PURPOSE)

    def unseal(self, sealed: bytes | None) -> str:
        """Return the value, empty for one that was given up; StoreError for one that was tampered with."""
        if sealed is None:
            return ""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE).decode()
        except (InvalidTag, ValueError) as error:
            raise StoreError("An id token in the ledger can't be decrypted") from error


def with_vault(engine: sa.Engine, vault: Vault) -> sa.Engine:
    """Return the same engine for connections that know the vault."""
    return engine.execution_options(**{_VAULT: vault})


def vault_of(bound: sa.Connection | sa.Engine) -> Vault:
    """Return the vault that the values of a connection or an engine are kept with."""
    vault: Vault = bound.get_execution_options()[_VAULT]
    return vault


def open_vault(path: Path, check: str | None) -> Vault:
    """Return the vault with the key of this file, made once if nothing was encrypted yet.

    `check` is that of the key in use, None before anything was encrypted. Raises LedgerKeyError for a key that is
    missing or another one, and OSError for a file that can't be read or made.
    """
    key = _read(path)
    if key is None:
        if check is not None:
            raise LedgerKeyError(
                f"The key of the id tokens, {path.name}, is missing. Restore it from the backup that the ledger is from."
            )
        key = _create(path)
    vault = Vault(key)
    if check is not None and not hmac.compare_digest(check, vault.check):
        raise LedgerKeyError(
            f"The key of the id tokens, {path.name}, is not the one of this ledger. "
            "Restore it from the backup that the ledger is from."
        )
    return vault


def set_key_aside(path: Path) -> None:
    """Make room for a new key; the old file is kept under another name, for it may fit another ledger."""
    if path.exists():
        number = 1
        while (aside := path.with_name(f"{path.name}.old{number}")).exists():
            number += 1
        path.rename(aside)


def _read(path: Path) -> bytes | None:
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise LedgerKeyError(f"The key of the id tokens, {path.name}, is damaged") from error
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise LedgerKeyError(f"The key of the id tokens, {path.name}, is damaged")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # a restored backup may have lost it
    return key


def _create(path: Path) -> bytes:
    """Write a new key whole or not at all, and only where there is none."""
    key = secrets.token_bytes(KEY_BYTES)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}", dir=path.parent)  # of mode 0600
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{key.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(written, path)
    finally:
        written.unlink(missing_ok=True)
    _flush_directory(path.parent)
    return key


def _publish(written: Path, path: Path) -> None:
    try:
        path.hardlink_to(written)  # fails where a key appeared meanwhile, which a rename would replace
    except FileExistsError:
        raise
    except OSError:
        written.rename(path)  # a file system without hard links


def _flush_directory(directory: Path) -> None:
    # Some file systems can't flush a directory; the file itself is on the disk.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=_PURPOSE + b" " + purpose).derive(key)
