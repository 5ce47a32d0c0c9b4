"""The local authorization list of an OCPP 1.6 station (ed. 2 sections 3.5.2 and 5.15)."""

from dataclasses import dataclass, field
from datetime import datetime

from .json import FormatError, Payload, integer, mapping, optional_moment, text

AT_ONCE = 5
"""How many entries a SendLocalList may have (SendLocalListMaxLength)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the list says of a tag."""

    status: str
    expires: datetime | None = None

    def accepted(self, now: datetime) -> bool:
        """Tell whether the tag may charge now."""
        return self.status == "Accepted" and (self.expires is None or now < self.expires)


@dataclass(slots=True)
class LocalList:
    """The list, which survives a reboot; tags are compared without regard to case."""

    most: int
    """How many entries it has room for; none is a station without a list."""
    version: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    taken: list[Payload] = field(default_factory=list)
    """Every SendLocalList that was accepted."""

    def send(self, payload: Payload) -> str:
        """Take a SendLocalList and return its status."""
        version, kind = integer(payload, "listVersion"), text(payload, "updateType")
        rows = payload.get("localAuthorizationList", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise FormatError("localAuthorizationList holds objects")
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        changed = dict(self.entries) if kind == "Differential" else {}
        for row in rows:
            assert isinstance(row, dict)
            tag = text(row, "idTag").lower()
            if "idTagInfo" not in row:
                changed.pop(tag, None)
                continue
            info = mapping(row, "idTagInfo")
            changed[tag] = Entry(text(info, "status"), optional_moment(info, "expiryDate"))
        if len(rows) > AT_ONCE or len(changed) > self.most:
            return "Failed"
        self.entries, self.version = changed, version
        self.taken.append(payload)
        return "Accepted"

    def knows(self, id_tag: str) -> Entry | None:
        """Return what the list says of a tag."""
        return self.entries.get(id_tag.lower())
