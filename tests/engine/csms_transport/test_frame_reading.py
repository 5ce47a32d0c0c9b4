"""Bytes become frames or a reason why not; what stations are known to break is mended, what is secret stays out of logs."""

from hypothesis import given, settings, strategies as st
import orjson
import pytest

from custom_components.smart_charging.engine.csms.redaction import redacted
from custom_components.smart_charging.engine.csms.repair import repaired
from custom_components.smart_charging.engine.csms.rpc import (
    Call,
    CallRefusal,
    CallResult,
    ErrorCode,
    ResultRefusal,
    Unreadable,
    decode,
    encode_error,
)

from .station_side import VERSIONS

CODES_OF_1_6 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.binary() | st.binary().map(lambda tail: b'[2,"x","Heartbeat",' + tail))
def test_reading_any_bytes_never_fails(data: bytes) -> None:
    for version in VERSIONS:
        assert isinstance(decode(data, version), Call | CallResult | CallRefusal | ResultRefusal | Unreadable)


@settings(max_examples=40, deadline=None)
@given(st.lists(JSON, max_size=6))
def test_reading_any_array_never_fails(frame: list[object]) -> None:
    try:
        data = orjson.dumps(frame)
    except TypeError:  # integers and surrogates that JSON can't carry
        return
    decode(data)


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_sound_json_is_what_it_was_after_mending(value: object) -> None:
    try:
        data = orjson.dumps(value)
    except TypeError:
        return
    mended, kinds = repaired(data)
    assert orjson.loads(mended) == orjson.loads(data)
    assert kinds == ()


@pytest.mark.parametrize(
    ("broken", "payload", "kind"),
    [
        (b'{"transactionId":,"a":1}', {"transactionId": None, "a": 1}, "value missing"),
        (b'{"transactionId": }', {"transactionId": None}, "value missing"),
        (b'{"a":NaN,"b":[-Infinity,nan]}', {"a": None, "b": [None, None]}, "not a number"),
        (b'{"info":"two\nlines"}', {"info": "two lines"}, "control character"),
        ('{"info":"Stra\u00dfe"}'.encode("latin-1"), {"info": "Stra\ufffde"}, "invalid UTF-8"),
        (b'{"info":":,","a":}', {"info": ":,", "a": None}, "value missing"),
        (b'{"info":"\\":,NaN","a":}', {"info": '":,NaN', "a": None}, "value missing"),
    ],
)
def test_known_breaks_are_mended(broken: bytes, payload: dict[str, object], kind: str) -> None:
    frame = decode(b'[2,"x","MeterValues",' + broken + b"]")
    assert isinstance(frame, Call)
    assert frame.payload == payload
    assert frame.deviations == (f"JSON mended: {kind}",)


@pytest.mark.parametrize("padding", [b"\x00", b"\x00\x00\r\n", b"\n\x00"])
def test_padding_after_a_frame_is_cut(padding: bytes) -> None:
    frame = decode(b'[2,"x","Heartbeat",{}]' + padding)
    assert isinstance(frame, Call) and frame.deviations == ("JSON mended: padding",)


def test_pretty_printed_frame_is_sound() -> None:
    frame = decode(b'[\n  2,\n  "x",\n  "Heartbeat",\n  {\n  }\n]\n')
    assert isinstance(frame, Call) and frame.deviations == ()


def test_missing_number_is_never_mended_to_zero() -> None:
    frame = decode(b'[2,"x","StopTransaction",{"meterStop":,"transactionId":NaN}]')
    assert isinstance(frame, Call)
    assert frame.payload == {"meterStop": None, "transactionId": None}


def test_id_of_a_broken_call_is_found() -> None:
    assert decode(b' [ 2 , "abc-1" , "Heartbeat", {]') == Unreadable(
        "frame is not JSON", "abc-1", ErrorCode.FORMAT_VIOLATION
    )


def test_broken_answer_gets_no_error_in_return() -> None:
    assert decode(b'[3,"abc",{]') == Unreadable("frame is not JSON")


