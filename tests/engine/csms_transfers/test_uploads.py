"""What stations upload arrives whole or not at all, in files that we name."""

import asyncio
from collections.abc import AsyncGenerator
import hashlib
import logging
from pathlib import Path
import stat

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.redaction import redacted
from custom_components.smart_charging.engine.csms.transfer_files import TransferShelf
from custom_components.smart_charging.engine.csms.transfers import Direction, TransferKind, TransferSettings
from tests.manual_clock import ManualClock

from .conftest import Counter

LOG = bytes(range(256)) * 1200  # more than one chunk


def link_of(counter: Counter, station_id: str = "CP1", max_bytes: int = len(LOG)) -> str:
    return counter.desk.expect_upload(station_id, TransferKind.LOG, max_bytes)


async def test_put_upload_is_kept_byte_for_byte_and_told(counter: Counter) -> None:
    assert await counter.put(link_of(counter), LOG) == 200
    [received] = counter.received
    assert received.path.read_bytes() == LOG
    assert (received.station_id, received.kind, received.size) == ("CP1", TransferKind.LOG, len(LOG))
    assert received.sha256 == hashlib.sha256(LOG).hexdigest()
    assert received.at == counter.clock.now()
    assert stat.S_IMODE(received.path.stat().st_mode) == 0o600


async def test_upload_of_exactly_the_allowed_size_is_taken(counter: Counter) -> None:
    assert await counter.put(link_of(counter, max_bytes=5), b"12345") == 200


async def test_file_of_a_form_is_taken_whatever_comes_before_it(counter: Counter) -> None:
    form = aiohttp.FormData()
    form.add_field("comment", "none")
    form.add_field("file", LOG, filename="../../etc/passwd", content_type="application/gzip")
    async with counter.session.post(counter.url(link_of(counter)), data=form) as response:
        assert response.status == 200
    assert counter.received[0].path.read_bytes() == LOG
    assert counter.received[0].path.parent == counter.directory


async def test_body_of_unknown_length_is_taken_after_asking_for_it(counter: Counter) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for start in range(0, len(LOG), 10_000):
            yield LOG[start : start + 10_000]

    assert await counter.put(link_of(counter), pieces(), expect100=True) == 200
    assert counter.received[0].path.read_bytes() == LOG


async def test_upload_works_below_a_path_of_an_application_beyond_its_own_body_limit(mounted: Counter) -> None:
    assert await mounted.put(link_of(mounted) + "/log.gz", LOG, expect100=True) == 200
    assert mounted.received[0].path.read_bytes() == LOG


@pytest.mark.parametrize("name", ["/diag.tar.gz", "/../../../../etc/passwd", "/%2e%2e%2fx", "/a/b/c", "/", "?x=/../y"])
async def test_name_a_station_adds_never_becomes_a_path(counter: Counter, tmp_path: Path, name: str) -> None:
    link = link_of(counter)
    async with counter.session.put(
        aiohttp.client.URL(counter.url(link) + name, encoded=True), data=b"data"
    ) as response:
        assert response.status in {200, 404, 426}  # the client itself resolves dots that are not encoded
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert everything == [received.path for received in counter.received]
    assert all(path.parent == counter.directory for path in everything)


async def test_station_id_with_odd_characters_names_no_other_directory(counter: Counter) -> None:
    link = link_of(counter, "a*+=|@._-..")
    async with counter.session.put(aiohttp.client.URL(counter.url(link), encoded=True), data=b"data") as response:
        assert response.status == 200
    assert counter.received[0].path.parent == counter.directory
    assert counter.shelf.files() == [counter.received[0].path]


async def test_link_is_used_up_by_one_upload(counter: Counter) -> None:
    link = link_of(counter)
    assert await counter.put(link, b"first") == 200
    assert await counter.put(link, b"second") == 404
    assert [received.path.read_bytes() for received in counter.received] == [b"first"]


async def test_only_one_upload_runs_over_a_link_at_a_time(counter: Counter) -> None:
    link, go_on = link_of(counter), asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield b"begun"
        await go_on.wait()

    first = asyncio.ensure_future(counter.put(link, body()))
    await counter.until(counter.half_received)
    assert await counter.put(link, b"another") == 404
    go_on.set()
    assert await first == 200
    assert counter.received[0].path.read_bytes() == b"begun"


