"""Whether a firmware is what its maker signed, found out before it is offered to a station."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
import hashlib
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

MAX_SIGNATURE_LENGTH: Final = 800  # OCPP 1.6 security whitepaper and 2.0.1: FirmwareType.signature
_MAX_CHAIN: Final = 5
_SHA256: Final = Prehashed(hashes.SHA256())


class FirmwareFault(StrEnum):
    """Why a firmware is not to be trusted."""

    FILE = "file"  # can't be read
    SIGNATURE = "signature"  # is not base64, or too long
    CERTIFICATE = "certificate"  # can't be read
    UNTRUSTED = "untrusted"  # leads to none of the roots, or not at this time
    KEY = "key"  # of a kind or size that OCPP has no use for
    MISMATCH = "mismatch"  # the file is not what was signed


class FirmwareCheckError(Exception):
    """A firmware that must not be offered."""

    def __init__(self, fault: FirmwareFault, detail: str = "") -> None:
        """Keep the kind of fault and what was found."""
        super().__init__(f"{fault.value}: {detail}" if detail else fault.value)
        self.fault = fault
        self.detail = detail


def check_signed_firmware(
    file: Path, signature: str, certificate_pem: str, roots: Sequence[x509.Certificate] | None, now: datetime
) -> None:
    """Check a signature (base64, over the SHA-256 of the file) and that its certificate leads to a root.

    Without any `roots` (None) only the signature is checked, and who made it is left to the station, which has them.

    `certificate_pem` is the signing certificate, perhaps followed by those between it and a root. RSA with
    PSS or PKCS1v15 padding and ECDSA are known (OCPP 2.0.1 part 2, use case L01; 1.6 security whitepaper,
    section 4.5). Reads the whole file, so it is not for the event loop. Raises FirmwareCheckError.
    """
    signed = _signature(signature)
    certificate = _trusted(certificate_pem, roots, now)
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        raise FirmwareCheckError(FirmwareFault.FILE, error.strerror or "") from error
    if not _fits(certificate, signed, digest):
        raise FirmwareCheckError(FirmwareFault.MISMATCH)


def _signature(text: str) -> bytes:
    if len(text) > MAX_SIGNATURE_LENGTH:
        raise FirmwareCheckError(FirmwareFault.SIGNATURE, "too long")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FirmwareCheckError(FirmwareFault.SIGNATURE, "not base64") from error


def _trusted(certificate_pem: str, roots: Sequence[x509.Certificate] | None, now: datetime) -> x509.Certificate:
    """Return the signing certificate once it was seen to lead to one of the roots, where there are some to ask."""
    try:
        chain = x509.load_pem_x509_certificates(certificate_pem.encode())
    except ValueError as error:
        raise FirmwareCheckError(FirmwareFault.CERTIFICATE) from error
    if roots is None:
        return chain[0]
    if len(chain) > _MAX_CHAIN or not roots:
        raise FirmwareCheckError(FirmwareFault.UNTRUSTED, "a chain too long" if roots else "no roots")
    # The rules of the web ask for names and purposes that makers of chargers don't write.
    leaf = ExtensionPolicy.permit_all().may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    issuer = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _issues)
    policy = PolicyBuilder().store(Store(list(roots))).time(now)
    verifier = policy.extension_policies(ca_policy=issuer, ee_policy=leaf).build_client_verifier()
    try:
        verifier.verify(chain[0], chain[1:])
    except (VerificationError, UnsupportedAlgorithm, ValueError) as error:
        raise FirmwareCheckError(FirmwareFault.UNTRUSTED, str(error)[:200]) from error
    return chain[0]


def _signs(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.digital_signature:
        raise ValueError("the certificate is not for signatures")


def _issues(_policy: object, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer is no certificate authority")


def _fits(certificate: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        paddings = (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), padding.PKCS1v15())
        return any(_rsa_fits(key, signature, digest, each) for each in paddings)
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(signature, digest, ec.ECDSA(_SHA256))
        except InvalidSignature:
            return False
        return True
    raise FirmwareCheckError(FirmwareFault.KEY, type(key).__name__)


def _rsa_fits(key: rsa.RSAPublicKey, signature: bytes, digest: bytes, how: padding.PSS | padding.PKCS1v15) -> bool:
    try:
        key.verify(signature, digest, how, _SHA256)
    except InvalidSignature:
        return False
    return True
