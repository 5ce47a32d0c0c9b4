"""Write the section of docs/ocpp.md on known kinds of stations, from the data on them."""

from itertools import groupby
from pathlib import Path

from custom_components.smart_charging.engine.csms.quirks import CATALOGUE, Entry

DOCS = Path(__file__).parents[1] / "docs" / "ocpp.md"
_BEGIN = "<!-- known stations: written by python -m script.write_known_stations -->"
_END = "<!-- end of known stations -->"


def with_section(docs: str) -> str:
    """Return the page with the section as the data has it."""
    before, _, rest = docs.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{_section()}\n{_END}{after}"


def _section() -> str:
    rows = ["| station | what is done | seen on | source |", "|---|---|---|---|"]
    by_vendor = groupby(sorted(CATALOGUE, key=lambda entry: entry.vendor.casefold()), key=lambda entry: entry.vendor)
    for vendor, entries in by_vendor:
        rows += [_row(vendor, entry) for entry in entries]
    return "\n".join(rows) + "\n"


def _row(vendor: str, entry: Entry) -> str:
    notes = []
    for effect in entry.effects:
        value = "" if effect.value is True else f" {_shown(effect.value)}"
        notes.append(f"`{effect.name}`{value}: {effect.note}")
    return " | ".join((f"| {vendor} {entry.station}", ".<br>".join(notes), entry.seen_on, f"{entry.source} |"))


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {item}" for key, item in value.items())
    return str(value)


if __name__ == "__main__":
    DOCS.write_text(with_section(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{DOCS.name}: {len(CATALOGUE)} kinds of stations")
