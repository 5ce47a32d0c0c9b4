"""How real stations stray from OCPP 1.6, one switch for each habit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """Everything off is a station that keeps to the specification."""

    # Charging profiles
    max_accepted_stack_level: int | None = None
    """Rejects stack levels above this one, whatever its configuration claims (ABB Terra AC, Wallbox)."""
    one_stack_level_only: bool = False
    """Claims and accepts stack level 0 only."""
    rejects_absolute: bool = False
    """Rejects profiles of kind Absolute (Wallbox)."""
    rejects_relative: bool = False
    """Rejects profiles of kind Relative (Easee)."""
    rejects_tx_profile: bool = False
    """Rejects TxProfile in any case."""
    rejects_tx_default: bool = False
    """Rejects TxDefaultProfile in any case."""
    one_period_only: bool = False
    """Claims and accepts schedules of one period only."""
    needs_transaction_id: bool = False
    """Rejects a TxProfile that does not name its transaction (ABB Terra AC)."""
    needs_start_schedule: bool = False
    """Rejects Absolute profiles without startSchedule (Autel MaxiCharger)."""
    rejects_connector_zero_default: bool = False
    """Rejects a TxDefaultProfile for the whole station (EVBox Elvi)."""
    rejects_while_available: bool = False
    """Rejects profiles for a connector without a cable (Wallbox)."""
    drops_lower_tx_profiles: bool = False
    """A new TxProfile throws away the other stack levels of that purpose."""
    ignores_profiles: bool = False
    """Accepts profiles and does not obey them (go-e, Grizzl-E)."""
    ignores_valid_to: bool = False
    """Lets profiles act beyond their validTo (MicroOcpp 1.2.0)."""
    ignores_number_of_phases: bool = False
    """Accepts and repeats numberPhases and stays on all its phases."""
    rejects_number_of_phases: bool = False
    """Rejects schedules that name numberPhases."""
    loses_profiles_on_reboot: bool = False
    """Forgets all profiles when it boots (Grizzl-E)."""
    watts_only: bool = False
    """Takes schedules in W only (Huawei SCharger)."""
    amps_only: bool = False
    """Takes schedules in A only (go-e)."""
    ends_transaction_below_minimum: bool = False
    """Ends the transaction when its limit falls below 6 A (EN+, Huawei)."""

    # Measurements
    no_meter_values: bool = False
    """Never sends MeterValues, not even when triggered (Wallbox FW 6)."""
    lying_offered_a: float | None = None
    """Reports this as Current.Offered at all times (Wallbox: 11 A)."""
    energy_in_kwh: bool = False
    """Reports energy in kWh with long fractions."""
    comma_decimals: bool = False
    """Writes decimals with a comma."""
    empty_values: bool = False
    """Reports some values as empty strings (Amperfied connect)."""
    missing_measurands: frozenset[str] = frozenset()
    """Measurands it does not know."""
    register_per_session: bool = False
    """Counts energy from 0 in each transaction (Grizzl-E, Vestel)."""
    register_glitch_every: int | None = None
    """Each n-th energy value is absurd (Wallbox)."""
    register_dip_every: int | None = None
    """Each n-th energy value is 1 Wh below the one before (Huawei)."""
    values_after_stop: bool = False
    """Sends closing MeterValues after StopTransaction (Ocular)."""

    # Messages
    invalid_meter_json: bool = False
    """Sends MeterValues with `"transactionId":,` (AEFA Home, Grizzl-E)."""
    extra_field: bool = False
    """Adds a field that the schemas do not have."""
    times_without_zone: bool = False
    """Sends times without a zone."""
    everything_on_connector_zero: bool = False
    """Reports its only connector as number 0."""
    no_boot_on_reconnect: bool = False
    """Sends BootNotification only after a real boot (Webasto NEXT)."""
    never_boots: bool = False
    """Never sends BootNotification (Wallbox FW 6)."""
    repeats_start: bool = False
    """Misses the first answer to StartTransaction and sends it again."""
    stops_unknown_transaction: bool = False
    """Stops a transaction number nobody gave out."""

    # Commands
    no_configuration: bool = False
    """Answers GetConfiguration with NotImplemented (Fronius Wattpilot)."""
    read_only_measurands: bool = False
    """Holds MeterValuesSampledData read-only (Fronius Wattpilot)."""
    reboots_when_asked_measurands: bool = False
    """Reboots on GetConfiguration(MeterValuesSampledData) (ABB Terra AC up to 1.8.21)."""
    rejects_change_availability: bool = False
    """Rejects ChangeAvailability (Simpson & Partners)."""
    answer_delay_s: float = 0.0
    """Answers each command this late."""


NO_QUIRKS = Quirks()
