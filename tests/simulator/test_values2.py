"""When 2.x stations measure, and what."""

from .virtual_station2 import virtual_station2


async def test_values_follow_the_configured_measurands_and_intervals() -> None:
    async with virtual_station2(reports_soc=True) as virtual:
        await virtual.booted()
        assert await virtual.set("SampledDataCtrlr", "TxUpdatedInterval", "5") == "Accepted"
        assert await virtual.set("SampledDataCtrlr", "TxUpdatedMeasurands", "Current.Import,SoC") == "Accepted"
        assert await virtual.set("SampledDataCtrlr", "TxEndedInterval", "10") == "Accepted"
        await virtual.charging()
        await virtual.pass_time(21)
        virtual.station.plug(False)
        ended = await virtual.event("Ended")
        periodic = [e for e in virtual.central.events() if e["triggerReason"] == "MeterValuePeriodic"]
        assert len(periodic) == 4
        samples = periodic[-1]["meterValue"][0]["sampledValue"]
        assert [(s["measurand"], s.get("phase"), s["value"]) for s in samples] == [
            ("Current.Import", "L1", 16.0),
            ("Current.Import", "L2", 16.0),
            ("Current.Import", "L3", 16.0),
            ("SoC", None, 30),
        ]
        contexts = [value["sampledValue"][0]["context"] for value in ended["meterValue"]]
        assert contexts == ["Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End"]


async def test_clock_aligned_values_come_with_and_without_a_transaction() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.booted()
        assert await virtual.set("AlignedDataCtrlr", "Measurands", "Voltage,Frequency") == "Accepted"
        assert await virtual.set("AlignedDataCtrlr", "TxEndedMeasurands", "Power.Active.Import") == "Accepted"
        assert await virtual.set("AlignedDataCtrlr", "TxEndedInterval", "30") == "Accepted"
        assert await virtual.set("AlignedDataCtrlr", "Interval", "30") == "Accepted"
        await virtual.charging()
        in_transaction = await virtual.event("Updated", "MeterValueClock")
        alone = await virtual.heard("MeterValues")
        assert alone["evseId"] == 2
        for value in (in_transaction["meterValue"][0], alone["meterValue"][0]):
            assert value["timestamp"][17:19] == "30"
            assert value["sampledValue"][0]["context"] == "Sample.Clock"
        assert await virtual.set("AlignedDataCtrlr", "SendDuringIdle", "true") == "Accepted"
        count = len(virtual.central.of("MeterValues"))
        await virtual.pass_time(60)
        assert len(virtual.central.of("MeterValues")) == count
        virtual.station.plug(False)
        ended = await virtual.event("Ended")
        assert [v["sampledValue"][0]["measurand"] for v in ended["meterValue"]].count("Power.Active.Import") >= 2
