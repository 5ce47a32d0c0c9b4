"""A site whose certificates the integration creates, or that follows files of the user's."""

import asyncio
from contextlib import suppress
from pathlib import Path
import ssl
from typing import Any
from unittest.mock import patch

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.certificate_requests import read_request
from custom_components.smart_charging.engine.csms.certificate_watch import LOOK_S
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner
from custom_components.smart_charging.port_certificates import AUTHORITY_DIRECTORY, async_authority
from tests.manual_clock import ManualClock

from .builders import PASSWORD, charger_with_password, site_data
from .certificates import write_certificate
from .flow_steps import METER_EMPTY, go_on, past_pv, reach_meter_page, site_input, start
from .site_setup import set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

CREATED = {"certificate_source": "created"}


async def get_authority(hass: HomeAssistant, context: Context | None = None) -> dict[str, Any]:
    answer = await hass.services.async_call(
        DOMAIN, "get_certificate_authority", blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return dict(answer)


async def test_a_charger_that_trusts_the_created_authority_connects(hass: HomeAssistant, free_port: int) -> None:
    data = site_data(free_port, **CREATED)
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), data=data)
    assert entry.state is ConfigEntryState.LOADED
    context = ssl.create_default_context(cadata=(await get_authority(hass))["certificate"])
    async with virtual_station(free_port, "CP-1", PASSWORD, context) as station:
        assert await station.boot() == "Accepted"


async def test_the_authority_is_the_same_for_all_sites_and_after_a_restart(
    hass: HomeAssistant, free_port: int, unused_tcp_port_factory: Any
) -> None:
    entry = await set_up(hass, free_port, data=site_data(free_port, **CREATED))
    before = await get_authority(hass)
    other_port = unused_tcp_port_factory()
    await set_up(hass, other_port, data=site_data(other_port, **CREATED), title="Work", entry_id="site2")
    hass.data.pop(f"{DOMAIN}_authority")
    assert await hass.config_entries.async_reload(entry.entry_id)
    after = await get_authority(hass)
    assert after == before
    assert len(after["fingerprint"].split(":")) == 32 and after["expires"].startswith("20")


async def test_only_an_administrator_gets_the_authority(
    hass: HomeAssistant, free_port: int, hass_read_only_user: MockUser
) -> None:
    await set_up(hass, free_port, data=site_data(free_port, **CREATED))
    with pytest.raises(Unauthorized):
        await get_authority(hass, Context(user_id=hass_read_only_user.id))


async def test_there_is_no_authority_before_one_was_created(hass: HomeAssistant, free_port: int) -> None:
    await set_up(hass, free_port)
    with pytest.raises(ServiceValidationError, match="No certificate authority"):
        await get_authority(hass)


async def test_a_damaged_authority_keeps_the_site_from_starting_and_is_left_alone(
    hass: HomeAssistant, free_port: int
) -> None:
    directory = Path(hass.config.path(AUTHORITY_DIRECTORY))
    directory.mkdir()
    (directory / "root.pem").write_text("half a certifi")
    entry = await set_up(hass, free_port, data=site_data(free_port, **CREATED))
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert "can't be read" in str(entry.reason)
    assert (directory / "root.pem").read_text() == "half a certifi"
    with pytest.raises(HomeAssistantError, match="can't be read"):
        await get_authority(hass)


async def test_the_certificate_names_what_chargers_may_dial(hass: HomeAssistant, free_port: int) -> None:
    await hass.config.async_update(internal_url="http://charging.example:8123", external_url="https://10.9.8.7")
    await set_up(hass, free_port, data=site_data(free_port, **CREATED))
    context = ssl.create_default_context(cadata=(await get_authority(hass))["certificate"])
    names = (await certificate_shown(free_port, context, "charging.example"))["subjectAltName"]
    assert names[0] == ("DNS", "charging.example")
    assert {("IP Address", "10.9.8.7"), ("IP Address", "127.0.0.1")} <= set(names)


