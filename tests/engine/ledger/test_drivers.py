"""Drivers, groups and vehicles: kept, changed, refused, and whose a transaction is."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.driver import (
    Allowance,
    Driver,
    DriverUnknown,
    Group,
    GroupUnknown,
    NameExists,
    NotStorable,
    RegistryError,
    StillInUse,
    UserTaken,
    Vehicle,
    VehicleUnknown,
    WeeklyWindow,
)
from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger

from .billing_builders import registered
from .builders import after, started, stopped

GROUP = Group(
    "g1",
    "Family",
    "t1",
    Allowance(Decimal("50.5")),
    2,
    frozenset({"CP1", "CP2"}),
    (WeeklyWindow(time(22), time(6), frozenset({0, 6})),),
    "schedule.night",
    Decimal("0.5"),
    every_site=False,
)
ANNA = Driver(
    "anna",
    "Anna",
    "g1",
    "anna@example.org",
    "CC1",
    "de",
    active=False,
    user_id="u1",
    tariff_id="t2",
    allowance=Allowance(amount=Decimal("12.30")),
    employer_share=Decimal("0.25"),
    created_at=after(0),
)
CAR = Vehicle("v1", "ID.3", Decimal("58.0"), 3, "anna", "B-AA 1")


async def test_all_of_them_come_back_as_they_were_kept(path: Path) -> None:
    ledger = await Ledger.open(path)
    drivers = ledger.site("home").drivers
    assert await drivers.add_group(GROUP) == GROUP
    assert await drivers.add(ANNA) == ANNA
    assert await drivers.add_vehicle(CAR) == CAR
    await ledger.close()
    ledger = await Ledger.open(path)
    drivers = ledger.site("home").drivers
    assert (await drivers.groups(), await drivers.all(), await drivers.vehicles()) == ((GROUP,), (ANNA,), (CAR,))
    assert await drivers.driver("anna") == await drivers.of_user("u1") == ANNA
    assert await drivers.of_user("u2") is None
    await ledger.close()
    assert b"anna@example.org" not in path.read_bytes()


async def test_one_without_an_id_gets_one(site: SiteLedger) -> None:
    first, second = [await site.drivers.add(Driver("", name)) for name in ("Anna", "Ben")]
    assert len({first.driver_id, second.driver_id, ""}) == 3
    assert (await site.drivers.add_group(Group("", "Family"))).group_id
    assert (await site.drivers.add_vehicle(Vehicle("", "Car"))).vehicle_id


async def test_what_is_of_one_site_does_not_count_at_another(ledger: Ledger, site: SiteLedger) -> None:
    office = ledger.site("office").drivers
    await site.drivers.add(Driver("a", "Anna"), everywhere=False)
    await site.drivers.add(Driver("b", "Ben"))
    await site.drivers.add_group(Group("g1", "Here", every_site=False))
    await site.drivers.add_group(Group("g2", "There"))
    await site.drivers.add_vehicle(Vehicle("v1", "Mine"), everywhere=False)
    assert [one.name for one in await office.all()] == ["Ben"]
    assert [one.name for one in await office.groups()] == ["There"]
    assert await office.vehicles() == ()
    with pytest.raises(DriverUnknown):
        await office.driver("a")
    with pytest.raises(DriverUnknown):
        await office.change("a", lambda one: one)
    with pytest.raises(VehicleUnknown):
        await office.delete_vehicle("v1")
    with pytest.raises(GroupUnknown):
        await office.delete_group("g1")
    await office.add(Driver("c", "Anna"), everywhere=False)
    moved = await site.drivers.change_group("g1", lambda one: replace(one, every_site=True))
    assert moved.every_site
    assert [one.name for one in await office.groups()] == ["Here", "There"]


type Asked = Callable[[SiteLedger], Awaitable[object]]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (lambda site: site.drivers.add(Driver("anna", "Other")), NameExists),
        (lambda site: site.drivers.add(Driver("", "aNNa adler")), NameExists),
        (lambda site: site.drivers.add(Driver("x", "X", user_id="u1")), UserTaken),
        (lambda site: site.drivers.add(Driver("x", "X", group_id="none")), GroupUnknown),
        (lambda site: site.drivers.add(Driver("x", " ")), NotStorable),
        (lambda site: site.drivers.add(Driver("x", "X" * 101)), NotStorable),
        (lambda site: site.drivers.add(Driver("x" * 17, "X")), NotStorable),
        (lambda site: site.drivers.add(Driver("x", "X\0")), NotStorable),
        (lambda site: site.drivers.add(Driver("x", "X\ud800")), NotStorable),
        (lambda site: site.drivers.add(Driver("x", "X", email="e" * 255)), NotStorable),
        (lambda site: site.drivers.add(Driver("x", "X", employer_share=Decimal("1.1"))), NotStorable),
        (lambda site: site.drivers.change("anna", lambda one: replace(one, name="")), NotStorable),
        (lambda site: site.drivers.change("ben", lambda one: replace(one, name="ANNA ADLER")), NameExists),
        (lambda site: site.drivers.change("ben", lambda one: replace(one, user_id="u1")), UserTaken),
        (lambda site: site.drivers.change("none", lambda one: one), DriverUnknown),
        (lambda site: site.drivers.driver("none"), DriverUnknown),
        (lambda site: site.drivers.add_group(Group("g2", "FAMILY")), NameExists),
        (lambda site: site.drivers.delete_group("g1"), StillInUse),
        (lambda site: site.drivers.delete_group("none"), GroupUnknown),
        (lambda site: site.drivers.change_group("none", lambda one: one), GroupUnknown),
        (lambda site: site.drivers.add_vehicle(Vehicle("", "Car", driver_id="none")), DriverUnknown),
        (lambda site: site.drivers.add_vehicle(Vehicle("", "Car", phases=4)), NotStorable),
        (lambda site: site.drivers.add_vehicle(Vehicle("", "Car", battery_kwh=Decimal(-1))), NotStorable),
        (lambda site: site.drivers.add_vehicle(Vehicle("", "Car", plate="X" * 33)), NotStorable),
        (lambda site: site.drivers.delete_vehicle("none"), VehicleUnknown),
        (lambda site: site.drivers.assign("CP1", "t", "none"), DriverUnknown),
        (lambda site: site.drivers.assign("CP1", "t", "anna", "none"), VehicleUnknown),
        (lambda site: site.drivers.export("none"), DriverUnknown),
        (lambda site: site.drivers.anonymise("none", after(0)), DriverUnknown),
        (lambda site: site.tokens.add("T1", TokenDetails("T", driver_id="none"), after(0)), DriverUnknown),
        (lambda site: site.tokens.add("T1", TokenDetails("T", vehicle_id="none"), after(0)), VehicleUnknown),
    ],
)
async def test_what_can_not_be_is_refused_and_changes_nothing(
    site: SiteLedger, asked: Asked, refusal: type[RegistryError]
) -> None:
    await site.drivers.add_group(Group("g1", "Family"))
    await registered(site, "anna", user_id="u1", group_id="g1")
    await registered(site, "ben")

    async def all_there_is() -> object:
        drivers = site.drivers
        return await drivers.all(), await drivers.groups(), await drivers.vehicles(), await site.tokens.all()

    before = await all_there_is()
    with pytest.raises(refusal):
        await asked(site)
    assert await all_there_is() == before


async def test_who_listens_is_told_of_changes_only(ledger: Ledger, site: SiteLedger) -> None:
    told: list[int] = []
    stop = ledger.site("office").drivers.subscribe(lambda: told.append(1))
    await site.drivers.add(Driver("a", "Anna"))
    await site.drivers.change("a", lambda one: replace(one, active=False))
    with pytest.raises(NameExists):
        await site.drivers.add(Driver("b", "Anna"))
    assert len(told) == 2
    stop()
    await site.drivers.add(Driver("b", "Ben"))
    assert len(told) == 2


async def test_a_transaction_keeps_whose_its_token_was_at_the_start(site: SiteLedger) -> None:
    for name in ("anna", "ben"):
        await registered(site, name)
    await site.drivers.add_vehicle(Vehicle("v1", "Car", driver_id="ben"))
    token = await site.tokens.add("TAG1", TokenDetails("Fob", driver_id="anna", vehicle_id="v1"), after(0))
    kept = await site.start_transaction(started())
    assert (kept.driver_id, kept.vehicle_id) == ("anna", "v1")
    await site.tokens.change(token.token_id, lambda one: replace(one, driver_id="ben", vehicle_id=None))
    (_, ended) = await site.stop_transaction(stopped(kept.transaction_id, 60, 2000))
    assert ended is not None
    assert (ended.driver_id, ended.vehicle_id) == ("anna", "v1")
    later = await site.start_transaction(started(100))
    assert (later.driver_id, later.vehicle_id) == ("ben", None)


async def test_a_cars_token_is_that_of_who_drives_it(site: SiteLedger) -> None:
    await registered(site)
    await site.drivers.add_vehicle(Vehicle("v1", "Car", driver_id="anna"))
    await site.tokens.add("TAG1", TokenDetails("Car", vehicle_id="v1"), after(0))
    begun = await site.start_transaction(started(token=""))
    assert (begun.driver_id, begun.vehicle_id) == (None, None)
    told = await site.identify_transaction("CP1", begun.transaction_id, "TAG1")
    assert told is not None
    assert (told.driver_id, told.vehicle_id) == ("anna", "v1")
    assert await site.open_transactions("CP1") == (told,)
    await site.drivers.delete_vehicle("v1")
    (token,) = await site.tokens.all()
    assert token.details.vehicle_id is None


async def test_who_was_assigned_stays_when_a_token_comes_later(site: SiteLedger) -> None:
    for name in ("anna", "ben"):
        await registered(site, name)
    await site.tokens.add("TAG1", TokenDetails("Fob", driver_id="ben"), after(0))
    begun = await site.start_transaction(started(token=""))
    assert await site.drivers.assign("CP1", "none", "anna") is None
    await site.drivers.assign("CP1", begun.transaction_id, "anna")
    told = await site.identify_transaction("CP1", begun.transaction_id, "TAG1")
    assert told is not None
    assert told.driver_id == "anna"


async def test_stays_of_a_tag_from_before_it_was_known_are_found_and_assigned(site: SiteLedger) -> None:
    await registered(site)
    begun = await site.start_transaction(started(token="TAG9"))
    await site.stop_transaction(stopped(begun.transaction_id, 60, 2000))
    token = await site.tokens.add("tag9", TokenDetails("Fob", driver_id="anna"), after(0))
    (found,) = await site.drivers.unassigned(token.token_id)
    assert found.transaction_id == begun.transaction_id
    (waiting,) = await site.records.pending()
    await site.records.keep(waiting.session_id, (), waiting)
    assert await site.records.pending() == ()
    done = await site.drivers.assign("CP1", found.transaction_id, "anna")
    assert done is not None
    assert done.driver_id == "anna"
    assert [one.session_id for one in await site.records.pending()] == [begun.session_id]
    assert await site.drivers.unassigned(token.token_id) == ()


async def test_a_group_that_nobody_is_in_can_go(site: SiteLedger) -> None:
    await site.drivers.add_group(Group("g1", "Family"))
    await registered(site, group_id="g1")
    await site.drivers.change("anna", lambda one: replace(one, group_id=None))
    assert (await site.drivers.delete_group("g1")).name == "Family"
    assert await site.drivers.groups() == ()
