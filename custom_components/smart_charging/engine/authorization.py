"""Who may begin and who may end: decisions about id tokens, without I/O and without a clock."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from .csms.store import AuthorizationResult
from .driver import AccessRefusal, DriverAccess, within
from .id_token import AccessMode, AccessPolicy, IdToken, LocalListEntry, OpenUse, TokenSecret
from .model import AuthorizationStatus

NOBODY: Final[Mapping[str, AccessRefusal]] = MappingProxyType({})


def decide_authorization(
    token: IdToken | None,
    open_transactions: Sequence[OpenUse],
    policy: AccessPolicy,
    now: datetime,
    *,
    parent_value: str | None = None,
    expected: bool = False,
    refusal: AccessRefusal | None = None,
) -> AuthorizationResult:
    """Return what a station is told of a presented token; None for one that the registry does not hold.

    A token whose own or whose group's transaction runs where it is presented is there to end it: that is
    no concurrent use, and whether its driver may begin does not matter. `expected` says that we asked the station to
    begin with this token. `parent_value` stands for the token's group; `refusal` is why its driver may not begin.
    """
    if token is None or not token.assigned:
        known = expected or policy.mode is AccessMode.ACCEPT_ALL or _own(open_transactions)
        if token is not None and token.details.blocked:
            return AuthorizationResult(AuthorizationStatus.BLOCKED)
        return AuthorizationResult(AuthorizationStatus.ACCEPTED if known else AuthorizationStatus.INVALID)
    status = _may_begin(token, now)
    if status is AuthorizationStatus.ACCEPTED and _concurrent(token, open_transactions, policy):
        status = AuthorizationStatus.CONCURRENT_TX
    if status is AuthorizationStatus.ACCEPTED and refusal is not None and not _ends(token, open_transactions):
        return AuthorizationResult(AuthorizationStatus.BLOCKED, parent_value, refusal=refusal)
    return AuthorizationResult(status, parent_value, token.details.valid_until)


def driver_refusal(access: DriverAccess, station_id: str, at: datetime) -> AccessRefusal | None:
    """Return why a driver may not begin at a station at a moment of the site's time zone, None where nothing is against it."""
    group = access.group
    if not access.driver.active or access.driver.anonymised_at is not None:
        return AccessRefusal.INACTIVE
    if group is not None and group.stations is not None and station_id not in group.stations:
        return AccessRefusal.STATION
    if group is not None and (not within(group.hours, at) or access.scheduled is False):
        return AccessRefusal.HOURS
    return None if access.allowance_left else AccessRefusal.ALLOWANCE


def standing(token: IdToken, now: datetime) -> AuthorizationStatus:
    """Return what a token is worth now, wherever it is presented; one not valid yet is invalid."""
    details = token.details
    if token.deleted_at is not None:
        return AuthorizationStatus.INVALID
    if details.blocked:
        return AuthorizationStatus.BLOCKED
    if details.valid_until is not None and now >= details.valid_until:
        return AuthorizationStatus.EXPIRED
    if details.valid_from is not None and now < details.valid_from:
        return AuthorizationStatus.INVALID
    return AuthorizationStatus.ACCEPTED


def may_stop(token: IdToken | None, use: OpenUse, now: datetime, *, remote: bool = False) -> bool:
    """Return whether who presents this token may end that transaction.

    The one who began it may, always; so may a master pass and its group while they are worth something, and
    whoever asks through us.
    """
    if remote or use.same_token:
        return True
    if token is None or not token.assigned or standing(token, now) is not AuthorizationStatus.ACCEPTED:
        return False
    return token.details.master_pass or same_group(token.details.group, use.group)


def same_group(one: str | None, other: str | None) -> bool:
    """Return whether two groups are the same; who is in none shares it with nobody."""
    return one is not None and other is not None and one.casefold() == other.casefold()


def build_local_list(
    secrets: Iterable[TokenSecret],
    now: datetime,
    max_length: int,
    refused: Mapping[str, AccessRefusal] = NOBODY,
) -> tuple[LocalListEntry, ...]:
    """Return what a station that takes values of up to `max_length` characters has to know, in a stable order.

    Tokens that are nobody's yet are left out. A master pass is in it as invalid: alone, a station would
    let it begin a transaction. `refused` tells by token whose driver may not begin at this station. A list knows no
    hours: who may not charge just now is in it as one who may, and what begins so is ended as soon as it is told of.
    """
    entries = [
        LocalListEntry(
            secret.value,
            _listed(secret.token, now, refused),
            secret.token.details.valid_until,
            secret.parent_value,
            secret.token.details.type,
        )
        for secret in secrets
        if secret.token.assigned and secret.token.deleted_at is None and 0 < len(secret.value) <= max_length
    ]
    return tuple(sorted(entries, key=lambda entry: entry.value.casefold()))


def _may_begin(token: IdToken, now: datetime) -> AuthorizationStatus:
    """Return what a token is worth to who wants to charge, which a master pass is not for."""
    status = standing(token, now)
    if status is AuthorizationStatus.ACCEPTED and token.details.master_pass:
        return AuthorizationStatus.INVALID
    return status


def _listed(token: IdToken, now: datetime, refused: Mapping[str, AccessRefusal]) -> AuthorizationStatus:
    status = _may_begin(token, now)
    for_good = refused.get(token.token_id) in {AccessRefusal.INACTIVE, AccessRefusal.STATION}
    return AuthorizationStatus.BLOCKED if status is AuthorizationStatus.ACCEPTED and for_good else status


def _ends(token: IdToken, open_transactions: Sequence[OpenUse]) -> bool:
    """Return whether what runs where a token is presented is its own or its group's."""
    group = token.details.group
    return _own(open_transactions) or any(use.here and same_group(group, use.group) for use in open_transactions)


def _own(open_transactions: Sequence[OpenUse]) -> bool:
    return any(use.here and use.same_token for use in open_transactions)


def _concurrent(token: IdToken, open_transactions: Sequence[OpenUse], policy: AccessPolicy) -> bool:
    group = token.details.group
    if group is not None and policy.groups_share:
        return False
    if _ends(token, open_transactions):
        return False
    return any(use.same_token for use in open_transactions)
