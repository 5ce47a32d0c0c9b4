"""How real stations stray from OCPP 2.x, one switch for each habit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks2:
    """Everything off is a station that keeps to the specification."""

    # Charging profiles
    ignores_profiles: bool = False
    """Accepts profiles and does not obey them."""
    rejects_new_profile_ids: bool = False
    """Takes only the first id it ever saw for a purpose and an EVSE."""
    extra_key_in_profile_report: bool = False
    """ReportChargingProfiles carries a `chargingProfileId` that no schema knows (EVtivity)."""
    loses_profiles_on_reboot: bool = False
    """Forgets all profiles when it boots."""

    # Transactions
    seq_no_always_zero: bool = False
    """Never counts its transaction events (Solid Studio VCP)."""
    ended_without_started: bool = False
    """Never tells that a transaction began."""
    started_twice: bool = False
    """Tells the begin of each transaction twice, with the same sequence number."""
    no_id_token: bool = False
    """Never tells whose transaction it is."""
    never_offline: bool = False
    """Never marks what happened while it was offline."""

    # Measurements
    energy_1000_times_too_big: bool = False
    """Writes Wh and calls them kWh (Solid Studio VCP)."""
    energy_multiplier: int | None = None
    """Writes energy with this power of ten as `multiplier`."""
    no_meter_values: bool = False
    """Never measures anything."""

    # Connection
    boots_on_reconnect: bool = False
    """Sends BootNotification on each connection, not only after it started."""
    answer_delay_s: float = 0.0
    """How long it thinks about each command."""
    unknown_actions_unanswered: bool = False
    """Leaves commands unanswered that it does not know."""


NO_QUIRKS2 = Quirks2()
