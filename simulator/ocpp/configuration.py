"""A station's configuration keys (OCPP 1.6 ed. 2 section 9) with their rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from .local_list import AT_ONCE
from .options import StationOptions

MEASURANDS = frozenset(
    {
        "Current.Import",
        "Current.Offered",
        "Energy.Active.Import.Register",
        "Frequency",
        "Power.Active.Import",
        "Power.Offered",
        "SoC",
        "Temperature",
        "Voltage",
    }
)
"""What the simulated meter can measure."""

DEFAULT_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered"


class Change(StrEnum):
    """Answers to ChangeConfiguration."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


def _whole(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _switch(value: str) -> bool:
    return value.lower() in {"true", "false"}


def _anything(value: str) -> bool:
    del value
    return True


def _key_text(value: str) -> bool:
    """Tell whether this is a password: 16 to 40 characters (security whitepaper, AuthorizationKey)."""
    return 16 <= len(value) <= 40


@dataclass(slots=True)
class Key:
    """One key: its value and what may be done to it."""

    value: str
    valid: Callable[[str], bool] = _anything
    readonly: bool = False
    needs_reboot: bool = False
    secret: bool = False
    pending: str | None = None


@dataclass(slots=True)
class Configuration:
    """The key table of one station; names are compared without regard to case."""

    keys: dict[str, Key] = field(default_factory=dict)

    def get(self, name: str) -> tuple[str, Key] | None:
        """Return a key with its proper name, or None."""
        return next(((known, key) for known, key in self.keys.items() if known.lower() == name.lower()), None)

    def integer(self, name: str) -> int:
        """Return a key's value as a number."""
        return int(self.keys[name].value)

    def flag(self, name: str) -> bool:
        """Return a key's value as a truth value."""
        return self.keys[name].value.lower() == "true"

    def items(self, name: str) -> list[str]:
        """Return a key's comma-separated values."""
        return [item.strip() for item in self.keys[name].value.split(",") if item.strip()]

    def change(self, name: str, value: str) -> Change:
        """Change a key and tell how that went."""
        found = self.get(name)
        if found is None:
            return Change.NOT_SUPPORTED
        key = found[1]
        if key.readonly or len(value) > 500 or not key.valid(value):
            return Change.REJECTED
        if key.needs_reboot:
            key.pending = value
            return Change.REBOOT_REQUIRED
        key.value = value
        return Change.ACCEPTED

    def boot(self) -> None:
        """Let the changes act that waited for a boot."""
        for key in self.keys.values():
            if key.pending is not None:
                key.value, key.pending = key.pending, None


def default_configuration(options: StationOptions) -> Configuration:
    """Return the table of a station fresh from the factory."""
    quirks = options.quirks
    known = MEASURANDS - quirks.missing_measurands

    def measurable(value: str) -> bool:
        return all(item.strip() in known for item in value.split(",") if item.strip())

    units = "Power" if quirks.watts_only else "Current" if quirks.amps_only else "Current,Power"
    measured = [*DEFAULT_MEASURANDS.split(","), *(["SoC"] if options.reports_soc else [])]
    sampled = ",".join(item for item in measured if item in known)
    fixed = {
        "ChargeProfileMaxStackLevel": str(0 if quirks.one_stack_level_only else options.stack_levels),
        "ChargingScheduleAllowedChargingRateUnit": units,
        "ChargingScheduleMaxPeriods": "1" if quirks.one_period_only else "24",
        "ConnectorSwitch3to1PhaseSupported": str(options.switches_phases).lower(),
        "GetConfigurationMaxKeys": "60",
        "MaxChargingProfilesInstalled": "20",
        "MeterValuesSampledDataMaxLength": "9",
        "NumberOfConnectors": str(options.connectors),
        "ReserveConnectorZeroSupported": "false",
        "SupportedFeatureProfiles": "Core,FirmwareManagement,RemoteTrigger,SmartCharging",
    }
    if options.local_list_entries:
        fixed["SupportedFeatureProfiles"] += ",LocalAuthListManagement"
        fixed |= {
            "LocalAuthListMaxLength": str(options.local_list_entries),
            "SendLocalListMaxLength": str(AT_ONCE),
        }
    numbers = {
        "ClockAlignedDataInterval": "0",
        "ConnectionTimeOut": "60",
        "HeartbeatInterval": "300",
        "MeterValueSampleInterval": str(options.sample_s),
        "ResetRetries": "1",
        "TransactionMessageAttempts": "3",
        "TransactionMessageRetryInterval": "10",
        "WebSocketPingInterval": "0",
    }
    switches = {
        "AllowOfflineTxForUnknownId": "true",
        "AuthorizationCacheEnabled": "true",
        "AuthorizeRemoteTxRequests": "false",
        "LocalAuthorizeOffline": "true",
        "LocalPreAuthorize": "false",
        "StopTransactionOnEVSideDisconnect": "true",
        "StopTransactionOnInvalidId": "true",
        "UnlockConnectorOnEVSideDisconnect": "true",
    }
    if options.local_list_entries:
        switches["LocalAuthListEnabled"] = "true"
    keys = {name: Key(value, readonly=True) for name, value in fixed.items()}
    keys |= {name: Key(value, _whole) for name, value in numbers.items()}
    keys |= {name: Key(value, _switch) for name, value in switches.items()}
    keys |= {
        "AuthorizationKey": Key("", _key_text, secret=True),
        "ConnectorPhaseRotation": Key("NotApplicable", needs_reboot=True),
        "MeterValuesAlignedData": Key("Energy.Active.Import.Register", measurable),
        "MeterValuesSampledData": Key(sampled, measurable, readonly=quirks.read_only_measurands),
        "StopTxnAlignedData": Key("", measurable),
        "StopTxnSampledData": Key("", measurable),
    }
    return Configuration(dict(sorted(keys.items())))
