"""The actions that say what a car is to have and when, and tell how it will get it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.smart_charging.engine.config import EvseSettings, RepeatingPlan, Weekday
from custom_components.smart_charging.engine.control.planning.problem import BatteryPlan, CarPlan, Plan, PlannedBy
from custom_components.smart_charging.engine.model import ChargeMode, StoreError
from custom_components.smart_charging.engine.view import PlannedCharge

from .builders import battery, charger, circuit, grid_meter
from .site_double import AT, KEY, circuit_view, evse, garage, running_site, session, site_view

DOMAIN = "smart_charging"
PLATFORMS = [Platform.SENSOR]
TARIFF = {"prices": {"price_source": "time_of_use", "table": "default = 0.3\nnoon = 0.2\nnoon: 12:30-13:00"}}
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
async def noon(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be noon by the clock of Greenwich."""
    await hass.config.async_set_time_zone("UTC")
    hass.config.currency = "EUR"
    freezer.move_to(AT)


def device_id(hass: HomeAssistant, identifier: str = "sub_garage") -> str:
    """Return the id of a device."""
    registry, key = dr.async_get(hass), (DOMAIN, identifier)
    device = registry.async_get_device_by_identifier(key, "site1") or registry.async_get_child_device_by_identifier(
        key, "site1"
    )
    assert device is not None
    return device.id


async def call(hass: HomeAssistant, action: str, *identifiers: str, **data: Any) -> None:
    """Call an action for these devices, the garage's charger by default, and wait for it."""
    devices = [device_id(hass, identifier) for identifier in identifiers or ("sub_garage",)]
    await hass.services.async_call(DOMAIN, action, {"device_id": devices, **data}, blocking=True)


async def plans(hass: HomeAssistant, *identifiers: str, **data: Any) -> list[dict[str, Any]]:
    """Return what `get_plan` answers for these devices."""
    devices = [device_id(hass, identifier) for identifier in identifiers or ("sub_garage",)]
    answer = await hass.services.async_call(
        DOMAIN, "get_plan", {"device_id": devices, **data}, blocking=True, return_response=True
    )
    assert isinstance(answer, dict)
    found: list[dict[str, Any]] = answer["plans"]
    return found


async def test_energy_departure_and_mode_are_set_in_one_go(hass: HomeAssistant) -> None:
    before = EvseSettings(mode=ChargeMode.SOLAR, priority=3)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "set_plan", energy=12.5, departure="2026-06-02 07:30:00", mode="cheapest")
        departure = datetime(2026, 6, 2, 7, 30, tzinfo=UTC)
        wanted = replace(before, mode=ChargeMode.CHEAPEST, target_energy_wh=12500.0, departure=departure)
        assert site.commands == [("set_settings", KEY, wanted)]


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ({"energy": 0}, EvseSettings(departure=AT + QUARTER)),
        ({"energy": 5}, EvseSettings(target_energy_wh=5000.0, departure=AT + QUARTER)),
        ({"departure": AT + 2 * QUARTER}, EvseSettings(target_energy_wh=9000.0, departure=AT + 2 * QUARTER)),
        ({"soc": 80}, EvseSettings(target_energy_wh=9000.0, target_soc_percent=80.0, departure=AT + QUARTER)),
        ({"soc": 0}, EvseSettings(target_energy_wh=9000.0, departure=AT + QUARTER)),
        (
            {"price_limit": -0.5},
            EvseSettings(target_energy_wh=9000.0, departure=AT + QUARTER, price_limit=-0.5),
        ),
        (
            {"late": 20, "continuous": True},
            EvseSettings(target_energy_wh=9000.0, departure=AT + QUARTER, late_min=20.0, continuous=True),
        ),
        ({"late": 0, "continuous": False}, EvseSettings(target_energy_wh=9000.0, departure=AT + QUARTER)),
        ({"mode": "cheapest"}, EvseSettings(ChargeMode.CHEAPEST, target_energy_wh=9000.0, departure=AT + QUARTER)),
    ],
)
async def test_what_is_left_out_of_a_plan_stays(
    hass: HomeAssistant, given: dict[str, Any], after: EvseSettings
) -> None:
    before = EvseSettings(target_energy_wh=9000.0, departure=AT + QUARTER)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "set_plan", **given)
        assert site.commands == [("set_settings", KEY, after)]


