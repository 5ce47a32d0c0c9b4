"""The page on conformance tells what the lists of cases and the tests' markers say, and no marker claims more."""

from pathlib import Path

import pytest

from script.write_conformance import DOCS, MarkedTest, marked_tests, page
from tests.engine.certification.catalogue import CASES, Case, known

SHOWN = Case("TC_1", "Core", "a | b", "section 1", None)
UNSHOWN = Case("TC_2", "Security", "c", "section 2", None)
UNKNOWN = Case("TC_3", "Core", "d", None, "not described")


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "run python -m script.write_conformance"


def test_every_marker_names_a_case_that_is_described() -> None:
    tests = marked_tests()
    assert tests
    for test in tests:
        assert known(test.case_id).case_id == test.case_id


def test_every_case_has_a_source_or_a_reason_and_only_one_of_them() -> None:
    for case in (case for listed in CASES.values() for case in listed.values()):
        assert case.behaviour
        assert (case.source is None) is bool(case.not_verified), case.case_id


def test_the_page_counts_what_is_shown_what_is_not_and_what_nobody_described() -> None:
    cases = {"9.9": {case.case_id: case for case in (SHOWN, UNSHOWN, UNKNOWN)}}
    text = page(cases, [MarkedTest("TC_1", "tests/a.py", "test_one"), MarkedTest("TC_1", "tests/b.py", "test_two")])
    assert "| OCPP 9.9 | 3 | 1 | 1 | 1 |" in text
    assert r"| TC_1 | a \| b | section 1 | [test_one](../tests/a.py)<br>[test_two](../tests/b.py) |" in text
    assert "| TC_2 | c | section 2 | **no test** |" in text
    assert "| TC_3 | Core | d | not described |" in text


def test_markers_are_read_without_running_the_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        '@pytest.mark.certification("TC_1")\n@pytest.mark.certification("TC_2")\nasync def test_a(): ...\n'
        "@pytest.mark.other\ndef test_b(): ...\n"
    )
    assert marked_tests(tmp_path, tmp_path) == (
        MarkedTest("TC_1", "test_it.py", "test_a"),
        MarkedTest("TC_2", "test_it.py", "test_a"),
    )


@pytest.mark.parametrize(
    "text",
    [
        'CASE = pytest.mark.certification("TC_1")',
        "@pytest.mark.certification(NAME)\ndef test_a(): ...",
        '@pytest.mark.certification("TC_1", "TC_2")\ndef test_a(): ...',
        '@pytest.mark.certification("TC_1", more=1)\ndef test_a(): ...',
    ],
)
def test_a_marker_that_can_not_be_read_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(text)
    with pytest.raises(ValueError, match=r"^test_it\.py:1: "):
        marked_tests(tmp_path, tmp_path)
