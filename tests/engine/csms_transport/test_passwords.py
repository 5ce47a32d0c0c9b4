"""Stations prove their password in whatever spelling they send it."""

from base64 import b64encode
import logging

import pytest

from custom_components.smart_charging.engine.csms.rpc import OCPP16, OCPP201
from custom_components.smart_charging.engine.csms.security import (
    PasswordCheck,
    hash_password,
    hash_random_password,
    is_quick,
    new_password,
    read_credentials,
    verify_password,
)
from custom_components.smart_charging.engine.csms.server import Access, Admission

from .station_side import Port, RecordingSink

TEXT = "correct horse 16"
RAW = bytes(range(200, 220))
DIGITS = "0123456789abcdef"

HASHES = {password: hash_password(password) for password in (TEXT, RAW, RAW.hex(), DIGITS)}


@pytest.mark.parametrize(
    ("stored", "offered"),
    [
        (TEXT, TEXT.encode()),
        (TEXT, TEXT.encode().hex().encode()),
        (TEXT, TEXT.encode().hex().upper().encode()),
        (RAW, RAW),
        (RAW, RAW.hex().encode()),
        (RAW.hex(), RAW),
        (RAW.hex(), RAW.hex().encode()),
        (RAW.hex(), RAW.hex().upper().encode()),
        (DIGITS, DIGITS.encode()),
        (DIGITS, bytes.fromhex(DIGITS)),
        (DIGITS, DIGITS.encode().hex().encode()),
    ],
)
def test_password_opens_as_bytes_hexadecimal_text_and_text(stored: str | bytes, offered: bytes) -> None:
    assert verify_password(HASHES[stored], offered)


@pytest.mark.parametrize(
    "offered", [b"", b"correct horse 17", b"CORRECT HORSE 16", TEXT.encode() + b"\x00", b"x" * 10_000]
)
def test_other_password_does_not_open(offered: bytes) -> None:
    assert not verify_password(HASHES[TEXT], offered)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        TEXT,
        "scrypt$14$8$1$!!$!!",
        "md5$14$8$1$AA==$AA==",
        "scrypt$x$8$1$AA==$AA==",
        "scrypt$AA==$AA==",
        "hmac-sha256$AA==",
        "hmac-sha256$14$AA==$AA==",
        "hmac-sha256$!!$AA==",
    ],
)
def test_broken_hash_opens_for_nobody(stored: str) -> None:
    assert not verify_password(stored, TEXT.encode())


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
def test_random_password_opens_in_every_spelling_and_no_other_does(protocol: str) -> None:
    password = new_password(protocol)
    stored = hash_random_password(password)
    assert is_quick(stored) and not is_quick(HASHES[TEXT])
    assert verify_password(stored, password.encode())
    assert verify_password(stored, password.encode().hex().encode())
    assert not verify_password(stored, new_password(protocol).encode())
    assert not verify_password(stored, b"")
    assert hash_random_password(password) != stored and password not in stored


async def test_random_password_is_checked_without_waiting_for_slow_ones() -> None:
    password = new_password(OCPP16)
    stored = hash_random_password(password)
    check = PasswordCheck()
    async with check._lane, check._suspect_lane:
        assert await check.matching("CP1", (stored,), password.encode()) == stored
        assert await check.matching("CP1", (stored,), b"another-password", suspect=True) is None


def test_hash_is_salted_and_holds_no_password() -> None:
    again = hash_password(TEXT)
    assert again != HASHES[TEXT]
    assert TEXT not in again and b64encode(TEXT.encode()).decode() not in again


def test_empty_password_is_refused() -> None:
    with pytest.raises(ValueError):
        hash_password("")


def test_credentials_are_split_at_the_first_colon() -> None:
    credentials = read_credentials("basic " + b64encode(b"CP1:a:b:\xff").decode())
    assert credentials is not None
    assert (credentials.username, credentials.password) == ("CP1", b"a:b:\xff")
    assert "a:b" not in repr(credentials)


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic !!!", "Bearer abc", "Basic " + b64encode(b"no colon").decode(), "Basic /zo="]
)
def test_malformed_authorization_holds_no_credentials(header: str | None) -> None:
    assert read_credentials(header) is None


@pytest.fixture
def locked(sink: RecordingSink) -> None:
    sink.default = Access(Admission.KNOWN, password_hashes=(HASHES[TEXT],))


@pytest.mark.usefixtures("locked")
async def test_right_password_is_let_in(port: Port, sink: RecordingSink) -> None:
    client = await port.dial(password=TEXT)
    assert await client.alive()
    assert sink.connections[0].info.authenticated


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("username", "password"),
    [
        (None, None),
        (None, "wrong password!!"),
        (None, ""),
        ("CP2", TEXT),
        ("cp1", TEXT),
        ("", TEXT),
    ],
)
async def test_wrong_or_missing_credentials_are_refused(
    username: str | None, password: str | None, port: Port, sink: RecordingSink
) -> None:
    assert await port.status_of("/CP1", username=username, password=password) == 401
    assert sink.connections == []


@pytest.mark.usefixtures("locked")
async def test_refusal_asks_for_basic_authentication(port: Port) -> None:
    headers = {"Authorization": "Bearer " + TEXT, "Upgrade": "websocket"}
    async with port.session.get(port.url("/CP1"), headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_either_of_two_passwords_opens_while_one_is_changed(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.KNOWN, password_hashes=(HASHES[TEXT], HASHES[RAW]))
    for password, number in ((TEXT, 0), (RAW, 1)):
        client = await port.dial(password=password)
        assert await client.alive()
        assert sink.connections[number].info.matched_hash == HASHES[password]


async def test_password_replaced_opens_no_more_though_it_was_good_before(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.KNOWN, password_hashes=(HASHES[TEXT],))
    assert await port.status_of(password=TEXT) == 101
    sink.default = Access(Admission.KNOWN, password_hashes=(HASHES[RAW],))
    assert await port.status_of(password=TEXT) == 401


async def test_reconnecting_costs_no_second_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    check = PasswordCheck()
    assert await check.matching("CP1", (HASHES[TEXT],), TEXT.encode()) == HASHES[TEXT]
    monkeypatch.setattr("hashlib.scrypt", None)
    assert await check.matching("CP1", (HASHES[TEXT],), TEXT.encode()) == HASHES[TEXT]


async def test_remembered_password_opens_for_its_own_station_only() -> None:
    check = PasswordCheck()
    await check.matching("CP1", (HASHES[TEXT],), TEXT.encode())
    assert await check.matching("CP2", (HASHES[RAW],), TEXT.encode()) is None


@pytest.mark.usefixtures("locked")
async def test_password_shows_up_in_no_log(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await port.status_of(password=TEXT)
    await port.status_of(password="wrong password!!")
    logged = caplog.text
    for secret in (TEXT, "wrong password!!"):
        assert secret not in logged
        assert b64encode(b"CP1:" + secret.encode()).decode() not in logged
