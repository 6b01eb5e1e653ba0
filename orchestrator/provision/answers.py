"""Keep the answers of one host during a provisioning, so that the host is asked each question only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pyinfra.context import host

from orchestrator.errors import Unclear
from orchestrator.facts.base import Fact
from orchestrator.provision.facts import Entries, Entry

T = TypeVar("T")


class Answers:
    """The answers of the current host. A fact is read again only after an operation has changed the host.

    Several phases of one provisioning share this object. If another program changes the host meanwhile, the answers are
    outdated. Therefore use a new object for each provisioning, and after a lock is taken.

    + paths: paths that operations will compare. The first question about one of these paths makes one command read all
      of them. Other paths are read alone.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = frozenset(paths)
        self._found: dict[str, Entry | None] = {}
        self._facts: dict[str, Any] = {}

    def read_together(self, paths: Iterable[str]) -> None:
        """Let one command read all these paths as soon as an operation needs one of them."""
        self._paths = frozenset(paths)

    def fact(self, fact: type[Fact[T]], **arguments: object) -> T:
        """Return the value of a fact. Raises Silent or Unclear if the host does not answer.

        + fact: a fact about things that only operations of this provisioning change
        + arguments: arguments of the fact
        """
        key = f"{fact.__name__} {sorted(arguments.items())!r}"
        if key not in self._facts:
            self._facts[key] = host.get_fact(fact, **arguments)
        found: T = self._facts[key]
        return found

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry | None]:
        """Return what exists at each path of the host: path -> entry; None if nothing exists at the path.

        Raises Silent or Unclear if the host does not answer for each path.
        """
        if not self._paths.issuperset(paths):
            return _read(paths)
        if any(path not in self._found for path in paths):
            self._found = _read(sorted(self._paths))
        return {path: self._found[path] for path in paths}

    def forget(self, paths: Sequence[str]) -> None:
        """Forget all facts, and what existed at some paths, because an operation has changed the host.

        + paths: paths of the operation; empty if the operation may have changed any path (for example packages)
        """
        self._facts.clear()
        self._found = {path: entry for path, entry in self._found.items() if paths and path not in paths}


def _read(paths: Sequence[str]) -> dict[str, Entry | None]:
    """Return what exists at each path of the current host. Raises Silent or Unclear if the host does not answer."""
    found: dict[str, Entry | None] = host.get_fact(Entries, paths=list(paths))
    if missing := [path for path in paths if path not in found]:
        raise Unclear(f"no answer about {missing[0]}")
    return found
