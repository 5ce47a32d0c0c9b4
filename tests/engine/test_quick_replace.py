"""Snapshots are replaced as `dataclasses.replace` does it."""

from dataclasses import dataclass, fields, replace

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.csms.state import EvseState, StationState
from custom_components.smart_charging.engine.model import Session, Transaction
from custom_components.smart_charging.engine.quick_replace import replacer
from custom_components.smart_charging.engine.session_tracking import EvseRecord


@pytest.mark.parametrize("kind", [EvseRecord, EvseState, Session, StationState, Transaction])
@given(data=st.data())
def test_a_value_is_replaced_as_the_library_does_it(kind: type[EvseState], data: st.DataObject) -> None:
    names = [field.name for field in fields(kind)]
    old = kind(**{name: f"old {name}" for name in names})
    changes = {name: f"new {name}" for name in data.draw(st.sets(st.sampled_from(names)))}
    new = replacer(kind)(old, changes)
    assert new == replace(old, **changes)
    assert old == kind(**{name: f"old {name}" for name in names})


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError):
        replacer(EvseState)(EvseState(1), {"colour": "red"})


@dataclass(frozen=True, slots=True)
class _Checked:
    number: int

    def __post_init__(self) -> None:
        """Refuse what is no count."""
        if self.number < 0:
            raise ValueError("below 0")


def test_a_class_that_checks_its_values_is_refused() -> None:
    with pytest.raises(TypeError):
        replacer(_Checked)
