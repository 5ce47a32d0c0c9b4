"""The one place where refusals of the engine become errors that Home Assistant can show in the user's language."""

from collections.abc import Iterator
from contextlib import contextmanager
import math
from typing import Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .engine.config import EvseSettings
from .engine.csms.commands import CommandError, CommandErrorCode
from .engine.csms.firmware_check import FirmwareCheckError
from .engine.model import StoreError

# What was asked can't be done as things stand; all else is a failure on the way.
_ASKED_WRONGLY: Final = frozenset(
    {
        CommandErrorCode.NOT_SUPPORTED,
        CommandErrorCode.NO_TRANSACTION,
        CommandErrorCode.INVALID,
        CommandErrorCode.PROTECTED,
        CommandErrorCode.TOO_OFTEN,
    }
)


def check_finite(value: float) -> None:
    """Raise ServiceValidationError for what is no number: Home Assistant lets it pass a number's bounds."""
    if not math.isfinite(value):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_a_number",
            translation_placeholders={"value": str(value)},
        )


def check_charge_levels(before: EvseSettings, after: EvseSettings, charger: str) -> None:
    """Raise ServiceValidationError where a change lifts the minimum charge above the target; either may be none.

    A change of something else passes, whatever was kept.
    """
    minimum, target = after.min_soc_percent, after.target_soc_percent
    changed = (minimum, target) != (before.min_soc_percent, before.target_soc_percent)
    if changed and minimum is not None and target is not None and minimum > target:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="min_soc_above_target",
            translation_placeholders={"charger": charger, "minimum": f"{minimum:g}", "target": f"{target:g}"},
        )


@contextmanager
def translated_errors(charger: str) -> Iterator[None]:
    """Raise HomeAssistantError or ServiceValidationError for what the engine refuses in this block."""
    try:
        yield
    except CommandError as err:
        error = ServiceValidationError if err.code in _ASKED_WRONGLY else HomeAssistantError
        raise error(
            translation_domain=DOMAIN,
            translation_key=f"command_{err.code.value}",
            translation_placeholders={"charger": charger, "detail": err.detail},
        ) from err
    except FirmwareCheckError as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=f"firmware_{err.fault.value}",
            translation_placeholders={"charger": charger, "detail": err.detail},
        ) from err
    except StoreError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_stored",
            translation_placeholders={"charger": charger},
        ) from err
