"""The registry of id tokens: found in any case, used, changed, deleted, and known to the records."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.id_token import (
    LabelExists,
    OpenUse,
    TokenDetails,
    TokenExists,
    TokenType,
    TokenUnknown,
)
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.ledger.id_tokens import MAX_UNASSIGNED
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import after, started, stopped

ALL = TokenDetails("Anna", TokenType.VEHICLE, after(0), after(60), "Family", master_pass=True, blocked=True)


async def test_a_token_comes_back_as_it_was_kept_and_is_found_in_any_case(path: Path) -> None:
    ledger = await Ledger.open(path)
    kept = await ledger.site("home").tokens.add("AbCdEf0123456789", ALL, after(5))
    assert (kept.details, kept.site_id, kept.created_at, kept.tail) == (ALL, "home", after(5), "6789")
    assert kept.last_used_at is None
    await ledger.close()
    ledger = await Ledger.open(path)
    tokens = ledger.site("home").tokens
    assert await tokens.find("aBcDeF0123456789") == await tokens.token(kept.token_id) == kept
    assert await tokens.find("0" + "AbCdEf0123456789") is None
    (secret,) = await tokens.with_values()
    assert (secret.token, secret.value) == (kept, "AbCdEf0123456789")
    assert secret.parent_value == tokens.group_value("Family")
    assert "AbCdEf" not in repr(secret)
    assert "6789" not in repr(kept)
    await ledger.close()


@pytest.mark.parametrize(("value", "tail"), [("1234567", ""), ("12345678", "5678"), ("0123456789", "6789")])
async def test_of_a_short_value_no_end_is_shown(site: SiteLedger, value: str, tail: str) -> None:
    assert (await site.tokens.add(value, TokenDetails("Anna"), after(0))).tail == tail


async def test_a_value_is_known_once(site: SiteLedger) -> None:
    await site.tokens.add("TAG1", TokenDetails("Anna"), after(0))
    with pytest.raises(TokenExists):
        await site.tokens.add("tag1", TokenDetails("Ben"), after(0))
    assert await site.tokens.remember("tAg1", after(0)) is None
    assert [token.details.label for token in await site.tokens.all()] == ["Anna"]


async def test_a_label_is_one_tokens_in_use_in_whatever_case(ledger: Ledger, site: SiteLedger) -> None:
    anna = await site.tokens.add("TAG1", TokenDetails("Ännä"), after(0))
    ben = await site.tokens.add("TAG2", TokenDetails("Ben"), after(0))
    for everywhere in (False, True):
        with pytest.raises(LabelExists):
            await site.tokens.add("TAG3", TokenDetails("äNNÄ"), after(0), everywhere=everywhere)
    with pytest.raises(LabelExists):
        await site.tokens.change(ben.token_id, lambda details: replace(details, label="ÄNNÄ"))
    assert (await site.tokens.change(anna.token_id, lambda details: replace(details, label="ÄNNÄ"))).details.label
    assert await ledger.site("office").tokens.add("TAG4", TokenDetails("Ännä"), after(0))
    await site.tokens.delete(anna.token_id, after(1))
    assert (await site.tokens.change(ben.token_id, lambda details: replace(details, label="Ännä"))).details.label
    assert await site.tokens.find("TAG3") is None


async def test_a_token_counts_at_its_site_or_everywhere(ledger: Ledger, site: SiteLedger) -> None:
    office = ledger.site("office")
    mine = await site.tokens.add("TAG1", TokenDetails("Anna"), after(0))
    assert await office.tokens.find("TAG1") is None
    with pytest.raises(TokenUnknown):
        await office.tokens.change(mine.token_id, lambda details: replace(details, blocked=True))
    with pytest.raises(TokenUnknown):
        await office.tokens.delete(mine.token_id, after(1))
    with pytest.raises(TokenExists):
        await office.tokens.add("TAG1", TokenDetails("Anna"), after(0), everywhere=True)
    theirs = await office.tokens.add("TAG1", TokenDetails("Ben"), after(0))
    assert theirs.token_id != mine.token_id
    both = await office.tokens.add("TAG2", TokenDetails("Cleo"), after(0), everywhere=True)
    assert both.site_id is None
    assert await site.tokens.find("TAG2") == await office.tokens.find("TAG2") == both
    with pytest.raises(TokenExists):
        await site.tokens.add("TAG2", TokenDetails("Dora"), after(0))


async def test_a_token_is_changed_and_what_is_not_named_stays(site: SiteLedger) -> None:
    kept = await site.tokens.add("TAG1", ALL, after(0))
    changed = await site.tokens.change(kept.token_id, lambda details: replace(details, blocked=False))
    assert changed == replace(kept, details=replace(ALL, blocked=False))
    assert await site.tokens.find("TAG1") == changed
    with pytest.raises(TokenUnknown):
        await site.tokens.change("00000000", lambda details: details)


async def test_records_keep_referring_to_a_deleted_token(site: SiteLedger) -> None:
    first = await site.tokens.add("TAG1", TokenDetails("Anna"), after(0))
    kept = await site.start_transaction(started(token="tag1"))
    assert kept.token_id == first.token_id
    gone = await site.tokens.delete(first.token_id, after(30))
    assert gone == replace(first, deleted_at=after(30))
    assert await site.tokens.find("TAG1") is None
    assert await site.tokens.all() == ()
    assert await site.tokens.all(deleted=True) == (gone,)
    assert await site.tokens.with_values() == ()
    assert await site.tokens.token(first.token_id) == gone
    with pytest.raises(TokenUnknown):
        await site.tokens.delete(first.token_id, after(60))
    with pytest.raises(TokenUnknown):
        await site.tokens.change(first.token_id, lambda details: details)
    second = await site.tokens.add("TAG1", TokenDetails("Ben"), after(60))
    assert second.token_id != first.token_id
    (session,) = await site.sessions()
    assert session.transactions == (kept,)
    later = await site.start_transaction(started(100, token="TAG1"))
    assert later.token_id == second.token_id
    assert [tx.token_id for tx in await site.open_transactions("CP1")] == [first.token_id, second.token_id]


async def test_strangers_fill_no_disk(site: SiteLedger) -> None:
    for number in range(MAX_UNASSIGNED):
        token = await site.tokens.remember(f"TAG{number}", after(number))
        assert token is not None
        assert not token.assigned
    assert await site.tokens.remember("ONE MORE", after(0)) is None
    await site.tokens.change(token.token_id, lambda details: replace(details, label="Anna"))
    assert await site.tokens.remember("ONE MORE", after(0)) is not None


async def test_the_last_use_is_kept(site: SiteLedger) -> None:
    kept = await site.tokens.add("TAG1", TokenDetails("Anna"), after(0))
    await site.tokens.used(kept.token_id, after(9))
    assert (await site.tokens.token(kept.token_id)).last_used_at == after(9)


async def test_uses_are_those_of_the_token_anywhere_and_all_at_the_station(ledger: Ledger, site: SiteLedger) -> None:
    await site.tokens.add("TAG1", TokenDetails("Anna", group="Family"), after(0), everywhere=True)
    await site.start_transaction(started(0, token="tag1"))
    await site.start_transaction(started(1, token="TAG2", key=EvseKey("CP1", 2)))
    await site.start_transaction(started(2, token="TAG2", key=EvseKey("CP2", 1)))
    ended = await site.start_transaction(started(3, token="TAG1", key=EvseKey("CP2", 2)))
    await site.stop_transaction(stopped(ended.transaction_id, 60, 1200, station_id="CP2"))
    await ledger.site("office").start_transaction(started(4, token="TAG1"))
    assert set(await site.tokens.uses("CP1", "Tag1")) == {
        OpenUse(1, here=True, same_token=True, group="Family"),
        OpenUse(2, here=True, same_token=False),
        OpenUse(1, here=False, same_token=True, group="Family"),
    }
    assert await site.tokens.uses("CP9", "TAG3") == ()


async def test_the_version_of_a_list_grows_with_its_content_and_outlives_a_restart(path: Path) -> None:
    ledger = await Ledger.open(path)
    tokens = ledger.site("home").tokens
    assert [await tokens.list_version("cards", text) for text in ("a", "a", "b", "a")] == [1, 1, 2, 3]
    assert await tokens.list_version("others", "a") == 1
    await ledger.close()
    ledger = await Ledger.open(path)
    assert await ledger.site("home").tokens.list_version("cards", "a") == 3
    assert await ledger.site("home").tokens.list_version("cards", "b") == 4
    assert await ledger.site("office").tokens.list_version("cards", "b") == 1
    await ledger.close()


async def test_a_closed_ledger_says_that_nothing_was_kept(path: Path) -> None:
    ledger = await Ledger.open(path)
    tokens = ledger.site("home").tokens
    await ledger.close()
    with pytest.raises(StoreError):
        await tokens.add("TAG1", TokenDetails("Anna"), after(0))
    with pytest.raises(StoreError):
        await tokens.find("TAG1")
