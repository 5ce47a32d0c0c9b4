"""Reports that events ask for arrive at the server when they are due, with figures that were measured."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_memory import memory_from_json
from custom_components.smart_charging.engine.grid.openadr_reports import MAX_REPORTS, Figure
from custom_components.smart_charging.engine.grid.openadr_values import Addressee
from custom_components.smart_charging.engine.grid.openadr_ven import Ven
from tests.engine.grid.conftest import poll
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import START, ManualClock

MakeVen = Callable[..., Ven]
USAGE = {"payloadType": "USAGE", "readingType": "DIRECT_READ", "units": "KWH"}
HOURS = period("2026-06-01T10:00:00Z", "PT1H")


def figures(resource: str | None, start: datetime, end: datetime) -> Figure:
    """Return an energy that tells the hour that it was asked for; nothing was measured before ten."""
    if start < START:
        return Figure()
    return Figure(energy_wh=start.hour * 100.0, mean_w=start.hour * 1000.0, peak_w=start.hour * 1500.0)


def ask(vtn: Vtn, *wishes: dict[str, Any], intervals: int = 3, **more: object) -> str:
    return vtn.add_event(
        vtn.add_program(),
        [limit_interval(11, number) for number in range(intervals)],
        **({"intervalPeriod": HOURS} | more),
        reportDescriptors=list(wishes),
    )


def told(vtn: Vtn) -> list[list[tuple[int, object]]]:
    """Return interval ids and values of each report."""
    return [
        [(each["id"], each["payloads"][0]["values"][0]) for each in report["resources"][0]["intervals"]]
        for report in vtn.reports
    ]


async def test_a_usage_report_comes_once_after_the_last_interval(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    event = ask(vtn, USAGE)
    ven = make_ven()
    for _ in range(3):
        await poll(ven, figures)
        assert vtn.reports == []
        await clock.advance(3600)
    await poll(ven, figures)
    await poll(ven, figures)
    [report] = vtn.reports
    assert told(vtn) == [[(0, 1.0), (1, 1.1), (2, 1.2)]]
    assert (report["eventID"], report["clientName"]) == (event, "home")
    assert report.get("programID") == (vtn.programs[0]["id"] if vtn.version == "3.0.1" else None)
    assert report["payloadDescriptors"][0]["units"] == "KWH"
    assert report["resources"][0]["resourceName"] == "wallbox"
    first = report["resources"][0]["intervals"][0]
    assert first["intervalPeriod"] == {"start": "2026-06-01T10:00:00Z", "duration": "PT3600S"}
    assert ven.state().reports_sent == 1


@pytest.mark.parametrize(
    ("wish", "value"),
    [
        ({"payloadType": "DEMAND"}, 10.0),
        ({"payloadType": "DEMAND", "readingType": "PEAK", "units": "W"}, 15_000.0),
        ({"payloadType": "USAGE", "units": "WH"}, 1000.0),
        ({"payloadType": "USAGE", "units": "KW"}, 1.0),
    ],
)
async def test_figures_come_in_the_units_asked_for(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock, wish: dict[str, Any], value: float
) -> None:
    ask(vtn, wish, intervals=1)
    await clock.advance(3600)
    await poll(make_ven(), figures)
    assert told(vtn) == [[(0, value)]]


async def test_what_was_not_measured_is_told_as_missing(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE, intervals=2, intervalPeriod=period("2026-06-01T09:00:00Z", "PT1H"))
    await clock.advance(3600)
    await poll(make_ven(), figures)
    [report] = vtn.reports
    missing, measured = report["resources"][0]["intervals"]
    assert missing["payloads"] == [{"type": "DATA_QUALITY", "values": ["MISSING"]}]
    assert measured["payloads"] == [{"type": "USAGE", "values": [1.0]}]


async def test_what_was_fed_in_is_nothing_drawn(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    await poll(make_ven(), lambda resource, start, end: Figure(energy_wh=-500.0))
    assert told(vtn) == [[(0, 0.0)]]


async def test_reports_at_any_time_come_by_the_quarter_of_an_hour_while_the_event_holds(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE | {"frequency": 0}, intervals=1, intervalPeriod=period("2026-06-01T10:10:00Z", "PT40M"))
    ven = make_ven()
    for _ in range(90):
        await poll(ven, figures)
        await clock.advance(60)
    starts = [report["resources"][0]["intervals"][0]["intervalPeriod"]["start"] for report in vtn.reports]
    assert starts == ["2026-06-01T10:15:00Z", "2026-06-01T10:30:00Z"]


async def test_reports_in_batches_come_as_they_fill(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE | {"numIntervals": 2, "frequency": 2, "startInterval": 1, "repeat": 2}, intervals=7)
    ven = make_ven()
    for _ in range(8):
        await poll(ven, figures)
        await clock.advance(3600)
    assert told(vtn) == [[(1, 1.1), (2, 1.2)], [(3, 1.3), (4, 1.4)]]


async def test_an_aggregate_names_no_resource(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE | {"aggregate": True}, intervals=1)
    await clock.advance(3600)
    await poll(make_ven(), figures)
    assert [each["resourceName"] for each in vtn.reports[0]["resources"]] == ["AGGREGATED_REPORT"]


async def test_each_resource_is_told_and_the_ven_where_there_are_none(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    two = Addressee(ven_name="home", resources={"left": None, "right": None})
    await poll(make_ven(addressee=two), figures)
    await poll(make_ven(addressee=Addressee(ven_name="other")), figures)
    names = [[each["resourceName"] for each in report["resources"]] for report in vtn.reports]
    assert names == [["left", "right"], ["other"]]


async def test_an_event_without_an_end_is_reported_by_the_quarter_of_an_hour(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE, intervals=1, intervalPeriod=period("2026-06-01T10:00:00Z"))
    ven = make_ven()
    for _ in range(31):
        await poll(ven, figures)
        await clock.advance(60)
    starts = [report["resources"][0]["intervals"][0]["intervalPeriod"] for report in vtn.reports]
    assert starts == [
        {"start": "2026-06-01T10:00:00Z", "duration": "PT900S"},
        {"start": "2026-06-01T10:15:00Z", "duration": "PT900S"},
    ]


@pytest.mark.parametrize("version", ["3.1.0"], indirect=True)
async def test_intervals_that_repeat_are_reported_turn_by_turn(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE, intervals=2, duration="P9999Y")
    ven = make_ven()
    for _ in range(5):
        await poll(ven, figures)
        await clock.advance(3600)
    assert told(vtn) == [[(0, 1.0), (1, 1.1)], [(0, 1.2), (1, 1.3)]]


async def test_forecasts_and_unknown_kinds_are_counted_and_not_sent(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, {"payloadType": "USAGE_FORECAST"}, USAGE | {"historical": False}, intervals=1)
    await clock.advance(3600)
    state = await poll(make_ven(), figures)
    assert (vtn.reports, state.reading.not_understood) == ([], 2)


async def test_a_report_that_the_server_could_not_take_is_sent_again(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    ven = make_ven()
    vtn.trouble.statuses = {"POST reports": 503}
    state = await poll(ven, figures)
    assert (state.problem, state.report_problem, state.reports_sent) == (None, VenProblem.SERVER, 0)
    vtn.trouble.statuses = {}
    state = await poll(ven, figures)
    assert (state.report_problem, state.reports_sent, len(vtn.reports)) == (None, 1, 1)


async def test_a_report_that_the_server_refuses_for_good_is_not_repeated(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    ven = make_ven()
    vtn.trouble.statuses = {"POST reports": 400}
    assert (await poll(ven, figures)).report_problem is VenProblem.REFUSED
    await poll(ven, figures)
    assert vtn.count("POST reports") == 1


async def test_reports_missed_in_an_outage_follow_within_a_day(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE | {"numIntervals": 1, "frequency": 1, "repeat": -1}, intervals=30)
    ven = make_ven()
    await poll(ven, figures)
    await vtn.stop()
    await clock.advance(28 * 3600)
    await poll(ven, figures)
    await vtn.start()
    await poll(ven, figures)
    # 28 intervals ended, four of them more than a day ago but one exactly a day.
    assert [report[0][0] for report in told(vtn)] == list(range(3, 28))


async def test_after_a_restart_nothing_is_reported_twice(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    ven = make_ven()
    await poll(ven, figures)
    memory = ven.memory()
    assert memory is not None
    await poll(make_ven(memory=memory_from_json(memory.to_json())), figures)
    assert vtn.count("POST reports") == 1


async def test_many_reports_are_spread_over_polls(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    wish = USAGE | {"numIntervals": 1, "frequency": 1, "repeat": -1}
    ask(vtn, wish, intervals=80, intervalPeriod=period("2026-06-01T10:00:00Z", "PT1M"))
    await clock.advance(80 * 60)
    ven = make_ven()
    await poll(ven, figures)
    assert len(vtn.reports) == MAX_REPORTS
    await poll(ven, figures)
    assert [report[0][0] for report in told(vtn)] == list(range(80))


async def test_nothing_is_reported_without_figures(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    ask(vtn, USAGE, intervals=1)
    await clock.advance(3600)
    await poll(make_ven())
    assert vtn.count("POST reports") == 0


async def test_a_report_waits_until_all_of_its_figures_are_known(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ask(vtn, USAGE, intervals=1)
    ven = make_ven()
    await clock.advance(3600)
    await poll(ven, lambda resource, start, end: None)
    assert vtn.reports == []
    await poll(ven, figures)
    assert told(vtn) == [[(0, 1.0)]]
