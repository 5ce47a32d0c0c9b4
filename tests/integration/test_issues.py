"""Repairs that come and go with what the site shows."""

from typing import Any
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.csms.state import Capabilities, Obedience
from custom_components.smart_charging.engine.csms.turned_away import Obstacle, TurnedAway
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import EvseStatus, MeterQuality
from custom_components.smart_charging.engine.view import SiteView
from custom_components.smart_charging.issues import SiteIssues, async_password_refused, async_password_settled
from tests.manual_clock import ManualClock

from .builders import charger, site_entry
from .site_double import circuit_view, evse, garage, site_view


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with the charger `garage` and one that never showed up."""
    entry = site_entry(9000, [charger("garage"), charger("absent")])
    entry.add_to_hass(hass)
    entry.runtime_data = Mock()
    entry.runtime_data.csms.turned_away = TurnedAway(ManualClock())
    return entry


@pytest.fixture
def issues(hass: HomeAssistant, entry: MockConfigEntry) -> SiteIssues:
    """Return the site's issues, none shown yet."""
    return SiteIssues(hass, entry)


def show(issues: SiteIssues, entry: MockConfigEntry, view: SiteView) -> set[str]:
    """Show a view; return the ids of the issues that stand then."""
    entry.runtime_data.coordinator.data = view
    issues.async_update()
    return shown(issues)


def shown(issues: SiteIssues) -> set[str]:
    """Return the ids of the issues that stand."""
    return {issue_id for domain, issue_id in ir.async_get(issues._hass).issues if domain == DOMAIN}


def test_a_site_in_order_has_no_issues(issues: SiteIssues, entry: MockConfigEntry) -> None:
    assert show(issues, entry, site_view()) == set()


@pytest.mark.parametrize("quality", [MeterQuality.LOST, MeterQuality.IMPLAUSIBLE])
def test_a_meter_lost_while_a_car_charges_is_an_issue_until_it_is_back(
    issues: SiteIssues, entry: MockConfigEntry, quality: MeterQuality
) -> None:
    idle = garage(evse(state={"status": EvseStatus.AVAILABLE}))
    lost: dict[str, Any] = {"grid_quality": quality, "limit_source": LimitSource.METER_LOST}
    assert show(issues, entry, site_view(idle, **lost)) == set()
    assert show(issues, entry, site_view(**lost)) == {"meter_lost_site1"}
    assert show(issues, entry, site_view(idle, **lost)) == {"meter_lost_site1"}
    assert show(issues, entry, site_view(grid_quality=MeterQuality.FRESH)) == set()


def test_a_circuits_meter_lost_while_a_car_charges_is_an_issue_until_it_is_back(
    hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry
) -> None:
    idle = garage(evse(state={"status": EvseStatus.AVAILABLE}))
    lost = {"circuits": {"cellar": circuit_view(quality=MeterQuality.LOST)}}
    assert show(issues, entry, site_view(idle, **lost)) == set()
    assert show(issues, entry, site_view(**lost)) == {"circuit_meter_lost_cellar"}
    issue = ir.async_get(hass).issues[DOMAIN, "circuit_meter_lost_cellar"]
    assert issue.translation_placeholders == {"site": "Home", "circuit": "Cellar"}
    assert show(issues, entry, site_view(idle, **lost)) == {"circuit_meter_lost_cellar"}
    assert show(issues, entry, site_view(circuits={"cellar": circuit_view(quality=MeterQuality.STALE)})) == set()


@pytest.mark.parametrize(
    ("quality", "source"),
    [
        (MeterQuality.STALE, LimitSource.METER_STALE),
        (MeterQuality.IMPLAUSIBLE, LimitSource.METER_STALE),
        (MeterQuality.ABSENT, LimitSource.METER_ABSENT),
    ],
)
def test_a_meter_that_is_missing_or_tells_nothing_good_for_a_moment_is_no_issue(
    issues: SiteIssues, entry: MockConfigEntry, quality: MeterQuality, source: LimitSource
) -> None:
    assert show(issues, entry, site_view(grid_quality=quality, limit_source=source)) == set()


@pytest.mark.parametrize(
    ("obedience", "key"),
    [(Obedience.REJECTS, "profiles_refused"), (Obedience.IGNORES, "profiles_ignored")],
)
def test_a_charger_that_does_not_follow_its_limits_is_an_issue(
    hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry, obedience: Obedience, key: str
) -> None:
    view = site_view(garage(evse(1), evse(2, state={"obedience": obedience})))
    assert show(issues, entry, view) == {f"{key}_sub_garage"}
    issue = ir.async_get(hass).issues[DOMAIN, f"{key}_sub_garage"]
    assert issue.translation_placeholders == {"site": "Home", "charger": "Charger garage"}
    assert issue.is_fixable is False
    assert show(issues, entry, site_view()) == set()


