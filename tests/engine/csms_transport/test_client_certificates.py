"""Security profiles: what a station has to prove before it is let in, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl

import aiohttp
from cryptography import x509
import pytest

from custom_components.smart_charging.engine.config import SecurityProfile, StationConfig
from custom_components.smart_charging.engine.csms.certificate_watch import CertificateWatch
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner, names_owner
from custom_components.smart_charging.engine.csms.entrance import access_of
from custom_components.smart_charging.engine.csms.quirks import Quirks
from custom_components.smart_charging.engine.csms.security import hash_password, is_downgrade, least_profile
from custom_components.smart_charging.engine.csms.server import Access, Admission
from custom_components.smart_charging.engine.csms.tls import ClientTrust, Identity, ServerContext, server_context
from tests.manual_clock import ManualClock

from .certificates import Issuer, station_context
from .station_side import QUICK, Port, RecordingSink, eventually

PASSWORD = "correct horse 16"
HASH = hash_password(PASSWORD)
CERTIFICATE, TLS, BASIC, NONE = reversed(SecurityProfile)

type Listen = Callable[[ssl.SSLContext | None], Awaitable[Port]]


def access(
    least: SecurityProfile, *names: str, organization: str | None = None, others: tuple[str, ...] = ()
) -> Access:
    owner = CertificateOwner(frozenset(names or {"CP1"}), frozenset(others), organization)
    return Access(Admission.KNOWN, (HASH,), security_profile=least, owner=owner)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))  # OpenSSL looks at the machine's clock


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def stations(tmp_path: Path) -> Issuer:
    """The authority of the stations' certificates."""
    return Issuer(tmp_path, "Stations")


@pytest.fixture
def ours(issuer: Issuer) -> Identity:
    return Identity(issuer.issue("port"))


@pytest.fixture
async def listen(sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession) -> AsyncGenerator[Listen]:
    ports: list[Port] = []

    async def listen(context: ssl.SSLContext | None) -> Port:
        port = Port(sink, clock, session, QUICK)
        await port.start(context)
        ports.append(port)
        return port

    yield listen
    for port in ports:
        await port.stop()


@pytest.fixture
async def port(listen: Listen, ours: Identity, stations: Issuer) -> Port:
    return await listen(server_context([ours], ClientTrust(stations.file)))


async def refusal(port: Port, context: ssl.SSLContext | None, path: str = "/CP1", password: str | None = None) -> int:
    """Return the status with which a station is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await port.dial(path, ssl_context=context, password=password)
    return refused.value.status


async def refused_by_tls(port: Port, context: ssl.SSLContext, path: str = "/CP1") -> bool:
    """Return whether a station does not even get to speak HTTP. TLS 1.3 tells it with the first answer only."""
    try:
        await port.dial(path, ssl_context=context, password=PASSWORD)
    except aiohttp.WSServerHandshakeError:
        return False
    except aiohttp.ClientError, ssl.SSLError, OSError:
        return True
    return False


async def test_station_with_a_certificate_of_its_own_needs_no_password(
    port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(CERTIFICATE)
    context = station_context(issuer.file, certificate=stations.issue("Volta CP1"))
    client = await port.dial(ssl_context=context)
    assert await client.alive()
    info = sink.connections[0].info
    assert info.security_profile is CERTIFICATE and info.authenticated
    assert info.certificate is not None and info.certificate.common_name == "Volta CP1"


async def test_stations_with_passwords_share_the_port(port: Port, sink: RecordingSink, issuer: Issuer) -> None:
    sink.default = access(TLS)
    client = await port.dial(ssl_context=station_context(issuer.file), password=PASSWORD)
    assert await client.alive()
    assert sink.connections[0].info.security_profile is TLS


async def test_station_without_a_certificate_is_refused_where_it_needs_one(
    port: Port, sink: RecordingSink, issuer: Issuer
) -> None:
    sink.default = access(CERTIFICATE)
    assert await refusal(port, station_context(issuer.file), password=PASSWORD) == 403
    assert sink.connections == []


async def test_certificate_of_another_authority_is_refused(
    port: Port, sink: RecordingSink, issuer: Issuer, tmp_path: Path
) -> None:
    sink.default = access(CERTIFICATE)
    foreign = Issuer(tmp_path, "Foreign").issue("CP1")
    assert await refused_by_tls(port, station_context(issuer.file, certificate=foreign))
    assert sink.connections == []


async def test_certificate_signed_by_a_namesake_of_the_authority_is_refused(
    port: Port, sink: RecordingSink, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sink.default = access(CERTIFICATE)
    namesake = Issuer(tmp_path_factory.mktemp("foreign"), "Stations").issue("CP1")
    assert await refused_by_tls(port, station_context(issuer.file, certificate=namesake))
    assert sink.connections == []


@pytest.mark.parametrize(("starts", "ends"), [(-9, -1), (1, 9)])
async def test_certificate_that_is_not_valid_now_is_refused(
    starts: int, ends: int, port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(CERTIFICATE)
    expired = stations.issue("CP1", starts=timedelta(days=starts), ends=timedelta(days=ends))
    assert await refused_by_tls(port, station_context(issuer.file, certificate=expired))
    assert sink.connections == []


async def test_certificate_that_ran_out_by_our_clock_is_refused_although_tls_let_it_pass(
    port: Port, sink: RecordingSink, clock: ManualClock, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(CERTIFICATE)
    context = station_context(issuer.file, certificate=stations.issue("CP1"))
    await clock.advance(2 * 86400)
    assert await refusal(port, context) == 403


async def test_revoked_certificate_is_refused(
    listen: Listen, ours: Identity, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(CERTIFICATE)
    revoked, good = stations.issue("CP1", file="stolen.pem"), stations.issue("CP1")
    port = await listen(server_context([ours], ClientTrust(stations.file, stations.revoke(revoked))))
    assert await refusal(port, station_context(issuer.file, certificate=revoked)) == 403
    assert await (await port.dial(ssl_context=station_context(issuer.file, certificate=good))).alive()


async def test_certificate_under_a_revoked_authority_is_refused(
    listen: Listen, ours: Identity, sink: RecordingSink, issuer: Issuer, stations: Issuer, tmp_path: Path
) -> None:
    sink.default = access(CERTIFICATE)
    vendor = Issuer(tmp_path, "Vendor")
    between = stations.certify(vendor)
    certificate = vendor.issue("CP1")
    certificate.write_bytes(certificate.read_bytes() + between.read_bytes())
    theirs = station_context(issuer.file, certificate=certificate)
    crl = stations.revoke()
    context = server_context([ours], ClientTrust(stations.file, crl))
    port = await listen(context)
    client = await port.dial(ssl_context=theirs)
    assert await client.alive()
    stations.revoke(between)
    context.use(server_context([ours], ClientTrust(stations.file, crl)))
    assert await client.close_code() == 1008
    assert await refusal(port, theirs) == 403


async def test_certificate_that_only_openssl_can_read_is_refused(
    port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(der: bytes) -> x509.Certificate:
        raise ValueError("negative serial number")

    context = station_context(issuer.file, certificate=stations.issue("CP1"))
    monkeypatch.setattr(x509, "load_der_x509_certificate", unreadable)
    assert await refusal(port, context) == 403
    assert sink.admitted == []


async def test_revocation_ends_the_socket_that_stands_and_no_other(
    listen: Listen, ours: Identity, sink: RecordingSink, clock: ManualClock, issuer: Issuer, stations: Issuer
) -> None:
    sink.access = {name: access(CERTIFICATE, name) for name in ("CP1", "CP2")}
    crl = stations.revoke()
    files = {name: stations.issue(name) for name in sink.access}
    context = server_context([ours], ClientTrust(stations.file, crl))
    port = await listen(context)
    one, two = [
        await port.dial(f"/{name}", ssl_context=station_context(issuer.file, certificate=file))
        for name, file in files.items()
    ]
    watch = CertificateWatch(context, lambda: server_context([ours], ClientTrust(stations.file, crl)), [crl], clock)
    assert await one.alive() and await two.alive()
    stations.revoke(files["CP1"])
    assert await watch.look()
    assert await one.close_code() == 1008
    assert await two.alive()
    assert await refusal(port, station_context(issuer.file, certificate=files["CP1"])) == 403


@pytest.mark.parametrize(
    ("path", "common_name"), [("/CP1", "CP2"), ("/CP1", "CP10"), ("/CP1", "XCP1"), ("/CP1", ""), ("/CP1", "cp1")]
)
async def test_certificate_of_another_station_is_refused(
    path: str, common_name: str, port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = Access(Admission.KNOWN, security_profile=CERTIFICATE)
    certificate = stations.issue(common_name or " ", file="other.pem")
    assert await refusal(port, station_context(issuer.file, certificate=certificate), path) == 403


@pytest.mark.parametrize("least", [TLS, BASIC, NONE])
async def test_certificate_of_another_station_opens_nothing_with_the_right_password_either(
    least: SecurityProfile, port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(least)
    context = station_context(issuer.file, certificate=stations.issue("CP2"))
    assert await refusal(port, context, password=PASSWORD) == 403


@pytest.mark.parametrize(("organization", "let_in"), [("Volta", True), ("Other", False), (None, False)])
async def test_organisation_is_checked_where_it_is_configured(
    organization: str | None, let_in: bool, port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = access(CERTIFICATE, organization="Volta")
    context = station_context(issuer.file, certificate=stations.issue("CP1", organization=organization))
    if let_in:
        assert await (await port.dial(ssl_context=context)).alive()
    else:
        assert await refusal(port, context) == 403


async def test_unknown_station_with_a_certificate_of_another_is_refused(
    port: Port, sink: RecordingSink, issuer: Issuer, stations: Issuer
) -> None:
    sink.default = Access(Admission.PENDING)
    context = station_context(issuer.file, certificate=stations.issue("CP2"))
    assert await refusal(port, context, "/CP1") == 403
    assert await (await port.dial("/CP2", ssl_context=context)).alive()


@pytest.mark.parametrize(
    ("least", "secured", "password", "status"),
    [
        (NONE, False, PASSWORD, None),
        (BASIC, False, PASSWORD, None),
        (BASIC, True, PASSWORD, None),
        (TLS, True, PASSWORD, None),
        (BASIC, False, None, 401),
        (BASIC, False, "wrong password!!", 401),
        (TLS, False, PASSWORD, 403),
        (TLS, False, "wrong password!!", 403),
        (TLS, True, "wrong password!!", 401),
        (CERTIFICATE, False, PASSWORD, 403),
        (CERTIFICATE, True, PASSWORD, 403),
    ],
)
async def test_least_security_profile_of_a_station_is_asked_for(
    least: SecurityProfile,
    secured: bool,
    password: str | None,
    status: int | None,
    listen: Listen,
    ours: Identity,
    sink: RecordingSink,
    issuer: Issuer,
) -> None:
    sink.default = access(least)
    port = await listen(server_context([ours]) if secured else None)
    context = station_context(issuer.file) if secured else None
    if status is None:
        client = await port.dial(ssl_context=context, password=password)
        assert await client.alive()
        assert sink.connections[0].info.security_profile is (TLS if secured else BASIC)
    else:
        assert await refusal(port, context, password=password) == status


async def test_station_without_a_password_enters_only_where_that_is_allowed(
    port: Port, sink: RecordingSink, issuer: Issuer
) -> None:
    context = station_context(issuer.file)
    sink.default = Access(Admission.KNOWN, security_profile=BASIC)
    assert await refusal(port, context, password=PASSWORD) == 401
    sink.default = Access(Admission.KNOWN, security_profile=NONE)
    assert await (await port.dial(ssl_context=context)).alive()
    assert sink.connections[0].info.security_profile is NONE


@pytest.mark.parametrize(
    ("common_name", "names", "others", "fits"),
    [
        ("CP1", {"CP1"}, set(), True),
        ("Volta/CP1", {"CP1"}, set(), True),
        ("SN-77.CP1", {"SN-77"}, set(), True),
        ("CP1-2", {"CP1"}, set(), True),
        ("CP1-2", {"CP1"}, {"CP1-2"}, False),
        ("CP1-2", {"CP1-2"}, {"CP1"}, True),
        ("CP1 CP2", {"CP1"}, {"CP2"}, False),
        ("CP1", {"CP1"}, {"CP1"}, False),
        ("anything", {""}, set(), False),
        ("CP11", {"CP1"}, set(), False),
    ],
)
def test_certificate_is_one_stations_only(common_name: str, names: set[str], others: set[str], fits: bool) -> None:
    assert names_owner(common_name, CertificateOwner(frozenset(names), frozenset(others))) is fits


@pytest.mark.parametrize(
    ("least", "hashes", "without", "admission", "asked"),
    [
        (BASIC, (HASH,), False, Admission.KNOWN, BASIC),
        (BASIC, (HASH,), True, Admission.KNOWN, BASIC),
        (BASIC, (), True, Admission.KNOWN, NONE),
        (BASIC, (), False, Admission.REFUSED, NONE),
        (TLS, (), True, Admission.REFUSED, NONE),
        (TLS, (HASH,), False, Admission.KNOWN, TLS),
        (CERTIFICATE, (), False, Admission.KNOWN, CERTIFICATE),
        (NONE, (), False, Admission.KNOWN, NONE),
    ],
)
def test_configured_station_is_asked_for_its_profile(
    least: SecurityProfile, hashes: tuple[str, ...], without: bool, admission: Admission, asked: SecurityProfile
) -> None:
    config = StationConfig("CP1", "Garage", allow_without_password=without, security_profile=least)
    made = access_of(config, hashes, [config], Quirks())
    assert (made.admission, made.security_profile) == (admission, asked)


def test_configured_stations_share_no_certificate() -> None:
    one = StationConfig("CP1", "Garage", HASH, serial_number="SN-1", organization="Volta")
    other = StationConfig("CP2", "Carport", HASH, serial_number="SN-1-2")
    owner = access_of(one, (HASH,), [one, other], Quirks()).owner
    assert owner == CertificateOwner(frozenset({"CP1", "SN-1"}), frozenset({"CP2", "SN-1-2"}), "Volta")


def test_station_is_never_let_down_to_a_lower_profile() -> None:
    for seen in SecurityProfile:
        for now in SecurityProfile:
            assert is_downgrade(seen, now) is (now < seen)
            assert least_profile(now, seen) == max(now, seen)
    assert least_profile(TLS, None) is TLS


def serial_shown(client_line: ssl.SSLObject) -> int:
    der = client_line.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


async def test_new_certificate_is_shown_to_new_stations_and_drops_nobody(
    listen: Listen, sink: RecordingSink, clock: ManualClock, issuer: Issuer
) -> None:
    file = issuer.issue("port", file="port.pem")

    def load() -> ServerContext:
        return server_context([Identity(file)])

    context = load()
    watch = CertificateWatch(context, load, [file], clock, interval_s=60)
    port = await listen(context)
    theirs = station_context(issuer.file)
    before = await port.dial("/CP1", ssl_context=theirs)
    await watch.look()
    assert not await watch.look()
    issuer.issue("port", file="port.pem")
    assert await watch.look()
    after = await port.dial("/CP2", ssl_context=theirs)
    assert await before.alive() and await after.alive()
    lines = [client.socket.get_extra_info("ssl_object") for client in (before, after)]
    assert serial_shown(lines[0]) != serial_shown(lines[1])
    assert sink.ended == []


async def test_files_are_looked_at_every_minute_and_bad_ones_change_nothing(
    listen: Listen, clock: ManualClock, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    file = issuer.issue("port", file="port.pem")
    loads: list[int] = []

    def load() -> ServerContext:
        made = server_context([Identity(file)])
        loads.append(1)
        return made

    context = load()
    port = await listen(context)
    watch = CertificateWatch(context, load, [file], clock)
    running = asyncio.ensure_future(watch.run())
    await clock.advance(61, settle=0.05)
    await eventually(lambda: len(loads) == 2)
    good = file.read_bytes()
    file.write_bytes(b"half a certifi")
    for _ in range(3):
        await clock.advance(60, settle=0.05)
    await eventually(lambda: "can't be used" in caplog.text)
    assert caplog.text.count("can't be used") == 1
    assert await (await port.dial(ssl_context=station_context(issuer.file))).alive()
    file.write_bytes(good)
    await clock.advance(60, settle=0.05)
    await eventually(lambda: len(loads) == 3)
    running.cancel()
