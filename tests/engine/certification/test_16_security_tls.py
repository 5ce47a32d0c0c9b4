"""OCPP 1.6 with its security extension, over TLS: the port's certificates, a station's own, and ever higher profiles."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
import ssl

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SecurityProfile, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.certificates import SigningRequest
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.entrance import owner_of
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.tls import server_context
from tests.engine.csms_stations.conftest import SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_transport.certificates import pem_of, station_context
from tests.manual_clock import ManualClock

from .secure_station import SecureStation, SiteSigner, boot_and_tell, enter, leave, refusal

HOST, SERIAL, PASSWORD = "csms.home.example", "SN-0042", b"sixteen-bytes-00"
SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": ec.EllipticCurvePublicKey,
    "ECDHE-ECDSA-AES256-GCM-SHA384": ec.EllipticCurvePublicKey,
    "AES128-GCM-SHA256": rsa.RSAPublicKey,
    "AES256-GCM-SHA384": rsa.RSAPublicKey,
}
CONFIG = StationConfig(
    "CP1",
    "Garage",
    password_hash=hash_password(PASSWORD),
    serial_number=SERIAL,
    security_profile=SecurityProfile.BASIC,
)


@dataclass
class Site:
    """A central system whose port speaks TLS, a door beside it without, and the authority of all certificates."""

    bench: Bench
    plain_port: int
    authority: CertificateAuthority
    signer: SiteSigner
    folder: Path

    def request(self) -> tuple[ec.EllipticCurvePrivateKey, str]:
        """Return a new key of the station and the request for its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERIAL)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return key, request.public_bytes(Encoding.PEM).decode()

    def trust(self, suites: str | None = None, certificate: Path | None = None) -> ssl.SSLContext:
        """Return the station's side of TLS."""
        version = "any" if suites is None else "TLSv1_2"
        return station_context(self.authority.root_pem, certificate=certificate, suites=suites, version=version)

    def keep(self, key: ec.EllipticCurvePrivateKey, chain: str) -> Path:
        """Write a station's certificate and key as its own."""
        file = self.folder / f"station-{x509.load_pem_x509_certificate(chain.encode()).serial_number}.pem"
        file.write_bytes(chain.encode() + pem_of(key))
        return file

    async def certified(self, suites: str | None = None) -> ssl.SSLContext:
        """Return the side of a station that has a certificate."""
        key, csr = self.request()
        chain = await self.signer.sign(SigningRequest("CP1", csr))
        return self.trust(suites, self.keep(key, chain))


@pytest.fixture
async def site(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[Site]:
    now = datetime.now(UTC)  # OpenSSL looks at the machine's clock
    clock, store = ManualClock(now), MemoryStore()
    authority = CertificateAuthority.create(tmp_path / "authority", "Home", now)
    signer = SiteSigner(authority, owner_of(CONFIG, ()), clock)
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=SETTINGS,
        signer=signer,
    )
    bench = Bench(csms, clock, store)
    csms.subscribe(bench.events.append)
    identities = authority.issue_server([HOST, "127.0.0.1"], now)
    context = server_context(identities, authority.client_trust, legacy_static_rsa=True)
    bench.port = await csms.start("127.0.0.1", 0, context)
    beside = web.ServerRunner(web.Server(csms.handle))
    await beside.setup()
    await web.TCPSite(beside, "127.0.0.1", 0).start()
    await csms.add_station(CONFIG)
    yield Site(bench, beside.addresses[0][1], authority, signer, tmp_path)
    for client in bench.clients:
        await client.close()
    await csms.stop()
    await beside.cleanup()


def assert_strong(site: Site, client: SecureStation, suite: str) -> None:
    """Check version and suite of a line, and the certificate that the port showed."""
    cipher = client.line.cipher()
    assert cipher is not None
    assert (cipher[0], client.line.version()) == (suite, "TLSv1.2")
    shown = client.line.getpeercert(binary_form=True)
    assert shown is not None
    certificate = x509.load_der_x509_certificate(shown)
    key = certificate.public_key()
    assert isinstance(key, SUITES[suite])
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert key.key_size >= (2048 if isinstance(key, rsa.RSAPublicKey) else 224)
    assert certificate.serial_number > 0
    assert [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [HOST]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(site.authority.root_pem.encode()))


@pytest.mark.certification("TC_086")
@pytest.mark.parametrize("suite", SUITES)
async def test_the_port_shows_a_certificate_of_its_name_with_each_prescribed_suite(suite: str, site: Site) -> None:
    client = await enter(site.bench, password=PASSWORD, context=site.trust(suite))
    assert_strong(site, client, suite)
    await boot_and_tell(site.bench, client)
    connection = site.bench.station.connection
    assert connection is not None
    assert connection.info.security_profile is SecurityProfile.TLS_BASIC