async def test_link_ends_with_its_life(counter: Counter) -> None:
    link = counter.desk.expect_upload("CP1", TransferKind.LOG, 100, life_s=60.0)
    late = counter.desk.expect_upload("CP1", TransferKind.LOG, 100, life_s=60.0)
    await counter.clock.advance(59.9)
    assert await counter.put(link, b"data") == 200
    await counter.clock.advance(0.1)
    assert await counter.put(late, b"data") == 404


async def test_links_that_do_not_hold_are_all_refused_alike(counter: Counter) -> None:
    link = link_of(counter)
    prefix, station, token = link.split("/")
    wrong = [
        f"{prefix}/CP2/{token}",  # another station's
        f"{prefix}/{station}/{token[:-1]}",
        f"{prefix}/{station}/{'A' * 43}",
        f"{prefix}/{station}",
        f"{prefix}/",
        f"{prefix}/{station}/%00",
        f"{prefix}/{token}",
    ]
    answers = []
    for each in wrong:
        async with counter.session.put(counter.url(each), data=b"data") as response:
            answers.append((response.status, await response.read(), dict(response.headers) | {"Date": ""}))
    async with counter.session.get(counter.url(link)) as response:  # an upload's link is no download's
        answers.append((response.status, await response.read(), dict(response.headers) | {"Date": ""}))
    async with counter.session.delete(counter.url(link)) as response:
        answers.append((response.status, await response.read(), dict(response.headers) | {"Date": ""}))
    assert answers[0][:2] == (404, b"")
    assert all(answer == answers[0] for answer in answers)
    assert await counter.put(link, b"data") == 200  # none of it used the link up


async def test_withdrawn_link_is_closed(counter: Counter) -> None:
    link, others = link_of(counter), link_of(counter, "CP2")
    counter.desk.withdraw("CP1", Direction.DOWNLOAD)
    counter.desk.withdraw("CP1", Direction.UPLOAD)
    assert await counter.put(link, b"data") == 404
    assert await counter.put(others, b"data") == 200


async def test_oldest_link_of_a_station_gives_way_to_a_ninth(counter: Counter) -> None:
    links = [link_of(counter) for _ in range(9)]
    others = link_of(counter, "CP2")
    assert await counter.put(links[0], b"data") == 404
    assert await counter.put(links[1], b"data") == 200
    assert await counter.put(others, b"data") == 200


async def test_announced_oversize_is_refused_before_it_is_read_and_ends_the_link(counter: Counter) -> None:
    link = link_of(counter, max_bytes=10)
    assert await counter.put(link, b"x" * 11) == 413
    assert await counter.put(link, b"x") == 404
    assert list(counter.directory.iterdir()) == []


@pytest.mark.parametrize("form", [False, True])
async def test_oversize_that_was_not_announced_is_cut_while_it_streams(counter: Counter, form: bool) -> None:
    link = link_of(counter, max_bytes=1000)

    async def body() -> AsyncGenerator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    if form:
        data = aiohttp.FormData()
        data.add_field("file", b"x" * 1100, filename="log")
        async with counter.session.post(counter.url(link), data=data) as response:
            assert response.status == 413
    else:
        assert await counter.put(link, body()) == 413
    assert list(counter.directory.iterdir()) == []
    assert await counter.put(link, b"x") == 404


async def test_packed_body_is_refused(counter: Counter) -> None:
    assert await counter.put(link_of(counter), b"data", compress="gzip") == 415
    assert list(counter.directory.iterdir()) == []


async def test_empty_upload_and_form_without_a_file_leave_the_link_open(counter: Counter) -> None:
    link = link_of(counter)
    assert await counter.put(link, b"") == 400
    form = aiohttp.FormData({"comment": "no file"})
    form.add_field("more", "x", content_type="text/plain")
    async with counter.session.post(counter.url(link), data=form) as response:
        assert response.status == 400
    with aiohttp.MultipartWriter("mixed") as outer, aiohttp.MultipartWriter("mixed") as inner:
        inner.append("x")
        outer.append(inner)
    assert await counter.put(link, outer) == 400
    assert await counter.put(link, b"data") == 200


async def test_body_that_stops_coming_is_given_up_and_may_be_tried_again(counter: Counter) -> None:
    link, never = link_of(counter), asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield b"begun"
        await never.wait()

    upload = asyncio.ensure_future(counter.put(link, body()))
    await counter.until(counter.half_received)
    assert await counter.outlast(upload) == 408
    assert list(counter.directory.iterdir()) == []
    assert await counter.put(link, b"all of it") == 200