@pytest.mark.parametrize(
    ("now", "clock", "departure"),
    [
        ("2026-06-01T14:00+02:00", "18:15", "2026-06-01T16:15+00:00"),
        ("2026-06-01T14:00+02:00", "14:00:00", "2026-06-02T12:00+00:00"),
        ("2026-06-01T14:00+02:00", time(7, 30), "2026-06-02T05:30+00:00"),
        ("2026-06-02T00:30+02:00", "07:30", "2026-06-02T05:30+00:00"),  # still the day before in Greenwich
        ("2026-10-24T18:00+02:00", "07:30", "2026-10-25T06:30+00:00"),  # a night of an hour more
        ("2026-10-25T02:40+02:00", "02:30", "2026-10-25T01:30+00:00"),  # half past two comes twice
        ("2027-03-27T18:00+01:00", "02:30", "2027-03-28T01:30+00:00"),  # and in spring never
    ],
)
async def test_a_time_of_day_is_the_next_one_by_the_local_clock(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, now: str, clock: str | time, departure: str
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    async with running_site(hass, PLATFORMS) as site:
        freezer.move_to(datetime.fromisoformat(now))
        await call(hass, "set_plan", departure=clock)
        ((_, _, settings),) = site.commands
        assert settings.departure == datetime.fromisoformat(departure)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "no_plan_given"),
        ({"energy": 5, "departure": "2026-06-01 11:59:00"}, "departure_over"),
        ({"soc": 20}, "min_soc_above_target"),
        ({"departure": "9999-12-31T23:30:00-05:00"}, "departure_far"),
        ({"departure": "2027-06-03 00:00:00"}, "departure_far"),
        ({"departure": "0001-01-01T00:00:00+05:00"}, "departure_over"),
    ],
)
async def test_a_plan_that_cannot_be_changes_nothing_at_any_charger(
    hass: HomeAssistant, given: dict[str, Any], key: str
) -> None:
    before = EvseSettings(min_soc_percent=30.0)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2, settings=before)))) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_plan", "sub_garage_1", "sub_garage_2", **given)
        assert error.value.translation_key == key
        assert site.commands == []


@pytest.mark.parametrize(
    "given",
    [
        {"energy": -1},
        {"energy": 201},
        {"energy": float("nan")},
        {"soc": 101},
        {"soc": 50, "range": 100},
        {"range": -1},
        {"late": 241},
        {"current_soc": -1},
        {"price_limit": 1001},
        {"weekdays": [], "departure": "07:30"},
        {"weekdays": ["monday"], "departure": "07:30"},
        {"departure": "soon"},
        {"departure": "25:00"},
        {"departure": 7},
        {"mode": "solar"},
        {"mode": "sometimes"},
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(hass: HomeAssistant, given: dict[str, Any]) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(probatio.Invalid):
            await call(hass, "set_plan", **given)
        assert site.commands == []


CAR = {"capacity_kwh": 50.0, "consumption_kwh": 20.0, "efficiency_percent": 90.0}


async def test_a_range_is_kept_as_the_charge_that_carries_so_far(hass: HomeAssistant) -> None:
    subentries = [charger("garage", car=CAR), grid_meter()]
    async with running_site(hass, PLATFORMS, subentries=subentries) as site:
        await call(hass, "set_plan", range=200)
        await call(hass, "set_plan", range=100, weekdays="sat", departure="09:00")
        repeating = (RepeatingPlan((Weekday.SAT,), time(9), soc_percent=40.0),)
        once = EvseSettings(target_soc_percent=80.0)
        assert [settings for _, _, settings in site.commands] == [once, replace(once, repeating=repeating)]
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_plan", range=251)
        assert error.value.translation_key == "range_beyond_battery"


async def test_a_range_needs_to_know_the_car(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_plan", range=200)
        assert error.value.translation_key == "range_needs_car"
        assert site.commands == []


async def test_what_a_user_says_of_the_charge_counts_from_what_was_delivered_by_then(hass: HomeAssistant) -> None:
    over = session(plugged_out_at=AT)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2, session=over)))) as site:
        await call(hass, "set_plan", "sub_garage_1", "sub_garage_2", current_soc=40, soc=80)
        kept = [(settings.told_soc_percent, settings.told_at_wh) for _, _, settings in site.commands]
        assert kept == [(40.0, 7250.4), (40.0, 0.0)]