@pytest.mark.certification("TC_086")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_before_1_2_is_refused(site: Site) -> None:
    context = station_context(site.authority.root_pem, suites="ALL:@SECLEVEL=0", version="TLSv1_1")
    with pytest.raises(aiohttp.ClientConnectorError):
        await enter(site.bench, password=PASSWORD, context=context)


@pytest.mark.certification("TC_087")
@pytest.mark.parametrize("suite", SUITES)
async def test_a_station_with_a_certificate_of_its_own_needs_no_password(suite: str, site: Site) -> None:
    client = await enter(site.bench, context=await site.certified(suite))
    assert_strong(site, client, suite)
    await boot_and_tell(site.bench, client)
    connection = site.bench.station.connection
    assert connection is not None
    assert connection.info.security_profile is SecurityProfile.TLS_CERTIFICATE


@pytest.mark.certification("TC_083")
async def test_a_profile_that_was_raised_is_asked_for_from_then_on(site: Site) -> None:
    bench, mine = site.bench, await site.certified()
    profiles: list[tuple[str, dict[str, object]]] = [
        ("1", {"port": site.plain_port, "password": PASSWORD}),
        ("2", {"context": site.trust(), "password": PASSWORD}),
        ("3", {"context": mine}),
    ]
    for (_, lower), (value, higher) in pairwise(profiles):
        client = await enter(bench, **lower)
        await bench.station.change_configuration("SecurityProfile", value)
        assert client.sent("ChangeConfiguration")[-1] == {"key": "SecurityProfile", "value": value}
        await bench.station.reset(hard=True)
        assert client.sent("Reset") == [{"type": "Hard"}]
        await leave(bench, client)
        client = await enter(bench, **higher)
        await boot_and_tell(bench, client)
        await leave(bench, client)
        assert await refusal(bench, **lower) == 403
        await leave(bench, await enter(bench, **higher))


@pytest.mark.certification("TC_083")
async def test_a_profile_that_the_station_will_not_raise_is_told(site: Site) -> None:
    client = await enter(site.bench, port=site.plain_port, password=PASSWORD)
    client.answers["ChangeConfiguration"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await site.bench.station.change_configuration("SecurityProfile", "2")
    assert error.value.code is CommandErrorCode.REJECTED
    await leave(site.bench, client)
    await enter(site.bench, port=site.plain_port, password=PASSWORD)


@pytest.mark.certification("TC_074")
async def test_a_station_that_is_made_to_renew_its_certificate_enters_with_the_new_one(site: Site) -> None:
    bench = site.bench
    client = await enter(bench, context=await site.certified())
    await bench.station.access.renew_certificate()
    assert client.sent("ExtendedTriggerMessage") == [{"requestedMessage": "SignChargePointCertificate"}]
    key, csr = site.request()
    assert await client.ask("SignCertificate", {"csr": csr}) == {"status": "Accepted"}
    await bench.until(lambda: site.signer.told == [True])
    (sent,) = client.sent("CertificateSigned")
    assert sent.keys() == {"certificateChain"}
    leaf, *_ = x509.load_pem_x509_certificates(sent["certificateChain"].encode())
    assert leaf.public_key() == key.public_key()
    assert [name.value for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [SERIAL]
    assert leaf.signature_hash_algorithm is not None and leaf.signature_hash_algorithm.name == "sha256"
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(site.authority.root_pem.encode()))
    await leave(bench, client)
    await enter(bench, context=site.trust(certificate=site.keep(key, sent["certificateChain"])))
    connection = bench.station.connection
    assert connection is not None and connection.info.certificate is not None
    assert connection.info.certificate.serial_number == leaf.serial_number


@pytest.mark.certification("TC_077")
async def test_a_certificate_that_the_station_rejects_is_told_and_its_report_is_taken(site: Site) -> None:
    bench = site.bench
    client = await enter(bench, context=await site.certified())
    client.answers["CertificateSigned"] = {"status": "Rejected"}
    await bench.station.access.renew_certificate()
    assert client.sent("ExtendedTriggerMessage") == [{"requestedMessage": "SignChargePointCertificate"}]
    assert await client.ask("SignCertificate", {"csr": site.request()[1]}) == {"status": "Accepted"}
    await bench.until(lambda: site.signer.told == [False])
    assert len(client.sent("CertificateSigned")) == 1
    event = {"type": "InvalidChargePointCertificate", "timestamp": bench.now()}
    assert await client.ask("SecurityEventNotification", event) == {}
    assert bench.told(StationEventType.SECURITY_EVENT)[-1].details["kind"] == event["type"]
