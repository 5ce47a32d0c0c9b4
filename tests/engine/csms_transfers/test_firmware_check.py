"""Firmware is offered only where its maker's signature fits; signatures are made here with OpenSSL's algorithms."""

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
import pytest

from custom_components.smart_charging.engine.csms.firmware_check import (
    FirmwareCheckError,
    FirmwareFault,
    check_signed_firmware,
)
from tests.manual_clock import START

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

FIRMWARE = b"firmware" * 50_000


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(
    subject: str,
    key: PrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    days: int = 30,
    signs: bool = True,
    path_length: int | None = None,
) -> x509.Certificate:
    usage = x509.KeyUsage(signs, False, False, False, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(usage, critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = certificate("Maker Root", ROOT_KEY, "Maker Root", ROOT_KEY, ca=True)
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


def rsa_pss(data: bytes) -> bytes:
    return RSA_KEY.sign(data, PSS, hashes.SHA256())


def rsa_pkcs(data: bytes) -> bytes:
    return RSA_KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())


def ecdsa(data: bytes) -> bytes:
    return EC_KEY.sign(data, ec.ECDSA(hashes.SHA256()))


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(FIRMWARE)
    return path


def fault_of(
    file: Path, signature: str, certificate_pem: str, *roots: x509.Certificate, days: int = 0
) -> FirmwareFault:
    with pytest.raises(FirmwareCheckError) as caught:
        check_signed_firmware(file, signature, certificate_pem, roots, START + timedelta(days=days))
    return caught.value.fault


def text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


@pytest.mark.parametrize(
    ("sign", "key"), [(rsa_pss, RSA_KEY), (rsa_pkcs, RSA_KEY), (ecdsa, EC_KEY)], ids=["pss", "pkcs1v15", "ecdsa"]
)
def test_signed_firmware_passes_and_a_changed_one_does_not(
    firmware: Path, sign: Callable[[bytes], bytes], key: PrivateKey
) -> None:
    leaf = pem(certificate("Signing", key, "Maker Root", ROOT_KEY))
    signature = text(sign(FIRMWARE))
    check_signed_firmware(firmware, signature, leaf, [ROOT], START)
    firmware.write_bytes(FIRMWARE[:-1] + b"X")
    assert fault_of(firmware, signature, leaf, ROOT) is FirmwareFault.MISMATCH


def test_certificate_below_an_intermediate_passes_with_it_and_not_without(firmware: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    between = certificate("Maker CA", key, "Maker Root", ROOT_KEY, ca=True)
    leaf = certificate("Signing", RSA_KEY, "Maker CA", key)
    signature = text(rsa_pss(FIRMWARE))
    check_signed_firmware(firmware, signature, pem(leaf, between), [ROOT], START)
    assert fault_of(firmware, signature, pem(leaf), ROOT) is FirmwareFault.UNTRUSTED


def test_certificate_issued_by_one_that_may_not_issue_is_untrusted(firmware: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signature = text(rsa_pss(FIRMWARE))
    leaf = certificate("Signing", RSA_KEY, "Maker CA", key)
    plain = certificate("Maker CA", key, "Maker Root", ROOT_KEY)
    assert fault_of(firmware, signature, pem(leaf, plain), ROOT) is FirmwareFault.UNTRUSTED
    short = certificate("Maker Root", ROOT_KEY, "Maker Root", ROOT_KEY, ca=True, path_length=0)
    between = certificate("Maker CA", key, "Maker Root", ROOT_KEY, ca=True)
    assert fault_of(firmware, signature, pem(leaf, between), short) is FirmwareFault.UNTRUSTED


def test_certificate_of_another_root_or_time_or_purpose_is_untrusted(firmware: Path) -> None:
    other_key = ec.generate_private_key(ec.SECP256R1())
    other = certificate("Maker Root", other_key, "Maker Root", other_key, ca=True)
    leaf = pem(certificate("Signing", RSA_KEY, "Maker Root", ROOT_KEY, days=5))
    signature = text(rsa_pss(FIRMWARE))
    assert fault_of(firmware, signature, leaf, other) is FirmwareFault.UNTRUSTED
    assert fault_of(firmware, signature, leaf) is FirmwareFault.UNTRUSTED
    assert fault_of(firmware, signature, leaf, ROOT, days=6) is FirmwareFault.UNTRUSTED
    unfit = pem(certificate("Signing", RSA_KEY, "Maker Root", ROOT_KEY, signs=False))
    assert fault_of(firmware, signature, unfit, ROOT) is FirmwareFault.UNTRUSTED
    assert fault_of(firmware, signature, leaf * 6, ROOT) is FirmwareFault.UNTRUSTED


def test_signature_of_another_key_does_not_fit(firmware: Path) -> None:
    leaf = pem(certificate("Signing", EC_KEY, "Maker Root", ROOT_KEY))
    assert fault_of(firmware, text(rsa_pss(FIRMWARE)), leaf, ROOT) is FirmwareFault.MISMATCH


def test_key_of_a_kind_that_is_not_used_is_refused(firmware: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    leaf = pem(certificate("Signing", key, "Maker Root", ROOT_KEY))
    assert fault_of(firmware, text(key.sign(FIRMWARE)), leaf, ROOT) in {FirmwareFault.KEY, FirmwareFault.UNTRUSTED}


@pytest.mark.parametrize("signature", ["no base64!", "a", "A" * 801, "ü"])
def test_unreadable_signature_is_told(firmware: Path, signature: str) -> None:
    leaf = pem(certificate("Signing", EC_KEY, "Maker Root", ROOT_KEY))
    assert fault_of(firmware, signature, leaf, ROOT) is FirmwareFault.SIGNATURE


@pytest.mark.parametrize("chain", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_unreadable_certificate_is_told(firmware: Path, chain: str) -> None:
    assert fault_of(firmware, text(ecdsa(FIRMWARE)), chain, ROOT) is FirmwareFault.CERTIFICATE


def test_missing_file_is_told(tmp_path: Path) -> None:
    leaf = pem(certificate("Signing", EC_KEY, "Maker Root", ROOT_KEY))
    assert fault_of(tmp_path / "none", text(ecdsa(b"")), leaf, ROOT) is FirmwareFault.FILE
