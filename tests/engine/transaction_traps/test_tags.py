"""Trap 17 and what follows from tags: spelled oddly, of a group, refused, of nobody, or from a queue."""

import asyncio

import pytest

from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, IdToken, TokenDetails
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from custom_components.smart_charging.engine.view import SiteEventType
from tests.engine.transaction_traps.chargers import Charger
from tests.engine.transaction_traps.conftest import KEY, Place

KNOWN_ONLY, LEARN = AccessPolicy(AccessMode.KNOWN_ONLY), AccessPolicy(AccessMode.LEARN)


async def add(place: Place, value: str, details: TokenDetails = TokenDetails("Anna")) -> IdToken:
    return await place.records.tokens.add(value, details, place.clock.now())


def answered(charger: Charger) -> str:
    """Return what was said of the tag of the last start."""
    answer = charger.answer  # type: ignore[attr-defined]  # all versions keep it
    return str(answer.get("idTagInfo", answer.get("idTokenInfo"))["status"])


async def test_trap_17_tag_is_the_same_in_any_case(place: Place, version: str) -> None:
    place.access.policy = KNOWN_ONLY
    token = await add(place, "04aBcDeF")
    charger = await place.ready(version)
    assert (await charger.authorize("04ABCDEF"))["status"] == "Accepted"
    tx = await charger.start(place.now(), 1000, tag="04abcdef")
    assert answered(charger) == "Accepted"
    assert (await place.kept(tx)).token_id == token.token_id


async def test_trap_17_leading_zeros_are_part_of_a_tag(place: Place, version: str) -> None:
    place.access.policy = KNOWN_ONLY
    await add(place, "00123456")
    charger = await place.ready(version)
    for tag, status in (("00123456", "Accepted"), ("123456", "Invalid"), ("0123456", "Invalid")):
        assert (await charger.authorize(tag))["status"] == status
    tx = await charger.start(place.now(), 1000, tag="00123456")
    assert (await place.kept(tx)).id_token == "00123456"


@pytest.mark.parametrize("length", [36, 255])
async def test_trap_17_long_token_is_told_apart_to_its_end(place: Place, length: int) -> None:
    charger = await place.ready_2("2.1")
    one, other = "A" * length, "A" * (length - 1) + "B"
    first = await charger.start(place.now(), 1000, tag=one)
    second = await charger.start(place.now(), 1000, tag=other, evse=2)
    assert (await place.kept(first)).id_token == one
    assert {tx.transaction_id: tx.id_token for tx in await place.all_kept(None)} == {first: one, second: other}


async def test_trap_17_uid_read_from_its_other_end_is_recorded_as_sent_and_explained(
    place: Place, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.access.policy = KNOWN_ONLY
    token = await add(place, "04A1B2C3D4E5F6")
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000, tag="F6E5D4C3B2A104")
    await charger.authorize("F6E5D4C3B2A104")
    assert answered(charger) == "Invalid"
    assert (await place.kept(tx)).id_token == "F6E5D4C3B2A104"
    told = [record.getMessage() for record in caplog.records if "in reverse" in record.getMessage()]
    assert len(told) == 1
    assert token.token_id in told[0]
    assert "B2C3" not in caplog.text
    await charger.authorize("NOT-A-UID-14BY")
    await charger.authorize("0102030405060708")
    assert caplog.text.count("in reverse") == 1


async def test_trap_17_group_may_end_what_another_of_it_began(place: Place, version: str) -> None:
    place.access.policy = KNOWN_ONLY
    await add(place, "ANNA", TokenDetails("Anna", group="Family"))
    await add(place, "BEN", TokenDetails("Ben", group="Family"))
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000, tag="ANNA")
    anna, ben = await charger.authorize("ANNA"), await charger.authorize("BEN")
    name = "parentIdTag" if version == "1.6" else "groupIdToken"
    assert anna[name] == ben[name]
    assert (anna["status"], ben["status"]) == ("Accepted", "Accepted")
    if version == "1.6":
        stop = {"transactionId": int(tx), "idTag": "BEN", "timestamp": place.now(), "meterStop": 1500}
        answer = (await charger.raw.ask("StopTransaction", stop))["idTagInfo"]
    else:
        event = charger.raw.event  # type: ignore[attr-defined]  # of OCPP 2
        answer = await event("Ended", place.now(), tx=tx, token="BEN", energy=1500, reason="StopAuthorized")
        answer = answer["idTokenInfo"]
    assert (answer["status"], answer[name]) == ("Accepted", ben[name])
    kept = await place.kept(tx)
    assert (kept.id_token, kept.energy_wh) == ("ANNA", 500.0)


async def test_trap_17_tag_accepted_offline_that_is_invalid_is_said_to_be_so_and_its_stop_kept(
    place: Place, version: str
) -> None:
    place.access.policy = KNOWN_ONLY
    charger = await place.ready(version)
    tx = await charger.start(place.now(-600), 1000, tag="STRANGER", offline=True)
    assert answered(charger) == "Invalid"  # StopTransactionOnInvalidId goes by this
    await charger.stop(tx, place.now(), 1100, reason="DeAuthorized")
    kept = await place.kept(tx)
    assert (kept.stop_reason, kept.energy_wh, kept.offline) == ("DeAuthorized", 100.0, True)


@pytest.mark.parametrize("tag", ["FREEVEND", "FreeVend", "", "00000000", "NOAUTH", "evcc"])
async def test_trap_17_tag_of_a_station_that_charges_for_everybody_is_accepted_and_recorded(
    place: Place, version: str, tag: str
) -> None:
    charger = await place.ready(version)
    if version == "1.6" or tag:
        tx = await charger.start(place.now(), 1000, tag=tag)
        assert answered(charger) == "Accepted"
    else:  # NoAuthorization, as OCPP 2 has it
        none = {"idToken": "", "type": "NoAuthorization"}
        answer = await charger.event("Started", place.now(), "a", evse={"id": 1}, idToken=none)  # type: ignore[attr-defined]  # of OCPP 2
        assert answer == {}
        tx = "a"
    assert (await place.kept(tx)).id_token == tag
    assert place.running() == tx


