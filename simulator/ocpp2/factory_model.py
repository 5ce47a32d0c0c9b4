"""The device model of a station fresh from the factory (OCPP 2.0.1 part 2 appendices, referenced components)."""

from itertools import chain

from .device_model import Component, DataType, DeviceModel, Key, Mutability, Variable, VariableName
from .options import StationOptions2, Version

MEASURANDS = (
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Import.Register",
    "Frequency",
    "Power.Active.Import",
    "Power.Offered",
    "SoC",
    "Voltage",
)
"""What the simulated meter can measure."""

GIVEN = ("Current.Export", "Energy.Active.Export.Register", "Power.Active.Export")
"""What it measures beside, where cars can give energy back."""

DEFAULT_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
START_POINTS = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
TRIALS = "TransactionEvent"

_READ_WRITE = Mutability.READ_WRITE


def factory_model(options: StationOptions2) -> DeviceModel:
    """Return all variables of a station with these options."""
    rows = chain(
        _station(options),
        _communication(options),
        _security(options),
        _authorization(),
        _transactions(options),
        _measuring(options),
        _charging(options),
        _places(options),
    )
    return DeviceModel(dict(rows))


def _own(component: str, variable: str, value: Variable, instance: str | None = None) -> tuple[Key, Variable]:
    return (Component(component), VariableName(variable, instance)), value


def _fixed(value: str, kind: DataType = DataType.TEXT, unit: str | None = None) -> Variable:
    return Variable(value, kind, unit=unit)


def _number(value: int, *, most: int | None = None, least: int = 0, unit: str | None = "s") -> Variable:
    return Variable(str(value), DataType.INTEGER, _READ_WRITE, unit, least, most)


def _switch(value: bool, *, fixed: bool = False) -> Variable:
    mutability = Mutability.READ_ONLY if fixed else _READ_WRITE
    return Variable(str(value).lower(), DataType.BOOLEAN, mutability)


def _members(value: str, choices: tuple[str, ...]) -> Variable:
    return Variable(value, DataType.MEMBERS, _READ_WRITE, choices=choices)


def _station(options: StationOptions2) -> list[tuple[Key, Variable]]:
    return [
        _own("ChargingStation", "Model", _fixed(options.model)),
        _own("ChargingStation", "VendorName", _fixed(options.vendor)),
        _own("ChargingStation", "SerialNumber", _fixed(options.serial or options.station_id)),
        _own("ChargingStation", "FirmwareVersion", _fixed(options.firmware)),
        _own("ChargingStation", "Available", _switch(True, fixed=True)),
        _own("ChargingStation", "AvailabilityState", Variable("Available", DataType.OPTION, monitored=True)),
        _own("ChargingStation", "SupplyPhases", _fixed(str(options.phases), DataType.INTEGER)),
        _own("ChargingStation", "Problem", Variable("false", DataType.BOOLEAN, monitored=True)),
        _own("ClockCtrlr", "DateTime", _fixed("", DataType.MOMENT)),
        _own("ClockCtrlr", "TimeSource", Variable("Heartbeat", DataType.SEQUENCE, _READ_WRITE, choices=("Heartbeat",))),
        _own("DeviceDataCtrlr", "ItemsPerMessage", _fixed("20", DataType.INTEGER), "GetVariables"),
        _own("DeviceDataCtrlr", "ItemsPerMessage", _fixed("20", DataType.INTEGER), "SetVariables"),
        _own("DeviceDataCtrlr", "ItemsPerMessage", _fixed("20", DataType.INTEGER), "GetReport"),
        _own("DeviceDataCtrlr", "BytesPerMessage", _fixed("65000", DataType.INTEGER), "GetVariables"),
        _own("DeviceDataCtrlr", "BytesPerMessage", _fixed("65000", DataType.INTEGER), "SetVariables"),
        _own("DeviceDataCtrlr", "BytesPerMessage", _fixed("65000", DataType.INTEGER), "GetReport"),
        _own("DisplayMessageCtrlr", "Available", _switch(True, fixed=True)),
        _own("DisplayMessageCtrlr", "NumberOfDisplayMessages", _fixed("0", DataType.INTEGER)),
        _own("MonitoringCtrlr", "Available", _switch(True, fixed=True)),
        _own("MonitoringCtrlr", "Enabled", _switch(True)),
        _own("ReservationCtrlr", "Available", _switch(True, fixed=True)),
        _own("ReservationCtrlr", "Enabled", _switch(True)),
        _own("ReservationCtrlr", "NonEvseSpecific", _switch(True, fixed=True)),
    ]