@pytest.mark.parametrize(
    ("protocol", "spelled"),
    [("ocpp1.6", "OccurenceConstraintViolation"), ("ocpp2.0.1", "OccurrenceConstraintViolation")],
)
def test_error_is_spelled_as_in_its_version(protocol: str, spelled: str) -> None:
    frame = orjson.loads(encode_error(protocol, "x", ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "d" * 999))
    assert frame == [4, "x", spelled, "d" * 255, {}]


@pytest.mark.parametrize(
    "frame",
    [
        b'[2,"1","Authorize",{"idTag":"SECRET"}]',
        b'[2,"1","Authorize",{"idTag" : "SE\\"CRET"}]',
        b'[2,"1","Authorize",{"idTag":5ECRET}]',
        b'[3,"1",{"idTagInfo":{"status":"Accepted","parentIdTag":"SECRET"}}]',
        b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"SECRET"}]',
        b'[2,"1","ChangeConfiguration",{"value":"SECRET","key":"authorizationkey"}]',
        b'[3,"1",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"SECRET"}]}]',
        b'[2,"1","GetDiagnostics",{"location":"ftp://user:SECRET@host/x"}]',
        b'[2,"1","DataTransfer",{"vendorId":"v","data":"{\\"password\\":\\"SECRET\\"}"}]',
        b'[2,"1","Authorize",{"idToken":{"idToken":"SECRET","type":"ISO14443",'
        b'"additionalInfo":[{"additionalIdToken":"SECRET","type":"x"}]}}]',
        b'[2,"1","TransactionEvent",{"idToken":{"type":"ISO14443","idToken" : "SECRET"}}]',
        b'[2,"1","SetVariables",{"setVariableData":[{"component":{"name":"SecurityCtrlr"},'
        b'"variable":{"name":"BasicAuthPassword"},"attributeValue":"SECRET"}]}]',
        b'[2,"1","SetNetworkProfile",{"connectionData":{"basicAuthPassword":"SECRET",'
        b'"apn":{"apnUserName":"SECRET","apnPassword":"SECRET","simPin":5ECRET},'
        b'"vpn":{"user":"SECRET","password":"SECRET","key":"SECRET"}}}]',
        b'[2,"1","CustomerInformation",{"customerIdentifier":"SECRET"}]',
        b'[2,"1","NotifyCustomerInformation",{"data":"SECRET","seqNo":0}]',
        b'[2,"1","GetLog",{"log":{"remoteLocation":"https://user:SECRET@host/x"}}]',
        b'[2,"1","SendLocalList",{"localAuthorizationList":[{"idTag":"SECRET"},{"idTag":"SECRET"}]}]',
        b'[2,"1","MeterValues",{"meterValue":[{"sampledValue":[{"value":"SECRET","format":"SignedData"}]}]}]',
        b'[2,"1","MeterValues",{"meterValue":[{"sampledValue":[{"value":"OCMF|{\\"ID\\":\\"SECRET\\"}|{}"}]}]}]',
        b'[2,"1","TransactionEvent",{"meterValue":[{"sampledValue":[{"value":1.0,"signedMeterValue":'
        b'{"signedMeterData":"SECRET","signingMethod":"","encodingMethod":"OCMF","publicKey":"a2V5"}}]}]}]',
    ],
)
def test_log_of_a_frame_holds_no_secret(frame: bytes) -> None:
    text = redacted(frame)
    assert "SECRET" not in text and "5ECRET" not in text and "CRET" not in text
    assert text.startswith(frame[:6].decode())


def test_log_of_a_harmless_frame_is_the_frame() -> None:
    frame = b'[2,"1","ChangeConfiguration",{"key":"MeterValueSampleInterval","value":"10"}]'
    assert redacted(frame) == frame.decode()


@pytest.mark.parametrize("frame", [b'"idTag":"' + b'\\"' * 130_000, b'"idTag"' * 30_000, b"://" * 80_000])
def test_log_of_a_hostile_frame_is_short(frame: bytes) -> None:
    assert len(redacted(frame)) <= 2000


@pytest.mark.parametrize("code", ErrorCode)
def test_1_6_is_told_only_codes_that_it_has(code: ErrorCode) -> None:
    told = orjson.loads(encode_error("ocpp1.6", "x", code, ""))[2]
    assert told in CODES_OF_1_6
