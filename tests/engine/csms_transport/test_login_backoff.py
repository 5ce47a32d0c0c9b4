"""Who guesses passwords is held off; the station that is guessed at is not."""

import pytest

from custom_components.smart_charging.engine.csms.login_backoff import BackoffTimes, LoginBackoff
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.server import Access, Admission
from tests.manual_clock import ManualClock

from .station_side import Port, RecordingSink

PASSWORD = "correct horse 16"
HOME, FOREIGN = "192.0.2.1", "198.51.100.9"


def guess(backoff: LoginBackoff, station_id: str, address: str) -> float:
    """Try a wrong password; return how long it was held off instead."""
    wait_s = backoff.begin(station_id, address)
    if not wait_s:
        backoff.failed(address)
    return wait_s


@pytest.fixture
def backoff(clock: ManualClock) -> LoginBackoff:
    return LoginBackoff(clock)


async def test_each_failure_doubles_the_wait_up_to_five_minutes(backoff: LoginBackoff, clock: ManualClock) -> None:
    waits = []
    for _ in range(20):
        wait_s = guess(backoff, "CP1", FOREIGN)
        if wait_s:
            waits.append(wait_s)
            await clock.advance(wait_s)
            guess(backoff, "CP1", FOREIGN)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def test_guessing_from_many_addresses_is_held_off_by_the_station(backoff: LoginBackoff) -> None:
    waits = [guess(backoff, "CP1", f"198.51.100.{number}") for number in range(10)]
    assert waits == [0] * 8 + [1] * 2


async def test_guessing_at_many_stations_is_held_off_by_the_address(backoff: LoginBackoff) -> None:
    waits = [guess(backoff, f"CP{number}", FOREIGN) for number in range(26)]
    assert waits == [0] * 24 + [1] * 2
    assert guess(backoff, "CP1", HOME) == 0


async def test_station_enters_from_where_it_was_before_while_others_guess_at_it(
    backoff: LoginBackoff, clock: ManualClock
) -> None:
    assert backoff.begin("CP1", HOME) == 0
    backoff.succeeded("CP1", HOME)
    for _ in range(100):
        guess(backoff, "CP1", FOREIGN)
    assert guess(backoff, "CP1", FOREIGN) > 0
    for _ in range(20):
        assert backoff.begin("CP1", HOME) == 0
        backoff.succeeded("CP1", HOME)


async def test_guessing_from_the_stations_own_address_is_held_off_too(backoff: LoginBackoff) -> None:
    backoff.begin("CP1", HOME)
    backoff.succeeded("CP1", HOME)
    assert [guess(backoff, "CP1", HOME) for _ in range(10)] == [0] * 8 + [1] * 2


async def test_login_of_ones_own_buys_no_guesses_at_others(backoff: LoginBackoff) -> None:
    for _ in range(8):
        guess(backoff, "CP1", FOREIGN)
    backoff.begin("MINE", FOREIGN)
    backoff.succeeded("MINE", FOREIGN)
    assert guess(backoff, "CP1", FOREIGN) > 0


async def test_many_logins_at_once_are_not_tried_for_the_price_of_one(backoff: LoginBackoff) -> None:
    assert [backoff.begin("CP1", FOREIGN) for _ in range(9)] == [0] * 8 + [1]


async def test_success_takes_back_only_its_own_count(backoff: LoginBackoff) -> None:
    for _ in range(7):
        guess(backoff, "CP1", FOREIGN)
    backoff.begin("CP1", HOME)
    backoff.succeeded("CP1", HOME)
    assert [guess(backoff, "CP1", FOREIGN) for _ in range(2)] == [0, 1]


async def test_failures_are_forgotten_after_an_hour(backoff: LoginBackoff, clock: ManualClock) -> None:
    for _ in range(8):
        guess(backoff, "CP1", FOREIGN)
    await clock.advance(3601)
    assert [guess(backoff, "CP1", FOREIGN) for _ in range(8)] == [0] * 8


async def test_memory_is_bounded(clock: ManualClock) -> None:
    backoff = LoginBackoff(clock, address=BackoffTimes(free=10**6, first_s=1, longest_s=1))
    for number in range(10_000):
        guess(backoff, f"CP{number}", f"2001:db8:{number:x}::1")
        backoff.succeeded(f"CP{number}", f"2001:db8:{number:x}::1")
    assert len(backoff._known) < 5000 and len(backoff._addresses._counts) < 5000


async def test_port_tells_a_guesser_when_to_come_back_and_lets_the_station_in(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    sink.default = Access(Admission.KNOWN, password_hashes=(hash_password(PASSWORD),))
    for number in range(8):
        assert await port.status_of(password=f"guess {number}") == 401
        await clock.advance(0.2)
    headers = {"Upgrade": "websocket", "Authorization": "Basic Q1AxOmd1ZXNz"}
    async with port.session.get(port.url("/CP1"), headers=headers) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "1")
    assert await port.status_of(password=PASSWORD) == 429
    await clock.advance(1)
    assert await (await port.dial(password=PASSWORD)).alive()
