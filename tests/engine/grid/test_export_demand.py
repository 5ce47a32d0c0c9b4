"""Which demand on feed-in counts."""

from dataclasses import replace

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


def test_a_percentage_of_a_power_that_nobody_told_counts_as_nothing_and_is_told_as_unknown() -> None:
    nobody_told = replace(CONNECTION, installed_pv_w=0.0)
    part = Claim(signal(60.0, kind=OUT, unit=SignalUnit.PERCENT))
    none = Claim(signal(0.0, kind=OUT, unit=SignalUnit.PERCENT))
    watts = Claim(signal(3_000.0, kind=OUT))
    for claims in ([part], [part, watts], [watts, part]):
        found = export_demand(merge(claims, nobody_told, NOW))
        assert found is not None and (found.limit_w, found.of_unknown) == (0.0, True)
    for claims in ([none], [watts]):
        found = export_demand(merge(claims, nobody_told, NOW))
        assert found is not None and not found.of_unknown
    found = export_demand(merge([part], CONNECTION, NOW))
    assert found is not None and (found.limit_w, found.of_unknown) == (0.6 * CONNECTION.installed_pv_w, False)
