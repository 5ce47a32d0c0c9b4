"""What one station must prove to enter, as it changes: passwords, certificates, the most it ever proved."""

import asyncio
from dataclasses import replace

from ..config import SecurityProfile, StationConfig
from .commands import CommandError, CommandErrorCode
from .connection import ConnectionInfo
from .core import StationCore
from .entrance import configured_profile
from .password_rotation import PasswordRotation
from .security import hash_password, hash_random_password, new_password

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


class StationAccess:
    """One station's passwords and certificates; what is learnt of them outlives a restart."""

    def __init__(self, core: StationCore) -> None:
        """Take the station's middle."""
        self._core = core

    async def set_password(self, password: str) -> str:
        """Make the station use a new password from its next login on and return its hash; raises CommandError.

        In OCPP 1.6 it has at most 20 bytes, and hexadecimal digits stand for the bytes they spell; in OCPP 2 it
        has 16 to 40 characters. The old one stays valid until the first login with the new one, which is told apart by hashes
        kept over restarts: an answer that was lost locks nobody out.
        """
        self._refuse_where_none_may_be()
        return await self._hand_over(password, await asyncio.to_thread(hash_password, password))

    async def rotate_password(self) -> str:
        """Give the station a random password, kept by nobody else, and return its hash; raises CommandError."""
        connection = self._core.connection
        if connection is None:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, "password")
        self._refuse_where_none_may_be()
        password = new_password(connection.protocol)
        return await self._hand_over(password, hash_random_password(password))

    def _refuse_where_none_may_be(self) -> None:
        if self._core.quirks.no_password:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "this kind of station must have none")

    async def _hand_over(self, password: str, hashed: str) -> str:
        await self._keep(self._core.learnt.passwords.offer(hashed))
        try:
            await self._core.commands.set_password(password)
        except CommandError as error:
            if error.code is not CommandErrorCode.TIMEOUT:
                await self._keep(self._core.learnt.passwords.rejected(hashed))
            raise
        return hashed

    async def renew_certificate(self) -> None:
        """Make the station ask for a certificate (A02), which is signed once it does; raises CommandError."""
        if self._core.around.signer is None:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "nobody here signs certificates")
        await self._core.commands.trigger("SignChargingStationCertificate")

    async def _keep(self, passwords: PasswordRotation) -> None:
        await self._core.learn(replace(self._core.learnt, passwords=passwords))

    @property
    def password_hashes(self) -> tuple[str, ...]:
        """Return the hashes any of which lets the station in; none where no password is asked."""
        config = self._core.config
        if config.password_hash is None and config.allow_without_password:
            return ()
        return self._core.learnt.passwords.hashes

    @property
    def seen_profile(self) -> SecurityProfile | None:
        """Return the most that the station proved since that was last forgotten."""
        return self._core.learnt.seen_profile

    async def forget_security_profile(self) -> None:
        """Ask no more of the station than is configured, whatever it proved before."""
        await self._core.learn(replace(self._core.learnt, seen_profile=None))

    async def logged_in(self, info: ConnectionInfo) -> None:
        """Forget the old password once a new one was used, and keep the most that was ever proved (A05)."""
        learnt = self._core.learnt
        seen = max(info.security_profile, learnt.seen_profile or SecurityProfile.NONE) or None
        passwords = learnt.passwords.logged_in(info.matched_hash)
        await self._core.learn(replace(learnt, passwords=passwords, seen_profile=seen))

    async def follow(self, before: StationConfig | None = None) -> None:
        """Go by the configuration in force; `before` is what it was, None at the start.

        A standing socket that proved less than is asked for now is ended.
        """
        core, config = self._core, self._core.config
        await self._keep(core.learnt.passwords.follow(config.password_hash))
        if before is None:
            return
        if _least(config) < _least(before):
            await self.forget_security_profile()
        connection, least = core.connection, config.security_profile
        if connection is not None and before.security_profile < least > connection.info.security_profile:
            connection.end(_POLICY_VIOLATION, "a higher security profile is asked for")


def _least(config: StationConfig) -> SecurityProfile:
    return configured_profile(config, has_password=config.password_hash is not None)
