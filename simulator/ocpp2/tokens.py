"""Who may charge: tokens, the list and the cache of a station, and the decision (OCPP 2.0.1 part 2 C and D)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.ocpp.json import FormatError, Json, Payload, integer, mapping, optional_moment, text

from .device_model import DeviceModel


@dataclass(frozen=True, slots=True)
class Token:
    """An IdToken; compared without regard to case."""

    value: str
    kind: str = "ISO14443"

    @property
    def key(self) -> tuple[str, str]:
        """Return what equal tokens share."""
        return self.value.lower(), self.kind

    def payload(self) -> Payload:
        """Write it as an IdTokenType."""
        return {"idToken": self.value, "type": self.kind}


def read_token(payload: Payload) -> Token:
    """Read an IdTokenType; FormatError when it is not one."""
    return Token(text(payload, "idToken"), text(payload, "type"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an IdTokenInfo says that matters to a station."""

    status: str
    expires: datetime | None = None
    group: Token | None = None

    def accepted(self, now: datetime) -> bool:
        """Tell whether the token may charge now."""
        return self.status == "Accepted" and (self.expires is None or now < self.expires)


def read_judgement(payload: Payload) -> Judgement:
    """Read an IdTokenInfoType; FormatError when it is not one."""
    group = read_token(mapping(payload, "groupIdToken")) if "groupIdToken" in payload else None
    return Judgement(text(payload, "status"), optional_moment(payload, "cacheExpiryDateTime"), group)


@dataclass(slots=True)
class TokenMemory:
    """The local authorization list and the cache; both survive a reboot."""

    model: DeviceModel
    version: int = 0
    listed: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    cached: dict[tuple[str, str], Judgement] = field(default_factory=dict)

    def send_list(self, payload: Payload) -> str:
        """Take a SendLocalList and return its status."""
        version = integer(payload, "versionNumber")
        kind = text(payload, "updateType")
        entries = payload.get("localAuthorizationList", [])
        if not isinstance(entries, list):
            raise FormatError("localAuthorizationList must be a list")
        if not self.model.flag("LocalAuthListCtrlr", "Enabled") or version <= 0:
            return "Failed"
        if len(entries) > self.model.integer("LocalAuthListCtrlr", "ItemsPerMessage"):
            return "Failed"
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        changed = dict(self.listed) if kind == "Differential" else {}
        for entry in entries:
            token, judgement = _read_entry(entry)
            if judgement is None:
                changed.pop(token.key, None)
            else:
                changed[token.key] = judgement
        self.listed, self.version = changed, version
        self.model.put("LocalAuthListCtrlr", "Entries", str(len(changed)))
        return "Accepted"

    def remember(self, token: Token, judgement: Judgement, now: datetime) -> None:
        """Put an answer of the central system into the cache."""
        if not self.model.flag("AuthCacheCtrlr", "Enabled"):
            return
        life_s = self.model.integer("AuthCacheCtrlr", "LifeTime")
        expires = judgement.expires
        if expires is None and life_s:
            expires = now + timedelta(seconds=life_s)
        self.cached[token.key] = Judgement(judgement.status, expires, judgement.group)

    def known(self, token: Token, now: datetime, *, online: bool) -> Judgement | None:
        """Return what the station may decide by itself, or None where it must ask (or knows nothing).

        Online that is only an accepted token, and only with LocalPreAuthorize; offline LocalAuthorizeOffline rules.
        """
        allowed = self.model.flag("AuthCtrlr", "LocalPreAuthorize" if online else "LocalAuthorizeOffline")
        if not allowed:
            return None
        found = self._found(token)
        if found is None or (online and not found.accepted(now)):
            return None
        return found

    def _found(self, token: Token) -> Judgement | None:
        if self.model.flag("LocalAuthListCtrlr", "Enabled") and token.key in self.listed:
            return self.listed[token.key]
        if self.model.flag("AuthCacheCtrlr", "Enabled"):
            return self.cached.get(token.key)
        return None


def _read_entry(entry: Json) -> tuple[Token, Judgement | None]:
    if not isinstance(entry, dict):
        raise FormatError("localAuthorizationList holds objects")
    token = read_token(mapping(entry, "idToken"))
    return token, read_judgement(mapping(entry, "idTokenInfo")) if "idTokenInfo" in entry else None
