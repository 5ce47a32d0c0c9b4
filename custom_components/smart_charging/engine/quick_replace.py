"""`dataclasses.replace` for the frozen snapshots that are replaced with every message: the same result, sooner.

`replace` runs the constructor, which sets each field by name through `object.__setattr__`; here the slots are
copied one by one.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any


def replacer[T](kind: type[T]) -> Callable[[T, Mapping[str, object]], T]:
    """Return a function that copies a value of a frozen slotted dataclass with some fields replaced.

    The class must have no `__post_init__` and its fields no other names than their slots. Unknown fields raise
    KeyError, and nothing is made then.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # any dataclass; typing can't say so
    if hasattr(kind, "__post_init__") or any(name not in kind.__slots__ for name in names):  # type: ignore[attr-defined]
        raise TypeError(f"{kind.__name__} is not made of plain slots")
    setters: dict[str, Callable[[T, object], None]] = {name: kind.__dict__[name].__set__ for name in names}
    copied = "\n".join(f"    set_{name}(new, old.{name})" for name in names)
    source = f"def copy(old):\n    new = make(kind)\n{copied}\n    return new"
    scope: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    scope |= {"make": object.__new__, "kind": kind}
    exec(source, scope)  # noqa: S102 - made of the class's own field names
    copy: Callable[[T], T] = scope["copy"]

    def replaced(old: T, changes: Mapping[str, object]) -> T:
        new = copy(old)
        for name, value in changes.items():
            setters[name](new, value)
        return new

    return replaced
