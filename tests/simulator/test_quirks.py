"""Each habit of real stations shows on the wire, and only that habit."""

from typing import Any

import pytest

from simulator.ocpp.connector import Status
from simulator.ocpp.options import StartMode
from simulator.ocpp.profile_stack import Abilities, ProfileStack
from simulator.ocpp.profiles import Kind, Period, Profile, Purpose, Unit
from simulator.ocpp.quirks import Quirks
from simulator.plant.car import Car, CarModel

from .test_profile_stack import NOON, TRANSACTION, amps, flat, stack
from .virtual_site import VirtualSite, virtual_site


async def charging(virtual: VirtualSite) -> None:
    virtual.station.plug(True)
    await virtual.until(lambda: virtual.connector.outlet.current_a[0] == 16.0)


def values(virtual: VirtualSite, measurand: str) -> list[dict[str, Any]]:
    """Return all sampled values of a measurand, in order."""
    return [
        sample
        for payload in virtual.central.of("MeterValues")
        for sample in payload["meterValue"][0]["sampledValue"]
        if sample["measurand"] == measurand
    ]


@pytest.mark.parametrize(
    ("quirks", "refused", "taken"),
    [
        (Quirks(max_accepted_stack_level=2), flat(6, level=3), flat(6, level=2)),
        (Quirks(one_stack_level_only=True), flat(6, level=1), flat(6, level=0)),
        (Quirks(rejects_absolute=True), flat(6), flat(6, kind=Kind.RELATIVE)),
        (Quirks(rejects_relative=True), flat(6, kind=Kind.RELATIVE), flat(6)),
        (Quirks(rejects_tx_profile=True), flat(6, Purpose.TX), flat(6)),
        (Quirks(rejects_tx_default=True), flat(6), flat(6, Purpose.TX)),
        (Quirks(one_period_only=True), flat(6, periods=(Period(0, 10), Period(60, 6))), flat(6)),
        (Quirks(needs_transaction_id=True), flat(6, Purpose.TX), flat(6, Purpose.TX, transaction_id=7)),
        (Quirks(needs_start_schedule=True), flat(6, start=None), flat(6)),
        (Quirks(watts_only=True), flat(6), flat(6, unit=Unit.WATT)),
        (Quirks(amps_only=True), flat(6, unit=Unit.WATT), flat(6)),
    ],
)
def test_refusing_habits_refuse_only_their_own(quirks: Quirks, refused: Profile, taken: Profile) -> None:
    own = ProfileStack(Abilities(), 1, quirks)
    assert own.refusal(1, refused, TRANSACTION) is not None
    assert own.refusal(1, taken, TRANSACTION) is None
    assert ProfileStack(Abilities(), 1).refusal(1, refused, TRANSACTION) is None


def test_a_station_may_refuse_a_default_for_connector_zero() -> None:
    own = stack(Quirks(rejects_connector_zero_default=True))
    assert own.refusal(0, flat(6), None) is not None
    assert own.refusal(1, flat(6), None) is None


def test_a_station_may_ignore_profiles_it_accepted() -> None:
    own = stack(Quirks(ignores_profiles=True))
    own.install(1, flat(6))
    assert amps(own) == 32


def test_a_station_may_let_profiles_live_beyond_their_end() -> None:
    own = stack(Quirks(ignores_valid_to=True))
    own.install(1, flat(16, valid_to=NOON))
    assert amps(own, 60) == 16


def test_a_station_may_keep_only_the_latest_tx_profile() -> None:
    own = stack(Quirks(drops_lower_tx_profiles=True))
    own.install(1, flat(6))
    own.install(1, flat(10, Purpose.TX, level=1))
    own.install(1, flat(12, Purpose.TX, level=0))
    assert amps(own) == 12