async def test_body_that_trickles_is_given_up(counter: Counter) -> None:
    link, pieces = link_of(counter), asyncio.Queue[bytes]()

    async def body() -> AsyncGenerator[bytes]:
        while True:
            yield await pieces.get()

    upload = asyncio.ensure_future(counter.put(link, body()))
    pieces.put_nowait(b"x")
    await counter.until(counter.half_received)
    for _ in range(200):
        if upload.done():
            break
        pieces.put_nowait(b"x")
        await counter.clock.advance(5.0, settle=0.02)  # never idle for long
    assert await upload == 408
    assert counter.clock.monotonic() >= 60.0
    assert counter.half_received() == []


async def test_form_that_never_comes_to_its_file_is_given_up(counter: Counter) -> None:
    never = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield b"no boundary\r\n"
        await never.wait()

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    upload = asyncio.ensure_future(counter.put(link_of(counter), body(), headers=headers))
    assert await counter.outlast(upload) == 408


async def test_upload_that_breaks_off_leaves_nothing_and_the_fifth_ends_the_link(counter: Counter) -> None:
    link = link_of(counter)
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(counter.base.rpartition(":")[2]))
        writer.write(f"PUT /{link} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        await counter.until(counter.half_received)
        writer.close()
        await counter.until(lambda: not counter.half_received())
        del reader
    assert await counter.put(link, b"data") == 404
    assert counter.received == []


async def test_oldest_files_make_room_and_what_others_put_there_stays(counter: Counter) -> None:
    foreign = counter.directory / "notes.txt"
    foreign.write_text("mine")
    for number in range(6):
        assert await counter.put(link_of(counter), f"file {number}".encode()) == 200
        await counter.clock.advance(1.0)
    assert [path.read_text() for path in counter.shelf.files()] == ["file 2", "file 3", "file 4", "file 5"]
    assert foreign.read_text() == "mine"


async def test_total_size_is_kept_and_the_newest_file_always_stays(clock: ManualClock, tmp_path: Path) -> None:
    shelf = TransferShelf(tmp_path, max_files=10, max_total_bytes=10)
    shelf.prepare()
    for data in (b"1234", b"5678", b"90", b"abc", b"longer than all"):
        incoming = shelf.open()
        incoming.write(data)
        shelf.put(incoming, "CP1", "log", clock.now())
        await clock.advance(1.0)
        if data == b"abc":
            assert [path.read_bytes() for path in shelf.files()] == [b"5678", b"90", b"abc"]
    assert [path.read_bytes() for path in shelf.files()] == [b"longer than all"]


def test_half_received_files_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    half = tmp_path / f".{'0' * 32}.part"
    half.write_bytes(b"half")
    TransferShelf(tmp_path, 1, 1).prepare()
    assert not half.exists()


async def test_full_disk_is_told_as_such(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    counter.directory.rmdir()
    link = link_of(counter)
    assert await counter.put(link, b"data") == 507
    counter.directory.mkdir()
    assert await counter.put(link, b"data") == 200
    assert link.rpartition("/")[2] not in caplog.text


async def test_no_more_than_so_many_transfers_run_at_once(
    clock: ManualClock, counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    counter.desk._settings = TransferSettings(max_running=1)
    go_on = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield b"begun"
        await go_on.wait()

    first = asyncio.ensure_future(counter.put(link_of(counter), body()))
    await counter.until(counter.half_received)
    other = link_of(counter, "CP2")
    assert await counter.put(other, b"data") == 503
    go_on.set()
    assert await first == 200
    assert await counter.put(other, b"data") == 200


def test_upload_of_no_bytes_can_not_be_expected(counter: Counter) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        counter.desk.expect_upload("CP1", TransferKind.LOG, 0)


def test_link_in_a_frame_is_logged_without_its_token(counter: Counter) -> None:
    link = link_of(counter, "CP1")
    token = link.rpartition("/")[2]
    frame = f'[2,"1","GetDiagnostics",{{"location":"http://10.0.0.1:9000/{link}"}}]'
    for written in (frame, frame.replace("/", "\\/")):
        told = redacted(written.encode())
        assert "GetDiagnostics" in told
        assert token not in told
