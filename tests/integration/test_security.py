"""A charger's password and certificate are replaced: by actions, and by the charger itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
import shutil
import ssl
from typing import Any
from unittest.mock import patch

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.smart_charging.certificate_signing import RENEWAL_LOOK_S, HostSigner
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.certificates import SigningRefused, SigningRequest
from custom_components.smart_charging.engine.csms.security import verify_password
from custom_components.smart_charging.listening import CertificateSource, ListenSettings
from custom_components.smart_charging.port_certificates import (
    AUTHORITY_DIRECTORY,
    async_authority,
    async_open,
    async_port_certificates,
)
from simulator.ocpp2.operation_commands import sign_certificate
from simulator.ocpp2.options import StationOptions2
from simulator.ocpp2.station import SimulatedStation2
from simulator.simulated_site import SimulatedSite
from tests.manual_clock import ManualClock

from .builders import PASSWORD, charger, charger_with_password, site_data
from .flow_steps import charger_input
from .site_setup import set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

CREATED = {"certificate_source": "created"}
ACTIONS = pytest.mark.parametrize("action", ["rotate_password", "renew_certificate"])


async def act(hass: HomeAssistant, action: str, *stations: str, context: Context | None = None) -> None:
    registry, devices = dr.async_get(hass), []
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    for station in stations or ("sub_CP-1",):
        device = registry.async_get_device_by_identifier((DOMAIN, station), entry.entry_id)
        assert device is not None
        devices.append(device.id)
    await hass.services.async_call(DOMAIN, action, {"device_id": devices}, blocking=True, context=context)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def trust(hass: HomeAssistant) -> ssl.SSLContext:
    authority = await async_authority(hass)
    assert authority is not None
    return ssl.create_default_context(cadata=authority.root_pem)


def request_for(name: str, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder(subject)
    return (
        builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


@ACTIONS
async def test_only_an_administrator_replaces_what_a_charger_logs_in_with(
    action: str, hass: HomeAssistant, free_port: int, hass_read_only_user: MockUser
) -> None:
    await set_up(hass, free_port, charger("CP-1"))
    with pytest.raises(Unauthorized):
        await act(hass, action, context=Context(user_id=hass_read_only_user.id))


async def test_a_charger_gets_a_random_password_and_the_old_one_ends_with_its_first_login(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"))
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        await station.boot()
        await act(hass, "rotate_password")
        told = (await station.was_asked("ChangeConfiguration", key="AuthorizationKey"))["value"]
    assert len(told) == 40
    await hass.async_block_till_done()
    assert verify_password(entry.subentries["sub_CP-1"].data["password_hash"], told.encode())
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        assert await station.boot() == "Accepted"
    async with virtual_station(free_port, "CP-1", told) as station:
        assert await station.boot() == "Accepted"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-1", PASSWORD):
            pass


async def test_a_charger_that_refuses_its_new_password_keeps_the_old_one(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"))
    before = entry.subentries["sub_CP-1"].data
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        await station.boot()
        station.answers["ChangeConfiguration"] = {"status": "Rejected"}
        with pytest.raises(HomeAssistantError, match="Charger CP-1 refused"):
            await act(hass, "rotate_password")
    assert entry.subentries["sub_CP-1"].data == before
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        assert await station.boot() == "Accepted"


async def test_what_is_no_charger_or_away_is_told_in_the_users_words(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), data=site_data(free_port, **CREATED))
    with pytest.raises(ServiceValidationError, match="Home is not a charger"):
        await act(hass, "rotate_password", "sub_CP-1", entry.entry_id)
    for action in ("rotate_password", "renew_certificate"):
        with pytest.raises(HomeAssistantError, match="Charger CP-1 is not connected"):
            await act(hass, action)


async def test_a_site_that_signs_nothing_asks_no_charger_for_a_request(hass: HomeAssistant, free_port: int) -> None:
    await set_up(hass, free_port, charger("CP-1"))
    async with virtual_station(free_port, "CP-1") as station:
        with pytest.raises(ServiceValidationError, match="nobody here signs certificates"):
            await act(hass, "renew_certificate")
        answer = await station.call("SignCertificate", {"csr": request_for("CP-1")})
        assert answer == {"status": "Rejected"}


async def test_a_charger_of_1_6_is_asked_by_the_extended_trigger_and_gets_a_certificate(
    hass: HomeAssistant, free_port: int
) -> None:
    await set_up(hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, **CREATED))
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as station:
        await station.boot()
        await act(hass, "renew_certificate")
        await station.was_asked("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
        assert await station.call("SignCertificate", {"csr": request_for("CP-1")}) == {"status": "Accepted"}
        signed = await station.was_asked("CertificateSigned")
        assert x509.load_pem_x509_certificate(signed["certificateChain"].encode()).subject.rfc4514_string() == "CN=CP-1"


@pytest.mark.parametrize("name", ["CP-2", "CP-10", ""])
async def test_a_request_in_the_name_of_another_is_rejected(name: str, hass: HomeAssistant, free_port: int) -> None:
    chargers = [charger_with_password("CP-1"), charger_with_password("CP-2")]
    await set_up(hass, free_port, *chargers, data=site_data(free_port, **CREATED))
    csr = request_for(name) if name else "no request"
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as station:
        assert await station.call("SignCertificate", {"csr": csr}) == {"status": "Rejected"}


async def test_one_that_proved_nothing_gets_no_certificate(hass: HomeAssistant, free_port: int) -> None:
    await set_up(hass, free_port, charger("CP-1"), data=site_data(free_port, **CREATED))
    async with virtual_station(free_port, "CP-1", ssl_context=await trust(hass)) as station:
        assert await station.call("SignCertificate", {"csr": request_for("CP-1")}) == {"status": "Rejected"}


@asynccontextmanager
async def simulated(options: StationOptions2) -> AsyncIterator[tuple[SimulatedStation2, Callable[..., Any]]]:
    """Run a station that shares no code with the integration; its own clock is moved while one waits."""
    clock = ManualClock()
    async with SimulatedSite([options], clock=clock) as site:

        async def passing(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(20):
                while not condition():
                    await clock.advance(0.25, settle=0.002)

        yield site.stations2[options.station_id], passing


def station_profile(entry: MockConfigEntry) -> SecurityProfile | None:
    connection = entry.runtime_data.site.station("CP-1").connection
    return None if connection is None else connection.info.security_profile


async def test_a_charger_of_2_0_1_gets_a_certificate_and_from_then_on_logs_in_with_that_alone(
    hass: HomeAssistant, free_port: int
) -> None:
    made = charger_with_password("CP-1", serial_number="SN-77")
    entry = await set_up(hass, free_port, made, data=site_data(free_port, **CREATED))
    authority = await async_authority(hass)
    assert authority is not None
    options = StationOptions2(
        station_id="CP-1",
        url=f"wss://127.0.0.1:{free_port}",
        serial="SN-77",
        security_profile=2,
        password=PASSWORD,
        trusted_pem=authority.root_pem,
    )
    async with simulated(options) as (station, passing):
        await passing(lambda: station_profile(entry) is SecurityProfile.TLS_BASIC)
        await passing(lambda: station.booted)
        asking = hass.async_create_task(act(hass, "renew_certificate"))
        await passing(lambda: asking.done() and station.certificates.certificate_pem != "")
        await asking
        certificate, key = station.certificates.certificate_pem, station.certificates.key_pem
        # Its request under way is over: it may ask again at once.
        sign_certificate(station)
        await passing(lambda: station.certificates.certificate_pem != certificate)
        certificate, key = station.certificates.certificate_pem, station.certificates.key_pem
    await until(lambda: station_profile(entry) is None)
    assert [each.revoked_at for each in authority.issued] == [None, None]
    with_certificate = StationOptions2(
        station_id="CP-1",
        url=f"wss://127.0.0.1:{free_port}",
        serial="SN-77",
        security_profile=3,
        trusted_pem=authority.root_pem,
        certificate_pem=certificate,
        key_pem=key,
    )
    async with simulated(with_certificate) as (station, passing):
        await passing(lambda: station_profile(entry) is SecurityProfile.TLS_CERTIFICATE)
        await passing(lambda: station.booted)
        # Its older certificate is good for nothing any more.
        await passing(lambda: [each.revoked_at is None for each in authority.issued] == [False, True])
    await until(lambda: station_profile(entry) is None)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)):
            pass
    # The user saves the charger's form, in which a password is enough.
    form: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    typed = charger_input(no_password=False, name="Charger CP-1", security={"serial_number": "SN-77"})
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], typed)
    assert result["reason"] == "reconfigure_successful"
    await until(lambda: entry.runtime_data.site.station("CP-1").access.seen_profile is None)
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as again:
        assert await again.boot() == "Accepted"


@pytest.mark.parametrize(("days", "due"), [(0, False), (700, True)])
async def test_a_charger_is_asked_to_renew_a_certificate_that_ends_soon(
    days: int, due: bool, hass: HomeAssistant, free_port: int
) -> None:
    chargers = [charger_with_password("CP-1"), charger_with_password("CP-2")]
    entry = await set_up(hass, free_port, *chargers, data=site_data(free_port, **CREATED))
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as station:
        await station.boot()
        await station.call("SignCertificate", {"csr": request_for("CP-1")})
        await station.was_asked("CertificateSigned")
        clock = ManualClock(dt_util.utcnow() + timedelta(days=days))
        signer = HostSigner(hass, entry, clock)
        looking = hass.async_create_background_task(signer.run(), "renewal")
        await clock.advance(RENEWAL_LOOK_S)
        if due:
            await station.was_asked("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
        await signer.async_renew_due()
        looking.cancel()
        assert ("ExtendedTriggerMessage" in [action for action, _ in station.asked]) is due


async def test_older_certificates_stay_good_where_that_they_end_cannot_be_written(
    hass: HomeAssistant, free_port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, **CREATED))
    context, file = await trust(hass), tmp_path / "station.pem"
    async with virtual_station(free_port, "CP-1", PASSWORD, context) as station:
        await station.call("SignCertificate", {"csr": request_for("CP-1", key)})
        chain = (await station.was_asked("CertificateSigned"))["certificateChain"]
    file.write_bytes(chain.encode() + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context.load_cert_chain(file)
    shutil.rmtree(hass.config.path(AUTHORITY_DIRECTORY))
    hass.data.pop(f"{DOMAIN}_authority")
    async with virtual_station(free_port, "CP-1", ssl_context=context) as station:
        assert await station.boot() == "Accepted"
        await until(lambda: "older certificates stay good" in caplog.text)
        assert station_profile(entry) is SecurityProfile.TLS_CERTIFICATE


async def test_nothing_but_chargers_own_certificates_is_signed_and_nothing_without_the_authority(
    hass: HomeAssistant, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, **CREATED))
    signer, context = entry.runtime_data.signer, await trust(hass)
    with pytest.raises(SigningRefused, match="own certificates"):
        await signer.sign(SigningRequest("CP-1", request_for("CP-1"), "V2GCertificate"))
    shutil.rmtree(hass.config.path(AUTHORITY_DIRECTORY))
    hass.data.pop(f"{DOMAIN}_authority")
    async with virtual_station(free_port, "CP-1", PASSWORD, context) as station:
        assert await station.call("SignCertificate", {"csr": request_for("CP-1")}) == {"status": "Rejected"}
    assert "there is no certificate authority" in caplog.text


async def test_the_list_of_revoked_certificates_is_written_anew_each_month(hass: HomeAssistant, free_port: int) -> None:
    certificates = await async_port_certificates(
        hass, ListenSettings("127.0.0.1", free_port, CertificateSource.CREATED)
    )
    assert certificates is not None
    context = await async_open(hass, certificates)
    written = Path(hass.config.path(AUTHORITY_DIRECTORY)) / "revoked.pem"
    for days, renewed in ((29, False), (31, True), (45, False), (62, True)):
        before, later = written.read_bytes(), dt_util.utcnow() + timedelta(days=days)
        with patch("custom_components.smart_charging.port_certificates.SystemClock", return_value=ManualClock(later)):
            await certificates.watch(context).look()
        assert (written.read_bytes() != before) is renewed
    written.unlink()
    await certificates.watch(context).look()
    assert written.exists()


async def test_a_charger_that_needs_a_certificate_is_not_let_in_by_its_password(
    hass: HomeAssistant, free_port: int
) -> None:
    made = charger_with_password("CP-1", security_profile=3)
    await set_up(hass, free_port, made, data=site_data(free_port, **CREATED))
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)):
            pass


async def test_a_site_that_has_tls_no_more_asks_for_passwords_only(hass: HomeAssistant, free_port: int) -> None:
    made = charger_with_password("CP-1", security_profile=2)
    entry = await set_up(hass, free_port, made, data=site_data(free_port, **CREATED))
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as station:
        assert await station.boot() == "Accepted"
    hass.config_entries.async_update_entry(entry, data=site_data(free_port))
    await hass.async_block_till_done()
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        assert await station.boot() == "Accepted"
