"""What all tests of the engine share."""

import logging

import pytest


@pytest.fixture(autouse=True)
def quiet_database() -> None:
    """Leave each statement out of the captured log: the closed loops run thousands of them."""
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
