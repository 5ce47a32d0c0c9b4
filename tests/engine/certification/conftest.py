"""Each test that shows a certification case carries the case's id in its own: `script/test -k TC_K_01`."""

import pytest

from tests.engine.certification.catalogue import known
from tests.engine.csms_stations.conftest import *  # noqa: F403  the same central system with a clock moved by hand


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "certification(case_id): the certification case that the test shows")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Put the case's id into the test's id, if the public description of the case is known."""
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("certification")]
    if marks:
        metafunc.fixturenames.append("certification_case")
        cases = sorted({known(case_id).case_id for case_id in marks})
        metafunc.parametrize("certification_case", ["+".join(cases)], ids=["+".join(cases)])
