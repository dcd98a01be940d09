"""What ``dir``, and with it editors and notebooks, list of an object: what a program asks of it.

A class has in ``_INNER``, words of a text, the names of what models, plans and backends ask of its objects and no
program does.

Design: these names have no underscore, for classes in other rooms read them and layers of other packages state them;
where they are public they are found by name, so that hiding them changes nothing but the list.
"""

from __future__ import annotations


def inner_names(kind: type) -> set[str]:
    """What is not listed of objects of a class; names that a class outside of fastnn has taken are."""
    told = {name for base in kind.__mro__ for name in vars(base).get("_INNER", "").split()}
    owners = {name: next((base for base in kind.__mro__ if name in vars(base)), Listed) for name in told}
    return {name for name, owner in owners.items() if owner.__module__.partition(".")[0] == "fastnn"}


class Listed:
    """Objects whose ``dir`` has no inner names."""

    __slots__ = ()
    _INNER = ""

    def __dir__(self) -> list[str]:
        hidden = inner_names(type(self))
        return [name for name in super().__dir__() if name not in hidden]
