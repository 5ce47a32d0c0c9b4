"""OCPP 2.0.1, A: TLS of the port, certificates of stations and their renewal, and steps up in security."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
import ssl

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
import pytest

from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.network_profiles import NetworkProfile
from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.state import StationEventType
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_transport.certificates import Issuer, ec_key, pem_of, station_context, subject

from .secured_201 import HOST, PASSWORD, SERIAL, Dialler, Site, make_authority, open_site

USE = "ChargingStationCertificate"
SUITES = pytest.mark.parametrize(
    ("suite", "kind"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ec.EllipticCurvePublicKey),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", ec.EllipticCurvePublicKey),
        ("AES128-GCM-SHA256", rsa.RSAPublicKey),
        ("AES256-GCM-SHA384", rsa.RSAPublicKey),
    ],
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return make_authority(tmp_path_factory.mktemp("home"))


@pytest.fixture
def profile() -> SecurityProfile:
    return SecurityProfile.TLS_CERTIFICATE


@pytest.fixture
async def site(
    authority: CertificateAuthority, profile: SecurityProfile, tmp_path: Path, socket_enabled: None
) -> AsyncGenerator[Site]:
    opened = await open_site(authority, tmp_path, profile)
    yield opened
    await opened.close()


def at_least(profile: SecurityProfile) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("profile", [profile], ids=[f"profile {int(profile)}"])


def context_of(site: Site, certificate: Path | None = None, **more: str) -> ssl.SSLContext:
    return station_context(site.authority.root_pem, certificate=certificate, **more)


def own_certificate(site: Site) -> Path:
    return site.issuer.issue(f"Volta {SERIAL}")


def assert_line_is_sound(client: Dialler, suite: str, kind: type) -> None:
    """Check version, suite, compression, and what the port's certificate says of itself."""
    cipher, der = client.line.cipher(), client.line.getpeercert(binary_form=True)
    assert cipher is not None and cipher[0] == suite
    assert (client.line.version(), client.line.compression()) == ("TLSv1.2", None)
    assert der is not None
    certificate = x509.load_der_x509_certificate(der)
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == HOST
    assert certificate.serial_number > 0
    key = certificate.public_key()
    assert isinstance(key, kind)
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert key.key_size >= (2048 if isinstance(key, rsa.RSAPublicKey) else 224)


@SUITES
@at_least(SecurityProfile.TLS_BASIC)
@pytest.mark.certification("TC_A_04")
async def test_the_port_shows_the_certificate_that_each_suite_needs(site: Site, suite: str, kind: type) -> None:
    client = await site.enter(context_of(site, suites=suite, version="TLSv1_2"), password=PASSWORD)
    assert_line_is_sound(client, suite, kind)
    await site.leave(client)


@SUITES
@pytest.mark.certification("TC_A_04")
@pytest.mark.certification("TC_A_07")
async def test_a_station_with_its_certificate_is_let_in_by_each_suite(site: Site, suite: str, kind: type) -> None:
    client = await site.enter(context_of(site, own_certificate(site), suites=suite, version="TLSv1_2"))
    assert_line_is_sound(client, suite, kind)
    connection = site.bench.station.connection
    assert connection is not None
    assert connection.info.security_profile is SecurityProfile.TLS_CERTIFICATE
    await site.leave(client)


