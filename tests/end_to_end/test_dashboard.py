"""The demo's dashboard in a real browser."""

import json
import os
from pathlib import Path
import time

from PIL import Image
from playwright.async_api import Page, async_playwright
import pytest

from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOWN = (
    "Solar", "Grid", "6,000 W", "Charger 1", "Mode", "Reason", "Current limit", "Limit source", "Phases in use",
    "Session", "Priority", "Site mode", "Garage, 20 A", "Load L1", "Headroom L1", "Limit L1",
)  # fmt: skip


async def open_dashboard(page: Page, scene: Scene) -> None:
    """Open the start page with a login that the frontend finds in its storage."""
    async with scene.stage.client() as client:
        url, token = client.url, client.token
    login = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 1800,
        "expires": int(1000 * (time.time() + 1800)),
        "hassUrl": url,
        "clientId": f"{url}/",
        "refresh_token": "",
    }
    await page.add_init_script(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(login))});")
    await page.goto(url)


async def test_the_dashboard_shows_sun_grid_garage_and_chargers(scene: Scene, tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        assert "REQUIRE_BROWSER" not in os.environ, f"{CHROMIUM} is missing, though a browser is required"
        pytest.skip(f"no browser: {CHROMIUM} is missing; on Debian install the package chromium")
    await scene.charge("solar")
    screenshot = tmp_path / "dashboard.png"
    async with async_playwright() as playwright:
        profile = str(tmp_path / "profile")
        browser = await playwright.chromium.launch_persistent_context(
            profile, executable_path=str(CHROMIUM), args=FLAGS, viewport={"width": 1500, "height": 1100}, locale="en-GB"
        )
        page = await browser.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await open_dashboard(page, scene)
        try:
            for text in SHOWN:
                await page.get_by_text(text, exact=True).first.wait_for(timeout=30_000)
        finally:
            await page.screenshot(path=screenshot)
        assert await page.get_by_text("Configuration error").count() == 0
        assert await page.get_by_text("Entity not found").count() == 0
        await browser.close()
    assert failures == []
    with Image.open(screenshot) as image:
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert len(colours) > 100, "the page is not blank"
