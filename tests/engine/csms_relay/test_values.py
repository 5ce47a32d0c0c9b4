"""The relay's values by themselves: what may be configured, and what a profile of theirs means."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.csms.relay.limits import ProfileLimit, TheirLimits, parse_profile
from custom_components.smart_charging.engine.limit import LimitUnit
from custom_components.smart_charging.engine.relay_config import RelayConfig, Secret
from tests.manual_clock import START


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://host/",
        "wss://",
        "wss:///path",
        "wss://user:hunter2@host/",
        "wss://host/?token=hunter2",
        "wss://host/#hunter2",
        "wss://host:0/",
        "wss://host:99999/hunter2",
        "wss://[hunter2/",
        "wss://host/" + "x" * 600,
        "ws://host/hunter2",
    ],
)
def test_address_that_can_not_work_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        RelayConfig(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "changes", [{"identity": "a b"}, {"identity": "a:b"}, {"backlog_bytes": 1}, {"backlog_bytes": 2**30}]
)
def test_other_settings_that_can_not_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        RelayConfig("wss://host/", **changes)


def test_secrets_stay_out_of_every_text() -> None:
    config = RelayConfig("wss://host:8443/ocpp/hidden", Secret("hunter2"))
    for text in (repr(config), str(config), f"{config}", repr(asdict(config) | {"url": ""}), str(config.password)):
        assert "hunter2" not in text
        assert "hidden" not in text
    assert config.shown == "wss://host:8443"
    assert config.address_of("CP 1/x") == "wss://host:8443/ocpp/hidden/CP%201%2Fx"
    assert Secret("x") == Secret(b"x") != Secret("y")
    assert len({Secret("x"), Secret(b"x")}) == 1


def schedule(**more: Any) -> dict[str, Any]:
    periods = [{"startPeriod": 0, "limit": 16.0, "numberPhases": 1}, {"startPeriod": 3600, "limit": 6.0}]
    return {"chargingRateUnit": "W", "chargingSchedulePeriod": periods, **more}


def profile(schedule_: Any, **more: Any) -> dict[str, Any]:
    return {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 3,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule_,
            **more,
        },
    }


def parsed(payload: dict[str, Any]) -> ProfileLimit:
    limit = parse_profile("CP1", payload, START, None)
    assert limit is not None
    return limit


def values(limit: ProfileLimit, *seconds: float) -> list[float | None]:
    bounds = [limit.bound(START + timedelta(seconds=each)) for each in seconds]
    return [None if bound is None else bound.value for bound in bounds]


def test_absolute_schedule_binds_from_its_start_to_its_end() -> None:
    limit = parsed(profile(schedule(startSchedule="2026-06-01T10:10:00Z", duration=7200)))
    assert limit.unit is LimitUnit.WATT
    assert values(limit, 0, 599, 600, 4199, 4200, 7799, 7800) == [None, None, 16.0, 16.0, 6.0, 6.0, None]
    bound = limit.bound(START + timedelta(seconds=5000))
    assert bound is not None
    assert (bound.until, bound.phases) == (START + timedelta(seconds=7800), None)


def test_relative_schedule_begins_when_it_came_and_lasts_without_an_end() -> None:
    limit = parsed(profile(schedule(startSchedule="2020-01-01T00:00:00Z"), chargingProfileKind="Relative"))
    assert values(limit, 0, 3600, 10**7) == [16.0, 6.0, 6.0]
    bound = limit.bound(START + timedelta(days=9))
    assert bound is not None
    assert bound.until is None


@pytest.mark.parametrize(("kind", "days"), [("Daily", 1), ("Weekly", 7)])
def test_recurring_schedule_binds_again(kind: str, days: int) -> None:
    limit = parsed(
        profile(
            schedule(startSchedule="2026-06-01T10:00:00Z", duration=7200),
            chargingProfileKind="Recurring",
            recurrencyKind=kind,
        )
    )
    length = days * 86400
    assert values(limit, 0, 7200, length - 1, length, length + 3600, 3 * length) == [16.0, None, None, 16.0, 6.0, 16.0]
    bound = parsed(profile(schedule(), chargingProfileKind="Recurring", recurrencyKind=kind)).bound(
        START + timedelta(seconds=4000)
    )
    assert bound is not None
    assert bound.until == START + timedelta(days=days)


def test_profile_binds_only_while_it_is_valid() -> None:
    limit = parsed(profile(schedule(), validFrom="2026-06-01T10:01:00Z", validTo="2026-06-01T10:02:00Z"))
    assert values(limit, 0, 60, 119, 120) == [None, 16.0, 16.0, None]
    bound = limit.bound(START + timedelta(seconds=60))
    assert bound is not None
    assert bound.until == START + timedelta(seconds=120)


def test_profile_of_2x_is_read_too() -> None:
    payload = {
        "evseId": 1,
        "chargingProfile": {
            "id": 9,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": [{"id": 1, **schedule(chargingRateUnit="A")}],
        },
    }
    limit = parsed(payload)
    assert (limit.profile_id, limit.evse_id, limit.unit) == (9, 1, LimitUnit.AMPERE)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"csChargingProfiles": 5},
        profile(None),
        profile([]),
        profile(schedule(chargingRateUnit="VA")),
        profile(schedule(chargingSchedulePeriod=[])),
        profile(schedule(chargingSchedulePeriod=5)),
        profile(schedule(chargingSchedulePeriod=[5])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 5, "limit": 6}])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": -1}])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": float("nan")}])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": True}])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 0}])),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 6}] * 2)),
        profile(schedule(chargingSchedulePeriod=[{"startPeriod": n, "limit": 6} for n in range(257)])),
        profile(schedule(duration=0)),
        profile(schedule(duration=10**12)),
        profile(schedule(startSchedule="9999-12-31T23:59:59Z")),
        profile(schedule(), chargingProfileKind="Recurring"),
        profile(schedule(), chargingProfileId=None),
        {**profile(schedule()), "connectorId": 65},
        {**profile(schedule()), "connectorId": -1},
    ],
)
def test_profile_that_is_no_limit_is_not_taken(payload: dict[str, Any]) -> None:
    assert parse_profile("CP1", payload, START, None) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(json_values, json_values, json_values, st.integers(-(10**6), 10**6))
def test_no_profile_makes_us_stumble(raw: Any, times: Any, duration: Any, seconds: int) -> None:
    payloads = [
        profile(raw),
        profile(schedule(startSchedule=times, duration=duration)),
        profile(schedule(), validFrom=times, validTo=times, stackLevel=raw),
        {"connectorId": raw, "csChargingProfiles": profile(schedule())["csChargingProfiles"]},
    ]
    for payload in payloads:
        limit = parse_profile("CP1", payload, START, None)
        if limit is not None:
            limit.bound(START + timedelta(seconds=seconds))


def test_clearing_goes_by_id_or_by_criteria() -> None:
    limits = TheirLimits()
    for number, evse in ((1, 0), (2, 1), (3, 1), (4, 2)):
        payload = {**profile(schedule(), chargingProfileId=number, stackLevel=number), "connectorId": evse}
        assert limits.set(parsed(payload)) == []
    assert limits.clear({"id": 9}) == []
    assert limits.clear({"connectorId": 1, "stackLevel": 3}) == [3]
    assert limits.clear({"chargingProfileId": 4}) == [4]
    assert limits.clear({"chargingProfileCriteria": {"chargingProfilePurpose": "TxProfile"}}) == []
    assert limits.clear({}) == [1, 2]
    assert limits.all == ()
