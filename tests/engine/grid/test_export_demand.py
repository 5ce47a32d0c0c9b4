"""Which demand on feed-in counts."""

from custom_components.smart_charging.engine.grid.export_limit import ExportDemand, export_demand
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
