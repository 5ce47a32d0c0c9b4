"""How full a car is: what somebody told last, carried on by the energy that it was charged with since."""

from collections.abc import Mapping
from dataclasses import dataclass

from .config import CarConfig, EvseSettings
from .model import EvseKey, Session

FULL_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Charge:
    """A state of charge in percent as it was told first, when the session had delivered `session_wh`, less `given_wh`.

    It is that of the car of one session; what was kept without one is nobody's.
    """

    soc_percent: float
    session_wh: float
    given_wh: float = 0.0
    session_id: int | None = None


def carried_on(told: Charge, session_wh: float, car: CarConfig, given_wh: float = 0.0) -> float:
    """Return the state of charge in percent now; it stays as told where the battery's size is not known.

    What a car gave back its battery lost, and as much more as charging loses.
    """
    if car.capacity_wh is None:
        return told.soc_percent
    charged_wh = max(0.0, session_wh - told.session_wh) * car.efficiency
    charged_wh -= max(0.0, given_wh - told.given_wh) / car.efficiency
    percent = told.soc_percent + FULL_PERCENT * charged_wh / car.capacity_wh
    return max(0.0, min(FULL_PERCENT, percent))


class CarCharges:
    """Follows what is told of the cars at a site's EVSEs.

    A value that is only repeated is as old as its first time: many cars tell theirs each hour or when they wake, and a
    sensor shows it unchanged meanwhile.
    """

    def __init__(self) -> None:
        """Know of no car yet."""
        self._told: dict[EvseKey, Charge] = {}

    @property
    def told(self) -> Mapping[EvseKey, Charge]:
        """Return what was told last of each car, to be remembered over a restart."""
        return dict(self._told)

    def restore(self, told: Mapping[EvseKey, Charge]) -> None:
        """Go on from what was told before a restart: a sensor that repeats it then tells nothing new."""
        self._told = {**told, **self._told}

    def follow(
        self,
        key: EvseKey,
        told_percent: float | None,
        session: Session | None,
        settings: EvseSettings,
        car: CarConfig,
        given_wh: float = 0.0,
    ) -> float | None:
        """Return the state of charge now, None where nobody ever told it in this stay.

        What station or entity tell counts, also while they are silent for a time; what a user said stands in where
        neither ever did. Without a session nothing is carried on, as right after a start, when it is not known yet.
        """
        if session is None or session.plugged_out_at is not None:
            return told_percent
        known, session_wh = self._told.get(key), session.energy_wh
        if known is not None and known.session_id != session.session_id:
            known = None  # of another car
        if told_percent is not None and (
            known is None or known.soc_percent != told_percent or session_wh < known.session_wh
        ):
            known = self._told[key] = Charge(told_percent, session_wh, given_wh, session.session_id)
        if known is None and settings.told_soc_percent is not None:
            known = Charge(settings.told_soc_percent, settings.told_at_wh, settings.told_at_given_wh)
        return None if known is None else carried_on(known, session_wh, car, given_wh)

    def left(self, key: EvseKey) -> None:
        """Forget the car that was at an EVSE."""
        self._told.pop(key, None)

    def forget(self, station_id: str) -> None:
        """Forget the cars at a station."""
        self._told = {key: told for key, told in self._told.items() if key.station_id != station_id}
