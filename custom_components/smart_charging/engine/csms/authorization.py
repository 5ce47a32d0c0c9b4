"""Who may charge: while no tags are administered, everybody who stands at the charger."""

from datetime import datetime

from ..model import AuthorizationStatus
from .store import AuthorizationResult


class AcceptEveryone:
    """Accepts each presented id token."""

    async def authorize(
        self, station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        """Accept, without an end."""
        return AuthorizationResult(AuthorizationStatus.ACCEPTED)
