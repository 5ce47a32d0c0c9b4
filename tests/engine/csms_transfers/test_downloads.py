"""What stations download is what was offered, whole or in pieces."""

import asyncio
import base64
import hashlib
import os
from pathlib import Path
import random

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.transfers import Direction, DownloadOffer, TransferKind

from .conftest import Counter

FIRMWARE = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "fw 1.2.bin"
    path.write_bytes(FIRMWARE)
    return path


@pytest.fixture
async def offer(counter: Counter, firmware: Path) -> DownloadOffer:
    return await counter.desk.offer_download("CP1", firmware)


async def test_download_has_the_bytes_the_length_and_the_digest(counter: Counter, offer: DownloadOffer) -> None:
    assert (offer.size, offer.sha256) == (len(FIRMWARE), SHA256)
    assert offer.link.endswith("/fw_1.2.bin")
    assert offer.link not in repr(offer)
    async with counter.session.get(counter.url(offer.link)) as response:
        assert response.status == 200
        assert await response.read() == FIRMWARE
        assert response.headers["ETag"] == f'"{SHA256}"'
        assert response.headers["Content-Length"] == str(len(FIRMWARE))
        assert response.headers["Accept-Ranges"] == "bytes"
        digest = response.headers["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":")
        assert base64.b64decode(digest).hex() == SHA256


async def test_head_tells_the_length_without_the_bytes(counter: Counter, offer: DownloadOffer) -> None:
    async with counter.session.head(counter.url(offer.link)) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(FIRMWARE)))
        assert await response.read() == b""
    assert counter.desk.delivered_percent("CP1") == 0.0


async def test_download_broken_off_is_resumed_until_it_is_complete(counter: Counter, offer: DownloadOffer) -> None:
    status, first = await counter.get(offer.link, Range="bytes=0-99999")
    assert (status, first) == (206, FIRMWARE[:100_000])
    assert counter.desk.delivered_percent("CP1") == 33.3
    async with counter.session.get(
        counter.url(offer.link), headers={"Range": "bytes=100000-", "If-Range": f'"{SHA256}"'}
    ) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 100000-299999/{len(FIRMWARE)}"
        assert first + await response.read() == FIRMWARE
    assert counter.desk.delivered_percent("CP1") == 100.0
    assert (await counter.get(offer.link))[0] == 200  # a station may find fault with what it has and ask anew
    counter.desk.withdraw("CP1", Direction.DOWNLOAD)
    assert (await counter.get(offer.link))[0] == 404


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        ("bytes=0-0", 206, FIRMWARE[:1]),
        ("bytes=-10", 206, FIRMWARE[-10:]),
        ("bytes=299999-", 206, FIRMWARE[-1:]),
        ("bytes=299990-400000", 206, FIRMWARE[-10:]),
        ("bytes=0-299999", 200, FIRMWARE),
        ("bytes=-999999", 200, FIRMWARE),
        ("bytes=300000-", 416, b""),
        ("bytes=5-1", 200, FIRMWARE),
        ("bytes=0-1,5-6", 200, FIRMWARE),
        ("lines=0-1", 200, FIRMWARE),
        ("bytes=" + "9" * 5000 + "-", 200, FIRMWARE),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else str(len(value) if isinstance(value, bytes) else value),
)
async def test_ranges_are_answered_as_http_says(
    counter: Counter, offer: DownloadOffer, asked: str, status: int, data: bytes
) -> None:
    assert await counter.get(offer.link, Range=asked) == (status, data)


async def test_range_of_another_state_of_the_file_is_answered_with_all_of_it(
    counter: Counter, offer: DownloadOffer
) -> None:
    assert await counter.get(offer.link, **{"Range": "bytes=5-", "If-Range": '"other"'}) == (200, FIRMWARE)


async def test_empty_file_is_sent_as_such(counter: Counter, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    offer = await counter.desk.offer_download("CP1", empty)
    assert await counter.get(offer.link) == (200, b"")
    assert counter.desk.delivered_percent("CP1") is None


async def test_link_ends_with_its_life_and_holds_for_nothing_else(counter: Counter, firmware: Path) -> None:
    offer = await counter.desk.offer_download("CP1", firmware, TransferKind.FIRMWARE, life_s=60.0)
    prefix, _, token, name = offer.link.split("/")
    assert (await counter.get(f"{prefix}/CP2/{token}/{name}"))[0] == 404
    assert await counter.put(offer.link, b"upload") == 404
    assert firmware.read_bytes() == FIRMWARE
    await counter.clock.advance(60.0)
    assert (await counter.get(offer.link))[0] == 404
    assert counter.desk.delivered_percent("CP1") is None


@pytest.mark.parametrize("change", ["edited", "removed"])
async def test_file_that_changed_since_it_was_offered_is_not_sent(
    counter: Counter, firmware: Path, offer: DownloadOffer, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    if change == "edited":
        firmware.write_bytes(FIRMWARE + b"!")
    else:
        firmware.unlink()
    assert (await counter.get(offer.link))[0] == 404
    assert "gone or was changed" in caplog.text


async def test_file_that_can_not_be_read_is_not_offered(counter: Counter, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await counter.desk.offer_download("CP1", tmp_path / "none")


async def test_reader_that_takes_no_data_is_cut_off(counter: Counter, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024)  # more than sockets buffer
    offer = await counter.desk.offer_download("CP1", large)
    async with aiohttp.ClientSession(read_bufsize=1024) as slow, slow.get(counter.url(offer.link)) as response:
        seen = [-1.0, -2.0]
        while len(set(seen[-5:])) > 1:  # until no more fits
            await asyncio.sleep(0.1)
            seen.append(counter.desk.delivered_percent("CP1") or 0.0)
        assert seen[-1] < 100.0
        for _ in range(5):
            await counter.clock.advance(31.0, settle=0.02)
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_file_that_shrinks_while_it_is_sent_ends_the_connection(
    counter: Counter, firmware: Path, offer: DownloadOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from custom_components.smart_charging.engine.csms import transfer_server  # noqa: PLC0415  # patched below

    opened = transfer_server._open_unchanged

    def open_and_cut(offered):  # type: ignore[no-untyped-def]
        file = opened(offered)
        os.truncate(firmware, 70_000)
        return file

    monkeypatch.setattr(transfer_server, "_open_unchanged", open_and_cut)
    with pytest.raises(aiohttp.ClientError):
        await counter.get(offer.link)