async def certificate_shown(port: int, context: ssl.SSLContext, name: str = "") -> Any:
    """Connect and return the certificate that was verified."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.close()
    return writer.get_extra_info("peercert")


async def test_the_first_set_up_shows_the_fingerprint_that_chargers_have_to_trust(
    hass: HomeAssistant, free_port: int
) -> None:
    result = await reach_meter_page(hass, free_port, tls=CREATED)
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await past_pv(hass, result["flow_id"], {"power": []})
    assert result["step_id"] == "charger_url_trust"
    result_placeholders = result["description_placeholders"]
    assert result_placeholders["url"] == f"wss://127.0.0.1:{free_port}"
    result = await go_on(hass, result["flow_id"], {})
    assert result["type"] == "create_entry"
    assert result["data"]["certificate_source"] == "created"
    await hass.async_block_till_done()
    assert (await get_authority(hass))["fingerprint"] == result_placeholders["fingerprint"]


async def test_reconfiguring_to_a_created_certificate_shows_the_fingerprint(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, tls=CREATED | {"legacy_rsa": True}))
    assert result["reason"] == "address_changed_trust"
    assert result["description_placeholders"]["fingerprint"].count(":") == 31
    assert entry.data["legacy_rsa"] is True
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"certificate_source": "files"}, "certificate_and_key"),
        ({"second_certificate": "/tmp/c.pem"}, "certificate_and_key"),
        (CREATED | {"client_crl": "/tmp/crl.pem"}, "client_ca_missing"),
        (CREATED | {"client_ca": "/none.pem"}, "certificate_invalid"),
    ],
)
async def test_what_does_not_go_together_is_an_error_of_the_form(
    changes: dict[str, str], error: str, hass: HomeAssistant, free_port: int
) -> None:
    result = await go_on(hass, await start(hass), site_input(free_port, tls=changes))
    assert result["errors"] == {"tls": error}


async def test_two_certificates_of_one_kind_and_a_client_authority_that_is_none_are_errors_of_the_form(
    hass: HomeAssistant, free_port: int, tmp_path: Path
) -> None:
    certificate, key = map(str, write_certificate(tmp_path))
    files = {"certificate": certificate, "private_key": key}
    flow_id = await start(hass)
    twice = files | {"second_certificate": certificate, "second_private_key": key}
    result = await go_on(hass, flow_id, site_input(free_port, tls=twice))
    assert result["errors"] == {"tls": "certificates_same_kind"}
    result = await go_on(hass, flow_id, site_input(free_port, tls=files | {"client_ca": certificate}))
    assert result["errors"] == {"tls": "client_ca_invalid"}


async def test_a_site_with_files_of_all_kinds_runs_and_follows_them(
    hass: HomeAssistant, free_port: int, tmp_path: Path
) -> None:
    certificate, key = map(str, write_certificate(tmp_path))
    root, crl = Path(tmp_path / "root.pem"), Path(tmp_path / "revoked.pem")
    authority = await hass.async_add_executor_job(
        CertificateAuthority.create, tmp_path / "stations", "Stations", dt_util.utcnow()
    )
    root.write_text(authority.root_pem)
    crl.write_text(authority.revocations_pem(dt_util.utcnow()))
    files = {"certificate": certificate, "private_key": key, "client_ca": str(root), "client_crl": str(crl)}
    entry = await set_up(
        hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, certificate_source="files", **files)
    )
    assert entry.state is ConfigEntryState.LOADED
    async with virtual_station(free_port, "CP-1", PASSWORD, context_for(Path(certificate))) as station:
        assert await station.boot() == "Accepted"


async def test_a_charger_with_a_certificate_of_the_created_authority_needs_no_password(
    hass: HomeAssistant, free_port: int, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CP-1")])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    authority = await async_authority(hass, create=True)
    assert authority is not None
    owner = CertificateOwner(frozenset({"CP-1"}))
    signed = authority.sign_station("CP-1", read_request(request.decode(), owner), dt_util.utcnow())
    file = tmp_path / "station.pem"
    file.write_bytes(signed.encode() + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(cadata=authority.root_pem)
    context.load_cert_chain(file)
    chargers = [charger_with_password("CP-1"), charger_with_password("CP-2")]
    await set_up(hass, free_port, *chargers, data=site_data(free_port, **CREATED))
    async with virtual_station(free_port, "CP-1", ssl_context=context) as station:
        assert await station.boot() == "Accepted"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-2", PASSWORD, context):
            pass


async def test_an_authority_is_not_created_for_a_form_that_has_errors(hass: HomeAssistant, free_port: int) -> None:
    result = await go_on(hass, await start(hass), site_input(free_port, tls=CREATED, name=" "))
    assert result["errors"] == {"name": "name_missing"}
    assert not Path(hass.config.path(AUTHORITY_DIRECTORY)).exists()


async def test_an_authority_that_cannot_be_written_is_an_error_of_the_form(hass: HomeAssistant, free_port: int) -> None:
    Path(hass.config.path(AUTHORITY_DIRECTORY)).write_text("in the way")
    result = await go_on(hass, await start(hass), site_input(free_port, tls=CREATED))
    assert result["errors"] == {"tls": "authority_failed"}


async def test_renewed_files_are_used_without_a_restart_and_no_charger_is_dropped(
    hass: HomeAssistant, free_port: int, tmp_path: Path
) -> None:
    clock = ManualClock()
    certificate, key = write_certificate(tmp_path)
    data = site_data(free_port, certificate=str(certificate), private_key=str(key))
    with patch("custom_components.smart_charging.port_certificates.SystemClock", return_value=clock):
        await set_up(hass, free_port, charger_with_password("CP-1"), data=data)
    old, new = context_for(certificate), None
    async with virtual_station(free_port, "CP-1", PASSWORD, old) as station:
        assert await station.boot() == "Accepted"
        write_certificate(tmp_path)
        new = context_for(certificate)
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_shown(free_port, new)
        async with asyncio.timeout(5):
            while True:
                await clock.advance(LOOK_S, settle=0.02)
                with suppress(ssl.SSLCertVerificationError):
                    assert await certificate_shown(free_port, new)
                    break
        assert await station.boot() == "Accepted"


def context_for(certificate: Path) -> ssl.SSLContext:
    """Return a charger's side of TLS that trusts this certificate."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context
