"""Id tokens as their administrators and drivers meet them: actions, answers to a station, events, and no value told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine import local_lists
from custom_components.smart_charging.engine.model import StoreError
from tests.manual_clock import ManualClock

from .builders import site_data
from .token_site import EVENT, OTHER, TAG, add, ask, call, choose, device_id, heard, listed, start, stop, token_site
from .virtual_station import virtual_station


@pytest.fixture(autouse=True)
async def port(hass: HomeAssistant, free_port: int) -> AsyncIterator[int]:
    """Run a site with two chargers that serves registered tags only, and return its port."""
    async with token_site(hass, free_port):
        yield free_port


async def test_a_tag_is_added_listed_changed_blocked_and_deleted(hass: HomeAssistant) -> None:
    token_id = await add(
        hass,
        type="app",
        group="Family",
        valid_from="2026-06-01 10:00:00+00:00",
        valid_until="2126-06-01 10:00:00+00:00",
        every_site=True,
    )
    (token,) = await listed(hass)
    assert token.pop("created_at")
    assert token == {
        "token_id": token_id,
        "label": "Anna",
        "value": "••••E680",
        "type": "app",
        "group": "Family",
        "master_pass": False,
        "blocked": False,
        "status": "accepted",
        "every_site": True,
        "valid_from": "2026-06-01T10:00:00+00:00",
        "valid_until": "2126-06-01T10:00:00+00:00",
        "last_used_at": None,
        "deleted_at": None,
    }
    changed = await call(hass, "change_token", token_id=token_id, label="Ben", group="", valid_until=None, type="rfid")
    assert (changed["label"], changed["group"], changed["valid_until"]) == ("Ben", None, None)
    assert (changed["type"], changed["valid_from"]) == ("rfid", "2026-06-01T10:00:00+00:00")
    assert (await call(hass, "block_token", token_id=token_id))["status"] == "blocked"
    assert (await call(hass, "unblock_token", token_id=token_id))["status"] == "accepted"
    assert (await call(hass, "delete_token", token_id=token_id))["deleted_at"] is not None
    assert await listed(hass) == []
    assert [token["label"] for token in await listed(hass, deleted=True)] == ["Ben"]
    assert await add(hass) != token_id


async def test_actions_need_no_response(hass: HomeAssistant) -> None:
    await hass.services.async_call(DOMAIN, "add_token", {"value": TAG, "label": "Anna"}, blocking=True)
    assert [token["label"] for token in await listed(hass)] == ["Anna"]


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("add_token", {"value": TAG.lower(), "label": "Ben"}, "token_exists"),
        (
            "add_token",
            {"value": OTHER, "label": "Ben", "valid_from": "2026-06-02 10:00:00", "valid_until": "2026-06-01 10:00:00"},
            "end_before_start",
        ),
        ("add_token", {"value": OTHER, "label": "ANNA "}, "token_label_exists"),
        ("learn_token", {"device_id": "CHARGER", "label": "anna"}, "token_label_exists"),
        ("change_token", {"token_id": "00000000", "label": "Ben"}, "token_unknown"),
        ("change_token", {"token_id": "OWN"}, "nothing_to_change"),
        ("change_token", {"token_id": "OWN", "valid_until": "2026-05-01 10:00:00"}, "end_before_start"),
        ("block_token", {"token_id": "00000000"}, "token_unknown"),
        ("unblock_token", {"token_id": "00000000"}, "token_unknown"),
        ("delete_token", {"token_id": "00000000"}, "token_unknown"),
        ("list_tokens", {"config_entry_id": "elsewhere"}, "service_config_entry_not_found"),
        ("learn_token", {"device_id": "SITE", "label": "Ben"}, "not_a_charger"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(
    hass: HomeAssistant, action: str, data: dict[str, Any], key: str
) -> None:
    own = {"OWN": await add(hass, valid_from="2026-06-01 10:00:00"), "SITE": device_id(hass, "site1")}
    own["CHARGER"] = device_id(hass)
    before = await listed(hass)
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, action, **{name: own.get(value, value) for name, value in data.items()})
    assert error.value.translation_key == key
    assert TAG.casefold() not in str(error.value).casefold()
    assert await listed(hass) == before


@pytest.mark.parametrize("value", ["", " ", "T" * 37, "two words", "Ä", 4711, None])
async def test_a_value_that_no_reader_sends_is_refused(hass: HomeAssistant, value: object) -> None:
    with pytest.raises(probatio.Invalid):
        await call(hass, "add_token", value=value, label="Anna")


async def test_a_ledger_that_can_not_be_written_is_told(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr("custom_components.smart_charging.engine.ledger.SiteTokens.add", full)
    with pytest.raises(HomeAssistantError) as error:
        await add(hass)
    assert error.value.translation_key == "not_stored"


async def test_only_administrators_may(hass: HomeAssistant, hass_read_only_user: User) -> None:
    token_id = await add(hass)
    for action, data in (
        ("add_token", {"value": OTHER, "label": "Ben"}),
        ("change_token", {"token_id": token_id, "label": "Ben"}),
        ("block_token", {"token_id": token_id}),
        ("unblock_token", {"token_id": token_id}),
        ("delete_token", {"token_id": token_id}),
        ("list_tokens", {}),
        ("learn_token", {"device_id": device_id(hass), "label": "Ben"}),
    ):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(
                DOMAIN,
                action,
                data,
                blocking=True,
                context=Context(user_id=hass_read_only_user.id),
                return_response=True,
            )
    assert [token["label"] for token in await listed(hass)] == ["Anna"]


async def test_each_state_of_a_tag_reaches_the_station(hass: HomeAssistant, port: int) -> None:
    later, earlier = (dt_util.utcnow() + timedelta(days=days) for days in (1, -1))
    token_id = await add(hass, group="Family", valid_until=later.isoformat())
    await add(hass, "TAG-BLOCKED", blocked := "Ben")
    await call(hass, "block_token", token_id=next(t["token_id"] for t in await listed(hass) if t["label"] == blocked))
    await add(hass, "TAG-EXPIRED", "Cleo", valid_until=earlier.isoformat())
    await add(hass, "TAG-EARLY", "Dora", valid_from=later.isoformat())
    async with virtual_station(port, "CP-1") as first, virtual_station(port, "CP-2") as second:
        await first.boot()
        await second.boot()
        told = await ask(first)
        assert told["status"] == "Accepted"
        assert told["expiryDate"].startswith(later.strftime("%Y-%m-%dT%H:%M:%S"))
        assert 0 < len(told["parentIdTag"]) <= 20
        assert TAG not in told["parentIdTag"]
        assert {value: (await ask(first, value))["status"] for value in ("TAG-BLOCKED", "TAG-EXPIRED")} == {
            "TAG-BLOCKED": "Blocked",
            "TAG-EXPIRED": "Expired",
        }
        assert (await ask(first, "TAG-EARLY"))["status"] == "Invalid"
        assert (await ask(first, OTHER))["status"] == "Invalid"
        transaction_id, status = await start(first)
        assert status == "Accepted"
        assert (await ask(second))["status"] == "ConcurrentTx"
        assert (await start(second))[1] == "ConcurrentTx"
        assert (await ask(first))["status"] == "Accepted"  # who comes back, comes to end it
        choose(hass, access_mode="known_only", groups_share=True)
        await hass.async_block_till_done()
        assert (await ask(second))["status"] == "Accepted"
        assert await stop(first, transaction_id) == "Accepted"
        assert (await start(first, OTHER))[1] == "Invalid"
    (token,) = [token for token in await listed(hass) if token["token_id"] == token_id]
    assert token["last_used_at"] is not None
    sessions = await call(hass, "get_sessions")
    begun = [transaction.get("token_id") for session in sessions["sessions"] for transaction in session["transactions"]]
    assert begun.count(token_id) == 2


async def test_a_policy_counts_at_once_and_everybody_is_accepted_where_nobody_chose(
    hass: HomeAssistant, port: int
) -> None:
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        assert (await ask(station))["status"] == "Invalid"
        choose(hass)
        await hass.async_block_till_done()
        assert (await ask(station))["status"] == "Accepted"
        assert await listed(hass) == []
        assert station.connected


async def test_a_tag_that_is_blocked_reaches_the_stations_own_list(
    hass: HomeAssistant, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_lists, "SPACING_S", 0.0)
    monkeypatch.setattr(local_lists, "_UNREADY_S", 0.01)
    sensor = "sensor.charger_cp_1_local_list"
    async with virtual_station(port, "CP-1") as station:
        station.answers["GetLocalListVersion"] = {"listVersion": 0}
        await station.boot()
        token_id = await add(hass)
        await station.was_asked("SendLocalList", listVersion=1)
        await call(hass, "block_token", token_id=token_id)
        async with asyncio.timeout(5):
            while not any(
                row == {"idTag": TAG, "idTagInfo": {"status": "Blocked"}}
                for action, payload in station.asked
                if action == "SendLocalList"
                for row in payload["localAuthorizationList"]
            ):
                await asyncio.sleep(0.01)
        await hass.async_block_till_done()
        state = hass.states.get(sensor)
        assert state is not None
        assert TAG not in str(state.as_dict())


async def test_a_start_from_home_assistant_needs_no_tag(hass: HomeAssistant, port: int) -> None:
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        assert (await ask(station, "SMARTCHARGING"))["status"] == "Invalid"
        await station.report("Preparing")
        await hass.services.async_call(DOMAIN, "start_charging", {"device_id": device_id(hass)}, blocking=True)
        await station.was_asked("RemoteStartTransaction", idTag="SMARTCHARGING")
        transaction_id, status = await start(station, "SMARTCHARGING")
        assert status == "Accepted"
        assert await stop(station, transaction_id, "SMARTCHARGING") == "Accepted"


async def test_a_master_pass_begins_nothing_and_ends_everything_at_its_station(hass: HomeAssistant, port: int) -> None:
    await add(hass)
    await add(hass, OTHER, "Guard", master_pass=True)
    async with virtual_station(port, "CP-1") as first, virtual_station(port, "CP-2") as second:
        await first.boot()
        await second.boot()
        transaction_id, _ = await start(first)
        first.answers["RemoteStopTransaction"] = {"status": "Rejected"}
        assert (await ask(first, OTHER))["status"] == "Invalid"
        await first.was_asked("RemoteStopTransaction", transactionId=transaction_id)
        assert (await ask(second, OTHER))["status"] == "Invalid"
        assert (await start(second, OTHER))[1] == "Invalid"
        assert "RemoteStopTransaction" not in [action for action, _ in second.asked]


async def test_the_next_unknown_tag_is_learnt(hass: HomeAssistant, port: int) -> None:
    await add(hass)
    events = async_capture_events(hass, EVENT)
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        learning = hass.async_create_task(
            call(hass, "learn_token", device_id=device_id(hass), label="Ben", group="Family", seconds=60)
        )
        await asyncio.sleep(0)
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "learn_token", device_id=device_id(hass), label="Cleo")
        assert error.value.translation_key == "already_learning"
        assert (await ask(station))["status"] == "Accepted"
        assert (await ask(station, OTHER))["status"] == "Accepted"
        learnt = await learning
        assert (learnt["label"], learnt["group"], learnt["value"]) == ("Ben", "Family", "••••BB11")
        (told,) = await heard(hass, events, "tag_learnt")
        assert (told["tag_label"], told["token_id"]) == ("Ben", learnt["token_id"])
        assert told["device_id"] == device_id(hass)
        state = hass.states.get("event.charger_cp_1_tag")
        assert state is not None
        presented = await heard(hass, events, "tag_presented", 2)
        assert ("Anna", True) in {(each["tag_label"], "token_id" in each) for each in presented}


async def test_a_label_that_was_given_away_while_a_tag_was_awaited_is_refused(hass: HomeAssistant, port: int) -> None:
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        learning = hass.async_create_task(call(hass, "learn_token", device_id=device_id(hass), label="Anna"))
        await asyncio.sleep(0.1)
        await add(hass)
        await ask(station, OTHER)
        with pytest.raises(ServiceValidationError) as error:
            await learning
    assert error.value.translation_key == "token_label_exists"
    assert [token["label"] for token in await listed(hass)] == ["Anna"]


async def test_learning_ends_in_words_when_no_tag_comes(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, clock = hass.config_entries.async_get_entry("site1"), ManualClock()
    assert entry is not None
    monkeypatch.setattr(entry.runtime_data.access, "_clock", clock)
    learning = hass.async_create_task(call(hass, "learn_token", device_id=device_id(hass), label="Ben"))
    await asyncio.sleep(0)
    await clock.advance(61)
    with pytest.raises(HomeAssistantError) as error:
        await learning
    assert error.value.translation_key == "no_tag_presented"


async def test_a_learning_site_tells_of_a_stranger_without_its_value(hass: HomeAssistant, port: int) -> None:
    choose(hass, access_mode="learn")
    await hass.async_block_till_done()
    events = async_capture_events(hass, EVENT)
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        assert (await ask(station))["status"] == "Invalid"
        assert (await ask(station))["status"] == "Invalid"
        (told,) = await heard(hass, events, "tag_learnt")
        (token,) = await listed(hass)
        assert (token["status"], token["label"], told["token_id"]) == ("unassigned", None, token["token_id"])
        assert "tag_label" not in told
        await call(hass, "change_token", token_id=token["token_id"], label="Anna")
        assert (await ask(station))["status"] == "Accepted"


async def test_two_sites_have_to_be_told_apart(hass: HomeAssistant) -> None:
    other = MockConfigEntry(domain=DOMAIN, title="Barn", entry_id="site2", version=1, data=site_data(0))
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup("site2")
    with pytest.raises(ServiceValidationError):
        await add(hass)
    await add(hass, config_entry_id="site2")
    assert await listed(hass, config_entry_id="site1") == []
    assert len(await listed(hass, config_entry_id="site2")) == 1
