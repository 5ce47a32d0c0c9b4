"""Commands to a station of OCPP 1.6; sections are those of edition 2."""

from collections.abc import Mapping, Sequence
import re

from ..model import Json
from .capabilities import Configuration
from .commands import (
    Caller,
    CommandError,
    CommandErrorCode,
    WriteOutcome,
    accepted_status,
    ask,
    outcome_of,
    transfer_data,
)
from .inventory import Inventory, Variable, from_configuration

_KEY_DIGITS = 40  # security whitepaper, AuthorizationKey: 20 bytes at most
# Security whitepaper, section 5: messages that only the extended trigger has, and how 2.x calls them.
_EXTENDED = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
_CALLED_HERE = {"SignChargingStationCertificate": "SignChargePointCertificate"}
_HEX_KEY = re.compile(r"([0-9A-Fa-f]{2})+")


class V16Commands:
    """Fulfils `Commands`."""

    def __init__(self, caller: Caller, inventory: Inventory | None = None) -> None:
        """Ask through this caller; the inventory keeps all settings as they were last read."""
        self._caller = caller
        self._inventory = inventory or Inventory()

    async def start_transaction(self, evse_id: int, id_token: str, profile: Mapping[str, Json] | None = None) -> None:
        """Ask for a transaction, led from its beginning by a TxProfile (section 5.11)."""
        payload: dict[str, Json] = {"connectorId": evse_id, "idTag": id_token}
        if profile is not None:
            payload["chargingProfile"] = dict(profile)
        await ask(self._caller, "RemoteStartTransaction", payload)

    async def stop_transaction(self, transaction_id: str) -> None:
        """Ask for the end of a transaction (section 5.12)."""
        await ask(self._caller, "RemoteStopTransaction", {"transactionId": int(transaction_id)})

    async def change_availability(self, evse_id: int, *, operative: bool, connector_id: int | None = None) -> None:
        """Enable or disable a connector, 0 for all, perhaps only at its transaction's end (section 5.2)."""
        _only_connector(connector_id)
        kind = "Operative" if operative else "Inoperative"
        payload: dict[str, Json] = {"connectorId": evse_id, "type": kind}
        await ask(self._caller, "ChangeAvailability", payload, ("Accepted", "Scheduled"))

    async def reset(self, *, hard: bool, evse_id: int | None = None) -> None:
        """Restart the station (section 5.14), which this version does only as a whole."""
        if evse_id is not None:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "OCPP 1.6 restarts whole stations")
        await ask(self._caller, "Reset", {"type": "Hard" if hard else "Soft"})

    async def unlock(self, evse_id: int, connector_id: int = 1) -> None:
        """Release the cable (section 5.18)."""
        _only_connector(connector_id)
        await ask(self._caller, "UnlockConnector", {"connectorId": evse_id}, ("Unlocked",))

    async def trigger(self, message: str, evse_id: int | None = None, connector_id: int | None = None) -> None:
        """Make the station send a message (section 5.17), by the security extension where only that knows it."""
        _only_connector(connector_id)
        name = _CALLED_HERE.get(message, message)
        payload: dict[str, Json] = {"requestedMessage": name}
        if evse_id is not None:
            payload["connectorId"] = evse_id
        await ask(self._caller, "ExtendedTriggerMessage" if name in _EXTENDED else "TriggerMessage", payload)

    async def get_configuration(self, keys: Sequence[str] = ()) -> Configuration:
        """Read configuration keys, all without any named (section 5.8)."""
        read = Configuration.parse(await self._caller.call("GetConfiguration", {"key": list(keys)} if keys else {}))
        if not keys:
            self._inventory.keep(from_configuration(read))
        return read

    async def change_configuration(self, key: str, value: str) -> bool:
        """Set a configuration key (section 5.3); False if it takes effect after a reboot."""
        payload: dict[str, Json] = {"key": key, "value": value}
        return await ask(self._caller, "ChangeConfiguration", payload, ("Accepted", "RebootRequired")) == "Accepted"

    async def write_settings(self, values: Mapping[str, str]) -> dict[str, WriteOutcome]:
        """Set configuration keys, each by a message of its own (section 5.3)."""
        return {key: await outcome_of(self.change_configuration(key, value)) for key, value in values.items()}

    async def read_settable(self) -> tuple[Variable, ...]:
        """Read the configuration keys that are not read-only (section 5.8)."""
        read = from_configuration(await self.get_configuration())
        return tuple(one for one in read if one.mutability != "ReadOnly")

    async def set_password(self, password: str) -> None:
        """Set the key of the next login: 20 bytes at most, told as hexadecimal text (security whitepaper A00.FR.205)."""
        key = password if _HEX_KEY.fullmatch(password) else password.encode().hex()
        if len(key) > _KEY_DIGITS:
            raise CommandError(CommandErrorCode.FAILED, "a password has at most 20 bytes")
        await self.change_configuration("AuthorizationKey", key)

    async def clear_cache(self) -> None:
        """Empty the station's authorisation cache (section 5.4)."""
        await ask(self._caller, "ClearCache", {})

    async def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
        """Send a vendor's own message and return its data (section 5.6)."""
        return await transfer_data(self._caller, vendor_id, message_id, data)

    async def set_charging_profile(self, evse_id: int, profile: Mapping[str, Json]) -> None:
        """Install a charging profile (section 5.16)."""
        transaction_id = profile.get("transactionId")
        number: dict[str, Json] = {} if transaction_id is None else {"transactionId": int(str(transaction_id))}
        payload: dict[str, Json] = {"connectorId": evse_id, "csChargingProfiles": {**profile, **number}}
        await ask(self._caller, "SetChargingProfile", payload)

    async def clear_charging_profile(self, profile_id: int | None = None) -> bool:
        """Remove one charging profile, or all (section 5.5); False if there was none."""
        payload: dict[str, Json] = {} if profile_id is None else {"id": profile_id}
        return await ask(self._caller, "ClearChargingProfile", payload, ("Accepted", "Unknown")) == "Accepted"

    async def installed_profiles(self) -> frozenset[int] | None:
        """Return None: this version has no read-back."""
        return None

    async def get_composite_schedule(self, evse_id: int, duration_s: int, unit: str | None = None) -> dict[str, Json]:
        """Ask what limits the station will apply (section 5.7)."""
        payload: dict[str, Json] = {"connectorId": evse_id, "duration": duration_s}
        if unit is not None:
            payload["chargingRateUnit"] = unit
        answer = await self._caller.call("GetCompositeSchedule", payload)
        accepted_status("GetCompositeSchedule", answer)
        return answer


def _only_connector(connector_id: int | None) -> None:
    """Raise CommandError for a connector beside the one that an EVSE has here."""
    if connector_id not in {None, 1}:
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "an EVSE of OCPP 1.6 has one connector")
