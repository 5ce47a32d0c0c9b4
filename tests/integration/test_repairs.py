"""A taken port, and a ledger whose key is lost, are fixed from the repair itself."""

from pathlib import Path
import socket
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.issues import ISSUE_PORT_TAKEN, Issue, async_raise

from .builders import site_entry
from .site_setup import issue_ids, set_up

no_setup = pytest.mark.usefixtures("no_setup")

KEY_ISSUE = "ledger_key_host"
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
        return await self.open(ISSUE_ID)

    async def open(self, issue_id: str) -> dict[str, Any]:
        """Open the dialogue of an issue."""
        assert await async_setup_component(self.hass, "repairs", {})
        await self.hass.async_block_till_done()
        self._client = await self._hass_client()
        answer = await self._client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
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


@no_setup
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


@no_setup
async def test_half_a_port_is_refused(hass: HomeAssistant, fix: Fix, free_port: int) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    await fix.begin()
    form = await fix.submit(port=free_port + 0.5)
    assert form["errors"] == {"port": "port_not_whole"}
    assert entry.data["port"] == 9000
    assert (await fix.submit(port=float(free_port)))["type"] == "create_entry"
    assert entry.data["port"] == free_port


@no_setup
async def test_the_issue_of_a_site_that_went_is_only_confirmed(hass: HomeAssistant, fix: Fix) -> None:
    form = await fix.begin()
    assert form["step_id"] == "confirm"
    assert (await fix.submit())["type"] == "create_entry"
    assert (DOMAIN, ISSUE_ID) not in ir.async_get(hass).issues


@pytest.fixture
async def lost_key(hass: HomeAssistant, free_port: int) -> Path:
    """Run a site with a registered tag, and put another key in the place of the one it used; return the key's file."""
    entry = await set_up(hass, free_port)
    await hass.services.async_call(DOMAIN, "add_token", {"value": "04A2B3C4", "label": "Anna"}, blocking=True)
    assert await hass.config_entries.async_unload(entry.entry_id)
    key = Path(hass.config.path("smart_charging.key"))
    key.rename(key.with_suffix(".backup"))
    key.write_text("ab" * 32)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert issue_ids(hass) == {KEY_ISSUE}
    return key


async def tails(hass: HomeAssistant) -> list[tuple[str, str]]:
    """Return labels of the registered tags with what is shown of their values."""
    answer: Any = await hass.services.async_call(DOMAIN, "list_tokens", {}, blocking=True, return_response=True)
    return [(token["label"], token["value"]) for token in answer["tokens"]]


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_key_that_is_back_is_used_again(hass: HomeAssistant, fix: Fix, lost_key: Path) -> None:
    menu = await fix.open(KEY_ISSUE)
    assert menu["menu_options"] == ["retry", "new_key"]
    assert (await fix.submit(next_step_id="retry"))["type"] == "create_entry"
    assert issue_ids(hass) == {KEY_ISSUE}
    lost_key.with_suffix(".backup").rename(lost_key)
    await fix.open(KEY_ISSUE)
    await fix.submit(next_step_id="retry")
    assert issue_ids(hass) == set()
    assert await tails(hass) == [("Anna", "••••B3C4")]


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_who_lost_the_key_goes_on_with_a_new_one(hass: HomeAssistant, fix: Fix, lost_key: Path) -> None:
    await fix.open(KEY_ISSUE)
    form = await fix.submit(next_step_id="new_key")
    assert form["step_id"] == "new_key"
    assert lost_key.read_text() == "ab" * 32
    database = Path(hass.config.path("smart_charging.db"))
    database.rename(database.with_suffix(".aside"))
    database.mkdir()
    form = await fix.submit()
    assert form["errors"] == {"base": "not_possible"}
    database.rmdir()
    database.with_suffix(".aside").rename(database)
    assert (await fix.submit())["type"] == "create_entry"
    assert issue_ids(hass) == set()
    assert lost_key.read_text() != "ab" * 32
    assert await tails(hass) == [("Anna", "••••")]


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_an_open_ledger_keeps_its_key(hass: HomeAssistant, fix: Fix, lost_key: Path) -> None:
    await fix.open(KEY_ISSUE)
    await fix.submit(next_step_id="new_key")
    lost_key.with_suffix(".backup").rename(lost_key)
    await hass.config_entries.async_reload("site1")
    right = lost_key.read_text()
    await fix.submit()
    assert lost_key.read_text() == right
    assert await tails(hass) == [("Anna", "••••B3C4")]
