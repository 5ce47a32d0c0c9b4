"""An id is one charger's among the sites that trust this host's authority, and a removed charger's certificate is none."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.csms.certificate_authority import AuthorityError, CertificateAuthority
from custom_components.smart_charging.engine.csms.certificate_requests import read_request
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner
from custom_components.smart_charging.port_certificates import async_authority

from .builders import PASSWORD, charger_with_password, site_data
from .flow_steps import add_part, charger_input, go_on, site_input, submit_part
from .site_setup import set_up
from .test_security import CREATED, request_for, trust, until
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


async def authority_of(hass: HomeAssistant) -> CertificateAuthority:
    """Return the host's authority."""
    authority = await async_authority(hass)
    assert authority is not None
    return authority


def sign(authority: CertificateAuthority, station_id: str) -> None:
    """Give a station a certificate."""
    request = read_request(request_for(station_id), CertificateOwner(frozenset({station_id})))
    authority.sign_station(station_id, request, dt_util.utcnow())


def good(authority: CertificateAuthority) -> list[str]:
    """Return the stations whose certificates were not taken back."""
    return [each.station_id for each in authority.issued if each.revoked_at is None]


async def two_sites(
    hass: HomeAssistant, port: int, other_port: int, *other_chargers: Any
) -> tuple[MockConfigEntry, MockConfigEntry]:
    """Return a site with the charger CP-1 and another one, both with created certificates."""
    first = await set_up(hass, port, charger_with_password("CP-1"), data=site_data(port, **CREATED))
    data = site_data(other_port, **CREATED)
    second = await set_up(hass, other_port, *other_chargers, data=data, title="Work", entry_id="site2")
    assert second.state is ConfigEntryState.LOADED
    return first, second


async def test_a_removed_chargers_certificates_are_taken_back_and_no_others(
    hass: HomeAssistant, free_port: int
) -> None:
    chargers = [charger_with_password("CP-1"), charger_with_password("CP-2"), charger_with_password("CP-3")]
    entry = await set_up(hass, free_port, *chargers, data=site_data(free_port, **CREATED))
    authority = await authority_of(hass)
    sign(authority, "CP-1")
    sign(authority, "CP-2")
    hass.config_entries.async_remove_subentry(entry, "sub_CP-1")
    await until(lambda: good(authority) == ["CP-2"])
    before = authority.revocations_pem(dt_util.utcnow()).count("\n")
    hass.config_entries.async_remove_subentry(entry, "sub_CP-3")  # it never had one
    await hass.async_block_till_done()
    assert good(authority) == ["CP-2"]
    assert authority.revocations_pem(dt_util.utcnow()).count("\n") == before
    await hass.config_entries.async_remove(entry.entry_id)
    assert good(authority) == []


async def test_that_certificates_stay_good_is_told_where_the_list_cannot_be_written(
    hass: HomeAssistant, free_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise AuthorityError("no space left")

    entry = await set_up(hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, **CREATED))
    sign(await authority_of(hass), "CP-1")
    monkeypatch.setattr(CertificateAuthority, "revoke", full)
    hass.config_entries.async_remove_subentry(entry, "sub_CP-1")
    await until(lambda: "certificates of a removed charger stay good: no space left" in caplog.text)
    await until(lambda: not entry.runtime_data.csms.stations)


async def test_a_charger_with_the_id_of_one_at_another_site_is_refused_where_certificates_tell_them_not_apart(
    hass: HomeAssistant, free_port: int, unused_tcp_port_factory: Any
) -> None:
    _, second = await two_sites(hass, free_port, unused_tcp_port_factory())
    typed = charger_input(station_id="CP-1")
    result = await submit_part(hass, await add_part(hass, second, "charger"), typed)
    assert result["errors"] == {"base": "station_id_at_another_site"}
    result = await submit_part(hass, result, charger_input(station_id="CP-2"))
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()


async def test_a_site_that_comes_to_trust_the_authority_must_not_share_an_id(
    hass: HomeAssistant, free_port: int, unused_tcp_port_factory: Any
) -> None:
    other_port = unused_tcp_port_factory()
    await set_up(hass, free_port, charger_with_password("CP-1"), data=site_data(free_port, **CREATED))
    twin = await set_up(hass, other_port, charger_with_password("CP-1"), title="Work", entry_id="site2")
    form: Any = await twin.start_reconfigure_flow(hass)
    result = await go_on(hass, form["flow_id"], site_input(other_port, name="Work", tls=CREATED))
    assert result["errors"] == {"tls": "station_id_at_another_site"}


async def test_twins_of_before_get_no_certificates_and_lose_none(
    hass: HomeAssistant, free_port: int, unused_tcp_port_factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = await two_sites(hass, free_port, unused_tcp_port_factory(), charger_with_password("CP-1"))
    async with virtual_station(free_port, "CP-1", PASSWORD, await trust(hass)) as station:
        assert await station.call("SignCertificate", {"csr": request_for("CP-1")}) == {"status": "Rejected"}
    assert "Work has a charger of this id as well" in caplog.text
    authority = await authority_of(hass)
    sign(authority, "CP-1")
    hass.config_entries.async_remove_subentry(first, "sub_CP-1")
    await until(lambda: "certificates of CP-1 stay good, for Work has a charger of this id" in caplog.text)
    assert good(authority) == ["CP-1"]


async def test_a_charger_is_not_pinned_to_a_version_that_it_was_seen_not_to_offer(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"))
    advanced = {"protocol": "ocpp201"}
    typed = charger_input(no_password=False, name="Charger CP-1", advanced=advanced)
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        await station.boot()
        form: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
        result = await submit_part(hass, form, typed)
        assert result["errors"] == {"advanced": "version_not_offered"}
        assert result["description_placeholders"]["offered"] == "1.6"
        assert result["description_placeholders"]["pinned"] == "2.0.1"
        result = await submit_part(hass, result, {**typed, "advanced": {"protocol": "ocpp16"}})
        assert result["reason"] == "reconfigure_successful"
        await hass.async_block_till_done()
    assert entry.subentries["sub_CP-1"].data["protocol"] == "ocpp16"
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
