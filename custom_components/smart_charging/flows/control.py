"""The choice of what something is led with, and the sequences of actions that a user may write for it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import SelectSelector
import probatio

from .fields import choice

CONTROL_NONE: Final = "none"
CONTROL_ENTITIES: Final = "entities"
CONTROL_ACTIONS: Final = "actions"


def control_choice(translation_key: str) -> SelectSelector:
    """Return the choice between leaving something alone and the two ways to lead it."""
    return choice((CONTROL_NONE, CONTROL_ENTITIES, CONTROL_ACTIONS), translation_key)


def with_lists(data: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the data with each sequence as a list: the editor may send a single action by itself."""
    sequences = {key: data[key] for key in keys if key in data}
    return {**data, **{key: value if isinstance(value, list) else [value] for key, value in sequences.items()}}


def sequence_errors(data: Mapping[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the sequences that are none, with the key of their error."""
    for key in keys:
        if key not in data:
            continue
        try:
            cv.SCRIPT_SCHEMA(data[key])
        except probatio.Invalid:
            yield key, "action_invalid"
