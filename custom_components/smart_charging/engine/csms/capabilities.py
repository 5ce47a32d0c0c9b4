"""What a station's configuration keys tell about it, read as tolerantly as stations write them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ..model import Json, Measurand, MeterValue
from .meter_values import parse_number
from .state import Capabilities, RateUnit

MEASURANDS_KEY = "MeterValuesSampledData"
INTERVAL_KEY = "MeterValueSampleInterval"
NEEDED_KEYS = (
    "NumberOfConnectors",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    MEASURANDS_KEY,
    INTERVAL_KEY,
)
_UNIT_WORDS = {"current": RateUnit.A, "a": RateUnit.A, "power": RateUnit.W, "w": RateUnit.W}
_PER_PHASE = frozenset({Measurand.CURRENT_IMPORT, Measurand.VOLTAGE, Measurand.POWER_IMPORT})
_PHASE_COUNT = {"L1": 1, "L2": 2, "L3": 3}
_PHASE_SWITCH_KEYS = ("ConnectorSwitch3to1PhaseSupported", "ACPhaseSwitchingSupported")


@dataclass(frozen=True, slots=True)
class ConfigurationValue:
    """A configuration key's value as the station wrote it, and the most it may be where that is told."""

    key: str
    value: str | None
    readonly: bool
    maximum: float | None = None


class Configuration:
    """Configuration keys by name, whatever their case."""

    def __init__(self, values: Sequence[ConfigurationValue]) -> None:
        """Take the values; a later one of the same name wins."""
        self._values = {value.key.strip().lower(): value for value in values}

    @classmethod
    def parse(cls, payload: Mapping[str, Json]) -> Self:
        """Read a GetConfiguration response; entries that make no sense are passed over."""
        raw = payload.get("configurationKey")
        values = []
        for entry in raw if isinstance(raw, list) else []:
            if isinstance(entry, dict) and isinstance(key := entry.get("key"), str):
                value = entry.get("value")
                text = None if value is None else str(value)
                values.append(ConfigurationValue(key, text, entry.get("readonly") is True))
        return cls(values)

    @property
    def values(self) -> tuple[ConfigurationValue, ...]:
        """Return all entries in the station's order."""
        return tuple(self._values.values())

    def get(self, key: str) -> ConfigurationValue | None:
        """Return the entry of a key, None if the station does not have it."""
        return self._values.get(key.lower())

    def text(self, key: str) -> str | None:
        """Return a value without surrounding space, None where there is none."""
        entry = self.get(key)
        return entry.value.strip() if entry is not None and entry.value is not None else None

    def integer(self, key: str) -> int | None:
        """Return a value as a whole number, None if it is not one."""
        number = parse_number(self.text(key))
        return int(number) if number is not None and number >= 0 else None

    def words(self, key: str) -> tuple[str, ...]:
        """Return a comma-separated list, without the brackets and spaces that some stations add."""
        text = (self.text(key) or "").strip("[](){} ")
        return tuple(word for part in text.split(",") if (word := part.strip().strip("\"'[] ")))

    def flag(self, key: str) -> bool | None:
        """Return a value as a truth value, None if it is none."""
        text = (self.text(key) or "").lower()
        return {"true": True, "1": True, "false": False, "0": False}.get(text)

    def joined(self, other: Self) -> Self:
        """Return the keys of both."""
        return type(self)((*self._values.values(), *other._values.values()))

    def as_dict(self) -> dict[str, str | None]:
        """Return the values by the station's own spelling of the keys."""
        return {value.key: value.value for value in self._values.values()}

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._values)


def read_capabilities(configuration: Configuration, known: Capabilities) -> Capabilities:
    """Return what is known after reading these keys; a missing key leaves what was known."""
    units = rate_units(configuration.words("ChargingScheduleAllowedChargingRateUnit"))
    level = configuration.integer("ChargeProfileMaxStackLevel")
    periods = configuration.integer("ChargingScheduleMaxPeriods")
    profiles = configuration.integer("MaxChargingProfilesInstalled")
    connectors = configuration.integer("NumberOfConnectors")
    switching = [configuration.flag(key) for key in _PHASE_SWITCH_KEYS]
    features = configuration.words("SupportedFeatureProfiles")
    measurands = configuration.words(MEASURANDS_KEY)
    phases = _wired_phases(configuration.words("ConnectorPhaseRotation"))
    return replace(
        known,
        connectors=connectors or known.connectors,
        rate_units=units or known.rate_units,
        max_stack_level=known.max_stack_level if level is None else level,
        max_periods=periods or known.max_periods,
        max_profiles=profiles or known.max_profiles,
        dynamic_profiles=False,
        two_way=frozenset(),
        measurands=frozenset(measurands) or known.measurands,
        feature_profiles=frozenset(features) or known.feature_profiles,
        phases=max(phases or 0, known.phases or 0) or None,
        phase_switching=True if True in switching else (False if False in switching else known.phase_switching),
    )


def rate_units(words: Iterable[str]) -> frozenset[RateUnit]:
    """Return the units that stations call "Current", "Power", "A" or "W"; other words are passed over."""
    return frozenset(_UNIT_WORDS[word.lower()] for word in words if word.lower() in _UNIT_WORDS)


def _wired_phases(rotations: Sequence[str]) -> int | None:
    """Return the phases of the connectors by their rotation (section 9.1.6), as "1.RST".

    A bare "NotApplicable" is what many stations come with, whatever they are; given for a connector it
    means one phase.
    """
    told: set[int | None] = set()
    for entry in rotations:
        connector, _, rotation = entry.rpartition(".")
        if connector != "0":  # how the station's own meter is wired
            one = rotation == "NotApplicable" and connector.isdigit()
            told.add(3 if sorted(rotation.upper()) == ["R", "S", "T"] else 1 if one else None)
    return max((count for count in told if count is not None), default=None)


def measured_phases(values: Iterable[MeterValue]) -> int | None:
    """Return how many phases these readings tell apart; None where they name none, as a sum does."""
    named = {
        sample.phase[:2]
        for value in values
        for sample in value.values
        if sample.measurand in _PER_PHASE and sample.phase is not None
    }
    return max((_PHASE_COUNT[phase] for phase in named if phase in _PHASE_COUNT), default=None)
