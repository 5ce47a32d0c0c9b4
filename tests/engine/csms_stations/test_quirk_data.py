"""The data on kinds of stations: read strictly, matched by what a station announces, and told in the docs."""

from itertools import zip_longest
import json
from pathlib import Path
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.csms.profiles import Purpose, Wiring
from custom_components.smart_charging.engine.csms.quirks import CATALOGUE, Entry, Quirks, quirks_for
from custom_components.smart_charging.engine.csms.quirks.catalogue import CatalogueError, Identity, read_file
from custom_components.smart_charging.engine.csms.quirks.effects import DOCUMENTED, EFFECTS, TOLERATED
from custom_components.smart_charging.engine.csms.quirks.versions import FirmwareRange, Version
from custom_components.smart_charging.engine.csms.state import Capabilities, ProfileForm, RateUnit
from script.write_known_stations import DOCS, with_section

ENTRIES = [pytest.param(entry, id=f"{entry.vendor} {entry.station}") for entry in CATALOGUE]
GOOD: dict[str, Any] = {
    "station": "One",
    "match": {"vendor": ["Acme*"], "model": ["One", "Two*"], "firmware": ">=1.2,<2", "protocol": "ocpp1.6"},
    "effects": [
        {"effect": "rate_unit", "value": "W", "note": "a reason"},
        {"effect": "no_password", "note": "a reason"},
        {"effect": "tolerated", "note": "a note"},
        {"effect": "tolerated", "note": "another note"},
    ],
    "seen_on": "1.2",
    "source": "acme #1",
    "example": {"vendor": "ACME Inc.", "model": "two-22", "firmware": "v1.9", "protocol": "ocpp1.6"},
}


def parse(**changes: Any) -> Entry:
    (entry,) = read_file("acme.json", json.dumps({"vendor": "Acme", "entries": [GOOD | changes]}))
    return entry


def fits(entry: Entry, *told: str | None) -> bool:
    return entry.match.fits(Identity(*told))


# What each entry is for


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_is_for_its_own_station_and_for_no_other_vendor(entry: Entry) -> None:
    assert entry.match.fits(entry.example)
    assert not fits(entry, "Acme", "One", "1.0", "ocpp1.6")
    assert not fits(entry, None, None, None, None)
    for other in CATALOGUE:
        assert other.vendor == entry.vendor or not entry.match.fits(other.example)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_effects_of_an_entry_are_in_force_at_its_station(entry: Entry) -> None:
    told = entry.example
    quirks = quirks_for(told.vendor, told.model, told.firmware, told.protocol)
    wired = [effect for effect in entry.effects if effect.name in EFFECTS]
    assert set(quirks.names) >= {effect.name for effect in wired}
    for effect in wired:
        assert getattr(quirks, effect.name) == getattr(EFFECTS[effect.name](Quirks(), effect.value), effect.name)


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("NextCharge", "One"),
        ("Cordyne", "One"),
        ("Foxconn", "One"),
        ("MGE", "One"),
        ("Acme", "LTE+"),
        ("Acme", "Terra AC"),
        (None, "Pulsar"),
        ("", ""),
    ],
)
def test_a_name_that_only_looks_alike_is_another_vendor(vendor: str | None, model: str) -> None:
    assert quirks_for(vendor, model, "1.0", "ocpp1.6") == Quirks()
    assert not any(fits(entry, vendor, model, "1.0", "ocpp1.6") for entry in CATALOGUE)


def test_every_entry_tells_its_source_and_has_a_file_of_its_vendor() -> None:
    places = [(entry.vendor, entry.station) for entry in CATALOGUE]
    assert len(places) == len(set(places)) > 40
    used = {effect.name for entry in CATALOGUE for effect in entry.effects}
    assert {TOLERATED, DOCUMENTED} <= used
    assert EFFECTS.keys() - used <= {"current_step_a"}  # known of none yet, and the option of a charger for all


def test_an_unknown_station_is_led_like_any() -> None:
    assert quirks_for("Acme", "One", "1.0", "ocpp1.6") == Quirks()
    assert quirks_for(None, None, None, None) == Quirks()


def test_a_firmware_decides_where_only_some_are_bad() -> None:
    bad = quirks_for("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.21", "ocpp1.6")
    good = quirks_for("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.32", "ocpp1.6")
    assert bad.measurands_unread
    assert not good.measurands_unread
    assert bad.highest_stack_level == good.highest_stack_level == 0
    assert quirks_for("Wall Box Chargers", "PLP1-0-2-4", "4.11.0", None).forms_first
    assert not quirks_for("Wall Box Chargers", "PLP1-0-2-4", "6.7.38", None).forms_first


