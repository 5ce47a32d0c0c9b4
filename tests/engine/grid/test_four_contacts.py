"""The contacts of the German control box."""

from itertools import chain, combinations

import pytest

from custom_components.smart_charging.engine.grid.four_contacts import Contact, dims, feed_in_percent

ALL = list(chain.from_iterable(combinations(Contact, count) for count in range(5)))


@pytest.mark.parametrize("closed", ALL)
def test_the_most_restrictive_closed_contact_counts(closed: tuple[Contact, ...]) -> None:
    assert dims(closed) == (Contact.W4 in closed)
    if Contact.W3 in closed:
        assert feed_in_percent(closed) == 0.0
    elif Contact.S2 in closed:
        assert feed_in_percent(closed) == 30.0
    elif Contact.S1 in closed:
        assert feed_in_percent(closed) == 60.0
    else:
        assert feed_in_percent(closed) is None
