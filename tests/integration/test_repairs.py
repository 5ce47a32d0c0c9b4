"""A taken port is fixed from the repair itself."""

import socket
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.issues import ISSUE_PORT_TAKEN, Issue, async_raise

from .builders import site_entry

pytestmark = pytest.mark.usefixtures("no_setup")

ISSUE_ID = "port_taken_site1"


class Fix:
    """The repair's dialogue, as the frontend leads it."""

    def __init__(self, hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
        """Take who can make a client."""
        self.hass = hass
        self._hass_client = hass_client

    async def begin(self) -> dict[str, Any]:
        """Show the issue and open its dialogue."""
        assert await async_setup_component(self.hass, "repairs", {})
        assert await async_setup_component(self.hass, DOMAIN, {})
        await self.hass.async_block_till_done()
        async_raise(self.hass, Issue(ISSUE_PORT_TAKEN, "site1", placeholders={"site": "Home"}), fix_for_entry="site1")
        self._client = await self._hass_client()
        answer = await self._client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": ISSUE_ID})
        begun: dict[str, Any] = await answer.json()
        self._url = f"/api/repairs/issues/fix/{begun['flow_id']}"
        return begun

    async def submit(self, **values: Any) -> dict[str, Any]:
        """Submit a page and return what comes next."""
        answer: dict[str, Any] = await (await self._client.post(self._url, json=values)).json()
        await self.hass.async_block_till_done()
        return answer


@pytest.fixture
def fix(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Fix:
    """Return the dialogue, not begun yet."""
    return Fix(hass, hass_client)


async def test_another_port_ends_the_issue_and_sets_the_site_up_again(
    hass: HomeAssistant, fix: Fix, free_port: int
) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    form = await fix.begin()
    assert form["step_id"] == "port"
    assert form["description_placeholders"] == {"site": "Home"}
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        form = await fix.submit(port=free_port)
        assert form["errors"] == {"port": "port_in_use"}
    result = await fix.submit(port=free_port)
    assert result["type"] == "create_entry"
    assert entry.data["port"] == free_port
    assert (DOMAIN, ISSUE_ID) not in ir.async_get(hass).issues


async def test_half_a_port_is_refused(hass: HomeAssistant, fix: Fix, free_port: int) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    await fix.begin()
    form = await fix.submit(port=free_port + 0.5)
    assert form["errors"] == {"port": "port_not_whole"}
    assert entry.data["port"] == 9000
    assert (await fix.submit(port=float(free_port)))["type"] == "create_entry"
    assert entry.data["port"] == free_port


async def test_the_issue_of_a_site_that_went_is_only_confirmed(hass: HomeAssistant, fix: Fix) -> None:
    form = await fix.begin()
    assert form["step_id"] == "confirm"
    assert (await fix.submit())["type"] == "create_entry"
    assert (DOMAIN, ISSUE_ID) not in ir.async_get(hass).issues
