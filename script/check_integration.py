"""Check a custom integration against Home Assistant's rules: python -m script.check_integration DIRECTORY ..."""

from pathlib import Path
import sys

from script.integration_rules import actions, brand, dependencies, flows, icons, manifest, texts
from script.integration_rules.integration import load

RULES = (manifest.check, texts.check, icons.check, actions.check, dependencies.check, flows.check, brand.check)


def problems(path: Path) -> list[str]:
    """Return all that is wrong with the integration in this directory, each once."""
    integration = load(path)
    found = [*integration.unreadable]
    for rule in RULES:
        found += rule(integration)
    return list(dict.fromkeys(found))


def main(arguments: list[str]) -> int:
    """Print the problems of each directory and return how many directories have one."""
    failed = 0
    for argument in arguments:
        path = Path(argument).resolve()
        found = problems(path)
        failed += bool(found)
        print(f"{path.name}: {f'{len(found)} problems' if found else 'in order'}")
        for problem in found:
            print(f"  {problem}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