@pytest.mark.parametrize(
    "tag", ["FREEVEND", "Free Vend", "", "0", "00000000", "NOAUTH", "PlugAndChargeIdentifier", "evcc", "FFFFFFFF"]
)
async def test_trap_17_tag_that_names_nobody_is_never_learnt(place: Place, tag: str) -> None:
    place.access.policy = LEARN
    charger = await place.ready_16()
    learning = asyncio.ensure_future(place.access.learn("CP1", TokenDetails("Ben"), 600))
    await charger.authorize(tag)
    await charger.start(place.now(), 1000, tag=tag)
    assert await place.records.tokens.all() == ()
    assert not learning.done()
    await charger.authorize("04A1B2C3")
    assert (await learning).details.label == "Ben"
    await charger.authorize("04A1B2C4")
    assert len(await place.records.tokens.all()) == 2


async def test_trap_17_tag_that_is_set_in_the_station_for_everybody_is_never_learnt(place: Place) -> None:
    place.access.policy = LEARN
    charger = await place.dial("1.6")
    charger.raw.configuration["PlugAndChargeIdentifier"] = "MyOwnWord"
    await charger.raw.boot(chargePointVendor="Alfen BV", chargePointModel="NG910-60023")
    await place.until(lambda: place.station._core.start_tag is not None)
    await charger.start(place.now(), 1000, tag="myownword")
    assert await place.records.tokens.all() == ()
    await charger.authorize("04A1B2C3")
    assert len(await place.records.tokens.all()) == 1


async def test_trap_17_only_tags_presented_now_are_learnt_and_none_from_a_queue(place: Place, version: str) -> None:
    place.access.policy = LEARN
    charger = await place.ready(version)
    tx = await charger.start(place.now(-7200), 1000, tag="04A1B2C3", offline=True)
    await charger.stop(tx, place.now(-3600), 1500, offline=True)
    assert await place.records.tokens.all() == ()
    assert place.told(SiteEventType.TAG_LEARNT) == []
    await charger.start(place.now(), 1500, tag="04A1B2C3")
    assert len(await place.records.tokens.all()) == 1
    assert len(place.told(SiteEventType.TAG_LEARNT)) == 1


async def test_trap_17_master_pass_from_a_queue_ends_nothing_that_runs_now(place: Place, version: str) -> None:
    await add(place, "MASTER", TokenDetails("Guard", master_pass=True))
    charger = await place.ready(version)
    await charger.start(place.now(), 1000)
    await charger.start(place.now(-7200), 500, tag="MASTER", offline=True)
    await asyncio.sleep(0.05)
    assert charger.raw.sent(charger.stop_request) == []
    await charger.authorize("MASTER")
    await place.until(lambda: charger.raw.sent(charger.stop_request) != [])


async def reason(place: Place) -> ReasonCode:
    """Return why the socket gets what it gets, after the next decision."""
    await place.pass_time(6)
    return place.shown.setpoint.reason.code


async def test_trap_17_refused_tag_is_the_reason_that_is_shown_until_one_is_accepted(
    place: Place, version: str
) -> None:
    place.access.policy = KNOWN_ONLY
    await add(place, "ANNA")
    charger = await place.ready(version)
    await place.site.set_mode(KEY, ChargeMode.FAST)
    await charger.status("Preparing", place.now())
    assert await reason(place) is not ReasonCode.NOT_AUTHORISED
    assert (await charger.authorize("STRANGER"))["status"] == "Invalid"
    assert await reason(place) is ReasonCode.NOT_AUTHORISED
    assert (await charger.authorize("ANNA"))["status"] == "Accepted"
    assert await reason(place) is not ReasonCode.NOT_AUTHORISED


async def test_trap_17_refused_start_is_the_reason_that_is_shown_until_the_car_leaves(
    place: Place, version: str
) -> None:
    place.access.policy = KNOWN_ONLY
    charger = await place.ready(version)
    await place.site.set_mode(KEY, ChargeMode.SOLAR)
    await charger.status("Preparing", place.now())
    tx = await charger.start(place.now(), 1000, tag="STRANGER")
    assert await reason(place) is ReasonCode.NOT_AUTHORISED
    await place.site.set_mode(KEY, ChargeMode.OFF)
    assert await reason(place) is ReasonCode.MODE_OFF
    await charger.stop(tx, place.now(), 1000, reason="DeAuthorized")
    await charger.status("Available", place.now())
    await place.site.set_mode(KEY, ChargeMode.FAST)
    await charger.status("Preparing", place.now())
    assert await reason(place) is not ReasonCode.NOT_AUTHORISED


async def test_trap_17_refused_tag_from_a_queue_or_at_an_end_says_nothing_of_the_car_that_waits(
    place: Place, version: str
) -> None:
    place.access.policy = KNOWN_ONLY
    await add(place, "ANNA")
    charger = await place.ready(version)
    await charger.status("Preparing", place.now(), evse=2)
    await charger.status("Preparing", place.now())
    await charger.start(place.now(-7200), 500, tag="OTHER", offline=True)
    assert not place.evse.refused
    tx = await charger.start(place.now(), 1000, tag="ANNA")
    assert (await charger.authorize("STRANGER"))["status"] == "Invalid"  # the other car's, for this one charges
    await charger.stop(tx, place.now(), 1500)
    assert (place.evse_of(1).refused, place.evse_of(2).refused) == (False, True)
