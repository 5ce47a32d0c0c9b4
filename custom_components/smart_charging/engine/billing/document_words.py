"""The words of documents in each language. They are no translations of Home Assistant: documents have their own language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..charge_record import LineKind, StatementOf
from ..usage import EnergySource, SignedMark
from .document_format import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All words of one language."""

    charges_title: str
    employer_title: str
    number: str
    period: str
    issued: str
    site: str
    tax_id: str
    recipient: str
    of: Mapping[StatementOf, str]
    details: Mapping[str, str]
    date: str
    charger: str
    energy: str
    solar_share: str
    price: str
    amount: str
    energy_cost: str
    average: str
    before_tax: str
    meter: str
    meter_start: str
    meter_stop: str
    signed: Mapping[SignedMark, str]
    late: str
    corrects: str
    corrected: str
    part: str
    offline: str
    lost: str
    clock_off: str
    lines: Mapping[LineKind, str]
    sources: Mapping[EnergySource, str]
    nothing: str
    energy_total: str
    net: str
    vat: str
    gross: str
    vat_at: str
    total: str
    months_title: str
    month: str
    vehicle: str
    rate: str
    rate_amount: str
    actual_total: str
    rate_total: str
    no_rate: str
    rate_missing: str
    basis_actual: str
    basis_rate: str
    proven: str
    page: str
    checksum: str
    csv: Mapping[str, str]
    yes: str


