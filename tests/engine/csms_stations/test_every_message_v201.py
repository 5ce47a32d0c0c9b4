"""Every message of OCPP 2.0.1, in both directions, over a real socket."""

import pytest

from .conftest import Bench
from .every_message import check_command, check_from_station, check_raw
from .every_message_v2 import COMMANDS, FROM_STATION, RAW, charging
from .raw_station_2 import RawStation2
from .schema_samples import actions
from .test_v2 import ready

ACTIONS = actions("ocpp2.0.1")


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_a_station_sends_is_answered_as_the_schema_has_it(bench: Bench, action: str) -> None:
    client = await ready(bench, RawStation2())
    await check_from_station(client, action, ours=action in FROM_STATION)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one in COMMANDS])
async def test_what_we_send_fits_the_schema_and_a_refusal_is_an_error(bench: Bench, action: str) -> None:
    client = await charging(bench, RawStation2())
    await check_command(bench, client, action, COMMANDS[action])


@pytest.mark.parametrize("action", [one for one in ACTIONS if one not in FROM_STATION or one == "DataTransfer"])
async def test_any_message_can_be_sent_as_it_is(bench: Bench, action: str) -> None:
    client = await ready(bench, RawStation2())
    await check_raw(bench, client, action)


def test_every_message_to_a_station_is_accounted_for() -> None:
    assert set(ACTIONS) - FROM_STATION - set(COMMANDS) == RAW
