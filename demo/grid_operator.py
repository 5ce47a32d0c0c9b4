"""The demo's grid operator: a relay that dims the site by section 14a EnWG, set up as a user would."""

from .client import HomeClient, RefusedError
from .flows import SUBENTRY_FLOWS, Answers, run_flow, suggested_values
from .modbus import RELAY_ENTITY, RELAY_NAME
from .site import subentries


async def set_up_relay(client: HomeClient, entry_id: str) -> None:
    """Add the relay where the site has none yet."""
    if await subentries(client, entry_id, "grid_signal"):
        return
    answers: Answers = {
        "user": lambda _: {"preset": "de_14a_relay"},
        "contact": lambda page: suggested_values(page) | {"name": RELAY_NAME, "entity": RELAY_ENTITY},
    }
    done = await run_flow(client, {"handler": [entry_id, "grid_signal"]}, answers, SUBENTRY_FLOWS)
    if done.get("type") != "create_entry":
        raise RefusedError(f"the relay was not added: {done.get('reason')}")
