"""What holds of the stays of any session, whatever registers, clocks and queues do."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, strategies as st

from custom_components.smart_charging.engine.energy_origin import OriginSlot
from custom_components.smart_charging.engine.session_record import RegisterReading, TransactionRecord
from custom_components.smart_charging.engine.stays import stays_of

from .builders import at, charged, check, counted, session, shuffled

REGISTER = st.one_of(
    st.integers(0, 30_000).map(float),
    st.floats(0, 60_000),
    st.sampled_from([0.0, 1.0, 999.0, 1000.0, 1e6, 1e9, 1e300, -5.0, float("nan"), float("inf")]),
)
MINUTES = st.floats(-30, 500) | st.integers(-2, 40).map(lambda quarter: quarter * 15.0)


@st.composite
def transactions(draw: st.DrawFn, tx: str, begins: float) -> TransactionRecord:
    """A transaction whose register rises, falls, glitches and begins anew, told in any order and at any time."""
    start = begins + draw(st.floats(0, 60))
    length = draw(st.one_of(st.none(), st.floats(0, 400), st.just(0.0)))
    rising = 1000.0
    readings = []
    for minutes in sorted(draw(st.lists(MINUTES, max_size=12))):
        rising += draw(st.floats(0, 3000))
        register = draw(st.one_of(st.just(rising), st.just(rising), REGISTER))
        delay = draw(st.sampled_from([0.0, 0.0, 5.0, 300.0, -10.0]))
        readings.append(RegisterReading(at(start + minutes), at(start + minutes + delay), register))
    return charged(
        start,
        None if length is None else start + length,
        tx=tx,
        readings=shuffled(readings, draw(st.integers(0, 3))),
        meter_start_wh=draw(st.sampled_from([1000, 0, None, 1_000_000])),
        meter_stop_wh=None if length is None else draw(st.none() | st.integers(0, 40_000)),
        token=draw(st.sampled_from(["A", "B", ""])),
        driver_id=draw(st.sampled_from([None, None, "d1", "d2"])),
        offline=draw(st.booleans()),
        lost=length is not None and draw(st.booleans()),
        received=start + draw(st.sampled_from([0.0, 0.0, 1.0, 600.0, -600.0])),
        stop_received=None if length is None else start + length + draw(st.sampled_from([0.0, 2.0, 700.0])),
    )


PART = st.floats(0, 3000)
SLOTS = st.dictionaries(st.integers(-4, 60), st.tuples(PART, PART, PART), max_size=30)
PRICES = st.dictionaries(st.integers(-4, 60), st.floats(-2, 5), max_size=30)


@given(st.data(), st.integers(1, 4), SLOTS, PRICES, st.none() | st.floats(0, 2000))
def test_stretches_follow_one_another_and_sum_to_the_meter_and_no_source_gives_more_than_there_is(
    data: st.DataObject,
    count: int,
    parts: dict[int, tuple[float, float, float]],
    prices: dict[int, float],
    left: float | None,
) -> None:
    kept = [data.draw(transactions(str(number), 90.0 * number)) for number in range(count)]
    record = session(
        *shuffled(kept, 1),
        plugged=(0, left),
        slots=[OriginSlot(at(15 * number), *three) for number, three in parts.items()],
        prices={at(15 * number): price for number, price in prices.items()},
    )
    stays = stays_of(record, now=at(2000))
    check(record, stays)
    for one in (one for stay in stays for one in stay.intervals):
        if one.market_price is not None:
            number = (one.start - at(0)) // timedelta(minutes=15)
            assert one.market_price == Decimal(repr(prices[number]))
            assert one.end <= at(15 * number + 15)


@given(st.data(), st.integers(0, 1000))
def test_the_order_in_which_good_readings_come_makes_no_difference(data: st.DataObject, seed: int) -> None:
    gains = data.draw(st.lists(st.floats(0, 400), min_size=1, max_size=20))
    readings, register = [], 1000.0
    for number, gain in enumerate(gains, start=1):
        register += gain
        readings.append(RegisterReading(at(number), at(number), register))
    inorder = session(charged(0, len(gains), readings=readings, meter_stop_wh=int(register) + 1))
    mixed = session(charged(0, len(gains), readings=shuffled(readings, seed), meter_stop_wh=int(register) + 1))
    assert counted(inorder) == counted(mixed)
    assert stays_of(inorder) == stays_of(mixed)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 1)), min_size=1, max_size=20))
def test_all_that_is_known_of_a_source_is_told_where_it_fits(gains: list[tuple[float, float]]) -> None:
    readings, register, slots = [], 1000.0, []
    for number, (gain, share) in enumerate(gains):
        register += gain
        readings.append(RegisterReading(at(15 * number + 15), at(15 * number + 15), register))
        slots.append(OriginSlot(at(15 * number), gain * share * 0.999, gain * (1 - share) * 0.999))
    record = session(charged(0, 15 * len(gains), readings=readings), plugged=(0, 400), slots=slots)
    stays = stays_of(record)
    check(record, stays)
    for part in ("solar_wh", "battery_wh"):
        told = float(sum(getattr(one, part) for stay in stays for one in stay.intervals))
        assert abs(told - sum(getattr(slot, part) for slot in slots)) < 0.01