WORDS: Final[Mapping[Language, Words]] = {
    Language.ENGLISH: Words(
        charges_title="Charging statement",
        employer_title="Record for your employer",
        number="Number",
        period="Period",
        issued="Date",
        site="Site",
        tax_id="Tax no./VAT ID",
        recipient="For",
        of={
            StatementOf.DRIVER: "Driver",
            StatementOf.GROUP: "Group",
            StatementOf.VEHICLE: "Vehicle",
            StatementOf.STATION: "Charger",
            StatementOf.SITE: "Whole site",
        },
        details={"cost_centre": "Cost centre", "plate": "Plate"},
        date="Date",
        charger="Charger",
        energy="kWh",
        solar_share="Solar",
        price="Price/kWh",
        amount="Amount",
        energy_cost="Energy cost",
        average="avg.",
        before_tax="prices without VAT",
        meter="Meter",
        meter_start="Meter start",
        meter_stop="Meter stop",
        signed={
            SignedMark.UNSIGNED: "",
            SignedMark.SIGNED: "signed",
            SignedMark.VERIFIED: "signature verified",
            SignedMark.INVALID: "signature invalid",
        },
        late="added late",
        corrects="reverses an entry of {number}",
        corrected="corrected",
        part="part of a longer stay; the meter readings are of all of it",
        offline="authorised offline",
        lost="end estimated",
        clock_off="time of the server",
        lines={
            LineKind.ENERGY: "Energy",
            LineKind.TIME: "Charging time",
            LineKind.PARKING: "Parking",
            LineKind.FLAT: "Session fee",
            LineKind.ADJUSTMENT: "Adjustment",
            LineKind.ALLOWANCE: "Free allowance",
            LineKind.EMPLOYER: "Employer's share",
        },
        sources={
            EnergySource.SOLAR: "solar",
            EnergySource.BATTERY: "battery",
            EnergySource.GRID: "grid",
            EnergySource.UNKNOWN: "unknown",
        },
        nothing="Nothing was charged in this period.",
        energy_total="Energy",
        net="Net",
        vat="VAT",
        gross="Gross",
        vat_at="VAT {rate}",
        total="Total",
        months_title="By vehicle and month",
        month="Month",
        vehicle="Vehicle",
        rate="Rate/kWh",
        rate_amount="Amount",
        actual_total="Actual cost of energy",
        rate_total="Amount by the yearly rate",
        no_rate="none known",
        rate_missing="No rate per kWh is known for {years}. The amount of that time is missing.",
        basis_actual="The actual cost of the energy is to be paid back.",
        basis_rate="The yearly flat rate per kWh of the tax authority is to be paid back.",
        proven="The energy was measured by the meter of the charger and is listed per vehicle.",
        page="Page {page} of {pages}",
        checksum="Checksum (SHA-256)",
        csv={
            "statement": "Statement",
            "record": "Record",
            "begin": "Begin",
            "end": "End",
            "time_zone": "Time zone",
            "charger": "Charger",
            "evse": "EVSE",
            "driver": "Driver",
            "tag": "Tag",
            "vehicle": "Vehicle",
            "energy": "Energy (kWh)",
            "solar": "Solar (kWh)",
            "battery": "Battery (kWh)",
            "grid": "Grid (kWh)",
            "unknown": "Unknown origin (kWh)",
            "lines": "Price lines",
            "net": "Net",
            "vat": "VAT",
            "gross": "Gross",
            "currency": "Currency",
            "meter_start": "Meter start (kWh)",
            "meter_stop": "Meter stop (kWh)",
            "signed": "Signed",
            "late": "Late",
            "corrects": "Corrects",
            "plate": "Plate",
            "month": "Month",
            "cost": "Actual cost of energy",
            "rate": "Rate per kWh",
            "rate_amount": "Amount by rate",
        },
        yes="yes",
    ),
    Language.GERMAN: Words(
        charges_title="Ladeabrechnung",
        employer_title="Nachweis für den Arbeitgeber",
        number="Nummer",
        period="Zeitraum",
        issued="Datum",
        site="Standort",
        tax_id="St.-Nr./USt-IdNr.",
        recipient="Für",
        of={
            StatementOf.DRIVER: "Fahrer/in",
            StatementOf.GROUP: "Gruppe",
            StatementOf.VEHICLE: "Fahrzeug",
            StatementOf.STATION: "Ladestation",
            StatementOf.SITE: "Gesamter Standort",
        },
        details={"cost_centre": "Kostenstelle", "plate": "Kennzeichen"},
        date="Datum",
        charger="Ladestation",
        energy="kWh",
        solar_share="Sonne",
        price="Preis/kWh",
        amount="Betrag",
        energy_cost="Stromkosten",
        average="Ø",
        before_tax="Preise ohne USt.",
        meter="Zähler",
        meter_start="Zähler Beginn",
        meter_stop="Zähler Ende",
        signed={
            SignedMark.UNSIGNED: "",
            SignedMark.SIGNED: "signiert",
            SignedMark.VERIFIED: "Signatur geprüft",
            SignedMark.INVALID: "Signatur ungültig",
        },
        late="Nachtrag",
        corrects="Storno zu {number}",
        corrected="berichtigt",
        part="Teil eines längeren Ladevorgangs, die Zählerstände gelten für den ganzen",
        offline="offline freigegeben",
        lost="Ende geschätzt",
        clock_off="Zeit des Servers",
        lines={
            LineKind.ENERGY: "Energie",
            LineKind.TIME: "Ladezeit",
            LineKind.PARKING: "Standzeit",
            LineKind.FLAT: "Grundgebühr",
            LineKind.ADJUSTMENT: "Anpassung",
            LineKind.ALLOWANCE: "Freimenge",
            LineKind.EMPLOYER: "Anteil des Arbeitgebers",
        },
        sources={
            EnergySource.SOLAR: "Sonne",
            EnergySource.BATTERY: "Batterie",
            EnergySource.GRID: "Netz",
            EnergySource.UNKNOWN: "unbekannt",
        },
        nothing="In diesem Zeitraum wurde nichts geladen.",
        energy_total="Energie",
        net="Netto",
        vat="USt.",
        gross="Brutto",
        vat_at="USt. {rate}",
        total="Summe",
        months_title="Nach Fahrzeug und Monat",
        month="Monat",
        vehicle="Fahrzeug",
        rate="Satz/kWh",
        rate_amount="Betrag",
        actual_total="Tatsächliche Stromkosten",
        rate_total="Betrag nach Jahrespauschale",
        no_rate="nicht bekannt",
        rate_missing="Für {years} ist kein Satz je kWh bekannt. Der Betrag dieser Zeit fehlt.",
        basis_actual="Zu erstatten sind die tatsächlichen Stromkosten.",
        basis_rate="Zu erstatten ist die Strompreispauschale der Finanzverwaltung je kWh.",
        proven="Die Strommenge hat der Zähler der Ladestation gemessen; sie ist je Fahrzeug nachgewiesen.",
        page="Seite {page} von {pages}",
        checksum="Prüfsumme (SHA-256)",
        csv={
            "statement": "Abrechnung",
            "record": "Ladevorgang",
            "begin": "Beginn",
            "end": "Ende",
            "time_zone": "Zeitzone",
            "charger": "Ladestation",
            "evse": "Ladepunkt",
            "driver": "Fahrer/in",
            "tag": "Ladekarte",
            "vehicle": "Fahrzeug",
            "energy": "Energie (kWh)",
            "solar": "Sonne (kWh)",
            "battery": "Batterie (kWh)",
            "grid": "Netz (kWh)",
            "unknown": "Unbekannte Herkunft (kWh)",
            "lines": "Preispositionen",
            "net": "Netto",
            "vat": "USt.",
            "gross": "Brutto",
            "currency": "Währung",
            "meter_start": "Zähler Beginn (kWh)",
            "meter_stop": "Zähler Ende (kWh)",
            "signed": "Signiert",
            "late": "Nachtrag",
            "corrects": "Berichtigt",
            "plate": "Kennzeichen",
            "month": "Monat",
            "cost": "Tatsächliche Stromkosten",
            "rate": "Satz je kWh",
            "rate_amount": "Betrag nach Satz",
        },
        yes="ja",
    ),
}