async def test_a_plan_that_cannot_be_kept_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        site.refusal = StoreError("disk full")
        with pytest.raises(HomeAssistantError) as error:
            await call(hass, "set_plan", energy=5)
        assert error.value.translation_key == "not_stored"


async def test_a_plan_is_taken_back_and_the_mode_stays(hass: HomeAssistant) -> None:
    kept = EvseSettings(ChargeMode.CHEAPEST, target_soc_percent=80.0)
    before = replace(kept, target_energy_wh=9000.0, departure=AT + QUARTER)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "clear_plan")
        assert site.commands == [("set_settings", KEY, kept)]


WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
WORK = RepeatingPlan(WORKDAYS, time(7, 30), energy_wh=12_000.0)
TRIP = RepeatingPlan((Weekday.SAT,), time(9), soc_percent=90.0)


async def test_plans_that_repeat_are_added_and_one_of_the_same_days_and_time_is_replaced(hass: HomeAssistant) -> None:
    before = EvseSettings(ChargeMode.SOLAR, target_energy_wh=9000.0, repeating=(TRIP,))
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "set_plan", weekdays=["fri", "mon", "tue", "wed", "thu", "mon"], departure="07:30", energy=12)
        await call(hass, "set_plan", weekdays="sat", departure="09:00", mode="cheapest")
        added = replace(before, repeating=(WORK, TRIP))
        same_days = replace(added, mode=ChargeMode.CHEAPEST, repeating=(WORK, replace(TRIP, soc_percent=None)))
        assert [settings for _, _, settings in site.commands] == [added, same_days]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"weekdays": ["sat"]}, (WORK,)),
        ({"weekdays": ["mon", "sat"]}, (replace(WORK, weekdays=WORKDAYS[1:]),)),
        ({"weekdays": ["mon", "sat"], "departure": "09:00"}, (WORK,)),
        ({"weekdays": ["sun"]}, (WORK, TRIP)),
    ],
)
async def test_plans_that_repeat_are_taken_back_by_their_days(
    hass: HomeAssistant, given: dict[str, Any], left: tuple[RepeatingPlan, ...]
) -> None:
    before = EvseSettings(ChargeMode.CHEAPEST, target_energy_wh=9000.0, repeating=(WORK, TRIP))
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "clear_plan", **given)
        assert site.commands == [("set_settings", KEY, replace(before, repeating=left))]
        await call(hass, "clear_plan")
        assert site.commands[-1] == ("set_settings", KEY, replace(before, target_energy_wh=None, repeating=left))


@pytest.mark.parametrize(
    ("action", "given", "key"),
    [
        ("set_plan", {"weekdays": ["mon"], "energy": 5}, "repeating_needs_time"),
        ("set_plan", {"weekdays": ["mon"], "departure": "2026-06-02 07:30:00"}, "repeating_needs_time"),
        ("set_plan", {"weekdays": ["mon"], "departure": "07:30", "soc": 20}, "min_soc_above_target"),
        ("set_plan", {"weekdays": ["sun"], "departure": "07:30"}, "too_many_plans"),
        ("clear_plan", {"departure": "07:30"}, "time_without_weekdays"),
    ],
)
async def test_what_cannot_repeat_is_refused(hass: HomeAssistant, action: str, given: dict[str, Any], key: str) -> None:
    full = tuple(RepeatingPlan((Weekday.SAT,), time(hour), energy_wh=1.0) for hour in range(20))
    before = EvseSettings(min_soc_percent=30.0, repeating=full if key == "too_many_plans" else ())
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, action, **given)
        assert error.value.translation_key == key
        assert site.commands == []


async def test_plans_that_repeat_are_told_with_their_next_time(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    settings = EvseSettings(repeating=(WORK, TRIP))
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=settings)))):
        (told,) = await plans(hass)
    assert told["repeating"] == [
        {
            "weekdays": ["mon", "tue", "wed", "thu", "fri"],
            "departure": "07:30",
            "energy_kwh": 12.0,
            "soc": None,
            "next": "2026-06-02T05:30:00+00:00",
        },
        {
            "weekdays": ["sat"],
            "departure": "09:00",
            "energy_kwh": None,
            "soc": 90.0,
            "next": "2026-06-06T07:00:00+00:00",
        },
    ]


