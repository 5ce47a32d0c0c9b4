"""The file that a relay's lines are kept in."""

from pathlib import Path
import stat

import pytest

from custom_components.smart_charging.engine.csms.relay import store as relay_store
from custom_components.smart_charging.engine.csms.relay.store import RelayFile
from custom_components.smart_charging.engine.model import StoreError


async def test_file_keeps_lines_privately_and_replaces_them_whole(tmp_path: Path) -> None:
    file = RelayFile(tmp_path / "relays", "a*|/..")
    assert await file.read() == []
    await file.append([b"one", b"two"])
    await file.append([b"three"])
    assert await file.read() == [b"one", b"two", b"three", b""]
    [path] = (tmp_path / "relays").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await file.replace([b"four"])
    assert await RelayFile(tmp_path / "relays", "a*|/..").read() == [b"four", b""]
    assert [each.suffix for each in (tmp_path / "relays").iterdir()] == [".jsonl"]
    assert await RelayFile(tmp_path / "relays", "a*+/..").read() == []
    await file.remove()
    await file.remove()
    assert await file.read() == []


async def test_file_that_can_not_be_used_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("no directory")
    file = RelayFile(tmp_path / "taken", "CP1")
    for work in (file.append([b"x"]), file.replace([b"x"]), file.read()):
        with pytest.raises(StoreError):
            await work
    monkeypatch.setattr(relay_store, "MAX_FILE_BYTES", 4)
    small = RelayFile(tmp_path, "CP1")
    await small.append([b"123456"])
    assert await small.read() == [b"1234"]
