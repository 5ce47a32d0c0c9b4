"""What a battery is told: held while cars charge fast, discharged to carry more than the grid may, led by the plan."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .planning.battery_advice import BatteryAdvice


class BatteryAction(StrEnum):
    """What a battery is to do."""

    NORMAL = "normal"  # its own control decides
    HOLD = "hold"  # no discharge
    CHARGE = "charge"
    DISCHARGE = "discharge"


class BatteryReason(StrEnum):
    """Why."""

    NOTHING_ASKED = "nothing_asked"
    FAST_CHARGING = "fast_charging"
    GRID_EXPANSION = "grid_expansion"
    RESERVE = "reserve"  # kept back for grid expansion
    REFILL = "refill"  # spare capacity fills the reserve
    PLAN_BUYING = "plan_buying"  # a kWh is worth more in it than it costs
    PLAN_KEEPING = "plan_keeping"  # a kWh in it will be worth more later
    EXPORT_LIMIT = "export_limit"  # takes what may not flow out, or gives nothing that would
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class BatteryCommand:
    """What a battery is told; `power_w` >= 0 counts for charge and discharge only."""

    action: BatteryAction
    reason: BatteryReason
    power_w: float = 0.0


@dataclass(frozen=True, slots=True)
class BatterySnapshot:
    """A battery as measured; discharge > 0. `advice` is of the plan, where it follows one."""

    available: bool
    soc_percent: float | None = None
    power_w: float | None = None
    advice: BatteryAdvice | None = None


@dataclass(frozen=True, slots=True)
class BatteryMemory:
    """What is remembered of a battery: its last command, whether it followed, and what expansion took of it."""

    commanded_w: float = 0.0  # discharge > 0
    commanded_since: datetime | None = None
    remembered_at: datetime | None = None
    short_since: datetime | None = None  # gives clearly less than it is told, without a break
    delivers_w: float | None = None  # what it was seen to give when it gave less than told
    delivers_until: datetime | None = None
    proven: bool = False  # gave what it was told, and has not fallen short since
    day: str | None = None
    expansion_wh: float = 0.0  # discharged for expansion on this local day
    past_days_wh: tuple[float, ...] = ()  # of the last days, newest last
