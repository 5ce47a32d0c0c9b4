"""Write docs/ocpp-conformance.md: which certification cases which tests show, from the lists and the tests' markers."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.engine.certification.catalogue import CASES, Case

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "ocpp-conformance.md"
TESTS = ROOT / "tests" / "engine" / "certification"
_MARKER = "certification"
_INTRODUCTION = """\
# Conformance to OCPP

How a central system is certified is public: the certification programme of the Open Charge Alliance lists test cases
by their ids. This page says for each of them what it asks for, where that is publicly described, and which test of
this project shows it, with a charger at the other end of a real socket.

**This is our own check and no certificate.** It was made without the programme's test tool, from public descriptions
of its cases and from the specifications; behaviour is told in our own words. *Not verified* are cases whose behaviour is
not publicly described or which do not apply; *no test* are those that are described and that nothing here shows. What
is in brackets tells how a case is shown here. Sections of the test case documents are as public test suites cite them,
like tzi-app/tzi-OCTT on GitHub.

`script/test -k TC_001` runs the tests of a case. This page is written by `python -m script.write_conformance`.
"""


@dataclass(frozen=True, slots=True)
class MarkedTest:
    """A test and a case that it says it shows; `file` is relative to the repository."""

    case_id: str
    file: str
    name: str


def marked_tests(folder: Path = TESTS, root: Path = ROOT) -> tuple[MarkedTest, ...]:
    """Return what the markers of the tests in a folder claim, in the order of files and lines.

    Raises:
        ValueError: a marker stands elsewhere than on a test, or names its case not as a text, so that it can't be read.
    """
    found: list[MarkedTest] = []
    for path in sorted(folder.rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        found += _marked_in(file, ast.parse(path.read_text(encoding="utf-8"), file))
    return tuple(found)


def _marked_in(file: str, module: ast.Module) -> Iterator[MarkedTest]:
    calls = {id(node): node for node in ast.walk(module) if isinstance(node, ast.Call) and _is_marker(node)}
    for test in ast.walk(module):
        if not isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for marker in test.decorator_list:
            if calls.pop(id(marker), None) is not None and isinstance(marker, ast.Call):
                yield MarkedTest(_case_id(file, marker), file, test.name)
    for stray in calls.values():
        raise ValueError(f"{file}:{stray.lineno}: a case is marked on a test")


def _is_marker(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == _MARKER


def _case_id(file: str, marker: ast.Call) -> str:
    match marker.args:
        case [ast.Constant(value=str(case_id))] if not marker.keywords:
            return case_id
    raise ValueError(f"{file}:{marker.lineno}: a marker names one case by a text")


def page(cases: Mapping[str, Mapping[str, Case]] = CASES, tests: Iterable[MarkedTest] | None = None) -> str:
    """Return the page for these cases by version and these tests, those of the repository if none are given."""
    shown: dict[str, list[MarkedTest]] = defaultdict(list)
    for test in marked_tests() if tests is None else tests:
        shown[test.case_id].append(test)
    parts = [_INTRODUCTION, _summary(cases, shown)]
    parts += [_version(version, listed, shown) for version, listed in cases.items()]
    return "\n".join(parts)


def _summary(cases: Mapping[str, Mapping[str, Case]], shown: Mapping[str, list[MarkedTest]]) -> str:
    rows = ["| version | cases | shown by tests | no test | not verified |", "|---|---|---|---|---|"]
    for version, listed in cases.items():
        described = [case for case in listed.values() if case.source is not None]
        tested = sum(case.case_id in shown for case in described)
        counts = (len(listed), tested, len(described) - tested, len(listed) - len(described))
        rows.append(f"| OCPP {version} | {' | '.join(map(str, counts))} |")
    return "\n".join(rows) + "\n"


def _version(version: str, listed: Mapping[str, Case], shown: Mapping[str, list[MarkedTest]]) -> str:
    lines = [f"## OCPP {version}", ""]
    described = [case for case in listed.values() if case.source is not None]
    profiles = list(dict.fromkeys(case.profile for case in described))
    described.sort(key=lambda case: profiles.index(case.profile))
    for profile, group in groupby(described, key=lambda case: case.profile):
        lines += [f"### {profile}", "", "| case | behaviour | source | tests |", "|---|---|---|---|"]
        lines += [_row(case.case_id, case.behaviour, case.source or "", _links(shown[case.case_id])) for case in group]
        lines.append("")
    if left := [case for case in listed.values() if case.source is None]:
        lines += ["### Not verified", "", "| case | profile | behaviour | reason |", "|---|---|---|---|"]
        lines += [_row(case.case_id, case.profile, case.behaviour, case.not_verified or "") for case in left]
        lines.append("")
    return "\n".join(lines)


def _links(tests: Iterable[MarkedTest]) -> str:
    return "<br>".join(f"[{test.name}](../{test.file})" for test in tests) or "**no test**"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '\\|') for cell in cells)} |"


if __name__ == "__main__":
    DOCS.write_text(page(), encoding="utf-8")
    print(f"{DOCS.name}: {', '.join(f'{len(listed)} cases of OCPP {version}' for version, listed in CASES.items())}")
