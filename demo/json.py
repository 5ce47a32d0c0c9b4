"""Reading what Home Assistant answers without trusting its shape."""

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


def as_object(value: Json) -> dict[str, Json]:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return the value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []
