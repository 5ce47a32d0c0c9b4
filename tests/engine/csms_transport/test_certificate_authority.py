"""The site's own authority: what it signs is judged by openssl and by Python's strict verification."""

from datetime import UTC, datetime, timedelta
import json
import logging
from pathlib import Path
import ssl
import subprocess

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
import pytest

from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.certificate_authority import AuthorityError, CertificateAuthority
from custom_components.smart_charging.engine.csms.certificate_requests import (
    RequestFault,
    RequestGate,
    RequestRefused,
    read_request,
)
from custom_components.smart_charging.engine.csms.certificate_watch import CertificateWatch
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner, ClientCertificate
from custom_components.smart_charging.engine.csms.server import Access, Admission
from custom_components.smart_charging.engine.csms.tls import ServerContext, server_context
from tests.manual_clock import ManualClock

from .certificates import RSA_KEY, Key, ec_key, openssl, pem_of, station_context, subject
from .station_side import QUICK, Port, RecordingSink

NAMES = ["charging.example", "127.0.0.1", "::1"]
CP1 = CertificateOwner(frozenset({"CP1", "SN-1"}), organization="Volta")
NOW = datetime.now(UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)  # OpenSSL looks at the machine's clock


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "authority"


@pytest.fixture
def authority(home: Path) -> CertificateAuthority:
    return CertificateAuthority.create(home, "Home", NOW)


def request_for(
    common_name: str | None = "Volta CP1",
    *,
    key: Key | None = None,
    organization: str | None = "Volta",
    extension: x509.ExtensionType | None = None,
) -> str:
    """Return a station's request in PEM."""
    name = x509.Name([]) if common_name is None else subject(common_name, organization)
    builder = x509.CertificateSigningRequestBuilder(name)
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key or ec_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def sign(authority: CertificateAuthority, key: Key, common_name: str = "Volta CP1", station_id: str = "CP1") -> str:
    owner = CertificateOwner(frozenset({station_id}))
    return authority.sign_station(station_id, read_request(request_for(common_name, key=key), owner), NOW)


def fault_of(pem: str) -> RequestFault:
    with pytest.raises(RequestRefused) as refused:
        read_request(pem, CP1)
    return refused.value.fault


@pytest.mark.parametrize("rsa_root", [False, True])
def test_openssl_verifies_strictly_what_the_authority_issues(rsa_root: bool, home: Path, tmp_path: Path) -> None:
    authority = CertificateAuthority.create(home, "Home", NOW, rsa_root=rsa_root)
    root, station = tmp_path / "root.pem", tmp_path / "station.pem"
    root.write_text(authority.root_pem)
    station.write_text(sign(authority, ec_key()))
    strictly = ("verify", "-x509_strict", "-CAfile", root)
    openssl(*strictly, root)
    for identity in authority.issue_server(NAMES, NOW):
        openssl(*strictly, "-purpose", "sslserver", "-verify_hostname", NAMES[0], identity.certificate)
        openssl(*strictly, "-purpose", "sslserver", "-verify_ip", NAMES[1], identity.certificate)
    revoked = ("-crl_check", "-CRLfile", home / "revoked.pem", station)
    openssl(*strictly, "-purpose", "sslclient", *revoked)
    authority.revoke("CP1", NOW)
    done = subprocess.run(["openssl", *map(str, (*strictly, *revoked))], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "certificate revoked" in done.stderr


def test_root_says_what_it_is_for_and_the_leaves_that_they_sign_nothing(authority: CertificateAuthority) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem.encode())
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical and constraints.value.ca
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign
    assert not usage.value.digital_signature
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    for identity in authority.issue_server(NAMES, NOW):
        leaf = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert leaf.subject.rfc4514_string() == f"CN={NAMES[0]}"


async def test_station_that_trusts_the_root_connects_with_the_certificate_it_asked_for(
    authority: CertificateAuthority,
    sink: RecordingSink,
    clock: ManualClock,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    port = Port(sink, clock, session, QUICK)
    await port.start(server_context(authority.issue_server(NAMES, NOW), authority.client_trust))
    sink.default = Access(Admission.KNOWN, security_profile=SecurityProfile.TLS_CERTIFICATE)
    for kind, key in (("ECDSA", ec_key()), ("RSA", RSA_KEY)):
        file = tmp_path / f"{kind}.pem"
        file.write_bytes(sign(authority, key).encode() + pem_of(key))
        context = station_context(
            authority.root_pem, certificate=file, suites=f"ECDHE-{kind}-AES128-GCM-SHA256", version="TLSv1_2"
        )
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert await (await port.dial(ssl_context=context)).alive()
    await port.stop()


def test_keys_lie_in_files_that_only_their_owner_reads_and_in_no_log(
    home: Path, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    authority.issue_server(NAMES, NOW)
    sign(authority, ec_key())
    CertificateAuthority.load(home)
    files = {file.name: file for file in home.iterdir()}
    assert set(files) == {"root.pem", "revoked.pem", "issued.json", "server-ec.pem", "server-rsa.pem"}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE KEY" not in caplog.text + repr(authority) + authority.root_pem
    assert authority.fingerprint.count(":") == 31


def test_authority_is_the_same_after_a_restart(home: Path, authority: CertificateAuthority) -> None:
    key = ec_key()
    sign(authority, key)
    authority.revoke("CP1", NOW)
    again = CertificateAuthority.load(home)
    assert (again.root_pem, again.issued) == (authority.root_pem, authority.issued)
    assert again.issued[0].revoked_at == NOW
    before, after = (x509.load_pem_x509_crl(each.revocations_pem(NOW).encode()) for each in (authority, again))
    assert [each.serial_number for each in before] == [each.serial_number for each in after] != []


def test_second_authority_never_overwrites_the_first(home: Path, authority: CertificateAuthority) -> None:
    with pytest.raises(AuthorityError):
        CertificateAuthority.create(home, "Other", NOW)
    assert CertificateAuthority.load(home).root_pem == authority.root_pem


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("root.pem", b""),
        ("root.pem", None),
        ("issued.json", b"{"),
        ("issued.json", b'{"crl_number": 1, "issued": [7]}'),
        ("issued.json", b'{"crl_number": 1, "issued": [{}]}'),
        ("issued.json", None),
    ],
)
def test_damaged_authority_is_told_and_not_made_anew(
    file: str, content: bytes | None, home: Path, authority: CertificateAuthority
) -> None:
    if content is None:
        (home / file).unlink()
    else:
        (home / file).write_bytes(content)
    with pytest.raises(AuthorityError, match="can't be read"):
        CertificateAuthority.load(home)


def test_key_and_certificate_of_two_authorities_are_no_authority(home: Path, authority: CertificateAuthority) -> None:
    (home / "root.pem").write_bytes(authority.root_pem.encode() + pem_of(ec_key()))
    with pytest.raises(AuthorityError, match="belong together"):
        CertificateAuthority.load(home)


def test_authority_whose_directory_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AuthorityError, match="written"):
        CertificateAuthority.create(tmp_path / "file", "Home", NOW)


def test_what_cannot_be_recorded_is_not_signed_and_leaves_nothing_behind(
    home: Path, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(AuthorityError):
        sign(authority, ec_key())
    with pytest.raises(AuthorityError):
        authority.issue_server(NAMES, NOW)
    assert authority.issued == ()
    assert not [file for file in home.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("names", [[], ["münchen.example"]])
def test_server_certificate_needs_names_that_fit(names: list[str], authority: CertificateAuthority) -> None:
    with pytest.raises(AuthorityError):
        authority.issue_server(names, NOW)


def test_server_certificates_are_due_before_they_end_and_when_names_change(
    home: Path, authority: CertificateAuthority
) -> None:
    assert authority.server_due(NAMES, NOW)
    authority.issue_server(NAMES, NOW)
    assert not authority.server_due(NAMES, NOW)
    assert not authority.server_due(NAMES, NOW + timedelta(days=300))
    assert authority.server_due(NAMES, NOW + timedelta(days=306))
    assert authority.server_due([*NAMES, "192.0.2.1"], NOW)
    (home / "server-rsa.pem").write_text("half a certifi")
    assert authority.server_due(NAMES, NOW)


def test_no_certificate_outlives_the_root(authority: CertificateAuthority) -> None:
    late = authority.expires - timedelta(days=30)
    file = authority.issue_server(NAMES, late)[0].certificate
    assert x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc == authority.expires


def test_station_is_due_for_a_new_certificate_before_the_newest_ends(authority: CertificateAuthority) -> None:
    assert not authority.station_due("CP1", NOW)
    sign(authority, ec_key())
    assert not authority.station_due("CP1", NOW + timedelta(days=669))
    assert authority.station_due("CP1", NOW + timedelta(days=671))
    authority.revoke("CP1", NOW)
    assert not authority.station_due("CP1", NOW + timedelta(days=671))


def test_revoking_spares_the_certificate_in_use_and_other_stations(authority: CertificateAuthority) -> None:
    sign(authority, ec_key())
    newest = x509.load_pem_x509_certificate(sign(authority, ec_key()).encode())
    sign(authority, ec_key(), "CP2", "CP2")
    authority.revoke("CP1", NOW, keep=ClientCertificate.from_der(newest.public_bytes(Encoding.DER)))
    assert [each.revoked_at for each in authority.issued] == [NOW, None, None]


def test_list_of_the_revoked_forgets_what_ran_out(authority: CertificateAuthority) -> None:
    sign(authority, ec_key())
    authority.revoke("CP1", NOW)
    assert len(list(x509.load_pem_x509_crl(authority.revocations_pem(NOW).encode()))) == 1
    later = NOW + timedelta(days=731)
    authority.refresh_revocations(later)
    assert not list(x509.load_pem_x509_crl(authority.revocations_pem(later).encode()))
    assert authority.issued == ()


def test_numbers_of_the_lists_only_rise(authority: CertificateAuthority) -> None:
    numbers = []
    for _ in range(3):
        crl = x509.load_pem_x509_crl(authority.revocations_pem(NOW).encode())
        numbers.append(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
        authority.refresh_revocations(NOW)
    assert numbers == [0, 1, 2]


def test_key_of_another_station_is_not_signed(authority: CertificateAuthority) -> None:
    key = ec_key()
    sign(authority, key)
    sign(authority, key)  # its own again, as in a renewal that keeps the key
    with pytest.raises(RequestRefused) as refused:
        sign(authority, key, "CP2", "CP2")
    assert refused.value.fault is RequestFault.KEY_OF_ANOTHER


@pytest.mark.parametrize("key", [ec_key(), RSA_KEY, ec.generate_private_key(ec.SECP224R1())])
def test_sound_request_is_read(key: Key) -> None:
    request = read_request(request_for("SN-1", key=key), CP1)
    assert (request.common_name, request.organization) == ("SN-1", "Volta")


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), RequestFault.WEAK_KEY),
        (ec.generate_private_key(ec.SECP192R1()), RequestFault.WEAK_KEY),
    ],
)
def test_request_with_a_short_key_is_refused(key: Key, fault: RequestFault) -> None:
    assert fault_of(request_for(key=key)) is fault


@pytest.mark.parametrize(
    "pem",
    ["", "nothing", "\udcff", request_for() * 20, request_for()[:200]],
    ids=["empty", "words", "surrogate", "huge", "cut off"],
)
def test_unreadable_or_huge_request_is_refused(pem: str) -> None:
    assert fault_of(pem) is RequestFault.UNREADABLE


def test_request_signed_with_another_key_than_its_own_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(request_for().encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    assert fault_of(forged) is RequestFault.NOT_ITS_KEY


def test_request_signed_with_sha_1_is_refused(tmp_path: Path) -> None:
    file, key = tmp_path / "request.pem", tmp_path / "key.pem"
    openssl(
        *["req", "-new", "-newkey", "rsa:2048", "-sha1", "-nodes", "-subj", "/O=Volta/CN=CP1", "-out"],
        file,
        "-keyout",
        key,
    )
    assert fault_of(file.read_text()) is RequestFault.WEAK_SIGNATURE


@pytest.mark.parametrize("common_name", [None, "CP2", "CP10", "cp1"])
def test_request_that_names_another_station_is_refused(common_name: str | None) -> None:
    assert fault_of(request_for(common_name)) is RequestFault.OTHER_STATION


@pytest.mark.parametrize("organization", [None, "Other"])
def test_request_of_another_organisation_is_refused(organization: str | None) -> None:
    assert fault_of(request_for(organization=organization)) is RequestFault.OTHER_ORGANIZATION


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.KeyUsage(False, False, False, False, False, True, False, False, False),
        x509.KeyUsage(True, False, False, False, False, False, True, False, False),
    ],
)
def test_request_for_an_authority_is_refused(extension: x509.ExtensionType) -> None:
    assert fault_of(request_for(extension=extension)) is RequestFault.WANTS_AUTHORITY


def test_nothing_but_subject_and_key_of_a_request_is_taken(authority: CertificateAuthority) -> None:
    wanted = x509.SubjectAlternativeName([x509.DNSName("charging.example")])
    request = read_request(request_for(extension=wanted), CP1)
    made = x509.load_pem_x509_certificate(authority.sign_station("CP1", request, NOW).encode())
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def refused_at(gate: RequestGate, station_id: str = "CP1") -> RequestFault | None:
    try:
        with gate.request(station_id):
            return None
    except RequestRefused as refused:
        return refused.fault


async def test_one_request_of_a_station_is_outstanding_at_a_time(clock: ManualClock) -> None:
    gate = RequestGate(clock)
    assert refused_at(gate) is None
    assert refused_at(gate) is RequestFault.OUTSTANDING
    assert refused_at(gate, "CP2") is None
    gate.delivered("CP1")
    assert refused_at(gate) is None
    await clock.advance(600)
    assert refused_at(gate) is None


async def test_station_asks_six_times_an_hour_at_most_and_refused_requests_count(clock: ManualClock) -> None:
    gate = RequestGate(clock)
    for _ in range(6):
        with pytest.raises(ValueError), gate.request("CP1"):
            raise ValueError
    assert refused_at(gate) is RequestFault.TOO_OFTEN
    assert refused_at(gate, "CP2") is None
    await clock.advance(3600)
    assert refused_at(gate) is None
    gate.forget("CP1")
    assert refused_at(gate) is None


async def test_renewed_certificates_of_the_authority_are_shown_without_dropping_anybody(
    authority: CertificateAuthority, sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    def load() -> ServerContext:
        return server_context(authority.identities, authority.client_trust)

    def renew(now: datetime) -> None:
        if authority.server_due(NAMES, now):
            authority.issue_server(NAMES, now)

    authority.issue_server(NAMES, NOW - timedelta(days=364))
    context = load()
    files = [file for identity in authority.identities for file in identity.files]
    watch = CertificateWatch(context, load, files, clock, renew=renew)
    port = Port(sink, clock, session, QUICK)
    await port.start(context)
    theirs = station_context(authority.root_pem)
    before = await port.dial("/CP1", ssl_context=theirs)
    assert await watch.look()
    after = await port.dial("/CP2", ssl_context=theirs)
    ends = [client.socket.get_extra_info("ssl_object").getpeercert()["notAfter"] for client in (before, after)]
    assert ends[0] != ends[1]
    assert await before.alive() and await after.alive()
    await port.stop()


async def test_authority_that_cannot_renew_leaves_the_port_as_it_is(
    authority: CertificateAuthority, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def renew(now: datetime) -> None:
        raise AuthorityError("no space")

    context = server_context(authority.issue_server(NAMES, NOW))
    watch = CertificateWatch(context, lambda: context, [], clock, renew=renew)
    assert not await watch.look()
    assert "no space" in caplog.text


def test_record_names_stations_and_no_key(home: Path, authority: CertificateAuthority) -> None:
    sign(authority, ec_key())
    record = json.loads((home / "issued.json").read_text())
    assert [each["station_id"] for each in record["issued"]] == ["CP1"]
    assert "PRIVATE" not in (home / "issued.json").read_text()
