"""Stays made of sessions: who used what, when, from where and at what price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from custom_components.smart_charging.engine.energy_origin import OriginSlot
from custom_components.smart_charging.engine.model import SignedValue
from custom_components.smart_charging.engine.session_record import SignedReading
from custom_components.smart_charging.engine.stays import stays_of
from custom_components.smart_charging.engine.usage import SignedMark, Stay

from .builders import at, charged, check, energies, reading, session


def only(*transactions, **more) -> Stay:  # type: ignore[no-untyped-def]  # as `session` takes them
    record = session(*transactions, **more)
    stays = stays_of(record)
    check(record, stays)
    (stay,) = stays
    return stay


def flags(stay: Stay) -> list[tuple[float, float, bool]]:
    return [(start, end, one.charging) for (start, end, _), one in zip(energies(stay), stay.intervals, strict=True)]


def test_a_session_without_transactions_has_no_stays() -> None:
    assert stays_of(session()) == ()


def test_a_stay_lasts_from_its_begin_to_the_plug_out_and_is_cut_at_the_quarter_hours() -> None:
    stay = only(charged(5, 35, [(15, 1500), (20, 1800), (30, 2400)], meter_stop_wh=2700), plugged=(3, 120))
    assert energies(stay) == [(5, 15, 500), (15, 30, 900), (30, 35, 300), (35, 120, 0)]
    assert [one.charging for one in stay.intervals] == [True, True, True, False]
    assert (stay.meter_start_wh, stay.meter_stop_wh, stay.stop_reason) == (1000, 2700, "Local")
    assert not (stay.clock_off or stay.offline or stay.lost)


def test_without_readings_energy_is_linear_in_time() -> None:
    stay = only(charged(10, 70, meter_stop_wh=7000), plugged=(10, 70))
    assert energies(stay) == [(10, 15, 500), (15, 30, 1500), (30, 45, 1500), (45, 60, 1500), (60, 70, 1000)]


def test_what_the_closing_register_adds_belongs_to_the_time_since_the_last_good_reading() -> None:
    stay = only(charged(0, 30, [(15, 1400)], meter_stop_wh=2000), plugged=(0, 30))
    assert energies(stay) == [(0, 15, 400), (15, 30, 600)]


def test_a_transaction_without_energy_is_a_stay_in_which_the_car_stands() -> None:
    assert energies(only(charged(0, 600, [(60, 1000)], meter_stop_wh=1000), plugged=(0, 700))) == [(0, 700, 0)]


def test_a_pause_is_told_from_charging_and_keeping_awake_is_no_charging() -> None:
    registers = [(5, 1917), (10, 1917), (15, 1917), (20, 2834), (25, 2837.5), (30, 2841)]
    stay = only(charged(0, 30, registers, meter_stop_wh=2841), plugged=(0, 30))
    assert flags(stay) == [(0, 5, True), (5, 15, False), (15, 20, True), (20, 30, False)]


def test_pauses_that_follow_quickly_on_one_another_are_told_together() -> None:
    registers = [(minute + 1, 1001 + 183 * ((minute // 2) + 1)) for minute in range(60)]
    stay = only(charged(0, 60, registers), plugged=(0, 60))
    assert len(stay.intervals) <= 16
    assert all(one.end - one.start >= timedelta(minutes=1) for one in stay.intervals)


def test_a_register_in_whole_kilowatt_hours_stands_still_between_its_steps_while_the_car_charges() -> None:
    registers = [(minute, 1000.0 * (5 + minute // 11)) for minute in range(1, 60)]
    stay = only(charged(0, 300, registers, meter_start_wh=5000, meter_stop_wh=10_000), plugged=(0, 300))
    assert flags(stay) == [(0, 15, True), (15, 30, True), (30, 45, True), (45, 55, True), (55, 300, False)]


def test_three_days_at_ten_seconds_stay_small_and_exact() -> None:
    registers = [(index / 6, 1000 + 30.55 * index) for index in range(1, 3 * 24 * 360 + 1)]
    record = session(charged(0, 4320, registers), plugged=(0, 4320))
    (stay,) = stays_of(record)
    check(record, (stay,))
    assert len(stay.intervals) == 3 * 96


class TestPayers:
    """Whose a stay is."""

    def test_transactions_of_one_tag_are_one_stay_that_goes_on_in_between(self) -> None:
        paused = charged(0, 15, meter_stop_wh=2000)
        resumed = charged(40, 60, tx="2", meter_start_wh=2000, meter_stop_wh=4000)
        stay = only(resumed, paused)
        assert stay.transaction_ids == ("1", "2")
        assert energies(stay) == [(0, 15, 1000), (15, 40, 0), (40, 45, 500), (45, 60, 1500), (60, 120, 0)]
        assert (stay.meter_start_wh, stay.meter_stop_wh) == (1000, 4000)

    def test_another_payer_ends_the_stay_of_the_one_before(self) -> None:
        record = session(
            charged(0, 15, meter_stop_wh=2000, token="A"),
            charged(30, 45, tx="2", meter_start_wh=2000, meter_stop_wh=3000, token="B"),
            charged(60, 75, tx="3", meter_start_wh=3000, meter_stop_wh=3500, token="A"),
        )
        stays = stays_of(record)
        check(record, stays)
        assert [(stay.transaction_ids, stay.ended_at) for stay in stays] == [
            (("1",), at(30)),
            (("2",), at(60)),
            (("3",), at(120)),
        ]

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ({"driver_id": "d1", "token": "A"}, {"driver_id": "d1", "token": "B"}, True),
            ({"driver_id": "d1", "token": "A"}, {"driver_id": "d2", "token": "A"}, False),
            ({"driver_id": "d1", "token": "A"}, {"token": "a"}, True),
            ({"token": "A"}, {"token": "a"}, True),
            ({"token": "A", "token_id": "t1"}, {"token": "B", "token_id": "t1"}, True),
            ({"token": "A", "token_id": "t1"}, {"token": "A", "token_id": "t2"}, False),
            ({"token": ""}, {"token": ""}, True),
            ({"token": ""}, {"token": "A"}, False),
        ],
    )
    def test_a_payer_is_the_driver_or_else_the_tag(
        self, one: dict[str, str], other: dict[str, str], same: bool
    ) -> None:
        transactions = charged(0, 15, **one), charged(20, 30, tx="2", **other)  # type: ignore[arg-type]
        stays = stays_of(session(*transactions))
        assert len(stays) == (1 if same else 2)
        assert stays[0].driver_id == one.get("driver_id")
        assert stays[0].token_id == one.get("token_id")

    def test_transactions_that_overlap_are_cut_where_the_next_begins(self) -> None:
        stay = only(charged(0, 40, [(10, 1500)], meter_stop_wh=2500), charged(30, 60, tx="2", meter_stop_wh=1600))
        assert energies(stay)[-1] == (60, 120, 0)
        assert sum(wh for start, end, wh in energies(stay) if end <= 30) == 1500

    def test_of_two_that_begin_and_end_at_once_nothing_is_lost(self) -> None:
        twice = (charged(0, 0, [(0, 1100)], meter_stop_wh=1500), charged(0, 0, tx="2", meter_stop_wh=1250))
        assert energies(only(*twice, plugged=(0, 10))) == [(0, 10, 750)]
        assert energies(only(*twice, plugged=(0, 0))) == [(0, 0, 750)]


class TestEnds:
    """Where a stay begins and ends."""

    def test_a_lost_end_leaves_the_energy_where_it_was_measured(self) -> None:
        stay = only(charged(0, 101, [(15, 2000), (30, 3000)], lost=True), plugged=(0, 100))
        assert energies(stay) == [(0, 15, 1000), (15, 30, 1000), (30, 100, 0)]
        assert stay.lost
        assert (stay.meter_stop_wh, stay.stop_reason) == (3000, "Lost")

    def test_a_lost_end_of_a_car_that_is_still_there_is_when_that_was_found_out(self) -> None:
        assert energies(only(charged(0, 90, [(15, 2000)], lost=True), plugged=(0, None)))[-1] == (15, 90, 0)

    def test_a_session_that_goes_on_ends_now(self) -> None:
        record = session(charged(0, None, [(15, 2000)]), plugged=(0, None))
        (stay,) = stays_of(record, now=at(25))
        check(record, (stay,))
        assert energies(stay) == [(0, 15, 1000), (15, 25, 0)]
        assert stays_of(record)[0].ended_at == at(15)

    def test_a_start_that_the_station_dates_a_little_before_the_plug_in_begins_with_it(self) -> None:
        assert only(charged(0, 15, meter_stop_wh=2000), plugged=(0.5, 20)).started_at == at(0.5)

    def test_a_transaction_that_ended_after_the_plug_out_keeps_its_end(self) -> None:
        assert only(charged(0, 15, meter_stop_wh=2000), plugged=(0, 14)).ended_at == at(15)

    def test_energy_that_nobody_saw_flowing_is_not_lost(self) -> None:
        record = charged(0, None, [(15, 2000)])
        unread = record.__class__(transaction=record.transaction, received_at=record.received_at)
        assert energies(only(unread, plugged=(0, 10))) == [(0, 10, 1000)]
        assert energies(only(unread, plugged=(0, 0))) == [(0, 0, 1000)]


class TestReadings:
    """Which readings count."""

    def test_what_comes_late_from_a_queue_tells_when_energy_flowed(self) -> None:
        late = [reading(60, 6000), reading(15, 3500, received=61), reading(30, 4000, received=61)]
        stay = only(charged(0, 60, readings=late, meter_stop_wh=6000), plugged=(0, 60))
        assert energies(stay) == [(0, 15, 2500), (15, 30, 500), (30, 45, 1000), (45, 60, 1000)]

    def test_a_register_that_begins_anew_and_one_that_glitches_move_no_energy(self) -> None:
        registers = [(15, 500_100.0), (20, 9_999_999.0), (30, 500_200.0), (45, 50.0), (60, 100.0)]
        stay = only(charged(0, 60, registers, meter_start_wh=500_000), plugged=(0, 60))
        assert energies(stay) == [(0, 15, 100), (15, 30, 100), (30, 45, 50), (45, 60, 50)]

    def test_what_was_read_after_the_end_or_before_the_begin_is_passed_over(self) -> None:
        registers = [(-5, 900.0), (15, 2000.0), (70, 9000.0)]
        late = [reading(*one) for one in registers[:2]]
        counted = charged(0, 30, readings=late, meter_stop_wh=3000)
        record = counted.__class__(
            transaction=counted.transaction,
            received_at=counted.received_at,
            stop_received_at=counted.stop_received_at,
            readings=(*late, reading(*registers[2])),
        )
        assert energies(only(record, plugged=(0, 30))) == [(0, 15, 1000), (15, 30, 1000)]

    def test_a_start_without_a_register_counts_from_the_first_reading(self) -> None:
        stay = only(charged(0, 30, [(5, 7000), (15, 8000)], meter_start_wh=None, meter_stop_wh=9000), plugged=(0, 30))
        assert energies(stay) == [(0, 15, 1000), (15, 30, 1000)]
        assert (stay.meter_start_wh, stay.meter_stop_wh) == (7000, 9000)

    def test_a_stretch_of_weeks_without_a_reading_is_not_cut(self) -> None:
        days = 20 * 24 * 60
        assert energies(only(charged(0, days, meter_stop_wh=21_000), plugged=(0, days))) == [(0, days, 20_000)]


class TestClocks:
    """Whose times count."""

    @pytest.mark.parametrize("off", [-60, 60, 24 * 60, -40 * 365 * 24 * 60])
    def test_times_of_a_clock_that_is_far_off_are_replaced_by_ours(self, off: float) -> None:
        readings = [reading(off + 15, 2000, received=15)]
        record = charged(off, off + 30, readings=readings, meter_stop_wh=3000, received=0, stop_received=30)
        stay = only(record, plugged=(0, 45))
        assert stay.clock_off
        assert energies(stay) == [(0, 15, 1000), (15, 30, 1000), (30, 45, 0)]

    def test_what_a_station_tells_late_is_no_sign_of_its_clock(self) -> None:
        readings = [reading(15, 2000, received=600)]
        record = charged(0, 30, readings=readings, meter_stop_wh=3000, received=600, stop_received=600, offline=True)
        stay = only(record, plugged=(0, 30))
        assert not stay.clock_off
        assert stay.offline
        assert energies(stay) == [(0, 15, 1000), (15, 30, 1000)]

    def test_a_queue_of_a_clock_that_was_never_set_has_the_time_at_which_it_came(self) -> None:
        old = -56 * 365 * 24 * 60
        readings = [reading(old + 15, 2000, received=600)]
        record = charged(
            old, old + 30, readings=readings, meter_stop_wh=3000, received=600, stop_received=601, offline=True
        )
        stay = only(record, plugged=(old, old + 30))  # a session of the queue has the station's times
        assert (stay.started_at, stay.ended_at, stay.clock_off) == (at(600), at(601), True)

    def test_one_reading_of_the_future_spoils_nothing(self) -> None:
        readings = [reading(15, 2000), reading(400, 2500, received=16), reading(30, 3000)]
        stay = only(charged(0, 30, readings=readings, meter_stop_wh=3000), plugged=(0, 30))
        assert not stay.clock_off
        assert energies(stay) == [(0, 15, 1000), (15, 30, 1000)]

    def test_a_night_in_which_the_clocks_change_is_as_long_as_it_is(self) -> None:
        midnight = (datetime(2026, 10, 24, 22, tzinfo=UTC) - at(0)) / timedelta(minutes=1)
        stay = only(charged(midnight, midnight + 600, meter_stop_wh=11_000), plugged=(midnight, midnight + 600))
        assert len(stay.intervals) == 40
        assert {one.energy_wh for one in stay.intervals} == {Decimal(250)}


class TestSourcesAndPrices:
    """What is told of each stretch."""

    def test_clock_aligned_values_make_month_and_price_boundaries_exact(self) -> None:
        turn = (datetime(2026, 6, 30, 22, tzinfo=UTC) - at(0)) / timedelta(minutes=1)  # July begins in Berlin
        registers = [(turn - 15, 1437.0), (turn, 2111.3), (turn + 15, 2800.9)]
        prices = {at(turn - 15): 0.3125, at(turn): -0.05}
        record = session(
            charged(turn - 20, turn + 20, registers, meter_stop_wh=2900), plugged=(turn - 20, turn + 20), prices=prices
        )
        (stay,) = stays_of(record)
        check(record, (stay,))
        before, after = (
            sum((one.energy_wh for one in stay.intervals if one.start < at(turn)), Decimal(0)),
            sum((one.energy_wh for one in stay.intervals if one.start >= at(turn)), Decimal(0)),
        )
        assert (before, after) == (Decimal("1111.3"), Decimal("788.7"))
        assert [one.market_price for one in stay.intervals] == [None, Decimal("0.3125"), Decimal("-0.05"), None]
        assert [one.energy_wh for one in stay.intervals][1:3] == [Decimal("674.3"), Decimal("689.6")]

    def test_parts_of_a_quarter_hour_go_to_its_stretches_in_proportion(self) -> None:
        registers = [(5, 1400), (10, 1400), (15, 2000)]
        slot = OriginSlot(at(0), 500.0, 100.0, 200.0)
        stay = only(charged(0, 15, registers, meter_stop_wh=2000), plugged=(0, 15), slots=[slot])
        first, pause, last = stay.intervals
        assert (first.solar_wh, first.battery_wh, first.grid_wh, first.unknown_wh) == (200, 40, 80, 80)
        assert (last.solar_wh, last.battery_wh, last.grid_wh, last.unknown_wh) == (300, 60, 120, 120)
        assert (pause.energy_wh, pause.unknown_wh, pause.market_price) == (0, 0, None)

    def test_more_than_was_metered_goes_to_a_neighbour_that_has_room(self) -> None:
        slots = [OriginSlot(at(0), 1500.0), OriginSlot(at(15), 0.0, 0.0, 200.0), OriginSlot(at(30), 900.0)]
        stay = only(charged(0, 45, [(15, 2000), (30, 3000), (45, 3500)]), plugged=(0, 45), slots=slots)
        assert [(one.solar_wh, one.grid_wh, one.unknown_wh) for one in stay.intervals] == [
            (1000, 0, 0),
            (800, 200, 0),
            (500, 0, 0),
        ]

    def test_payers_of_one_quarter_hour_share_its_parts(self) -> None:
        record = session(
            charged(0, 5, meter_stop_wh=1300, token="A"),
            charged(5, 15, tx="2", meter_stop_wh=1900, token="B"),
            plugged=(0, 15),
            slots=[OriginSlot(at(0), 600.0, 0.0, 600.0)],
            prices={at(0): 0.2},
        )
        stays = stays_of(record)
        check(record, stays)
        assert [(stay.intervals[0].solar_wh, stay.intervals[0].grid_wh) for stay in stays] == [(150, 150), (450, 450)]
        assert {one.market_price for stay in stays for one in stay.intervals} == {Decimal("0.2")}


class TestSigned:
    """What is told of signatures."""

    @pytest.mark.parametrize(
        ("marks", "mark"),
        [
            ({}, SignedMark.SIGNED),
            ({"1": SignedMark.VERIFIED}, SignedMark.SIGNED),
            ({"1": SignedMark.VERIFIED, "2": SignedMark.VERIFIED}, SignedMark.VERIFIED),
            ({"1": SignedMark.VERIFIED, "2": SignedMark.INVALID}, SignedMark.INVALID),
        ],
    )
    def test_a_stay_is_as_good_as_the_least_of_its_transactions(
        self, marks: dict[str, SignedMark], mark: SignedMark
    ) -> None:
        signed = (SignedReading(at(0), SignedValue("OCMF|{}|{}")),)
        record = session(
            charged(0, 15, meter_stop_wh=2000, signed=signed),
            charged(20, 30, tx="2", meter_stop_wh=2000, signed=signed),
            charged(40, 50, tx="3", meter_stop_wh=1000),  # without energy there is nothing to sign
        )
        assert stays_of(record, marks=marks)[0].signed is mark

    def test_one_that_is_not_signed_spoils_the_rest(self) -> None:
        signed = (SignedReading(at(0), SignedValue("OCMF|{}|{}")),)
        record = session(charged(0, 15, meter_stop_wh=2000, signed=signed), charged(20, 30, tx="2", meter_stop_wh=2000))
        assert stays_of(record, marks={"1": SignedMark.VERIFIED})[0].signed is SignedMark.UNSIGNED
        assert stays_of(session(charged(0, 15)))[0].signed is SignedMark.UNSIGNED
