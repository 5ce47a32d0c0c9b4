"""Tariffs in versions: the right one for each time, and none that is changed once it was used."""

from pathlib import Path

import pytest

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, TariffVersion
from custom_components.smart_charging.engine.model import Json
from custom_components.smart_charging.engine.tariff import TariffInUse, TariffUnknown

from .billing_builders import charged
from .builders import after

CONTENT: dict[str, Json] = {"currency": "EUR", "elements": [{"price": "0.30", "note": "Grüße"}]}


async def add(site: SiteLedger, seconds: float, tariff_id: str | None = "t1", **how: bool) -> TariffVersion:
    return await site.tariffs.add(
        tariff_id, name="House", valid_from=after(seconds), content=CONTENT, at=after(0), **how
    )


async def test_each_time_has_its_version(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    first, third, second = [await add(site, seconds) for seconds in (0, 200, 100)]
    assert (first.version, third.version, second.version) == (1, 2, 3)
    assert (first.content, first.name, first.site_id) == (CONTENT, "House", None)
    await ledger.close()
    ledger = await Ledger.open(path)
    tariffs = ledger.site("home").tariffs
    assert [await tariffs.at("t1", after(at)) for at in (-1, 0, 99, 100, 199, 200)] == [
        None, first, first, second, second, third,
    ]  # fmt: skip
    assert await tariffs.at("t2", after(0)) is None
    assert await tariffs.all() == (first, third, second)
    await ledger.close()


async def test_of_two_for_the_same_time_the_later_one_counts(site: SiteLedger) -> None:
    await add(site, 0)
    second = await add(site, 0)
    assert await site.tariffs.at("t1", after(5)) == second


async def test_a_version_can_be_withdrawn_until_it_was_used(site: SiteLedger) -> None:
    first, second = await add(site, 0), await add(site, 100)
    await site.records.keep(1, [charged(tariff_id="t1", tariff_version=1)])
    with pytest.raises(TariffInUse):
        await site.tariffs.withdraw("t1", 1, after(0))
    gone = await site.tariffs.withdraw("t1", 2, after(7))
    assert gone.withdrawn_at == after(7)
    assert await site.tariffs.at("t1", after(500)) == first
    assert await site.tariffs.version("t1", 2) == gone
    assert await site.tariffs.all() == (first,)
    for version in (2, 3):
        with pytest.raises(TariffUnknown):
            await site.tariffs.withdraw("t1", version, after(0))
    assert (await add(site, 100)).version == second.version + 1


async def test_another_sites_tariff_is_not_added_to(ledger: Ledger, site: SiteLedger) -> None:
    mine = await add(site, 0, None, everywhere=False)
    assert mine.site_id == "home"
    office = ledger.site("office")
    with pytest.raises(TariffUnknown):
        await add(office, 0, mine.tariff_id)
    with pytest.raises(TariffUnknown):
        await office.tariffs.version(mine.tariff_id, 1)
    shared = await add(site, 0, "t2")
    assert (await add(office, 0, "t2", everywhere=False)).site_id is None
    assert await office.tariffs.version("t2", 1) == shared


@pytest.mark.parametrize(
    ("tariff_id", "name", "content"),
    [
        ("t" * 17, "House", CONTENT),
        ("", "House", CONTENT),
        ("t1", " ", CONTENT),
        ("t1", "n" * 101, CONTENT),
        ("t1", "a\0", CONTENT),
        ("t1", "House", {"text": "x" * 300_000}),
        ("t1", "House", {"price": float("nan")}),
    ],
)
async def test_what_is_no_tariff_is_refused(
    site: SiteLedger, tariff_id: str, name: str, content: dict[str, Json]
) -> None:
    with pytest.raises(ValueError):
        await site.tariffs.add(tariff_id, name=name, valid_from=after(0), content=content, at=after(0))
    assert await site.tariffs.all() == ()


async def test_a_removed_site_leaves_the_tariffs_of_its_records(ledger: Ledger, site: SiteLedger) -> None:
    await add(site, 0, "t1", everywhere=False)
    await add(site, 0, "t2", everywhere=False)
    shared = await add(site, 0, "t3")
    await site.records.keep(1, [charged(tariff_id="t1", tariff_version=1)])
    await site.remove_site()
    assert [one.tariff_id for one in await site.tariffs.all()] == ["t1", "t3"]
    assert await ledger.site("office").tariffs.all() == (shared,)
