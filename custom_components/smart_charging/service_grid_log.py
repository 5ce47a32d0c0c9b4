"""The action that checks the proof log of the grid operator's limits and hands it out, as a file or in its answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
import os
from pathlib import Path
import secrets
from typing import BinaryIO, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .engine.ledger import ChainVerdict
from .errors import translated_errors
from .service_grid_places import grid_refusal, grid_site, iso
from .service_grid_signals import ATTR_FROM
from .service_limits import ATTR_UNTIL
from .service_times import utc

ATTR_FORMAT: Final = "format"
ATTR_INCLUDE_CONTENT: Final = "include_content"
ATTR_PATH: Final = "path"

CSV: Final = "csv"
JSON: Final = "json"
VERIFY_ONLY: Final = "none"
CONTENT_AT_MOST: Final = 1_000_000  # bytes of a log in an answer; automations keep answers in memory

EXPORT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_FORMAT, default=JSON): probatio.In((CSV, JSON, VERIFY_ONLY)),
        probatio.Optional(ATTR_FROM): cv.datetime,
        probatio.Optional(ATTR_UNTIL): cv.datetime,
        probatio.Optional(ATTR_PATH): probatio.All(cv.string, probatio.Length(min=1)),
        probatio.Optional(ATTR_INCLUDE_CONTENT, default=False): cv.boolean,
    }
)


async def export_grid_log(call: ServiceCall) -> ServiceResponse:
    """Check the whole log, and give the part that is asked for; a log without records is given empty."""
    entry = grid_site(call)
    proof, now = entry.runtime_data.ledger.grid_proof, entry.runtime_data.site.grid.clock.now()
    start, end = utc(call.data.get(ATTR_FROM)), utc(call.data.get(ATTR_UNTIL))
    if start is not None and end is not None and end <= start:
        raise grid_refusal("end_before_start")
    path = await _chosen_path(call)
    with translated_errors(entry.title):
        verdict = await proof.verify(now)
        if call.data[ATTR_FORMAT] == VERIFY_ONLY:
            return _verified(entry.title, verdict)
        if call.data[ATTR_FORMAT] == JSON:
            parts = proof.export_json(now, start, end, verdict=verdict)
        else:
            parts = proof.export_csv(start, end)
        content = _Content(kept=path is None or call.data[ATTR_INCLUDE_CONTENT])
        await _hand_out(call.hass, parts, path, content)
    answer = _verified(entry.title, verdict) | {"path": None if path is None else str(path), "bytes": content.size}
    return answer if content.text is None else answer | {"content": content.text}


class _Content:
    """What was handed out: its size, and where it is to be in the answer the text."""

    def __init__(self, *, kept: bool) -> None:
        """Begin with nothing."""
        self.size = 0
        self._parts: list[bytes] | None = [] if kept else None

    def add(self, part: bytes) -> None:
        """Take a part; raises ServiceValidationError once it is too much for an answer."""
        self.size += len(part)
        if self._parts is None:
            return
        if self.size > CONTENT_AT_MOST:
            raise grid_refusal("grid_log_too_large", maximum=str(CONTENT_AT_MOST))
        self._parts.append(part)

    @property
    def text(self) -> str | None:
        """Return the text, without the mark that tells spreadsheets its encoding; None where it is not kept."""
        return None if self._parts is None else b"".join(self._parts).decode("utf-8-sig")


async def _chosen_path(call: ServiceCall) -> Path | None:
    """Return the file to write, None for none; raises ServiceValidationError for one that may not be written."""
    chosen: str | None = call.data.get(ATTR_PATH)
    if call.data[ATTR_FORMAT] == VERIFY_ONLY and (chosen is not None or call.data[ATTR_INCLUDE_CONTENT]):
        raise grid_refusal("grid_log_without_format")
    if chosen is None:
        return None
    path = call.hass.config.path(chosen)
    if "\0" in path or not await call.hass.async_add_executor_job(call.hass.config.is_allowed_path, path):
        raise grid_refusal("path_not_writable", path=chosen)
    return Path(path)


async def _hand_out(hass: HomeAssistant, parts: AsyncIterator[bytes], path: Path | None, content: _Content) -> None:
    if path is None:
        async for part in parts:
            content.add(part)
        return
    async with _replaced(hass, path) as file:
        async for part in parts:
            content.add(part)
            await hass.async_add_executor_job(file.write, part)


@asynccontextmanager
async def _replaced(hass: HomeAssistant, path: Path) -> AsyncIterator[BinaryIO]:
    """Give a file that takes the place of another once it is whole; until then, and where it fails, that stays.

    Raises HomeAssistantError where it can't be written.
    """
    job, partly = hass.async_add_executor_job, path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        file = await job(_new, partly)
        try:
            yield file
            await job(_to_disk, file)
        finally:
            await job(file.close)
        await job(os.replace, partly, path)
    except OSError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="grid_log_not_written",
            translation_placeholders={"path": str(path), "detail": err.strerror or type(err).__name__},
        ) from err
    finally:
        await job(partial(partly.unlink, missing_ok=True))


def _new(path: Path) -> BinaryIO:
    return path.open("xb")


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _verified(site: str, verdict: ChainVerdict) -> dict[str, JsonValueType]:
    """Return what the check found; `head` is to be kept elsewhere as proof."""
    broken = verdict.broken
    return {
        "site": site,
        "verified_at": iso(verdict.verified_at),
        "intact": verdict.intact,
        "rows": verdict.rows,
        "head": {"sequence": verdict.head_sequence, "hash": verdict.head_hash},
        "broken": None
        if broken is None
        else {"reason": broken.reason.value, "sequence": broken.sequence, "belongs_at": broken.belongs_at},
    }
