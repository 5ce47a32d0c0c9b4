"""The port under TLS: which certificate it shows to whom, what it refuses, and what it won't even load."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import socket
import ssl

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
import pytest

from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.client_certificates import read_revocations
from custom_components.smart_charging.engine.csms.server import Access, Admission
from custom_components.smart_charging.engine.csms.tls import ClientTrust, Identity, TlsError, TlsFault, server_context
from tests.manual_clock import ManualClock

from .certificates import RSA_KEY, Issuer, ec_key, openssl, pem_of, station_context
from .station_side import QUICK, Client, Port, RecordingSink

type Listen = Callable[[ssl.SSLContext], Awaitable[Port]]

LEGACY = pytest.mark.parametrize("legacy", [False, True])


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def identities(issuer: Issuer) -> tuple[Identity, ...]:
    return (Identity(issuer.issue("ec")), Identity(issuer.issue("rsa", key=RSA_KEY)))


@pytest.fixture
async def listen(sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession) -> AsyncGenerator[Listen]:
    ports: list[Port] = []

    async def listen(context: ssl.SSLContext) -> Port:
        port = Port(sink, clock, session, QUICK)
        await port.start(context)
        ports.append(port)
        return port

    yield listen
    for port in ports:
        await port.stop()


def line_of(client: Client) -> ssl.SSLObject:
    line = client.socket.get_extra_info("ssl_object")
    assert isinstance(line, ssl.SSLObject)
    return line


def shown_by(client: Client) -> type:
    """Return the kind of key of the certificate that the port showed."""
    der = line_of(client).getpeercert(binary_form=True)
    assert der is not None
    key = x509.load_der_x509_certificate(der).public_key()
    return rsa.RSAPublicKey if isinstance(key, rsa.RSAPublicKey) else ec.EllipticCurvePublicKey


@pytest.mark.parametrize(
    ("suite", "kind"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ec.EllipticCurvePublicKey),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", ec.EllipticCurvePublicKey),
        ("ECDHE-RSA-AES128-GCM-SHA256", rsa.RSAPublicKey),
        ("AES128-GCM-SHA256", rsa.RSAPublicKey),
        ("AES256-GCM-SHA384", rsa.RSAPublicKey),
    ],
)
async def test_each_suite_of_the_specification_gets_the_certificate_it_needs(
    suite: str, kind: type, issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    port = await listen(server_context(identities, legacy_static_rsa=True))
    client = await port.dial(ssl_context=station_context(issuer.file, suites=suite, version="TLSv1_2"))
    assert await client.alive()
    cipher = line_of(client).cipher()
    assert cipher is not None and cipher[0] == suite
    assert shown_by(client) is kind
    assert line_of(client).compression() is None


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384"])
async def test_suites_without_forward_secrecy_need_the_switch_for_legacy_chargers(
    suite: str, issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    port = await listen(server_context(identities))
    with pytest.raises(aiohttp.ClientConnectorError):
        await port.dial(ssl_context=station_context(issuer.file, suites=suite, version="TLSv1_2"))


@LEGACY
async def test_suites_of_old_are_never_offered(
    legacy: bool, issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    port = await listen(server_context(identities, legacy_static_rsa=legacy))
    for suite in ("AES128-SHA", "AES128-SHA256", "ECDHE-RSA-AES128-SHA"):
        context = station_context(issuer.file, suites=f"{suite}:@SECLEVEL=0", version="TLSv1_2")
        with pytest.raises(aiohttp.ClientConnectorError):
            await port.dial(ssl_context=context)


async def test_station_of_today_speaks_tls_1_3(
    issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    port = await listen(server_context(identities))
    client = await port.dial(ssl_context=station_context(issuer.file))
    assert await client.alive()
    assert line_of(client).version() == "TLSv1.3"


@LEGACY
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_1_1_is_refused(
    legacy: bool, issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    port = await listen(server_context(identities, legacy_static_rsa=legacy))
    context = station_context(issuer.file, suites="ALL:@SECLEVEL=0", version="TLSv1_1")
    with pytest.raises(aiohttp.ClientConnectorError):
        await port.dial(ssl_context=context)


async def dial_raw(
    port: Port, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bytes, ssl.SSLSession | None, bool | None]:
    """Make a handshake as a station that keeps its TLS session; return the status line, the session, and its reuse."""
    request = (
        "GET /CP1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )

    def talk() -> tuple[bytes, ssl.SSLSession | None, bool | None]:
        with (
            socket.create_connection(("127.0.0.1", port.number), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as line,
        ):
            line.sendall(request.encode())
            answer = line.recv(4096)  # TLS 1.3 sends tickets with the first data
            return answer.split()[1], line.session, line.session_reused

    return await asyncio.to_thread(talk)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_no_session_tickets_are_given(
    version: str, issuer: Issuer, identities: tuple[Identity, ...], listen: Listen
) -> None:
    context = station_context(issuer.file, version=version)
    port = await listen(server_context(identities))
    _, session, _ = await dial_raw(port, context)
    assert session is None or not session.has_ticket


async def test_certificate_of_a_resumed_session_is_looked_at_again(
    sink: RecordingSink, issuer: Issuer, identities: tuple[Identity, ...], session: aiohttp.ClientSession
) -> None:
    clock = ManualClock(datetime.now(UTC))
    sink.default = Access(Admission.KNOWN, security_profile=SecurityProfile.TLS_CERTIFICATE)
    port = Port(sink, clock, session, QUICK)
    await port.start(server_context(identities, ClientTrust(issuer.file)))
    context = station_context(issuer.file, certificate=issuer.issue("CP1"), version="TLSv1_2")
    status, kept, reused = await dial_raw(port, context)
    assert (status, reused) == (b"101", False)
    status, _, reused = await dial_raw(port, context, kept)
    assert (status, reused) == (b"101", True)
    await clock.advance(2 * 86400)
    status, _, reused = await dial_raw(port, context, kept)
    assert (status, reused) == (b"403", True)
    await port.stop()


async def test_authority_revoked_meanwhile_ends_a_resumed_session_too(
    sink: RecordingSink,
    issuer: Issuer,
    identities: tuple[Identity, ...],
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    sink.default = Access(Admission.KNOWN, security_profile=SecurityProfile.TLS_CERTIFICATE)
    vendor = Issuer(tmp_path, "Vendor")
    between = issuer.certify(vendor)
    certificate = vendor.issue("CP1")
    certificate.write_bytes(certificate.read_bytes() + between.read_bytes())
    context = station_context(issuer.file, certificate=certificate, version="TLSv1_2")
    port = Port(sink, ManualClock(datetime.now(UTC)), session, QUICK)
    await port.start(server_context(identities, ClientTrust(issuer.file)))
    status, kept, _ = await dial_raw(port, context)
    assert status == b"101"
    crl = issuer.revoke(between)
    port.server._entrance.revocations = read_revocations(crl.read_bytes(), [issuer.certificate])
    status, _, reused = await dial_raw(port, context, kept)
    assert (status, reused) == (b"403", True)
    await port.stop()


def small_rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def test_short_rsa_key_is_refused_when_loading(issuer: Issuer) -> None:
    file = issuer.issue("short", key=small_rsa(1024))
    with pytest.raises(TlsError, match="short of Test Root.pem: its key is shorter than RSA 2048") as refused:
        server_context([Identity(file)])
    assert refused.value.fault is TlsFault.WEAK_KEY


def test_short_ec_key_is_refused_when_loading(issuer: Issuer) -> None:
    file = issuer.issue("short", key=ec.generate_private_key(ec.SECP192R1()))
    with pytest.raises(TlsError) as refused:
        server_context([Identity(file)])
    assert refused.value.fault is TlsFault.WEAK_KEY


def test_sha_1_signature_is_refused_when_loading(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    openssl(
        *["req", "-x509", "-newkey", "rsa:2048", "-sha1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-out"],
        certificate,
        "-keyout",
        key,
    )
    with pytest.raises(TlsError, match="signed with less than SHA-256") as refused:
        server_context([Identity(certificate, key)])
    assert refused.value.fault is TlsFault.WEAK_SIGNATURE


def test_weak_certificate_in_the_chain_is_refused_too(issuer: Issuer) -> None:
    file = issuer.issue("leaf")
    weak = issuer.issue("short", key=small_rsa(1024))
    file.write_bytes(file.read_bytes() + weak.read_bytes())
    with pytest.raises(TlsError) as refused:
        server_context([Identity(file)])
    assert refused.value.fault is TlsFault.WEAK_KEY


def test_private_key_of_another_certificate_is_refused_when_loading(issuer: Issuer, tmp_path: Path) -> None:
    certificate = issuer.issue("leaf")
    key = tmp_path / "key.pem"
    key.write_bytes(pem_of(ec_key()))
    with pytest.raises(TlsError) as refused:
        server_context([Identity(certificate, key)])
    assert (refused.value.fault, refused.value.file) == (TlsFault.KEY_MISFIT, key)


def test_two_certificates_of_one_kind_are_refused_since_only_one_would_be_shown(issuer: Issuer) -> None:
    with pytest.raises(TlsError) as refused:
        server_context([Identity(issuer.issue("one")), Identity(issuer.issue("two"))])
    assert refused.value.fault is TlsFault.SAME_KIND


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_file_without_a_certificate_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TlsError) as refused:
        server_context([Identity(file)])
    assert refused.value.fault is TlsFault.UNREADABLE


def test_missing_key_file_is_told_by_its_name(issuer: Issuer, tmp_path: Path) -> None:
    with pytest.raises(TlsError) as refused:
        server_context([Identity(issuer.issue("leaf"), tmp_path / "gone.pem")])
    assert (refused.value.fault, refused.value.file) == (TlsFault.UNREADABLE, tmp_path / "gone.pem")


def test_key_that_is_neither_rsa_nor_ec_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    other = (
        x509.CertificateBuilder(
            issuer.certificate.subject, issuer.certificate.subject, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(issuer.certificate.not_valid_before_utc)
        .not_valid_after(issuer.certificate.not_valid_after_utc)
        .sign(issuer.key, hashes.SHA256())
    )
    file = tmp_path / "ed25519.pem"
    file.write_bytes(other.public_bytes(Encoding.PEM))
    with pytest.raises(TlsError) as refused:
        server_context([Identity(file)])
    assert refused.value.fault is TlsFault.WEAK_KEY


def test_port_without_a_certificate_is_refused() -> None:
    with pytest.raises(TlsError) as refused:
        server_context([])
    assert refused.value.fault is TlsFault.NO_CERTIFICATE


def test_certificate_of_a_station_is_no_client_authority(issuer: Issuer, identities: tuple[Identity, ...]) -> None:
    with pytest.raises(TlsError) as refused:
        server_context(identities, ClientTrust(issuer.issue("CP1")))
    assert refused.value.fault is TlsFault.NO_AUTHORITY


@pytest.mark.parametrize("name", ["Somebody Else", "Test Root"])
def test_revocation_list_of_somebody_else_is_refused(
    name: str, issuer: Issuer, identities: tuple[Identity, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Issuer(tmp_path_factory.mktemp("other"), name)
    with pytest.raises(TlsError) as refused:
        server_context(identities, ClientTrust(issuer.file, other.revoke()))
    assert refused.value.fault is TlsFault.REVOCATIONS


def test_revocation_list_signed_with_another_kind_of_key_is_refused(
    issuer: Issuer, identities: tuple[Identity, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Issuer(tmp_path_factory.mktemp("other"), "Test Root", RSA_KEY)
    with pytest.raises(TlsError) as refused:
        server_context(identities, ClientTrust(issuer.file, other.revoke()))
    assert refused.value.fault is TlsFault.REVOCATIONS


def test_file_without_a_revocation_list_is_refused(issuer: Issuer, identities: tuple[Identity, ...]) -> None:
    with pytest.raises(TlsError) as refused:
        server_context(identities, ClientTrust(issuer.file, issuer.file))
    assert refused.value.fault is TlsFault.REVOCATIONS


def test_certificate_that_ran_out_can_be_loaded_for_stations_that_do_not_look(issuer: Issuer) -> None:
    file = issuer.issue("old", starts=timedelta(days=-9), ends=timedelta(days=-1))
    assert server_context([Identity(file)])