def _communication(options: StationOptions2) -> list[tuple[Key, Variable]]:
    slots = ("1", "2", "3", "4")
    priority = Variable("1", DataType.SEQUENCE, _READ_WRITE, choices=slots, needs_reboot=True)
    return [
        _own("OCPPCommCtrlr", "HeartbeatInterval", _number(300, least=1)),
        _own("OCPPCommCtrlr", "OfflineThreshold", _number(60)),
        _own("OCPPCommCtrlr", "WebSocketPingInterval", _number(0)),
        _own(
            "OCPPCommCtrlr",
            "MessageTimeout",
            _fixed(str(int(options.message_timeout_s)), DataType.INTEGER, "s"),
            "Default",
        ),
        _own("OCPPCommCtrlr", "MessageAttempts", _number(3, least=1, unit=None), TRIALS),
        _own("OCPPCommCtrlr", "MessageAttemptInterval", _number(10), TRIALS),
        _own("OCPPCommCtrlr", "NetworkConfigurationPriority", priority),
        _own("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", _number(3, least=1, unit=None)),
        _own("OCPPCommCtrlr", "ActiveNetworkProfile", _fixed("1", DataType.INTEGER)),
        _own("OCPPCommCtrlr", "FileTransferProtocols", _fixed("HTTP,HTTPS", DataType.MEMBERS)),
        _own("OCPPCommCtrlr", "QueueAllMessages", _switch(False)),
        _own("OCPPCommCtrlr", "ResetRetries", _number(1, unit=None)),
        _own("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", _switch(True)),
    ]


def _security(options: StationOptions2) -> list[tuple[Key, Variable]]:
    password = Variable("", DataType.TEXT, Mutability.WRITE_ONLY, most=40, valid=lambda value: 16 <= len(value) <= 40)
    return [
        _own("SecurityCtrlr", "BasicAuthPassword", password),
        _own("SecurityCtrlr", "Identity", _fixed(options.station_id)),
        _own("SecurityCtrlr", "OrganizationName", Variable("Simulated", DataType.TEXT, _READ_WRITE)),
        _own("SecurityCtrlr", "SecurityProfile", _fixed(str(options.security_profile), DataType.INTEGER)),
        _own("SecurityCtrlr", "CertificateEntries", _fixed("0", DataType.INTEGER)),
        _own("SecurityCtrlr", "AdditionalRootCertificateCheck", _switch(False, fixed=True)),
        _own("SecurityCtrlr", "CertSigningWaitMinimum", _number(30)),
        _own("SecurityCtrlr", "CertSigningRepeatTimes", _number(3, unit=None)),
    ]


def _authorization() -> list[tuple[Key, Variable]]:
    return [
        _own("AuthCtrlr", "Enabled", _switch(True)),
        _own("AuthCtrlr", "AuthorizeRemoteStart", _switch(False)),
        _own("AuthCtrlr", "LocalAuthorizeOffline", _switch(True)),
        _own("AuthCtrlr", "LocalPreAuthorize", _switch(False)),
        _own("AuthCtrlr", "OfflineTxForUnknownIdEnabled", _switch(True)),
        _own("AuthCtrlr", "DisableRemoteAuthorization", _switch(False)),
        _own("AuthCacheCtrlr", "Available", _switch(True, fixed=True)),
        _own("AuthCacheCtrlr", "Enabled", _switch(True)),
        _own("AuthCacheCtrlr", "LifeTime", _number(0)),
        _own("LocalAuthListCtrlr", "Available", _switch(True, fixed=True)),
        _own("LocalAuthListCtrlr", "Enabled", _switch(True)),
        _own("LocalAuthListCtrlr", "Entries", Variable("0", DataType.INTEGER, most=1000)),
        _own("LocalAuthListCtrlr", "ItemsPerMessage", _fixed("50", DataType.INTEGER)),
        _own("LocalAuthListCtrlr", "BytesPerMessage", _fixed("65000", DataType.INTEGER)),
    ]


def _transactions(options: StationOptions2) -> list[tuple[Key, Variable]]:
    return [
        _own("TxCtrlr", "EVConnectionTimeOut", _number(60)),
        _own("TxCtrlr", "StopTxOnEVSideDisconnect", _switch(True)),
        _own("TxCtrlr", "StopTxOnInvalidId", _switch(True)),
        _own("TxCtrlr", "TxBeforeAcceptedEnabled", _switch(True)),
        _own("TxCtrlr", "TxStartPoint", _members(options.tx_start_points, START_POINTS)),
        _own("TxCtrlr", "TxStopPoint", _members(options.tx_stop_points, START_POINTS)),
        _own("TxCtrlr", "MaxEnergyOnInvalidId", _number(0, unit="Wh")),
    ]


