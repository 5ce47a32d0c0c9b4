"""A password being changed: which ones open until it is known which one the station uses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from ..model import Json

_MAX_OFFERED: Final = 2  # a second change begun before the first one was settled


@dataclass(frozen=True, slots=True)
class PasswordRotation:
    """Hashes of a station's password (OCPP 2.0.1 part 2, A01): a value whose owner keeps it over restarts.

    `current` is what the station logged in with last, `offered` what it was told since and may use already.
    All of them open, so that an answer that was lost locks nobody out; the first login with a new one ends that.
    `configured` is what the user's configuration held when it was last looked at: another one there is a new offer.
    """

    current: str | None = None
    offered: tuple[str, ...] = ()
    configured: str | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """Return what opens, the newest first."""
        held = (*self.offered, self.current)
        return tuple(dict.fromkeys(each for each in held if each is not None))

    @property
    def settled(self) -> bool:
        """Return whether one password alone opens."""
        return not self.offered

    def offer(self, password_hash: str) -> Self:
        """Return what opens from before a station is told a new password, whose answer may be lost."""
        others = tuple(each for each in self.offered if each != password_hash)
        return replace(self, offered=(password_hash, *others)[:_MAX_OFFERED])

    def follow(self, configured: str | None) -> Self:
        """Return what opens with this hash in the configuration; one that is taken out there ends all."""
        if configured == self.configured:
            return self
        if configured is None:
            return type(self)()
        if not self.hashes:
            return replace(self, current=configured, configured=configured)
        known = replace(self, configured=configured)
        return known if configured == self.current else known.offer(configured)

    def rejected(self, password_hash: str) -> Self:
        """Return what opens after the station refused the new password: the old one as before."""
        return replace(self, offered=tuple(each for each in self.offered if each != password_hash))

    def logged_in(self, matched_hash: str | None) -> Self:
        """Return what opens after a login: with a new password only that one, with the old one all as before."""
        return replace(self, current=matched_hash, offered=()) if matched_hash in self.offered else self

    def to_json(self) -> dict[str, Json]:
        """Return a JSON object for the station memory."""
        return {"current": self.current, "offered": [*self.offered], "configured": self.configured}

    @classmethod
    def from_json(cls, raw: Mapping[str, Json]) -> Self:
        """Read what `to_json` wrote; what does not fit opens nothing."""
        offered = raw.get("offered")
        texts = [each for each in offered if isinstance(each, str)] if isinstance(offered, list) else []
        return cls(_text(raw.get("current")), tuple(texts[:_MAX_OFFERED]), _text(raw.get("configured")))

    @classmethod
    def from_former(cls, raw: Mapping[str, Json]) -> Self:
        """Read how a change was kept before there were offers, beside a configuration that is yet to be followed."""
        offered = _text(raw.get("next_password"))
        return cls(_text(raw.get("previous_password")), () if offered is None else (offered,))


def _text(raw: Json) -> str | None:
    return raw if isinstance(raw, str) else None
