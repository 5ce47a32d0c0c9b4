"""A page of the demo in a real browser: opened, waited for, and kept as a picture."""

from collections.abc import Sequence
import json
import os
from pathlib import Path
import re
import time

from playwright.async_api import Page, async_playwright
import pytest

from demo.prices import LOCAL

from .scene import Scene

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


async def look(
    scene: Scene, path: str, texts: Sequence[str | re.Pattern[str]], screenshot: Path, *, exact: bool = False
) -> None:
    """Open a page, wait until all of this is on it, as elements of their own if `exact`, and see that nothing failed."""
    if not CHROMIUM.exists():
        assert "REQUIRE_BROWSER" not in os.environ, f"{CHROMIUM} is missing, though a browser is required"
        pytest.skip(f"no browser: {CHROMIUM} is missing; on Debian install the package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            str(screenshot.parent / "profile"),
            executable_path=str(CHROMIUM),
            args=FLAGS,
            viewport={"width": 1500, "height": 1100},
            locale="en-GB",
            timezone_id=str(LOCAL),
        )
        page = await browser.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await _open(page, scene, path)
        try:
            for text in texts:
                await page.get_by_text(text, exact=exact).first.wait_for(timeout=30_000)
        finally:
            await page.screenshot(path=screenshot)
        assert await page.get_by_text("Configuration error").count() == 0
        assert await page.get_by_text("Entity not found").count() == 0
        await browser.close()
    assert failures == []


async def _open(page: Page, scene: Scene, path: str) -> None:
    """Open a page with a login that the frontend finds in its storage."""
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
    await page.goto(url + path)