async def test_a_departure_gone_by_does_not_silence_the_plan(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    assert CHEAPEST.planned is not None
    late = replace(CHEAPEST, planned=replace(CHEAPEST.planned, departure=AT - QUARTER, starts_at=AT))
    async with running_site(hass, PLATFORMS, site_view(garage(late))) as site:
        site.plan = plan(e1=(11_000.0, 5_000.0))
        (told,) = await plans(hass)
    assert [slot["power_w"] for slot in told["slots"]] == [11_000, 5_000]


async def test_a_price_limit_is_taken_back_alone(hass: HomeAssistant) -> None:
    before = EvseSettings(ChargeMode.CHEAPEST, target_energy_wh=9000.0, price_limit=0.2)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "clear_plan", price_limit=True)
        assert site.commands == [("set_settings", KEY, replace(before, price_limit=None))]


def plan(first_slot: timedelta | None = QUARTER, **cars: tuple[float, ...]) -> Plan:
    """Return a plan from noon on for these EVSEs of the garage."""
    return Plan(
        made_by=PlannedBy.GREEDY,
        start=AT,
        slot=QUARTER,
        cars={f"garage/{name[1:]}": CarPlan(power_w, value=0.25) for name, power_w in cars.items()},
        batteries={},
        grid_w=(),
        cost=1.0,
        first_slot=first_slot,
    )


CHEAPEST = evse(
    mode=ChargeMode.CHEAPEST,
    settings=EvseSettings(
        ChargeMode.CHEAPEST, target_energy_wh=9000.0, target_soc_percent=80.0, departure=AT + 3 * QUARTER
    ),
    soc_percent=61.26,
    planned=PlannedCharge(
        starts_at=AT + 2 * QUARTER, energy_wh=2756.4, cost=0.5512, missing_wh=6243.6, departure=AT + 3 * QUARTER,
        given_wh=724.6, slot_costs={AT: -0.2174, AT + 2 * QUARTER: 0.5513}, worth=0.24681,
    ),
)  # fmt: skip


