"""The controllers to compare with: none at all, and the usual rules of surplus charging as evcc documents them.

Written from the public documentation and discussions of evcc: it starts after a minute with surplus for the
least current, stops after three minutes without, and changes to three phases after one minute and
back after three. A re-implementation: its figures are not those of the product.
"""

from .home import MAX_A, MIN_A, PAUSE, VOLTAGE_V, Command, Reading

ENABLE_S = 60
DISABLE_S = 180
INTERVAL_S = 30
THREE_PHASES_W = 3 * MIN_A * VOLTAGE_V


class Uncontrolled:
    """Charges from plug-in at full current."""

    def command(self, reading: Reading) -> Command:
        """Return full current while the car takes any."""
        return Command(MAX_A, 3) if reading.plugged else PAUSE


class DocumentedRules:
    """Surplus mode with one and three phases and the documented default delays."""

    def __init__(self) -> None:
        """Begin switched off."""
        self._command = PAUSE
        self._decided_at: int | None = None
        self._phase_since: int | None = None
        self._enable_since: int | None = None
        self._disable_since: int | None = None

    def command(self, reading: Reading) -> Command:
        """Return what the rules say, each `INTERVAL_S`."""
        if not reading.plugged or reading.full:
            self._command = Command(0.0, self._command.phases)
            self._phase_since = self._enable_since = self._disable_since = None
            return self._command
        if reading.must_charge:
            self._command = Command(MAX_A, 3)
            return self._command
        if self._decided_at is None or reading.at_s - self._decided_at >= INTERVAL_S:
            self._decided_at = reading.at_s
            self._command = self._follow(reading)
        return self._command

    def _follow(self, reading: Reading) -> Command:
        """Return the current that the surplus makes, by the rules for starting, stopping and phases."""
        enabled = self._command.current_a >= MIN_A
        available_w = reading.car_a * reading.phases * VOLTAGE_V - reading.grid_w
        phases, pending = self._phases(available_w, enabled, reading.at_s)
        if phases != self._command.phases:
            self._disable_since = None
        target_a = available_w / (phases * VOLTAGE_V)
        if enabled:
            return self._running(target_a, phases, pending, reading.at_s)
        return self._waiting(target_a, phases, reading.at_s)

    def _phases(self, available_w: float, enabled: bool, at_s: int) -> tuple[int, bool]:
        """Return the phases to use, and whether a change to fewer is about to come."""
        phases = self._command.phases
        enough = available_w >= THREE_PHASES_W
        if enough == (phases == 3):
            self._phase_since = None
            return phases, False
        if phases == 3 and not enabled:
            self._phase_since = None
            return 1, False
        since = self._phase_since if self._phase_since is not None else at_s
        if at_s - since >= (ENABLE_S if phases == 1 else DISABLE_S):
            self._phase_since = None
            return (3 if phases == 1 else 1), False
        self._phase_since = since
        return phases, phases == 3

    def _running(self, target_a: float, phases: int, pending: bool, at_s: int) -> Command:
        self._enable_since = None
        if target_a >= MIN_A or pending:
            self._disable_since = None
            return Command(min(MAX_A, max(MIN_A, target_a)), phases)
        since = self._disable_since if self._disable_since is not None else at_s
        if at_s - since >= DISABLE_S:
            self._disable_since = None
            return Command(0.0, phases)
        self._disable_since = since
        return Command(MIN_A, phases)

    def _waiting(self, target_a: float, phases: int, at_s: int) -> Command:
        self._disable_since = None
        if target_a < MIN_A:
            self._enable_since = None
            return Command(0.0, phases)
        since = self._enable_since if self._enable_since is not None else at_s
        if at_s - since >= ENABLE_S:
            self._enable_since = None
            return Command(MIN_A, phases)
        self._enable_since = since
        return Command(0.0, phases)
