"""What a message may cost: the event loop reads it, so whatever 16 KiB of bytes say takes no time that anybody notices."""

from time import thread_time

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.json_messages import (
    MOST_BYTES,
    MessageRefusal,
    MessageSource,
    RefusedMessage,
    read_message,
)

from .builders import NOW, messages

SOURCE = MessageSource(messages())
TIMES = 10
ENOUGH_S = 1.0  # of the processor for all of them: a hundred times of what one pass takes, a tenth of what more would


def refused(body: bytes) -> MessageRefusal:
    found = read_message(body, SOURCE, NOW)
    assert isinstance(found, RefusedMessage)
    return found.why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'"' + b'\\"' * 8_000, MessageRefusal.NOT_JSON),
        (b'{"kind": "' + b'\\"' * 8_000, MessageRefusal.NOT_JSON),
        (b'"' * 16_001, MessageRefusal.NOT_JSON),
        (b'"' + b"\\" * 16_000, MessageRefusal.NOT_JSON),
        (b"[" * 16_000, MessageRefusal.TOO_DEEP),
        (b"{" + b",".join(b'"%x":1' % one for one in range(1_800)) + b',"6ff":1}', MessageRefusal.FIELD_TWICE),
        (b"9" * 16_000, MessageRefusal.NOT_JSON),
    ],
    ids=["a text without end", "a value without end", "quotes", "backslashes", "brackets", "names", "digits"],
)
def test_no_message_holds_up_who_reads_it(body: bytes, why: MessageRefusal) -> None:
    assert len(body) <= MOST_BYTES
    began = thread_time()
    for _ in range(TIMES):
        assert refused(body) is why
    assert thread_time() - began < ENOUGH_S


def depth(text: str) -> int:
    """Return how deep brackets are nested outside of texts, sign by sign."""
    deepest = now = 0
    inside = escaped = False
    for sign in text:
        if escaped:
            escaped = False
        elif inside and sign == "\\":
            escaped = True
        elif sign == '"':
            inside = not inside
        elif not inside and sign in "[{":
            now += 1
            deepest = max(deepest, now)
        elif not inside and sign in "]}":
            now -= 1
    return deepest


@given(text=st.text(alphabet='[]{}"\\a,', max_size=30))
def test_only_brackets_outside_of_texts_count_as_depth(text: str) -> None:
    assert (refused(text.encode()) is MessageRefusal.TOO_DEEP) is (depth(text) > 3)
