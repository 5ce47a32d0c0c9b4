"""Settings, station memory, and the end of a site."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from custom_components.smart_charging.engine.billing_material import StatementDraft, StatementMaterial
from custom_components.smart_charging.engine.driver import Driver, Group, Vehicle
from custom_components.smart_charging.engine.energy_origin import OriginSlot
from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, Retention, SiteLedger, billing_tables, tables
from custom_components.smart_charging.engine.model import EvseKey, Json, MeterValue, SignedValue

from .billing_builders import FAR, charged, make_for, selection
from .builders import EVSE, after, register, started, stopped
from .proof_builders import demanded


async def test_what_was_never_saved_is_empty(site: SiteLedger) -> None:
    assert await site.load_settings("CP1") == {}
    assert await site.load("CP1") == {}


async def test_settings_and_memory_survive_a_restart(path: Path) -> None:
    settings: dict[str, Json] = {"mode": "solar_min", "max_current_a": 13.5, "enabled": True, "list": [1, None, "ä"]}
    first = await Ledger.open(path)
    await first.site("home").save_settings(EVSE, {"mode": "off"})
    await first.site("home").save_settings(EVSE, settings)
    await first.site("home").save("CP1", {"level": 3})
    await first.site("home").save("CP1", {"level": 7})
    await first.close()
    again = await Ledger.open(path)
    assert await again.site("home").load_settings("CP1") == {1: settings}
    assert await again.site("home").load("CP1") == {"level": 7}
    await again.close()


async def test_settings_belong_to_one_evse_of_one_site(ledger: Ledger, site: SiteLedger) -> None:
    await site.save_settings(EVSE, {"mode": "fast"})
    await site.save("CP1", {"level": 3})
    await site.save_settings(EvseKey("CP1", 2), {"mode": "off"})
    assert await site.load_settings("CP1") == {1: {"mode": "fast"}, 2: {"mode": "off"}}
    assert await site.load_settings("CP2") == {}
    assert await site.load("CP2") == {}
    assert await ledger.site("office").load_settings("CP1") == {}
    assert await ledger.site("office").load("CP1") == {}


async def test_settings_are_saved_as_they_were_when_asked(site: SiteLedger) -> None:
    settings: dict[str, Json] = {"limits": [6]}
    saving = site.save_settings(EVSE, settings)
    await saving
    limits = settings["limits"]
    assert isinstance(limits, list)
    limits.append(16)
    assert await site.load_settings("CP1") == {1: {"limits": [6]}}


def sites_in(table: sa.Table, connection: sa.Connection) -> set[str]:
    return set(connection.execute(sa.select(table.c.site_id)).scalars())


# Proof, records and statements have to be kept for their time.
KEPT = {
    tables.grid_proof,
    tables.grid_proof_heads,
    billing_tables.charge_records,
    billing_tables.record_days,
    billing_tables.record_totals,
    billing_tables.personal_texts,
    billing_tables.statements,
    billing_tables.statement_heads,
    billing_tables.billed_days,
    billing_tables.tariffs,
}


async def bill(site: SiteLedger) -> None:
    """Keep something in every table of drivers, records and statements."""
    name = site._site_id
    await site.drivers.add(Driver("", "Anna"), everywhere=False)
    await site.drivers.add_group(Group("", "Family", every_site=False))
    await site.drivers.add_vehicle(Vehicle("", "Car"), everywhere=False)
    tariff = await site.tariffs.add(None, name="House", valid_from=after(0), content={}, at=after(0), everywhere=False)
    asked = selection()

    def make(material: StatementMaterial) -> StatementDraft | None:
        draft = make_for(asked)(material)
        assert draft is not None
        return StatementDraft(replace(draft.statement, site_id=name), draft.billed)

    for number in (901, 902):
        record = charged(number, transaction=f"{name}{number}", site_id=name, tariff_id=tariff.tariff_id)
        await site.records.keep(number, [replace(record, record_id=f"{name}{number}", tariff_version=1)])
        await site.statements.issue(asked, "R-", make)
        if number == 901:
            await site.prune(Retention(records=FAR))
    await site.records.price_anew(902)


async def test_a_removed_site_leaves_its_proof_only_and_others_untouched(
    ledger: Ledger, site: SiteLedger, database: str
) -> None:
    for one in (site, ledger.site("office")):
        await bill(one)
        kept = await one.start_transaction(started())
        for seconds in (10, 20):
            await one.meter_values(EVSE)  # files what was read before
            await one.record_meter_values("CP1", 1, kept.transaction_id, (register(seconds, 1030),), after(seconds))
        signed = MeterValue(after(30), (), (SignedValue("OCMF|{}|{}"),))
        await one.record_meter_values("CP1", 1, kept.transaction_id, (signed,), after(30))
        slots = {(kept.session_id, after(0), after(0)): OriginSlot(after(0), 20.0)}
        await one.save_origins({}, slots, {after(0): 0.3})
        await one.stop_transaction(stopped("77", 60, 1200))
        await one.save("CP1", {"level": 3})
        await one.save_memory("observe_only", value=True)
        await one.tokens.add("TAG1", TokenDetails("Anna"), after(0))
        await one.grid_proof.append(demanded(0))
    await ledger.site("office").tokens.add("TAG2", TokenDetails("Ben"), after(0), everywhere=True)
    await site.remove_site()
    for table in tables.metadata.sorted_tables:
        # What is the host's is nobody's to remove.
        kept_sites = {"home", "office"} if table in KEPT else {"office"}
        if table is tables.reading_journal and database != "sqlite":
            kept_sites = set()
        assert await ledger.read(partial(sites_in, table)) - {""} == kept_sites, table.name
    assert [token.details.label for token in await site.tokens.all()] == ["Ben"]
    assert await site.record_meter_values("CP1", 1, None, (register(20, 1060),), after(20)) is None
    assert (await site.start_transaction(started())).energy_wh == 0