def test_what_says_more_of_a_station_wins_for_each_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    def rate(unit: str, **match: Any) -> Entry:
        effects = [{"effect": "rate_unit", "value": unit, "note": "a reason"}]
        return parse(match={"vendor": ["Acme*"], **match}, effects=effects)

    general = parse(match={"vendor": ["Acme*"]})
    narrow = rate("A", model=["Two*"])
    for order in ((general, narrow), (narrow, general)):
        monkeypatch.setattr("custom_components.smart_charging.engine.csms.quirks.catalogue.CATALOGUE", order)
        quirks = quirks_for.__wrapped__("Acme", "Two", None, None)
        assert (quirks.rate_unit, quirks.no_password) == (RateUnit.A, True)
        assert quirks.names == ("no_password", "rate_unit")
        assert quirks_for.__wrapped__("Acme", "Three", None, None).rate_unit is RateUnit.W
    old, new = rate("A", firmware="<2"), rate("W", model=["Two*"])
    for order in ((old, new), (new, old)):
        monkeypatch.setattr("custom_components.smart_charging.engine.csms.quirks.catalogue.CATALOGUE", order)
        assert quirks_for.__wrapped__("Acme", "Two", "1.0", None).rate_unit is RateUnit.A


# Matching


def test_every_condition_of_a_match_must_hold() -> None:
    entry = parse()
    assert fits(entry, "acme", "ONE", "FW 1.2", "ocpp1.6")
    assert not fits(entry, "the acme", "One", "1.2", "ocpp1.6")
    assert not fits(entry, "acme", "One more", "1.2", "ocpp1.6")
    assert not fits(entry, "acme", "One", "2.0", "ocpp1.6")
    assert not fits(entry, "acme", "One", None, "ocpp1.6")
    assert not fits(entry, "acme", "One", "1.2", "ocpp2.0.1")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.8.21", (1, 8, 21)),
        ("TAC3Z9119006710273::V1.8.21", (1, 8, 21)),
        ("PFA0102|V0.00.00|V1.38.00", (1, 38, 0)),
        ("056.8", (56, 8)),
        ("328", (328,)),
        ("beta", None),
        ("", None),
        (None, None),
    ],
)
def test_a_version_is_found_in_what_stations_write(text: str | None, numbers: tuple[int, ...] | None) -> None:
    version = Version.parse(text)
    assert (None if version is None else version.numbers) == numbers


NUMBERS = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=5).map(tuple)


