"""Config flows filled in as a user would: pages come from Home Assistant, answers from the demo."""

from collections.abc import Callable, Mapping

from .client import HomeClient, RefusedError
from .json import Json, as_list, as_object

FLOWS = "/api/config/config_entries/flow"
OPTIONS_FLOWS = "/api/config/config_entries/options/flow"
SUBENTRY_FLOWS = "/api/config/config_entries/subentries/flow"

type Page = dict[str, Json]
type Answers = Mapping[str, Callable[[Page], Mapping[str, Json]]]
"""What to enter on the page of each step, given the page."""


async def run_flow(client: HomeClient, start: Mapping[str, Json], answers: Answers, path: str = FLOWS) -> Page:
    """Begin a flow, answer its pages and return its last answer; RefusedError where a page has errors."""
    return await continue_flow(client, as_object(await client.post(path, start)), answers, path)


async def continue_flow(client: HomeClient, page: Page, answers: Answers, path: str = FLOWS) -> Page:
    """Answer a flow's pages and menus from this one on and return its last answer."""
    while page.get("type") in {"form", "menu"}:
        if page.get("errors"):
            raise RefusedError(f"step {page.get('step_id')} was refused: {page['errors']}")
        answer = answers.get(str(page.get("step_id")))
        if answer is None:
            raise RefusedError(f"nothing to enter in step {page.get('step_id')}")
        page = as_object(await client.post(f"{path}/{page['flow_id']}", answer(page)))
    return page


def suggested_values(page: Page) -> dict[str, Json]:
    """Return what a page's fields hold when it is shown, by field; sections hold their own fields."""
    values: dict[str, Json] = {}
    for item in as_list(page.get("data_schema")):
        field = as_object(item)
        name = str(field.get("name"))
        if field.get("type") == "expandable":
            values[name] = suggested_values({"data_schema": field.get("schema")})
            continue
        suggested = as_object(field.get("description")).get("suggested_value")
        value = suggested if suggested is not None else field.get("default")
        if value is not None:
            values[name] = value
    return values