def test_a_charger_that_can_not_hold_a_lease_is_an_issue(issues: SiteIssues, entry: MockConfigEntry) -> None:
    view = site_view(garage(capabilities=Capabilities(holds_lease=False)))
    assert show(issues, entry, view) == {"no_lease_sub_garage"}


def test_a_safe_current_that_does_not_fit_is_an_issue(issues: SiteIssues, entry: MockConfigEntry) -> None:
    view = site_view(safe_current_missing=("garage",))
    assert show(issues, entry, view) == {"safe_current_sub_garage"}


def test_a_site_that_stops_takes_its_issues_back(issues: SiteIssues, entry: MockConfigEntry) -> None:
    assert show(issues, entry, site_view(limit_source=LimitSource.METER_LOST)) == {"meter_lost_site1"}
    issues.async_clear()
    assert shown(issues) == set()


def test_an_issue_carries_a_new_name(hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry) -> None:
    show(issues, entry, site_view(safe_current_missing=("garage",)))
    hass.config_entries.async_update_subentry(entry, entry.subentries["sub_garage"], title="Carport")
    show(issues, entry, site_view(safe_current_missing=("garage",)))
    placeholders = ir.async_get(hass).issues[DOMAIN, "safe_current_sub_garage"].translation_placeholders
    assert placeholders == {"site": "Home", "charger": "Carport"}


def test_a_refused_password_is_an_issue_until_it_is_settled(
    hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry
) -> None:
    async_password_refused(hass, entry, entry.subentries["sub_garage"])
    assert shown(issues) == {"password_refused_sub_garage"}
    async_password_settled(hass, "sub_garage")
    assert shown(issues) == set()


def test_a_station_that_dials_without_tls_is_an_issue_that_names_it_until_it_enters(
    issues: SiteIssues, entry: MockConfigEntry
) -> None:
    turned_away = entry.runtime_data.csms.turned_away
    turned_away.refused("garage", Obstacle.NO_TLS, known=True)
    turned_away.refused("STRANGER", Obstacle.NO_TLS, known=False)
    assert show(issues, entry, site_view()) == {"dials_without_tls_sub_garage", "dials_without_tls_site1_STRANGER"}
    issue = ir.async_get(issues._hass).async_get_issue(DOMAIN, "dials_without_tls_sub_garage")
    assert issue is not None
    assert issue.translation_placeholders == {"site": "Home", "charger": "Charger garage", "station_id": "garage"}
    turned_away.entered("garage")
    turned_away.entered("STRANGER")
    assert show(issues, entry, site_view()) == set()


def test_a_version_that_a_charger_does_not_offer_is_an_issue_until_another_is_chosen(
    hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry
) -> None:
    subentry = entry.subentries["sub_garage"]
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "protocol": "ocpp201"})
    assert show(issues, entry, site_view()) == set()  # nobody knows what it offers
    entry.runtime_data.csms.turned_away.offers("garage", ["ocpp1.6, ocpp2.1"])
    assert show(issues, entry, site_view()) == {"version_not_offered_sub_garage"}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "version_not_offered_sub_garage")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["offered"] == "1.6, 2.1"
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "protocol": "ocpp16"})
    assert show(issues, entry, site_view()) == set()


@pytest.mark.parametrize("aim", [{"target_soc_percent": 80.0}, {"min_soc_percent": 20.0}])
def test_a_state_of_charge_that_nobody_tells_is_an_issue_where_it_is_aimed_at(
    hass: HomeAssistant, issues: SiteIssues, entry: MockConfigEntry, aim: dict[str, float]
) -> None:
    aiming = EvseSettings(**aim)  # type: ignore[arg-type]  # fields by name
    blind = site_view(garage(evse(settings=aiming, soc_percent=None)))
    assert show(issues, entry, blind) == {"no_soc_sub_garage"}
    assert show(issues, entry, site_view(garage(evse(settings=EvseSettings(), soc_percent=None)))) == set()
    assert show(issues, entry, blind) == {"no_soc_sub_garage"}
    subentry = entry.subentries["sub_garage"]
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "soc": "sensor.car"})
    assert show(issues, entry, blind) == set()
    hass.config_entries.async_update_subentry(entry, subentry, data=dict(subentry.data))
    assert show(issues, entry, site_view(garage(evse(settings=aiming, soc_percent=50.0)))) == set()
    assert show(issues, entry, blind) == set()  # it told before, and will again
