"""OCPP 2.0.1, A: stations log in with a password, with and without TLS, and are given new ones."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.commands import CommandError
from tests.engine.csms_stations.raw_station import Payload

from .secured_201 import PASSWORD, Dialler, Site, make_authority, open_site

PROFILES = [SecurityProfile.BASIC, SecurityProfile.TLS_BASIC]
LOGIN = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return make_authority(tmp_path_factory.mktemp("home"))


@pytest.fixture(params=PROFILES, ids=["profile 1", "profile 2"])
async def site(
    request: pytest.FixtureRequest, authority: CertificateAuthority, tmp_path: Path, socket_enabled: None
) -> AsyncGenerator[Site]:
    opened = await open_site(authority, tmp_path, request.param)
    yield opened
    await opened.close()


@pytest.fixture
def line(request: pytest.FixtureRequest, site: Site) -> dict[str, object]:
    """Return how a station of the profile dials."""
    secured = site.bench.station.config.security_profile is SecurityProfile.TLS_BASIC
    return {"context": site.trust() if secured else None}


def is_login(one: Payload) -> bool:
    return {name: one[name] for name in LOGIN} == LOGIN


def passwords_told(client: Dialler) -> list[str]:
    """Return the passwords that a station was told."""
    data = [one for sent in client.sent("SetVariables") for one in sent["setVariableData"]]
    return [one["attributeValue"] for one in data if is_login(one)]


def answer_login(client: Dialler, status: str) -> None:
    """Have a station answer a new password with this status, and take other settings."""

    def answer(payload: Payload) -> Payload:
        results = []
        for one in payload["setVariableData"]:
            told = status if is_login(one) else "Accepted"
            results.append({"attributeStatus": told, "component": one["component"], "variable": one["variable"]})
        return {"setVariableResult": results}

    client.answers["SetVariables"] = answer


@pytest.mark.certification("TC_A_01")
async def test_a_station_with_its_password_is_let_in_and_accepted(site: Site, line: dict[str, object]) -> None:
    client = await site.enter(password=PASSWORD, **line)
    connection = site.bench.station.connection
    assert connection is not None and connection.info.authenticated
    assert connection.info.security_profile is site.bench.station.config.security_profile
    await site.leave(client)


@pytest.mark.certification("TC_A_02")
async def test_a_user_who_is_not_the_station_is_refused(site: Site, line: dict[str, object]) -> None:
    assert await site.refusal(password=PASSWORD, username="CP1wrong", **line) == 401
    assert not site.bench.station.state.connected


@pytest.mark.certification("TC_A_03")
async def test_no_password_and_a_wrong_one_are_refused(site: Site, line: dict[str, object]) -> None:
    assert await site.refusal(**line) == 401
    assert await site.refusal(password="other-password-16", **line) == 401
    assert not site.bench.station.state.connected


@pytest.mark.certification("TC_A_09")
@pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
async def test_a_new_password_opens_and_the_old_one_no_more(site: Site, line: dict[str, object], status: str) -> None:
    client = await site.enter(password=PASSWORD, **line)
    answer_login(client, status)
    hashed = await site.bench.station.access.rotate_password()
    await site.bench.csms.update_station(replace(site.bench.station.config, password_hash=hashed))
    (new,) = passwords_told(client)
    assert 16 <= len(new) <= 40
    await site.leave(client)
    again = await site.enter(password=new, **line)
    await site.leave(again)
    assert await site.refusal(password=PASSWORD, **line) == 401
    assert await site.refusal(password=new, **line) == 101


@pytest.mark.certification("TC_A_10")
async def test_the_old_password_opens_where_the_new_one_was_not_taken(site: Site, line: dict[str, object]) -> None:
    client = await site.enter(password=PASSWORD, **line)
    answer_login(client, "Rejected")
    with pytest.raises(CommandError, match="Rejected"):
        await site.bench.station.access.rotate_password()
    (new,) = passwords_told(client)
    await site.leave(client)
    again = await site.enter(password=PASSWORD, **line)
    await site.leave(again)
    assert await site.refusal(password=new, **line) == 401
