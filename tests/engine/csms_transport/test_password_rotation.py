"""A password is changed without locking a station out, whatever becomes of the answer."""

import re

import pytest

from custom_components.smart_charging.engine.csms.password_rotation import PasswordRotation
from custom_components.smart_charging.engine.csms.security import is_fit_password, new_password

OLD = PasswordRotation("old")


def test_both_passwords_open_until_the_first_login_with_the_new_one() -> None:
    changing = OLD.offer("new")
    assert set(changing.hashes) == {"old", "new"} and not changing.settled
    assert changing.logged_in("old") == changing
    assert changing.logged_in("new") == PasswordRotation("new")


def test_old_password_alone_opens_after_the_station_refused_the_new_one() -> None:
    assert OLD.offer("new").rejected("new") == OLD


def test_change_begun_again_before_the_first_was_settled_keeps_all_that_the_station_may_use() -> None:
    changing = OLD.offer("lost").offer("new")
    assert set(changing.hashes) == {"old", "lost", "new"}
    assert changing.rejected("new").hashes == ("lost", "old")
    assert changing.logged_in("lost") == PasswordRotation("lost")
    assert len(changing.offer("newer").hashes) == 3


def test_login_with_a_hash_of_before_or_none_changes_nothing() -> None:
    assert OLD.logged_in("other") is OLD
    assert OLD.offer("new").logged_in(None) == OLD.offer("new")


def test_first_password_of_a_station_has_no_old_one_beside_it() -> None:
    assert PasswordRotation(None).hashes == ()
    assert PasswordRotation(None).offer("new").hashes == ("new",)


def test_rotation_outlives_a_restart() -> None:
    changing = OLD.offer("lost").offer("new")
    assert PasswordRotation.from_json(changing.to_json()) == changing
    configured = PasswordRotation().follow("first")
    assert PasswordRotation.from_json(configured.to_json()) == configured
    assert PasswordRotation.from_json({"current": 7, "offered": [1, "new"]}) == PasswordRotation(None, ("new",))
    assert PasswordRotation.from_json({}) == PasswordRotation(None)


def test_what_the_user_configures_anew_is_an_offer_and_what_is_taken_out_opens_nothing() -> None:
    first = PasswordRotation().follow("first")
    assert first.hashes == ("first",) and first.settled
    assert first.follow("first") is first
    second = first.follow("second")
    assert second.hashes == ("second", "first")
    assert second.logged_in("second").hashes == ("second",)
    assert second.logged_in("second").follow("second").hashes == ("second",)
    assert second.follow(None) == PasswordRotation()


def test_configured_password_that_the_station_no_longer_uses_does_not_open_again() -> None:
    told = PasswordRotation().follow("configured").offer("told").logged_in("told")
    assert told.follow("configured").hashes == ("told",)
    assert told.follow("told").settled


def test_what_was_kept_before_is_taken_over() -> None:
    former = PasswordRotation.from_former({"previous_password": "old", "next_password": "told"})
    assert former.follow("configured").hashes == ("configured", "told", "old")
    assert PasswordRotation.from_former({"next_password": None}).follow("configured").hashes == ("configured",)


def test_new_password_is_as_long_as_the_protocol_allows_and_never_the_same() -> None:
    assert re.fullmatch("[0-9a-f]{40}", new_password("ocpp1.6"))
    assert re.fullmatch("[A-Za-z0-9]{40}", new_password("ocpp2.0.1"))
    for protocol in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        made = {new_password(protocol) for _ in range(50)}
        assert len(made) == 50
        assert all(is_fit_password(protocol, password) for password in made)


@pytest.mark.parametrize(
    ("protocol", "password", "fit"),
    [
        ("ocpp1.6", "0123456789abcdeg", True),
        ("ocpp1.6", "0123456789abcdef", False),
        ("ocpp1.6", "ab" * 16, True),
        ("ocpp1.6", "ab" * 20, True),
        ("ocpp1.6", "ab" * 15 + "a", False),
        ("ocpp1.6", "ab" * 21, False),
        ("ocpp1.6", "short", False),
        ("ocpp1.6", "ä" * 10, True),
        ("ocpp1.6", "ä" * 11, False),
        ("ocpp2.0.1", "a" * 16, True),
        ("ocpp2.0.1", "a" * 40, True),
        ("ocpp2.0.1", "a" * 15, False),
        ("ocpp2.0.1", "a" * 41, False),
        ("ocpp2.0.1", "a b" * 6, False),
        ("ocpp2.0.1", "ä" * 16, False),
    ],
)
def test_password_fits_what_a_station_of_its_protocol_can_store(protocol: str, password: str, fit: bool) -> None:
    assert is_fit_password(protocol, password) is fit