async def test_a_plan_is_told_by_slot_with_prices_up_to_the_departure(
    hass: HomeAssistant, hass_read_only_user: MockUser
) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(CHEAPEST)), options=TARIFF) as site:
        site.plan = plan(e1=(-2898.4, 0.0, 11025.6, 0.0, 0.0))
        answer = await hass.services.async_call(
            DOMAIN,
            "get_plan",
            {"device_id": device_id(hass)},
            blocking=True,
            return_response=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    assert answer == {
        "plans": [
            {
                "site": "Home",
                "charger": "Charger garage",
                "evse": 1,
                "mode": "cheapest",
                "target_energy_kwh": 9.0,
                "target_soc": 80.0,
                "soc": 61.3,
                "price_limit": None,
                "departure": "2026-06-01T12:45:00+00:00",
                "next_start": "2026-06-01T12:30:00+00:00",
                "energy_kwh": 2.76,
                "given_kwh": 0.72,
                "worth": 0.2468,
                "missing_kwh": 6.24,
                "cost": 0.55,
                "currency": "EUR",
                "departure_from": "set",
                "target_from": "set",
                "event": None,
                "calendar": None,
                "repeating": [],
                "slots": [
                    {"start": "2026-06-01T12:00:00+00:00", "power_w": -2898, "price": 0.3, "cost": -0.2174},
                    {"start": "2026-06-01T12:15:00+00:00", "power_w": 0, "price": 0.3, "cost": 0.0},
                    {"start": "2026-06-01T12:30:00+00:00", "power_w": 11026, "price": 0.2, "cost": 0.5513},
                ],
            }
        ],
        "batteries": [],
    }


async def test_a_green_plan_tells_the_carbon_of_each_slot_and_where_that_comes_from(hass: HomeAssistant) -> None:
    entries = [
        {
            "from": (AT + number * QUARTER).isoformat(),
            "to": (AT + (number + 1) * QUARTER).isoformat(),
            "intensity": grams,
        }
        for number, grams in enumerate((210, 123.46))
    ]
    hass.states.async_set("sensor.predbat", "1", {"unit_of_measurement": "g/kWh", "forecast": entries})
    green = replace(CHEAPEST, mode=ChargeMode.GREENEST)
    options = {"prices": TARIFF["prices"] | {"co2_forecast": ["sensor.predbat"]}}
    async with running_site(hass, PLATFORMS, site_view(garage(green)), options=options) as site:
        site.plan = plan(e1=(0.0, 11025.6, 0.0, 0.0))
        (told,) = await plans(hass)
    assert [(slot["price"], slot["co2_g"], slot["co2_from"]) for slot in told["slots"]] == [
        (0.3, 210.0, "forecast"),
        (0.3, 123.5, "forecast"),
        (0.2, None, None),
    ]


async def test_without_a_departure_a_plan_is_told_from_now_on_as_far_as_it_reaches(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    assert CHEAPEST.planned is not None
    open_end = replace(
        CHEAPEST, planned=replace(CHEAPEST.planned, departure=None, starts_at=AT + timedelta(minutes=17))
    )
    async with running_site(hass, PLATFORMS, site_view(garage(open_end))) as site:
        site.plan = plan(timedelta(minutes=5), e1=(1.0, 2.0, 3.0, 4.0))
        freezer.move_to(AT + timedelta(minutes=17))
        (told,) = await plans(hass)
    assert [(slot["start"][11:16], slot["power_w"]) for slot in told["slots"]] == [
        ("12:15", 2),
        ("12:30", 3),
        ("12:45", 4),
    ]
    assert {slot["price"] for slot in told["slots"]} == {None}
    assert told["next_start"] == "2026-06-01T12:15:00+00:00"


async def test_nothing_is_told_of_a_plan_where_there_is_none(hass: HomeAssistant) -> None:
    unpriced = replace(CHEAPEST.planned, cost=None, starts_at=None) if CHEAPEST.planned else None
    view = site_view(garage(evse(1), replace(evse(2), planned=unpriced), evse(3)))
    async with running_site(hass, PLATFORMS, view) as site:
        told = await plans(hass)
        assert [each["evse"] for each in told] == [1, 2, 3]
        assert [each["slots"] for each in told] == [[], [], []]
        none = ("target_energy_kwh", "departure", "next_start", "energy_kwh", "missing_kwh", "cost")
        assert [told[0][name] for name in none] == [None] * 6
        assert (told[1]["next_start"], told[1]["cost"], told[1]["energy_kwh"]) == (None, None, 2.76)
        site.plan = plan(e1=(5000.0,))  # of a car that was planned and no longer is
        assert [each["slots"] for each in await plans(hass, "sub_garage_1", "sub_garage_2")] == [[], []]


async def test_a_plan_may_be_asked_of_one_evse_by_its_number_and_is_told_once(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2)))):
        assert [each["evse"] for each in await plans(hass, evse=2)] == [2]
        assert [each["evse"] for each in await plans(hass, "sub_garage_2", "sub_garage")] == [2, 1]


@pytest.mark.parametrize("identifier", ["site1", "cellar"])
async def test_what_is_no_charger_has_no_plan(hass: HomeAssistant, identifier: str) -> None:
    subentries = [charger("garage"), grid_meter(), circuit("cellar")]
    view = site_view(circuits={"cellar": circuit_view()})
    async with running_site(hass, PLATFORMS, view, subentries=subentries):
        with pytest.raises(ServiceValidationError) as error:
            await plans(hass, identifier)
        assert error.value.translation_key == "not_a_charger"


async def test_the_plan_of_a_battery_is_told_where_it_is_led(hass: HomeAssistant) -> None:
    parts = [
        charger("garage"),
        battery(by_plan=True, control="entities", hold_switch="switch.hold"),
        battery("watched"),
    ]
    led = {name: BatteryPlan((-2000.4, 1500.0), (5500.0, 5100.0), value=0.28125) for name in ("battery", "watched")}
    async with running_site(hass, PLATFORMS, site_view(garage(CHEAPEST)), subentries=parts, options=TARIFF) as site:
        site.plan = replace(plan(e1=(0.0, 0.0)), batteries=led)
        answer = await hass.services.async_call(
            DOMAIN, "get_plan", {"device_id": device_id(hass)}, blocking=True, return_response=True
        )
    assert isinstance(answer, dict)
    assert answer["batteries"] == [
        {
            "site": "Home",
            "battery": "Battery",
            "worth": 0.2812,
            "slots": [
                {"start": "2026-06-01T12:00:00+00:00", "power_w": -2000, "price": 0.3},
                {"start": "2026-06-01T12:15:00+00:00", "power_w": 1500, "price": 0.3},
            ],
        }
    ]
