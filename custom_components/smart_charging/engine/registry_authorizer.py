"""Answers stations that ask about a presented tag, from the registry of id tokens; fulfils csms's `Authorizer`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import hashlib
import json
import logging
from typing import Protocol

from .authorization import NOBODY, build_local_list, decide_authorization, may_stop, standing
from .clock import Clock
from .csms.store import AuthorizationResult
from .driver import AccessRefusal
from .id_token import (
    MAX_TOKEN_LENGTH,
    AccessMode,
    AccessPolicy,
    IdToken,
    LabelExists,
    LocalList,
    TokenDetails,
    TokenExists,
    byte_reversed,
    is_placeholder,
)
from .ledger import SiteTokens
from .model import AuthorizationStatus, StoreError

_LOGGER = logging.getLogger(__name__)

# A station that we asked to begin may wait for the car to be plugged in.
EXPECTED_S = 900.0

type TokenListener = Callable[[str, IdToken], None]
"""Takes the id of the station where a token was presented, and the token."""


type RefusalListener = Callable[[str, IdToken | None, str], None]
"""Takes the id of the station, the token where the registry knows it, and why it may not charge."""


class DriverGate(Protocol):
    """Tells whether those whom tokens belong to may charge."""

    async def refusal(self, station_id: str, token: IdToken, now: datetime) -> AccessRefusal | None:
        """Return why the driver of a token may not begin at a station now; raises StoreError."""

    async def refusals(self, station_id: str, now: datetime) -> Mapping[str, AccessRefusal]:
        """Return the same of all tokens whose driver may not begin there, by their ids; raises StoreError."""


class AlreadyLearning(Exception):
    """Somebody waits for a tag at this station already."""


@dataclass(slots=True)
class _Lesson:
    """What the next unknown tag at a station will be, and who waits for it."""

    details: TokenDetails
    learnt: asyncio.Future[IdToken]


class RegistryAuthorizer:
    """Decides by the registry and the site's policy; learns tags where it was told to."""

    def __init__(
        self,
        tokens: SiteTokens,
        clock: Clock,
        policy: AccessPolicy | None = None,
        drivers: DriverGate | None = None,
    ) -> None:
        """Accept everybody who is not in the registry, unless the policy says otherwise; it may be replaced."""
        self._policy = policy or AccessPolicy()
        self._drivers = drivers
        self._tokens = tokens
        self._clock = clock
        self._expected: dict[tuple[str, str], float] = {}
        self._lessons: dict[str, _Lesson] = {}
        self._learning = asyncio.Lock()
        self._told_reversed: set[tuple[str, str]] = set()
        self._learnt_listeners: list[TokenListener] = []
        self._master_listeners: list[TokenListener] = []
        self._refusal_listeners: list[RefusalListener] = []
        self._change_listeners: list[Callable[[], None]] = []

    @property
    def policy(self) -> AccessPolicy:
        """Return who may charge."""
        return self._policy

    @policy.setter
    def policy(self, policy: AccessPolicy) -> None:
        changed, self._policy = policy != self._policy, policy
        if changed:
            for listener in list(self._change_listeners):
                listener()

    async def authorize(
        self, station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        """Return whether this token may charge at this station now; raises StoreError.

        Only who presents a tag in person is learnt, and only then a master pass ends what runs.

        With `evse_id`, as for the start of a transaction, what runs at the station's other EVSEs counts as
        elsewhere; without it, as OCPP 1.6 asks, who presents a tag may mean to end what it began there.
        """
        token = await self._tokens.find(id_token)
        if in_person and (token is None or not token.assigned):
            async with self._learning:  # a station may ask twice at the same time
                token = await self._learn(station_id, id_token, now, await self._tokens.find(id_token))
        uses = tuple(
            replace(use, here=use.here and evse_id in {None, use.evse_id})
            for use in await self._tokens.uses(station_id, id_token)
        )
        group = None if token is None else token.details.group
        result = decide_authorization(
            token,
            uses,
            self.policy,
            now,
            parent_value=None if group is None else self._tokens.group_value(group),
            expected=self._is_expected(station_id, id_token),
            refusal=await self._refusal(station_id, token, now),
        )
        if in_person and result.status is not AuthorizationStatus.ACCEPTED:
            self._refused(station_id, token, result)
        if token is not None:
            await self._presented(station_id, token, result, now, in_person=in_person)
        elif result.status is not AuthorizationStatus.ACCEPTED:
            await self._explain_reversed(station_id, id_token)
        return result

    async def may_stop(
        self, station_id: str, evse_id: int, id_token: str | None, now: datetime, *, remote: bool = False
    ) -> bool:
        """Return whether who presents this token may end what runs at an EVSE; raises StoreError."""
        value = id_token or ""
        token = await self._tokens.find(value)
        running = [use for use in await self._tokens.uses(station_id, value) if use.here and use.evse_id == evse_id]
        return any(may_stop(token, use, now, remote=remote) for use in running)

    async def local_list(
        self, now: datetime, max_length: int = MAX_TOKEN_LENGTH, station_id: str | None = None
    ) -> LocalList:
        """Return the list for stations that take values of up to `max_length` characters (20 for OCPP 1.6).

        Who may not charge at the station named is in it as such. Its version grows by one whenever its entries
        changed, also by time, and outlives a restart; it begins with 1. Raises StoreError.
        """
        refused = await self._drivers.refusals(station_id, now) if self._drivers and station_id else NOBODY
        entries = build_local_list(await self._tokens.with_values(), now, max_length, refused)
        content = json.dumps(
            [
                [
                    entry.value,
                    entry.status,
                    entry.expires_at and entry.expires_at.isoformat(),
                    entry.parent_value,
                    entry.type,
                ]
                for entry in entries
            ]
        )
        name = f"local_list_{max_length}"
        if station_id is not None and refused:  # else all stations share one
            name += f"_{hashlib.sha256(station_id.encode()).hexdigest()[:16]}"
        return LocalList(await self._tokens.list_version(name, content), entries)

    def expect_start(self, station_id: str, id_token: str) -> None:
        """Accept this token at this station for a while, known or not: we asked for a start with it."""
        now = self._clock.monotonic()
        self._expected = {key: until for key, until in self._expected.items() if until > now}
        self._expected[station_id, id_token.casefold()] = now + EXPECTED_S

    async def learn(self, station_id: str, details: TokenDetails, within_s: float) -> IdToken:
        """Wait until an unknown tag is presented at a station, and keep it with these details.

        Raises TimeoutError when none came in this time, AlreadyLearning where somebody else waits, LabelExists for
        the label of another token.
        """
        if station_id in self._lessons:
            raise AlreadyLearning
        lesson = _Lesson(details, asyncio.get_running_loop().create_future())
        self._lessons[station_id] = lesson
        try:
            async with self._clock.timeout(within_s):
                if details.label is not None and await self._has_label(details.label.casefold()):
                    raise LabelExists
                return await lesson.learnt
        finally:
            del self._lessons[station_id]

    def subscribe_learnt(self, listener: TokenListener) -> Callable[[], None]:
        """Call the listener with each token that is new in the registry by being presented; returns how to stop."""
        self._learnt_listeners.append(listener)
        return lambda: self._learnt_listeners.remove(listener)

    def subscribe_master_pass(self, listener: TokenListener) -> Callable[[], None]:
        """Call the listener when a master pass is presented that is worth something; returns how to stop."""
        self._master_listeners.append(listener)
        return lambda: self._master_listeners.remove(listener)

    def subscribe_refused(self, listener: RefusalListener) -> Callable[[], None]:
        """Call the listener when somebody presents a token in person and may not charge; returns how to stop."""
        self._refusal_listeners.append(listener)
        return lambda: self._refusal_listeners.remove(listener)

    def subscribe_changes(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when the policy or a token of this site may have changed; returns how to stop."""
        unsubscribe = self._tokens.subscribe(listener)
        self._change_listeners.append(listener)

        def stop() -> None:
            self._change_listeners.remove(listener)
            unsubscribe()

        return stop

    async def _refusal(self, station_id: str, token: IdToken | None, now: datetime) -> AccessRefusal | None:
        if self._drivers is None or token is None or not token.assigned:
            return None
        return await self._drivers.refusal(station_id, token, now)

    def _refused(self, station_id: str, token: IdToken | None, result: AuthorizationResult) -> None:
        if token is not None and token.details.master_pass and token.assigned:
            return  # what it ends is told instead
        unknown = token is None or not token.assigned
        why = "unknown" if unknown and result.status is AuthorizationStatus.INVALID else result.status.name.lower()
        for listener in list(self._refusal_listeners):
            listener(station_id, token, why if result.refusal is None else result.refusal.value)

    async def _has_label(self, folded: str) -> bool:
        labels = [token.details.label for token in await self._tokens.all()]
        return any(label is not None and label.casefold() == folded for label in labels)

    def _is_expected(self, station_id: str, id_token: str) -> bool:
        return self._expected.get((station_id, id_token.casefold()), 0.0) > self._clock.monotonic()

    async def _learn(self, station_id: str, value: str, now: datetime, token: IdToken | None) -> IdToken | None:
        """Return the token that a value became, or the one it is, if there is nothing to learn."""
        if len(value) > MAX_TOKEN_LENGTH or is_placeholder(value) or self._is_expected(station_id, value):
            return token
        if token is not None and token.assigned:
            return token
        lesson = self._lessons.get(station_id)
        if lesson is not None and not lesson.learnt.done():
            return await self._learn_for(lesson, station_id, value, now, token)
        if token is not None or self.policy.mode is not AccessMode.LEARN or await self._runs(station_id, value):
            return token
        remembered = await self._tokens.remember(value, now)
        if remembered is not None:
            self._tell(self._learnt_listeners, station_id, remembered)
        return remembered

    async def _learn_for(
        self, lesson: _Lesson, station_id: str, value: str, now: datetime, token: IdToken | None
    ) -> IdToken | None:
        """Keep a tag for who waits for it; one seen before, but nobody's yet, becomes theirs."""
        try:
            if token is None:
                learnt = await self._tokens.add(value, lesson.details, now)
            else:
                learnt = await self._tokens.change(token.token_id, lambda _: lesson.details)
        except TokenExists:
            return await self._tokens.find(value)  # the station asked twice at the same time
        except LabelExists as error:  # given to another token since the lesson began
            if not lesson.learnt.done():
                lesson.learnt.set_exception(error)
            return token
        if not lesson.learnt.done():
            lesson.learnt.set_result(learnt)
        self._tell(self._learnt_listeners, station_id, learnt)
        return learnt

    async def _runs(self, station_id: str, value: str) -> bool:
        return any(use.same_token and use.here for use in await self._tokens.uses(station_id, value))

    async def _explain_reversed(self, station_id: str, value: str) -> None:
        """Say, once, that a station reads a known tag from its other end: as it is sent it is somebody else's."""
        reversed_value = byte_reversed(value)
        token = None if reversed_value is None else await self._tokens.find(reversed_value)
        if token is not None and (station_id, token.token_id) not in self._told_reversed:
            self._told_reversed.add((station_id, token.token_id))
            _LOGGER.warning(
                "%s reads the bytes of tag %s in reverse; it is refused until it is added as this charger reads it",
                station_id,
                token.token_id,
            )

    async def _presented(
        self, station_id: str, token: IdToken, result: AuthorizationResult, now: datetime, *, in_person: bool
    ) -> None:
        worth = standing(token, now) is AuthorizationStatus.ACCEPTED
        if token.details.master_pass and token.assigned and worth:
            if not in_person:
                return
            self._tell(self._master_listeners, station_id, token)
        elif result.status is not AuthorizationStatus.ACCEPTED:
            return
        try:
            await self._tokens.used(token.token_id, now)
        except StoreError as error:
            # The driver need not wait for it.
            _LOGGER.warning("The use of a token could not be noted: %s", error)

    @staticmethod
    def _tell(listeners: list[TokenListener], station_id: str, token: IdToken) -> None:
        for listener in list(listeners):
            listener(station_id, token)