@pytest.mark.certification("TC_A_06")
@pytest.mark.parametrize("profile", [SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CERTIFICATE], ids=["2", "3"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_of_old_is_refused_and_that_of_today_is_not(site: Site, profile: SecurityProfile) -> None:
    by_password = profile is SecurityProfile.TLS_BASIC
    password, certificate = (PASSWORD, None) if by_password else (None, own_certificate(site))
    old = context_of(site, certificate, suites="ALL:@SECLEVEL=0", version="TLSv1_1")
    with pytest.raises(aiohttp.ClientConnectorError):
        await site.dial(old, password=password)
    client = await site.enter(context_of(site, certificate), password=password)
    assert client.line.version() == "TLSv1.3"
    await site.leave(client)


@pytest.mark.certification("TC_A_08")
@pytest.mark.parametrize("kind", ["unknown authority", "expired", "another station's"])
async def test_a_certificate_that_is_none_of_its_own_is_refused(site: Site, kind: str, tmp_path: Path) -> None:
    match kind:
        case "unknown authority":
            certificate = Issuer(tmp_path, "Foreign").issue(SERIAL)
        case "expired":
            certificate = site.issuer.issue(SERIAL, starts=timedelta(days=-9), ends=timedelta(days=-1))
        case _:
            certificate = site.issuer.issue("SN-78")
    with pytest.raises((aiohttp.ClientError, OSError)):
        await site.dial(context_of(site, certificate))
    assert not site.bench.station.state.connected
    client = await site.enter(context_of(site, own_certificate(site)))
    await site.leave(client)


async def renewed(site: Site, client: Dialler, file: Path, status: str = "Accepted") -> Payload:
    """Have a station ask for a certificate and answer it so; return what it was sent, and keep it with its key."""
    client.answers["CertificateSigned"] = {"status": status}
    await site.bench.station.access.renew_certificate()
    assert {"requestedMessage": "SignChargingStationCertificate"} in client.sent("TriggerMessage")
    key = ec_key()
    request = x509.CertificateSigningRequestBuilder(subject("CP1", "Volta")).sign(key, hashes.SHA256())
    csr = request.public_bytes(Encoding.PEM).decode()
    assert await client.ask("SignCertificate", {"csr": csr, "certificateType": USE}) == {"status": "Accepted"}
    await site.bench.until(lambda: site.signer.results == [status == "Accepted"])
    assert [(one.csr, one.use) for one in site.signer.asked] == [(csr, USE)]
    (sent,) = client.sent("CertificateSigned")
    file.write_bytes(sent["certificateChain"].encode() + pem_of(key))
    return sent


@pytest.mark.certification("TC_A_11")
async def test_a_station_is_made_to_renew_its_certificate_and_enters_with_it(site: Site, tmp_path: Path) -> None:
    client = await site.enter(context_of(site, own_certificate(site)))
    sent = await renewed(site, client, tmp_path / "new.pem")
    assert sent["certificateType"] == USE
    await site.leave(client)
    again = await site.enter(context_of(site, tmp_path / "new.pem"))
    connection = site.bench.station.connection
    assert connection is not None and connection.info.certificate is not None
    assert connection.info.certificate.common_name == "CP1"
    await site.leave(again)


@pytest.mark.certification("TC_A_14")
async def test_a_station_that_does_not_take_its_certificate_keeps_the_old_one(site: Site, tmp_path: Path) -> None:
    old = context_of(site, own_certificate(site))
    client = await site.enter(old)
    sent = await renewed(site, client, tmp_path / "new.pem", "Rejected")
    assert sent["certificateType"] == USE
    event = {"type": "InvalidChargingStationCertificate", "timestamp": site.bench.now()}
    assert await client.ask("SecurityEventNotification", event) == {}
    (told,) = site.bench.told(StationEventType.SECURITY_EVENT)
    assert told.details["kind"] == "InvalidChargingStationCertificate"
    assert site.bench.station.state.connected
    await site.leave(client)
    await site.leave(await site.enter(old))


async def step_up(site: Site, client: Dialler, profile: SecurityProfile) -> None:
    """Write a network profile with more security, prefer it, and restart."""
    network = supported(site.bench.station.operations.network)
    url = f"wss://{HOST}:{site.bench.port}/"
    await network.write(1, NetworkProfile(url, int(profile)))
    await network.prefer(1)
    await site.bench.station.reset(hard=False)
    (written,) = client.sent("SetNetworkProfile")
    data = written["connectionData"]
    assert written["configurationSlot"] == 1
    assert (data["ocppCsmsUrl"], data["securityProfile"]) == (url, int(profile))
    assert (data["ocppVersion"], data["ocppTransport"]) == ("OCPP20", "JSON")
    assert (data["ocppInterface"], data["messageTimeout"]) == ("Wired0", 30)
    assert client.variables["OCPPCommCtrlr", "NetworkConfigurationPriority"] == "1,0"
    assert client.sent("Reset") == [{"type": "OnIdle"}]
    await site.leave(client)


@at_least(SecurityProfile.BASIC)
@pytest.mark.certification("TC_A_19")
async def test_a_station_that_stepped_up_to_tls_is_refused_without(site: Site) -> None:
    await step_up(site, await site.enter(password=PASSWORD), SecurityProfile.TLS_BASIC)
    await site.leave(await site.enter(site.trust(), password=PASSWORD))
    assert await site.refusal(password=PASSWORD) == 403
    assert await site.refusal(site.trust(), password=PASSWORD) == 101


@at_least(SecurityProfile.TLS_BASIC)
@pytest.mark.certification("TC_A_19")
async def test_a_station_that_stepped_up_to_a_certificate_is_refused_without(site: Site, tmp_path: Path) -> None:
    client = await site.enter(site.trust(), password=PASSWORD)
    await renewed(site, client, tmp_path / "new.pem")
    await step_up(site, client, SecurityProfile.TLS_CERTIFICATE)
    certified = context_of(site, tmp_path / "new.pem")
    await site.leave(await site.enter(certified))
    assert await site.refusal(site.trust(), password=PASSWORD) == 403
    assert await site.refusal(certified) == 101
