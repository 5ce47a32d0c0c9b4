"""What a limit on feed-in asks of PV and batteries."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.export_limit import (
    ExportDemand,
    ExportFlows,
    ExportPlan,
    export_demand,
    honour_export,
)
from custom_components.smart_charging.engine.grid.merge import merge
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalUnit
from custom_components.smart_charging.engine.grid.source_state import Claim

from .builders import CONNECTION, NOW, signal

OUT = SignalKind.EXPORT_LIMIT


def test_the_tightest_demand_on_feed_in_counts() -> None:
    told = [
        signal(60.0, kind=OUT, unit=SignalUnit.PERCENT, source_id="box", binding=True),
        signal(5.0, kind=OUT, unit=SignalUnit.AMPERE, source_id="other"),
        signal(100.0),
    ]
    assert export_demand(merge([Claim(one) for one in told], CONNECTION, NOW)) == ExportDemand(
        3_450.0, "other", False, None
    )
    assert export_demand(merge([Claim(told[2])], CONNECTION, NOW)) is None


@pytest.mark.parametrize(
    ("limit_w", "flows", "expected"),
    [
        (6_000.0, ExportFlows(4_000.0, 500.0), ExportPlan(6_500.0, 0.0, 2_500.0, 3_500.0)),
        (0.0, ExportFlows(8_000.0, 500.0), ExportPlan(500.0, 0.0, 0.0, 7_500.0)),
        (0.0, ExportFlows(8_000.0, 500.0, battery_charge_max_w=5_000.0), ExportPlan(5_500.0, 5_000.0, 0.0, 7_500.0)),
        (
            3_000.0,
            ExportFlows(3_500.0, 500.0, available_pv_w=8_000.0, battery_charge_max_w=5_000.0),
            ExportPlan(8_000.0, 4_500.0, 0.0, 7_500.0),
        ),
        (0.0, ExportFlows(0.0, 2_000.0, battery_discharge_w=3_000.0), ExportPlan(2_000.0, 0.0, 2_000.0, 1_000.0)),
    ],
)
def test_batteries_take_what_may_not_flow_out_and_the_rest_is_curtailed(
    limit_w: float, flows: ExportFlows, expected: ExportPlan
) -> None:
    assert honour_export(limit_w, flows) == expected


POWER = st.floats(0.0, 30_000.0)
FLOWS = st.builds(ExportFlows, POWER, POWER, POWER, st.none() | POWER, POWER)


@given(limit_w=POWER, flows=FLOWS, wishes_w=POWER)
def test_no_more_than_the_limit_flows_out_and_nothing_is_curtailed_in_vain(
    limit_w: float, flows: ExportFlows, wishes_w: float
) -> None:
    plan = honour_export(limit_w, flows)
    could_w = max(flows.pv_w, flows.available_pv_w or 0.0)
    yields_w = min(could_w, plan.pv_ceiling_w)
    gives_w = min(wishes_w, plan.battery_discharge_max_w)
    assert yields_w + gives_w - flows.consumption_w - plan.battery_charge_w <= limit_w + 1e-6
    assert 0 <= plan.battery_charge_w <= flows.battery_charge_max_w
    if yields_w < could_w - 1e-6:
        assert plan.battery_charge_w == pytest.approx(flows.battery_charge_max_w)
        assert yields_w - flows.consumption_w - plan.battery_charge_w == pytest.approx(limit_w, abs=1e-6)
    assert plan.battery_charge_w == 0 or gives_w <= 1e-6
