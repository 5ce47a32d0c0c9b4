"""Simulated stations of both protocols, cars that come and go at them, and what their meters say of each stay."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
import random
from typing import override

from simulator.ocpp.json import Json, Payload, moment
from simulator.ocpp.options import StationOptions
from simulator.ocpp.outbox import Outbox, Outgoing
from simulator.ocpp.station import SimulatedStation
from simulator.ocpp2.factory_model import TRIALS
from simulator.ocpp2.options import StationOptions2
from simulator.ocpp2.station import SimulatedStation2
from simulator.plant.car import Car, CarModel
from simulator.plant.outlet import Outlet
from simulator.simulated_site import SimulatedSite

from .fast_clock import FastClock

STATIONS = 20
_STAY_S = (5.0, 60.0)
_PAUSE_S = (4.0, 20.0)
_SAMPLE_S = 5
_OWED_AT_MOST = 20  # messages, for a car to come: a machine that is slower than the clock must not owe more and more
_ATTEMPTS = "1000000"  # no message is given up, however often the central system is killed while it has it
_MODEL = CarModel(capacity_wh=10_000_000.0)  # is never full

type AnyStation = SimulatedStation | SimulatedStation2


@dataclass(slots=True)
class Stay:
    """A car at a station, by the meter behind it: the register in Wh when it came and when it went."""

    began: datetime
    begin_wh: float
    end_wh: float | None = None


class WatchedOutbox(Outbox):
    """A station's outbox that notes what was acknowledged: the times of readings in what it keeps."""

    def __init__(self, acknowledged: Callable[[], None]) -> None:
        """Call this after each answer to a message about a transaction."""
        super().__init__()
        self.readings: Counter[datetime] = Counter()
        self._acknowledged = acknowledged

    @override
    def add(self, message: Outgoing, *, keep: bool) -> None:
        """Queue a message whose answer is noted."""
        inner, write = message.answered, message.write

        def answered(payload: Payload) -> None:
            inner(payload)
            if keep:
                self.readings.update(times_in(write()))
                self._acknowledged()

        message.answered = answered
        super().add(message, keep=keep)


@dataclass(slots=True)
class Place:
    """A station with its outlet, and all that happened there."""

    station: AnyStation
    outlet: Outlet
    outbox: WatchedOutbox
    stays: list[Stay] = field(default_factory=list)


class Fleet:
    """The stations; use within `site`, which runs them. `acknowledged` counts what was answered of transactions."""

    def __init__(self, port: int, clock: FastClock, seed: int) -> None:
        """Build them, half of each protocol, before they dial 127.0.0.1 at this port."""
        self._clock = clock
        self._seed = seed
        self._news = asyncio.Event()
        self.acknowledged = 0
        options = [_options(number, f"ws://127.0.0.1:{port}", seed) for number in range(STATIONS)]
        cars = {(each.station_id, 1): Car(_MODEL) for each in options}
        self.site = SimulatedSite(options, cars=cars, clock=clock)
        self.places = {name: self._place(station) for name, station in self._stations().items()}

    async def until_acknowledged(self, count: int) -> None:
        """Wait until so many answers more have come; the site's failure is raised."""
        await self._until(lambda goal=self.acknowledged + count: self.acknowledged >= goal)  # type: ignore[misc]

    async def until_all_is_told(self) -> None:
        """Wait until no station owes anything."""
        await self._until(lambda: not any(len(place.outbox) for place in self.places.values()))

    async def live(self) -> None:
        """Let cars come and go until cancelled; then the last of them go."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, place in enumerate(self.places.values()):
                    tasks.create_task(self._cars(place, random.Random(self._seed + number)))
        finally:
            for place in self.places.values():
                self._leave(place)

    async def _cars(self, place: Place, chance: random.Random) -> None:
        while True:
            await self._clock.sleep(chance.uniform(*_PAUSE_S))
            while len(place.outbox) > _OWED_AT_MOST:
                await self._clock.sleep(_PAUSE_S[0])
            self.site.advance()
            place.stays.append(Stay(self._clock.now(), place.outlet.energy_wh))
            place.station.plug(plugged=True)
            await self._clock.sleep(chance.uniform(*_STAY_S))
            self._leave(place)

    def _leave(self, place: Place) -> None:
        if place.stays and place.stays[-1].end_wh is None:
            self.site.advance()
            place.stays[-1].end_wh = place.outlet.energy_wh
            place.station.plug(plugged=False)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._news.clear()
            news, broken = asyncio.create_task(self._news.wait()), asyncio.create_task(self.site.broken())
            await asyncio.wait((news, broken), return_when=asyncio.FIRST_COMPLETED)
            if broken.done():
                await broken
            for task in (news, broken):
                task.cancel()

    def _stations(self) -> dict[str, AnyStation]:
        return {**self.site.stations, **self.site.stations2}

    def _place(self, station: AnyStation) -> Place:
        outbox = WatchedOutbox(self._note)
        station.outbox = outbox
        if isinstance(station, SimulatedStation):
            station.configuration.keys["TransactionMessageAttempts"].value = _ATTEMPTS
            return Place(station, station.connectors[1].outlet, outbox)
        station.model.put("OCPPCommCtrlr", "MessageAttempts", _ATTEMPTS, TRIALS)
        return Place(station, station.evses[1].outlet, outbox)

    def _note(self) -> None:
        self.acknowledged += 1
        self._news.set()


def times_in(payload: Payload) -> list[datetime]:
    """Return the times of all readings in a message, each moment as often as it is told."""
    found: list[datetime] = []
    for name in ("meterValue", "transactionData"):
        values: Json = payload.get(name) or []
        assert isinstance(values, list)
        for value in values:
            assert isinstance(value, dict)
            found.append(moment(str(value["timestamp"])))
    return found


def _options(number: int, url: str, seed: int) -> StationOptions | StationOptions2:
    register_wh = 1000.0 * random.Random(seed + number).randrange(1, 10_000)
    if number % 2:
        return StationOptions2(
            f"CRASH-{number:02}",
            url,
            sample_s=_SAMPLE_S,
            register_wh=register_wh,
            retry_longest_s=2.0,
            message_timeout_s=600.0,
        )
    return StationOptions(
        f"CRASH-{number:02}",
        url,
        sample_s=_SAMPLE_S,
        register_wh=register_wh,
        retry_longest_s=2.0,
        message_timeout_s=600.0,
    )
