"""The connections a station knows and the order it tries them in (OCPP 2.0.1 part 2 B09, B10, A05)."""

from dataclasses import dataclass

from simulator.ocpp.json import Payload, integer, mapping, optional_text, text

from .device_model import DeviceModel

SLOTS = range(1, 5)


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """One way to the central system; the station's id is appended to the URL."""

    url: str
    security_profile: int
    identity: str | None = None
    """2.1: the name for this connection instead of the station's id."""
    password: str | None = None


class Network:
    """Slots with profiles; which is used is written in the device model."""

    def __init__(self, first: NetworkProfile, model: DeviceModel) -> None:
        """Begin with one profile in slot 1."""
        self.slots = {1: first}
        self._model = model

    @property
    def security_profile(self) -> int:
        """Return the security profile in use."""
        return self._model.integer("SecurityCtrlr", "SecurityProfile")

    def order(self) -> list[int]:
        """Return the slots to try, the preferred one first."""
        wanted = [int(slot) for slot in self._model.items("OCPPCommCtrlr", "NetworkConfigurationPriority")]
        return [slot for slot in wanted if slot in self.slots] or [1]

    def attempts(self) -> int:
        """Return how often a slot is tried before the next one's turn."""
        return self._model.integer("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")

    def set(self, payload: Payload, *, may_use_tls: bool) -> str | None:
        """Store a SetNetworkProfile; return the reason code of a refusal."""
        slot = integer(payload, "configurationSlot")
        data = mapping(payload, "connectionData")
        security, url = integer(data, "securityProfile"), text(data, "ocppCsmsUrl")
        integer(data, "messageTimeout")
        if slot not in SLOTS:
            return "InvalidConfSlot"
        if text(data, "ocppTransport") != "JSON" or not url.startswith(("ws://", "wss://")):
            return "InvalidNetworkConf"
        if not 0 <= security <= 3 or (security >= 2) != url.startswith("wss://"):
            return "InvalidNetworkConf"
        if security < self.security_profile:
            return "NoSecurityDowngrade"
        if security >= 2 and not may_use_tls:
            return "InvalidNetworkConf"
        identity, password = optional_text(data, "identity"), optional_text(data, "basicAuthPassword")
        self.slots[slot] = NetworkProfile(url, security, identity, password)
        return None

    def refuses_order(self, value: str) -> str | None:
        """Return why NetworkConfigurationPriority can not be this."""
        slots = [item.strip() for item in value.split(",")]
        known = all(slot.isdigit() and int(slot) in self.slots for slot in slots)
        return None if known else "InvalidConfSlot"

    def connected(self, slot: int) -> None:
        """Note what is in use now; what is less secure is not used again (A05)."""
        profile = self.slots[slot]
        self._model.put("OCPPCommCtrlr", "ActiveNetworkProfile", str(slot))
        if profile.security_profile > self.security_profile:
            self._model.put("SecurityCtrlr", "SecurityProfile", str(profile.security_profile))
            kept = [n for n in self.order() if self.slots[n].security_profile >= profile.security_profile]
            self._model.put("OCPPCommCtrlr", "NetworkConfigurationPriority", ",".join(str(n) for n in kept))
