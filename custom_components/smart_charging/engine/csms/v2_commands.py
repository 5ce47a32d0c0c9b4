"""Commands to a station of OCPP 2.0.1 or 2.1; use cases are those of part 2."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
import secrets

from ..model import Json
from .capabilities import Configuration, ConfigurationValue
from .commands import (
    UNSUPPORTED,
    Caller,
    CommandError,
    CommandErrorCode,
    WriteOutcome,
    accepted_status,
    ask,
    transfer_data,
    wire_size,
)
from .inventory import Inventory, Variable, from_report
from .v2_profiles import composite_from_v2, to_v2
from .v2_reports import Reports
from .v2_settings import PASSWORD, Setting, parse_name, read_report, read_setting

_PURPOSES = ("TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile")
_AT_ONCE = 5  # variables in one message where the station names no number: what the smallest ones take
_MOST_AT_ONCE = 50
_AT_ONCE_NAME = "DeviceDataCtrlr.ItemsPerMessage"
_OUTCOMES: Mapping[str, WriteOutcome] = {
    "Accepted": WriteOutcome.ACCEPTED,
    "RebootRequired": WriteOutcome.REBOOT_REQUIRED,
    "UnknownComponent": WriteOutcome.UNKNOWN,
    "UnknownVariable": WriteOutcome.UNKNOWN,
    "NotSupportedAttributeType": WriteOutcome.UNKNOWN,
}
_BYTES_NAME = "DeviceDataCtrlr.BytesPerMessage[GetVariables]"
_LARGEST_ID = 2**31 - 1


class V2Commands:
    """Fulfils `Commands`."""

    def __init__(self, caller: Caller, reports: Reports, inventory: Inventory) -> None:
        """Ask through this caller; `reports` gathers what comes in pages, the inventory keeps the device model."""
        self._caller = caller
        self._reports = reports
        self._inventory = inventory

    async def start_transaction(self, evse_id: int, id_token: str, profile: Mapping[str, Json] | None = None) -> None:
        """Ask for a transaction (F01, F02), led from its beginning by a TxProfile (K05)."""
        payload: dict[str, Json] = {
            "evseId": evse_id,
            "remoteStartId": secrets.randbelow(_LARGEST_ID) + 1,
            "idToken": {"idToken": id_token, "type": "Central"},
        }
        if profile is not None:
            payload["chargingProfile"] = to_v2(profile)
        await ask(self._caller, "RequestStartTransaction", payload)

    async def stop_transaction(self, transaction_id: str) -> None:
        """Ask for the end of a transaction (F03)."""
        await ask(self._caller, "RequestStopTransaction", {"transactionId": transaction_id})

    async def change_availability(self, evse_id: int, *, operative: bool, connector_id: int | None = None) -> None:
        """Enable or disable an EVSE or connector, 0 for the station, perhaps only at a transaction's end (G03, G04)."""
        payload: dict[str, Json] = {"operationalStatus": "Operative" if operative else "Inoperative"}
        if evse_id:
            payload["evse"] = _place(evse_id, connector_id)
        await ask(self._caller, "ChangeAvailability", payload, ("Accepted", "Scheduled"))

    async def reset(self, *, hard: bool, evse_id: int | None = None) -> None:
        """Restart the station, or one EVSE of it, without `hard` once nobody charges there (B11, B12)."""
        payload: dict[str, Json] = {"type": "Immediate" if hard else "OnIdle"}
        if evse_id is not None:
            payload["evseId"] = evse_id
        await ask(self._caller, "Reset", payload, ("Accepted", "Scheduled"))

    async def unlock(self, evse_id: int, connector_id: int = 1) -> None:
        """Release the cable of one of the EVSE's connectors (F05)."""
        await ask(self._caller, "UnlockConnector", {"evseId": evse_id, "connectorId": connector_id}, ("Unlocked",))

    async def trigger(self, message: str, evse_id: int | None = None, connector_id: int | None = None) -> None:
        """Make the station send a message (F06)."""
        if evse_id is None and message == "StatusNotification":  # F06.FR.13
            raise CommandError(CommandErrorCode.REJECTED, f"{message} is asked of one EVSE")
        payload: dict[str, Json] = {"requestedMessage": message}
        if evse_id is not None:
            first = 1 if message == "StatusNotification" else None
            payload["evse"] = _place(evse_id, connector_id or first)
        await ask(self._caller, "TriggerMessage", payload)

    async def get_configuration(self, keys: Sequence[str] = ()) -> Configuration:
        """Read settings by name (B06), the whole device model without any named (B07)."""
        if not keys:
            report = await self._base_report("FullInventory")
            self._inventory.keep(from_report(report))
            return read_report(report)
        values: list[ConfigurationValue] = []
        for payload in self._reading([_setting(key) for key in keys]):
            answer = await self._caller.call("GetVariables", payload)
            results = answer.get("getVariableResult")
            values += [value for one in (results if isinstance(results, list) else []) if (value := _value(one))]
        return Configuration(values)

    async def read_settable(self) -> tuple[Variable, ...]:
        """Read what of the device model can be set (B07)."""
        return from_report(await self._base_report("ConfigurationInventory"))

    async def _base_report(self, base: str) -> list[Json]:
        async def begin(request_id: int) -> bool:
            payload: dict[str, Json] = {"requestId": request_id, "reportBase": base}
            return await ask(self._caller, "GetBaseReport", payload, ("Accepted", "EmptyResultSet")) == "Accepted"

        return await self._reports.gather(begin)

    def _at_once(self, action: str) -> int:
        told = self._inventory.integer(f"{_AT_ONCE_NAME}[{action}]") or _AT_ONCE
        return min(told, _MOST_AT_ONCE)

    def _reading(self, settings: Sequence[Setting]) -> Iterator[dict[str, Json]]:
        """Return messages that ask for settings, each as long as the station takes, one setting at least."""
        at_once = self._at_once("GetVariables")
        most_bytes = self._inventory.integer(_BYTES_NAME)
        rest = settings
        while rest:
            count = min(at_once, len(rest))
            payload: dict[str, Json] = {"getVariableData": [one.to_json() for one in rest[:count]]}
            while count > 1 and most_bytes is not None and wire_size(payload) > most_bytes:
                count //= 2
                payload = {"getVariableData": [one.to_json() for one in rest[:count]]}
            yield payload
            rest = rest[count:]

    async def change_configuration(self, key: str, value: str) -> bool:
        """Set a setting by name (B05); False if it takes effect after a reboot."""
        (status,) = await self._set({key: value})
        outcome = _OUTCOMES.get(status, WriteOutcome.REJECTED)
        if outcome in {WriteOutcome.ACCEPTED, WriteOutcome.REBOOT_REQUIRED}:
            return outcome is WriteOutcome.ACCEPTED
        code = CommandErrorCode.NOT_SUPPORTED if outcome is WriteOutcome.UNKNOWN else CommandErrorCode.REJECTED
        raise CommandError(code, f"{key}: {status}")

    async def write_settings(self, values: Mapping[str, str]) -> dict[str, WriteOutcome]:
        """Set variables, as many in one message as the station takes (B05)."""
        outcomes: dict[str, WriteOutcome] = {}
        for name in values:
            _setting(name)  # all or nothing is sent
        for some in batched(values.items(), self._at_once("SetVariables"), strict=False):
            outcomes |= await self._write_together(dict(some))
        return outcomes

    async def _write_together(self, values: Mapping[str, str]) -> dict[str, WriteOutcome]:
        try:
            statuses = await self._set(values)
        except CommandError as error:
            if error.code is CommandErrorCode.NOT_SUPPORTED:
                return dict.fromkeys(values, WriteOutcome.UNKNOWN)
            if error.code is not CommandErrorCode.FAILED or len(values) == 1:
                raise
            # A station that takes fewer at once than it says.
            return {
                name: outcome
                for one, value in values.items()
                for name, outcome in (await self._write_together({one: value})).items()
            }
        return {
            name: _OUTCOMES.get(status, WriteOutcome.REJECTED) for name, status in zip(values, statuses, strict=True)
        }

    async def _set(self, values: Mapping[str, str]) -> list[str]:
        """Send one SetVariables and return the status of each variable, in their order."""
        data: list[Json] = [{**_setting(name).to_json(), "attributeValue": value} for name, value in values.items()]
        answer = await self._caller.call("SetVariables", {"setVariableData": data})
        told = answer.get("setVariableResult")
        results = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        named = {_named(one): one for one in results}
        in_order = results if len(results) == len(values) else [{}] * len(values)
        found = [named.get(name.strip().lower(), other) for name, other in zip(values, in_order, strict=True)]
        statuses = [one.get("attributeStatus") for one in found]
        return [status if isinstance(status, str) else "no status" for status in statuses]

    async def set_password(self, password: str) -> None:
        """Set the password of the next login: 16 to 40 characters, sent as they are (A01)."""
        if not 16 <= len(password) <= 40:
            raise CommandError(CommandErrorCode.FAILED, "a password has 16 to 40 characters")
        await self.change_configuration(PASSWORD, password)

    async def clear_cache(self) -> None:
        """Empty the station's authorisation cache (C11)."""
        await ask(self._caller, "ClearCache", {})

    async def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
        """Send a vendor's own message and return its data (P01)."""
        return await transfer_data(self._caller, vendor_id, message_id, data)

    async def set_charging_profile(self, evse_id: int, profile: Mapping[str, Json]) -> None:
        """Install a charging profile (K01)."""
        payload: dict[str, Json] = {"evseId": evse_id, "chargingProfile": to_v2(profile)}
        await ask(self._caller, "SetChargingProfile", payload)

    async def clear_charging_profile(self, profile_id: int | None = None) -> bool:
        """Remove one charging profile, or all of ours and of other central systems (K10); False if there was none."""
        if profile_id is not None:
            return await self._clear({"chargingProfileId": profile_id})
        cleared = [
            await self._clear({"chargingProfileCriteria": {"chargingProfilePurpose": purpose}}) for purpose in _PURPOSES
        ]
        return any(cleared)

    async def _clear(self, payload: Mapping[str, Json]) -> bool:
        return await ask(self._caller, "ClearChargingProfile", payload, ("Accepted", "Unknown")) == "Accepted"

    async def installed_profiles(self) -> frozenset[int] | None:
        """Return the ids of the profiles that central systems installed (K09), None where that is not supported."""
        try:
            pages = await self._reports.gather(self._ask_for_profiles)
        except CommandError as error:
            if error.code is CommandErrorCode.NOT_SUPPORTED:
                return None
            raise
        ids = [profile.get("id") for profile in pages if isinstance(profile, dict)]
        return frozenset(number for number in ids if isinstance(number, int))

    async def _ask_for_profiles(self, request_id: int) -> bool:
        payload: dict[str, Json] = {
            "requestId": request_id,
            "chargingProfile": {"chargingLimitSource": ["CSO"]},
        }
        return await ask(self._caller, "GetChargingProfiles", payload, ("Accepted", "NoProfiles")) == "Accepted"

    async def get_composite_schedule(self, evse_id: int, duration_s: int, unit: str | None = None) -> dict[str, Json]:
        """Ask what limits the station will apply (K08)."""
        payload: dict[str, Json] = {"evseId": evse_id, "duration": duration_s}
        if unit is not None:
            payload["chargingRateUnit"] = unit
        answer = await self._caller.call("GetCompositeSchedule", payload)
        accepted_status("GetCompositeSchedule", answer)
        return composite_from_v2(answer)


def _setting(name: str) -> Setting:
    setting = parse_name(name)
    if setting is None:
        raise CommandError(CommandErrorCode.INVALID, f"{name[:100]} is not Component.Variable")
    return setting


def _named(result: Mapping[str, Json]) -> str | None:
    setting = read_setting(result)
    return None if setting is None else setting.name.lower()


def _place(evse_id: int, connector_id: int | None) -> dict[str, Json]:
    return {"id": evse_id} if connector_id is None else {"id": evse_id, "connectorId": connector_id}


def _value(result: Json) -> ConfigurationValue | None:
    """Return what a GetVariables result tells; None for an unknown or unreadable variable."""
    setting = read_setting(result) if isinstance(result, dict) else None
    if setting is None or not isinstance(result, dict):
        return None
    if result.get("attributeStatus") in UNSUPPORTED | {"UnknownComponent", "UnknownVariable"}:
        return None
    value = result.get("attributeValue")
    return ConfigurationValue(setting.name, value if isinstance(value, str) else None, readonly=False)