@given(NUMBERS, NUMBERS)
def test_versions_compare_as_numbers_and_missing_ones_are_zero(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    padded = list(zip_longest(left, right, fillvalue=0))
    mine, theirs = [pair[0] for pair in padded], [pair[1] for pair in padded]
    outcome = Version(left).compared(Version(right))
    assert outcome == (mine > theirs) - (mine < theirs)
    assert outcome == -Version(right).compared(Version(left))
    assert Version((*left, 0)).compared(Version(left)) == 0


@given(NUMBERS.filter(lambda numbers: len(numbers) > 1), NUMBERS)
def test_a_range_holds_a_firmware_as_its_bounds_say(firmware: tuple[int, ...], bound: tuple[int, ...]) -> None:
    text, limit = ".".join(map(str, firmware)), ".".join(map(str, bound))
    order = Version(firmware).compared(Version(bound))
    for sign, holds in (("<", order < 0), ("<=", order <= 0), (">", order > 0), (">=", order >= 0), ("==", order == 0)):
        assert FirmwareRange.parse(f"{sign}{limit}").holds(f"board 7 V{text}") is holds
    assert FirmwareRange.parse(f">={limit}, <={limit}").holds(text) is (order == 0)


# Reading


def test_a_good_file_is_read() -> None:
    entry = parse()
    assert (entry.vendor, entry.station, entry.seen_on, entry.source) == ("Acme", "One", "1.2", "acme #1")
    assert entry.apply(Quirks()) == Quirks(("no_password", "rate_unit"), rate_unit=RateUnit.W, no_password=True)


def effect(name: str, *value: Any) -> dict[str, Any]:
    """Return changes of a good entry that give it this effect alone."""
    return {"effects": [{"effect": name, "note": "a reason", **({"value": value[0]} if value else {})}]}


BAD: dict[str, dict[str, Any]] = {
    "a key that is unknown": {"colour": "red"},
    "no text": {"source": " "},
    "no effects": {"effects": []},
    "effects that are no list": {"effects": "rate_unit"},
    "an effect that is no object": {"effects": ["rate_unit"]},
    "an effect that is unknown": effect("dances"),
    "an effect without a note": {"effects": [{"effect": "no_password"}]},
    "an effect twice": {"effects": effect("no_password")["effects"] * 2},
    "a note with a value": effect("tolerated", 1),
    "a match of nothing": {"match": {}},
    "a match of everything but vendor and model": {"match": {"firmware": "<99"}},
    "a pattern that is no list": {"match": {"vendor": "Acme*"}},
    "a pattern that is no text": {"match": {"vendor": [1]}},
    "a firmware without a sign": {"match": {"vendor": ["*"], "firmware": "1.2"}},
    "a firmware that is a number": {"match": {"vendor": ["*"], "firmware": 1.2}},
    "an example that does not match": {"example": {"vendor": "Other"}},
    "a flag that is false": effect("no_password", False),
    "a level that is no number": effect("highest_stack_level", True),
    "a level below 0": effect("highest_stack_level", -1),
    "a pause of 0": effect("raise_pause_s", 0),
    "a pause that is a flag": effect("call_pause_s", True),
    "a unit that is none": effect("rate_unit", "VA"),
    "a form that is none": effect("forms_first", ["spiral"]),
    "a purpose that is none": effect("purposes_never", ["Profit"]),
    "an empty list": effect("measurands", []),
    "a list of no texts": effect("measurands", [""]),
    "currents that fall": effect("currents_a", [8, 6]),
    "settings that are a list": effect("settings", ["a"]),
    "a version of OCPP that is none": effect("prefers_protocol", "ocpp9"),
    "a heartbeat that is too rare": effect("heartbeat_s", 61),
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_a_bad_entry_is_refused_with_the_name_of_its_file(changes: dict[str, Any]) -> None:
    with pytest.raises(CatalogueError, match=r"^acme\.json: "):
        parse(**changes)


@pytest.mark.parametrize("raw", ["", "[]", '{"vendor": "Acme", "entries": []}', '{"vendor": "Acme", "entries": [1]}'])
def test_a_bad_file_is_refused(raw: str) -> None:
    with pytest.raises(CatalogueError):
        read_file("acme.json", raw)


# What profiles may rely on


def test_capabilities_are_narrowed_and_never_widened() -> None:
    quirks = Quirks(highest_stack_level=3, rate_unit=RateUnit.W, purposes_never=frozenset({Purpose.CHARGE_POINT_MAX}))
    told = Capabilities(max_stack_level=8, purposes_rejected=frozenset({"TxProfile"}))
    narrowed = quirks.narrowed(told)
    assert (narrowed.max_stack_level, narrowed.rate_units) == (3, {RateUnit.W})
    assert narrowed.purposes_rejected == {"TxProfile", "ChargePointMaxProfile"}
    assert quirks.narrowed(Capabilities(max_stack_level=1)).max_stack_level == 1
    assert quirks.narrowed(Capabilities()).max_stack_level == 3
    assert Quirks().narrowed(told) == told
    assert ProfileForm("relative_two_periods") is ProfileForm.RELATIVE_TWO_PERIODS


def test_a_current_is_rounded_down_to_what_a_station_can_do() -> None:
    whole = Wiring(3, 6.0, 32.0, step_a=1.0)
    assert [whole.snap(amps) for amps in (5.9, 6.0, 9.99, 40.0)] == [0.0, 6.0, 9.0, 32.0]
    few = Wiring(3, 6.0, 14.0, allowed_a=(6.0, 8.0, 10.0, 13.0, 16.0))
    assert [few.snap(amps) for amps in (5.9, 7.9, 13.0, 16.0)] == [0.0, 6.0, 13.0, 13.0]


@given(st.floats(0, 100), st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_a_rounded_current_is_never_more_and_stays_what_it_is(amps: float, step_a: float) -> None:
    wiring = Wiring(3, 6.0, 32.0, step_a=step_a)
    snapped = wiring.snap(amps)
    assert snapped <= amps + 1e-6
    assert wiring.snap(snapped) == snapped


# Told to the user


def test_the_docs_tell_of_every_kind_of_station() -> None:
    docs = Path(DOCS).read_text(encoding="utf-8")
    assert with_section(docs) == docs, "run python -m script.write_known_stations"
    assert all(entry.source in docs for entry in CATALOGUE)
