"""Prices asked of actions: once for each day, again when they are due, and patiently where they fail."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.price_reading import is_behind, next_ask
from custom_components.smart_charging.price_settings import price_settings

from .price_sources import NORDPOOL, Followed, NordPool, failing
from .site_setup import issue_ids


async def test_an_action_is_asked_once_for_each_day_and_for_tomorrow_when_it_is_due(
    hass: HomeAssistant, followed: Followed
) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    await followed.choose(**NORDPOOL)
    assert nordpool.asked == ["2026-11-05", "2026-11-06"]
    assert (followed.now, followed.prices.currency) == (pytest.approx(1.34654), "SEK")
    await followed.at("2026-11-05T12:59:59+01:00")
    assert len(nordpool.asked) == 2
    nordpool.days.add(datetime(2026, 11, 6).date())
    await followed.at("2026-11-05T13:00:01+01:00")
    assert nordpool.asked[2:] == ["2026-11-06"]
    assert followed.prices.series is not None
    assert followed.prices.series.end == datetime(2026, 11, 6, 23, tzinfo=UTC)
    await followed.at("2026-11-05T23:59:00+01:00")
    assert len(nordpool.asked) == 3
    await followed.at("2026-11-06T00:00:01+01:00")
    assert nordpool.asked[3:] == ["2026-11-07"]
    assert followed.now == pytest.approx(0.25073)


async def test_tomorrow_that_is_late_is_asked_for_with_growing_patience(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    await followed.at("2026-11-05T13:00:00+01:00")
    await followed.choose(**NORDPOOL)
    asked = []
    for minute in range(1, 60):
        await followed.at(f"2026-11-05T13:{minute:02}:00+01:00")
        asked.append(len(nordpool.asked))
    assert 6 <= asked[-1] <= 14
    assert asked[-1] - asked[-20] <= 2
    assert "can't be read" not in caplog.text
    assert issue_ids(hass) == set()


async def test_an_action_that_fails_is_asked_again_and_told_of_once(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    nordpool.failure = failing("no connection")
    await followed.choose(**NORDPOOL)
    assert followed.prices.series is None
    for minute in (6, 8, 12):
        await followed.at(f"2026-11-05T08:{minute:02}:00+01:00")
    assert caplog.text.count("no connection") == 1
    assert len(nordpool.asked) > 4
    nordpool.failure = None
    await followed.at("2026-11-05T08:20:00+01:00")
    assert followed.now == pytest.approx(1.34654)


async def test_an_integration_that_is_not_there_yet_is_asked_again(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    assert await followed.choose(**NORDPOOL) is None
    assert "nordpool.get_prices_for_date" in caplog.text
    NordPool(hass, "2026-11-05")
    await followed.at("2026-11-05T08:06:00+01:00")
    assert followed.now == pytest.approx(1.34654)


async def test_what_nobody_expected_of_an_action_does_not_end_the_asking(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    nordpool.failure = RuntimeError("a defect")
    await followed.choose(**NORDPOOL)
    assert "RuntimeError('a defect')" in caplog.text
    nordpool.failure = None
    await followed.at("2026-11-05T08:06:00+01:00")
    assert followed.now == pytest.approx(1.34654)


async def test_an_action_that_never_answers_is_given_up(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    NordPool(hass, "2026-11-05")
    with patch("custom_components.smart_charging.price_reading.asyncio.timeout", side_effect=TimeoutError):
        await followed.choose(**NORDPOOL)
    assert "did not answer" in caplog.text


async def test_an_answer_that_comes_after_another_source_was_chosen_is_dropped(
    hass: HomeAssistant, followed: Followed
) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    waits = asyncio.Event()

    async def answer(call: Any) -> Any:
        await waits.wait()

    with patch("custom_components.smart_charging.prices.async_ask", side_effect=answer):
        followed.prices.async_configure(price_settings({"prices": NORDPOOL}))
        followed.prices.async_configure(price_settings({"prices": {"price_source": "fixed", "price": 0.3}}))
        waits.set()
        await followed.settle()
    assert followed.now == 0.3
    await followed.at("2026-11-06T13:00:00+01:00")
    assert nordpool.asked == []


@pytest.mark.parametrize(
    ("now", "today", "tomorrow", "failures", "behind", "expected"),
    [
        ("2026-11-05T08:00", True, False, 0, False, "2026-11-05T13:00"),
        ("2026-11-05T14:00", True, True, 0, False, "2026-11-06T00:00"),
        ("2026-11-05T08:00", False, False, 0, True, "2026-11-05T08:00:15"),
        ("2026-11-05T13:00", True, False, 3, True, "2026-11-05T13:02"),
        ("2026-11-05T23:50", True, False, 50, True, "2026-11-06T00:00"),
        ("2026-10-25T08:00", True, False, 0, False, "2026-10-25T13:00"),
        ("2026-03-29T00:00", True, False, 0, False, "2026-03-29T13:00"),
        ("2026-03-28T14:00", True, True, 0, False, "2026-03-29T00:00"),
    ],
)
async def test_when_to_ask_again(
    hass: HomeAssistant, now: str, today: bool, tomorrow: bool, failures: int, behind: bool, expected: str
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    zone = dt_util.get_default_time_zone()
    local = datetime.fromisoformat(now).replace(tzinfo=zone)
    assert is_behind(local, has_today=today, has_tomorrow=tomorrow) is behind
    at = next_ask(local, behind=behind, has_tomorrow=tomorrow, failures=failures)
    assert at == datetime.fromisoformat(expected).replace(tzinfo=zone)