async def test_a_station_may_refuse_profiles_while_no_car_is_there() -> None:
    async with virtual_site(quirks=Quirks(rejects_while_available=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
        }
        answer = await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
        assert answer == {"status": "Rejected"}
        await charging(virtual)
        answer = await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
        assert answer == {"status": "Accepted"}


async def test_a_station_may_forget_profiles_when_it_boots() -> None:
    async with virtual_site(quirks=Quirks(loses_profiles_on_reboot=True)) as virtual:
        virtual.station.profiles.install(1, flat(6))
        await virtual.heard("StatusNotification", 2)
        await virtual.call("Reset", type="Soft")
        await virtual.heard("BootNotification", 2)
        assert virtual.station.profiles.installed == []


async def test_a_station_may_end_the_transaction_below_the_minimum() -> None:
    async with virtual_site(quirks=Quirks(ends_transaction_below_minimum=True)) as virtual:
        await charging(virtual)
        virtual.station.profiles.install(1, flat(0))
        assert (await virtual.heard("StopTransaction"))["reason"] == "Other"


async def test_a_station_may_lie_about_its_offer() -> None:
    async with virtual_site(quirks=Quirks(lying_offered_a=11.0)) as virtual:
        await charging(virtual)
        await virtual.heard("MeterValues")
        assert values(virtual, "Current.Offered")[0]["value"] == "11.0"


async def test_a_station_may_never_send_meter_values() -> None:
    async with virtual_site(quirks=Quirks(no_meter_values=True)) as virtual:
        await charging(virtual)
        assert await virtual.call("TriggerMessage", requestedMessage="MeterValues") == {"status": "Accepted"}
        await virtual.pass_time(30)
        assert virtual.central.of("MeterValues") == []


async def test_a_station_may_count_kwh_with_commas_and_leave_values_empty() -> None:
    habits = Quirks(energy_in_kwh=True, comma_decimals=True, empty_values=True)
    async with virtual_site(quirks=habits, register_wh=12_345.0) as virtual:
        await charging(virtual)
        await virtual.heard("MeterValues")
        energy = values(virtual, "Energy.Active.Import.Register")[0]
        assert energy["unit"] == "kWh"
        assert energy["value"].startswith("12,3")
        assert values(virtual, "Voltage")[0]["value"] == ""


async def test_a_station_may_lack_measurands() -> None:
    async with virtual_site(quirks=Quirks(missing_measurands=frozenset({"Power.Active.Import"}))) as virtual:
        await charging(virtual)
        await virtual.heard("MeterValues")
        assert values(virtual, "Power.Active.Import") == []
        answer = await virtual.call("ChangeConfiguration", key="MeterValuesSampledData", value="Power.Active.Import")
        assert answer == {"status": "Rejected"}


async def test_a_register_may_start_anew_in_each_transaction() -> None:
    async with virtual_site(quirks=Quirks(register_per_session=True), register_wh=9_000.0) as virtual:
        for count in (1, 2):
            await charging(virtual)
            await virtual.pass_time(20)
            virtual.station.plug(False)
            stop = await virtual.heard("StopTransaction", count)
            assert virtual.central.of("StartTransaction")[-1]["meterStart"] == 0
            assert 50 < stop["meterStop"] < 100


async def test_a_register_may_dip_by_one_and_may_glitch() -> None:
    async with virtual_site(quirks=Quirks(register_dip_every=2, register_glitch_every=3)) as virtual:
        await charging(virtual)
        await virtual.heard("MeterValues", 3)
        told = [int(v["value"]) for v in values(virtual, "Energy.Active.Import.Register")]
        assert told[1] == told[0] - 1
        assert told[2] == 4_294_967_295


async def test_a_station_may_send_closing_values_after_the_stop() -> None:
    async with virtual_site(quirks=Quirks(values_after_stop=True)) as virtual:
        await charging(virtual)
        virtual.station.plug(False)
        await virtual.heard("StopTransaction")
        await virtual.until(lambda: virtual.central.actions()[-1] == "MeterValues")
        assert virtual.central.heard[-1].payload["transactionId"] == 101


async def test_a_station_may_write_invalid_json_and_goes_on() -> None:
    async with virtual_site(quirks=Quirks(invalid_meter_json=True), message_timeout_s=5.0) as virtual:
        await charging(virtual)
        await virtual.until(lambda: bool(virtual.central.unreadable))
        assert '"transactionId":,' in virtual.central.unreadable[0]


async def test_a_station_may_send_fields_and_times_of_its_own() -> None:
    async with virtual_site(quirks=Quirks(extra_field=True, times_without_zone=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        assert "Additional properties" in virtual.central.invalid[0]
        assert virtual.central.of("StatusNotification")[0]["timestamp"] == "2026-06-01T10:00:00.000"


async def test_a_single_socket_station_may_call_it_zero() -> None:
    async with virtual_site(quirks=Quirks(everything_on_connector_zero=True)) as virtual:
        await charging(virtual)
        await virtual.heard("MeterValues")
        told = {h.payload["connectorId"] for h in virtual.central.heard if "connectorId" in h.payload}
        assert told == {0}


@pytest.mark.parametrize(("quirks", "boots"), [(Quirks(), 2), (Quirks(no_boot_on_reconnect=True), 1)])
async def test_a_station_may_boot_anew_on_each_connection(quirks: Quirks, boots: int) -> None:
    async with virtual_site(quirks=quirks) as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.central.drop()
        await virtual.until(lambda: virtual.central.connections == 2)
        await virtual.heard("StatusNotification", 4)
        assert len(virtual.central.of("BootNotification")) == boots


async def test_a_station_may_never_say_that_it_booted() -> None:
    async with virtual_site(quirks=Quirks(never_boots=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        assert virtual.central.of("BootNotification") == []


async def test_a_station_may_repeat_its_start_and_stop_an_unknown_transaction() -> None:
    async with virtual_site(quirks=Quirks(repeats_start=True, stops_unknown_transaction=True)) as virtual:
        await charging(virtual)
        await virtual.heard("StartTransaction", 2)
        first, second = virtual.central.of("StartTransaction")
        assert first == second
        await virtual.until(lambda: virtual.connector.transaction.number == 102)
        virtual.station.plug(False)
        assert (await virtual.heard("StopTransaction"))["transactionId"] == 999_999_999


async def test_a_station_may_claim_schedules_of_one_period() -> None:
    async with virtual_site(quirks=Quirks(one_period_only=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        answer = await virtual.call("GetConfiguration", key=["ChargingScheduleMaxPeriods"])
        assert answer["configurationKey"][0]["value"] == "1"


async def test_a_station_may_not_know_get_configuration_or_hold_its_measurands() -> None:
    async with virtual_site(quirks=Quirks(no_configuration=True, read_only_measurands=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        assert await virtual.call("GetConfiguration") == {"error": "NotImplemented"}
        answer = await virtual.call("ChangeConfiguration", key="MeterValuesSampledData", value="Voltage")
        assert answer == {"status": "Rejected"}


async def test_a_station_may_reboot_when_asked_for_its_measurands() -> None:
    async with virtual_site(quirks=Quirks(reboots_when_asked_measurands=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        with pytest.raises(TimeoutError):
            await virtual.central.call("GetConfiguration", timeout_s=0.05, key=["MeterValuesSampledData"])
        await virtual.heard("BootNotification", 2)


async def test_a_station_may_answer_late_and_refuse_availability() -> None:
    async with virtual_site(quirks=Quirks(answer_delay_s=12.0, rejects_change_availability=True)) as virtual:
        await virtual.heard("StatusNotification", 2)
        with pytest.raises(TimeoutError):
            await virtual.central.call("ChangeAvailability", timeout_s=0.05, connectorId=0, type="Operative")
        await virtual.pass_time(11)
        assert virtual.central.late == []
        await virtual.pass_time(2)
        assert virtual.central.late == [{"status": "Rejected"}]


async def test_a_car_that_sleeps_after_a_long_pause_needs_a_new_offer() -> None:
    car = Car(CarModel(sleeps_after_s=60, wake_kicks=1))
    async with virtual_site(car, start_mode=StartMode.FREE_VEND) as virtual:
        await charging(virtual)
        for limit, status in ((0, Status.SUSPENDED_EVSE), (16, Status.SUSPENDED_EV)):
            virtual.station.profiles.install(1, flat(limit))
            await virtual.pass_time(70)
            assert virtual.connector.status is status
        virtual.station.profiles.install(1, flat(0))
        await virtual.pass_time(5)
        virtual.station.profiles.install(1, flat(16))
        await virtual.until(lambda: virtual.connector.status is Status.CHARGING)
