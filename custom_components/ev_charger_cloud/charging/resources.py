"""The objects that an operator keeps at a cloud, beside the chargers themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

type Resource = Mapping[str, Any]
"""An object as the cloud writes it, without what is secret."""


@unique
class Verb(StrEnum):
    """What can be done with objects of a kind."""

    LIST = "list"
    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """A kind of object: what can be done with it, and how lists of it are asked for.

    Those of a kind with a `parent` belong to an object of that other kind, whose id is
    needed. `includes` are parts that come only when they are asked for. An update
    `replaces` the whole object where the cloud wants that.
    """

    verbs: frozenset[Verb]
    parent: str | None = None
    filters: frozenset[str] = frozenset()
    includes: frozenset[str] = frozenset()
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """What is asked of the objects of a kind.

    `limit` (100 at the most) is how many of a list come at once, `page` is where it
    goes on.
    """

    kind: str
    id: str | None = None
    parent: str | None = None
    fields: Mapping[str, Any] | None = None
    filters: Mapping[str, str] | None = None
    include: tuple[str, ...] = ()
    limit: int = 50
    page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePage:
    """Some objects of a list, and where it goes on if it does."""

    items: tuple[Resource, ...]
    next_page: str | None = None
