"""The certification test cases of each version: what each asks for, and where that is publicly described."""

from dataclasses import dataclass
import json
from pathlib import Path

_FOLDER = Path(__file__).parent
FILES = {
    "1.6": (_FOLDER / "cases_16.json",),
    "2.0.1": (_FOLDER / "cases_201_a_to_e.json", _FOLDER / "cases_201_f_to_p.json"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One test case of the certification programme's public list.

    `source` is the public description its behaviour was taken from (section or requirement number);
    None: none was found, and `not_verified` says so or why the case does not apply.
    """

    case_id: str
    profile: str
    behaviour: str
    source: str | None
    not_verified: str | None


def cases(version: str) -> dict[str, Case]:
    """Return the test cases of a version (`1.6`, `2.0.1`) by their ids, in the order of the list."""
    return {
        case_id: Case(case_id, row["profile"], row["behaviour"], row.get("source"), row.get("not_verified"))
        for path in FILES[version]
        if path.exists()
        for case_id, row in json.loads(path.read_text(encoding="utf-8")).items()
    }


CASES = {version: cases(version) for version in FILES}


def known(case_id: str) -> Case:
    """Return the case with an id.

    Raises:
        LookupError: no version has it, or its behaviour is not described in public, so that no test can claim it.
    """
    for version in CASES.values():
        if case := version.get(case_id):
            if case.source is None:
                raise LookupError(f"{case_id} is listed as not verified")
            return case
    raise LookupError(f"{case_id} is in no list of certification cases")
