"""Signed values checked: those that fit, those that were changed, those that nobody can check."""

import base64
from dataclasses import replace
import json
import sys
from unittest.mock import patch
import warnings

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.model import SignedValue
from custom_components.smart_charging.engine.session_record import SignedReading
from custom_components.smart_charging.engine.signed_values import check, mark_of, marks_of, ocmf_text, public_key_der
from custom_components.smart_charging.engine.usage import SignedMark

from .builders import at, charged, session
from .ocmf import KEBA, KEBA_KEY, Meter

METER = Meter()


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRAPPED = [
    KEBA,
    f"  {KEBA}\n",
    KEBA.encode().hex(),
    base64_of(KEBA),
    json.dumps({"signedMeterData": base64_of(KEBA), "encodingMethod": "OCMF"}),
]
KEYS = [
    METER.der.hex(),
    METER.der.hex().upper(),
    " ".join(METER.der.hex()[index : index + 4] for index in range(0, len(METER.der.hex()), 4)),
    base64.b64encode(METER.der).decode(),
    base64_of(METER.der.hex()),
    METER.key,
    f"oca:base16:asn1:{METER.der.hex()}",
    f"oca:base64:asn1:{base64.b64encode(METER.der).decode()}",
]
NOT_CHECKED = [
    "<signedMeterValue>EDL</signedMeterValue>",
    "OCMF|{}|{}",
    "OCMF|{",
    "OCMF|[]|{}",
    "{}",
    '{"signedMeterData": 7}',
    "[" * 5000,
    "{" * 5000,
    "ff00",
    METER.sign(1.0).replace("secp256r1", "no-such-curve"),
    METER.sign("1e999999999"),
]


@pytest.mark.parametrize("data", WRAPPED, ids=range(len(WRAPPED)))
def test_a_published_record_is_verified_however_it_is_wrapped(data: str) -> None:
    found = check(SignedValue(data), KEBA_KEY)
    assert found.mark is SignedMark.VERIFIED
    assert [(code, float(wh)) for code, wh in found.registers_wh] == [("1-b:1.8.0", 259.6), ("1-b:1.8.0", 259.7)]


@pytest.mark.parametrize("data", WRAPPED, ids=range(len(WRAPPED)))
def test_a_published_record_that_was_changed_is_invalid(data: str) -> None:
    text = ocmf_text(data)
    assert text is not None
    assert check(SignedValue(text.replace("0.2597", "0.3597")), KEBA_KEY).mark is SignedMark.INVALID


def test_another_meters_key_does_not_fit() -> None:
    assert check(SignedValue(METER.sign(1.0)), METER.key).mark is SignedMark.VERIFIED
    assert check(SignedValue(METER.sign(1.0)), Meter().key).mark is SignedMark.INVALID


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_a_key_is_read_in_each_form_that_stations_tell_it_in(key: str) -> None:
    assert public_key_der(key) == METER.der


@pytest.mark.parametrize("key", ["", "?", "oca:base16:asn1:zz", base64.b64encode(b"\x00\xff").decode(), "ff" * 40])
def test_what_is_no_key_checks_nothing(key: str) -> None:
    assert check(SignedValue(METER.sign(1.0)), key).mark is SignedMark.SIGNED


@pytest.mark.parametrize("data", NOT_CHECKED, ids=range(len(NOT_CHECKED)))
def test_what_nobody_can_check_is_signed_and_no_more(data: str) -> None:
    assert check(SignedValue(data), METER.key).mark is SignedMark.SIGNED


def test_a_signature_that_is_none_is_invalid_and_one_without_a_key_is_signed() -> None:
    head, payload, _ = METER.sign(1.0).split("|")
    assert check(SignedValue(f'{head}|{payload}|{{"SD":"00"}}'), METER.key).mark is SignedMark.INVALID
    assert check(SignedValue(METER.sign(1.0)), None).mark is SignedMark.SIGNED


def test_other_curves_are_checked_too() -> None:
    meter = Meter(ec.SECP384R1(), "ECDSA-secp384r1-SHA256")
    assert check(SignedValue(meter.sign(1.0)), meter.key).mark is SignedMark.VERIFIED


def test_without_the_library_nothing_is_claimed() -> None:
    with patch.dict(sys.modules, {"pyocmf": None}):
        assert check(SignedValue(KEBA), KEBA_KEY).mark is SignedMark.SIGNED


def test_no_warning_quotes_a_tag() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert check(SignedValue(METER.sign(1.0, tag="SECRET TAG")), METER.key).mark is SignedMark.VERIFIED
    assert not any("SECRET" in str(one.message) for one in caught)


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: base64.b64encode(raw).decode()))
def test_whatever_a_station_sends_is_never_more_than_signed(data: str) -> None:
    assert check(SignedValue(data), METER.key).mark is SignedMark.SIGNED


class TestTransactions:
    """What is known of all that was signed in a transaction of 1,234 Wh."""

    def mark(self, *values: SignedValue, key: str | None = None) -> SignedMark:
        signed = tuple(SignedReading(at(number), value) for number, value in enumerate(values))
        return mark_of(replace(charged(0, 30, meter_stop_wh=2234), signed=signed), key)

    def test_begin_and_end_that_fit_the_meter_are_verified(self) -> None:
        assert self.mark(SignedValue(METER.sign(7.0, 8.234)), key=METER.key) is SignedMark.VERIFIED
        assert self.mark(SignedValue(METER.sign(7000, 8234, unit="Wh")), key=METER.key) is SignedMark.VERIFIED
        begin, end = SignedValue(METER.sign(7.0)), SignedValue(METER.sign(8.23))
        assert self.mark(begin, end, key=METER.key) is SignedMark.VERIFIED

    def test_a_key_that_was_sent_with_one_value_is_that_of_the_others(self) -> None:
        begin = SignedValue(METER.sign(7.0), public_key=METER.key)
        assert self.mark(SignedValue(METER.sign(8.234)), begin) is SignedMark.VERIFIED
        inside = json.dumps({"signedMeterData": base64_of(METER.sign(7.0, 8.234)), "publicKey": METER.key})
        assert self.mark(SignedValue(inside)) is SignedMark.VERIFIED
        assert self.mark(SignedValue(inside), key=Meter().key) is SignedMark.INVALID

    def test_values_that_do_not_tell_what_was_counted_are_not_verified(self) -> None:
        assert self.mark(SignedValue(METER.sign(7.0)), key=METER.key) is SignedMark.SIGNED
        assert self.mark(SignedValue(METER.sign(7.0, 9.0)), key=METER.key) is SignedMark.SIGNED
        assert self.mark(SignedValue(METER.sign(7.0, 8.234, unit="mOhm")), key=METER.key) is SignedMark.SIGNED

    def test_one_that_can_not_be_checked_or_was_changed_tells_of_all(self) -> None:
        good = SignedValue(METER.sign(7.0, 8.234))
        assert self.mark(good, SignedValue("EDL"), key=METER.key) is SignedMark.SIGNED
        changed = SignedValue(METER.sign(7.0).replace("7.0", "6.0"))
        assert self.mark(good, changed, SignedValue("EDL"), key=METER.key) is SignedMark.INVALID

    def test_a_session_tells_each_transactions_mark(self) -> None:
        signed = (SignedReading(at(0), SignedValue(METER.sign(7.0, 8.234))),)
        record = session(charged(0, 30, meter_stop_wh=2234, signed=signed), charged(40, 50, tx="2", meter_stop_wh=2000))
        assert marks_of(record, METER.key) == {"1": SignedMark.VERIFIED, "2": SignedMark.UNSIGNED}
