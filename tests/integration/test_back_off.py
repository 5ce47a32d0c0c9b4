"""What fails is tried again, ever more rarely."""

from custom_components.smart_charging.back_off import BackOff


def retries_s(back_off: BackOff, until_s: float) -> list[float]:
    """Return the seconds at which something that always fails is tried."""
    tried: list[float] = []
    for now_s in range(round(until_s)):
        if back_off.is_over(now_s):
            tried.append(now_s)
            back_off.failed(now_s)
    return tried


def test_the_wait_doubles_from_five_seconds_to_five_minutes() -> None:
    assert retries_s(BackOff(), 1300) == [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215]


def test_after_a_reset_there_is_no_wait_and_the_next_one_is_short() -> None:
    back_off = BackOff()
    assert retries_s(back_off, 100) == [0, 5, 15, 35, 75]
    back_off.reset()
    assert back_off.is_over(76.0)
    back_off.failed(76.0)
    assert not back_off.is_over(80.9)
    assert back_off.is_over(81.0)