def _measuring(options: StationOptions2) -> list[tuple[Key, Variable]]:
    known = tuple(m for m in MEASURANDS if m != "SoC" or options.reports_soc) + (GIVEN if options.two_way else ())
    usual = DEFAULT_MEASURANDS + (",SoC" if options.reports_soc else "")
    register = "Energy.Active.Import.Register"
    return [
        _own("SampledDataCtrlr", "Available", _switch(True, fixed=True)),
        _own("SampledDataCtrlr", "Enabled", _switch(True)),
        _own("SampledDataCtrlr", "TxStartedMeasurands", _members(register, known)),
        _own("SampledDataCtrlr", "TxUpdatedInterval", _number(options.sample_s)),
        _own("SampledDataCtrlr", "TxUpdatedMeasurands", _members(usual, known)),
        _own("SampledDataCtrlr", "TxEndedInterval", _number(0)),
        _own("SampledDataCtrlr", "TxEndedMeasurands", _members(register, known)),
        _own("AlignedDataCtrlr", "Available", _switch(True, fixed=True)),
        _own("AlignedDataCtrlr", "Enabled", _switch(True)),
        _own("AlignedDataCtrlr", "Interval", _number(0)),
        _own("AlignedDataCtrlr", "Measurands", _members(register, known)),
        _own("AlignedDataCtrlr", "SendDuringIdle", _switch(False)),
        _own("AlignedDataCtrlr", "TxEndedInterval", _number(0)),
        _own("AlignedDataCtrlr", "TxEndedMeasurands", _members("", known)),
    ]


def _charging(options: StationOptions2) -> list[tuple[Key, Variable]]:
    rows = [
        _own("SmartChargingCtrlr", "Available", _switch(True, fixed=True)),
        _own("SmartChargingCtrlr", "Enabled", _switch(True)),
        _own("SmartChargingCtrlr", "ACPhaseSwitchingSupported", _switch(options.switches_phases, fixed=True)),
        _own("SmartChargingCtrlr", "Phases3to1", _switch(options.switches_phases, fixed=True)),
        _own("SmartChargingCtrlr", "ProfileStackLevel", _fixed(str(options.stack_levels), DataType.INTEGER)),
        _own("SmartChargingCtrlr", "RateUnit", _fixed(",".join(options.rate_units), DataType.MEMBERS)),
        _own("SmartChargingCtrlr", "PeriodsPerSchedule", _fixed("24", DataType.INTEGER)),
        _own(
            "SmartChargingCtrlr",
            "Entries",
            Variable("0", DataType.INTEGER, most=options.max_profiles),
            "ChargingProfiles",
        ),
        _own("SmartChargingCtrlr", "LimitChangeSignificance", Variable("1", DataType.DECIMAL, _READ_WRITE, "Percent")),
        _own("SmartChargingCtrlr", "NotifyChargingLimitWithSchedules", _switch(True)),
        _own("SmartChargingCtrlr", "ExternalControlSignalsEnabled", _switch(True)),
    ]
    if options.version is Version.V21:
        rows.append(
            _own("SmartChargingCtrlr", "SupportedAdditionalPurposes", _fixed("PriorityCharging,LocalGeneration"))
        )
        rows.append(_own("SmartChargingCtrlr", "SupportsDynamicProfiles", _switch(True, fixed=True)))
    if options.two_way:
        rows += [
            _own("V2XChargingCtrlr", "Available", _switch(True, fixed=True)),
            _own("V2XChargingCtrlr", "Enabled", _switch(True)),
            _own("V2XChargingCtrlr", "SupportedOperationModes", _fixed("ChargingOnly,CentralSetpoint,Idle")),
        ]
    return rows


def _places(options: StationOptions2) -> list[tuple[Key, Variable]]:
    rows: list[tuple[Key, Variable]] = []
    most_w = options.max_a * 230.0 * options.phases
    for evse_id in range(1, options.evses + 1):
        evse = Component("EVSE", evse_id=evse_id)
        power = Variable("0", DataType.DECIMAL, unit="W", most=most_w, monitored=True)
        power.other_attributes["MaxSet"] = str(most_w)
        rows += [
            ((evse, VariableName("Available")), _switch(True, fixed=True)),
            ((evse, VariableName("AvailabilityState")), Variable("Available", DataType.OPTION, monitored=True)),
            ((evse, VariableName("SupplyPhases")), _fixed(str(options.phases), DataType.INTEGER)),
            ((evse, VariableName("AllowReset")), _switch(True, fixed=True)),
            ((evse, VariableName("Power")), power),
            ((evse, VariableName("Problem")), Variable("false", DataType.BOOLEAN, monitored=True)),
        ]
        for connector_id in range(1, options.connectors_per_evse + 1):
            connector = Component("Connector", evse_id=evse_id, connector_id=connector_id)
            rows += [
                ((connector, VariableName("Available")), _switch(True, fixed=True)),
                (
                    (connector, VariableName("AvailabilityState")),
                    Variable("Available", DataType.OPTION, monitored=True),
                ),
                ((connector, VariableName("ConnectorType")), _fixed("sType2")),
                ((connector, VariableName("SupplyPhases")), _fixed(str(options.phases), DataType.INTEGER)),
                ((connector, VariableName("Problem")), Variable("false", DataType.BOOLEAN, monitored=True)),
            ]
    return rows
