"""The demo's dashboard in a real browser."""

from pathlib import Path

from PIL import Image
import pytest

from .browser import look
from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOWN = (
    "Solar", "Grid", "6,000 W", "Charger 1", "Mode", "Reason", "Current limit", "Limit source", "Phases in use",
    "Session", "Priority", "Site mode", "Garage, 20 A", "Load L1", "Headroom L1", "Limit L1",
)  # fmt: skip


async def test_the_dashboard_shows_sun_grid_garage_and_chargers(scene: Scene, tmp_path: Path) -> None:
    await scene.charge("solar")
    screenshot = tmp_path / "dashboard.png"
    await look(scene, "", SHOWN, screenshot, exact=True)
    with Image.open(screenshot) as image:
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert len(colours) > 100, "the page is not blank"
