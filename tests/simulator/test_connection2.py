"""A 2.x station's connection: silences, hanging, and servers that speak something else."""

from simulator.ocpp2.options import Version

from .virtual_station2 import virtual_station2


async def test_after_a_short_silence_only_changed_statuses_are_told() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.pass_time(1)
        virtual.dialler.disconnect()
        await virtual.pass_time(2)
        virtual.station.plug(True, 2)
        await virtual.pass_time(2)
        virtual.dialler.reconnect()
        told = await virtual.heard("StatusNotification", 3)
        assert (told["evseId"], told["connectorStatus"]) == (2, "Occupied")
        await virtual.pass_time(5)
        assert len(virtual.central.of("StatusNotification")) == 3


async def test_a_hanging_station_comes_back_on_a_new_connection() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        virtual.dialler.hang()
        await virtual.pass_time(5)
        virtual.dialler.reconnect()
        await virtual.until(lambda: virtual.dialler.connections == 2)
        await virtual.charging()
        assert (await virtual.event("Started"))["seqNo"] == 0


async def test_a_server_of_another_version_is_left_alone() -> None:
    async with virtual_station2(also_offers=("ocpp2.1",)) as virtual:
        await virtual.booted()
        virtual.central.version = Version.V21
        await virtual.central.drop()
        await virtual.until(lambda: virtual.dialler.connections >= 3)
        assert not virtual.station.online
        virtual.central.version = Version.V201
        await virtual.until(lambda: virtual.station.online)
