"""Run operations immediately, and keep the names of the operations that changed something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pyinfra.api.exceptions import NestedOperationError, PyinfraError
from pyinfra.api.operation import OperationMeta
from pyinfra.context import host, state

from orchestrator.errors import Silent, StepFailed
from orchestrator.provision import operations
from orchestrator.provision.facts import Account, Accounts, Entries, Entry

COMPARING: frozenset[Callable[..., Any]] = frozenset(
    {
        operations.absent,
        operations.candidate,
        operations.directories,
        operations.directories_below,
        operations.file,
        operations.first_file,
        operations.first_link,
        operations.link,
        operations.weights_map,
    }
)
"""The operations that compare what exists at their paths with what should exist. They have the argument ``found``."""


class Work:
    """Runs operations on the current host, and keeps the names of the operations that changed something.

    The first operation that compares a given path makes one command read all given paths. The next operations use this
    answer. If an operation may have changed paths of later operations, all given paths are read again.

    + paths: paths that the operations will need. An operation that needs another path reads that path itself.
    + changed: names of the operations that changed something, in order
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.changed: list[str] = []
        self._paths = frozenset(paths)
        self._found: dict[str, Entry | None] = {}

    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: object) -> bool:
        """Run one operation now on the current host. Returns whether the operation changed something.

        Raises StepFailed if the operation fails. The error has the name of the host, the name of the operation, and the
        operation's error message.

        + what: name of the operation for the operator, such as "nginx configuration"
        + operation: a pyinfra operation
        + arguments: arguments of the operation
        """
        paths = paths_of(operation, arguments)
        try:
            found = {"found": self.entries(paths)} if paths else {}
            meta = operation(name=what, **arguments, **found)
        except NestedOperationError as error:
            raise StepFailed(line(what, _said(str(error)))) from None
        except (PyinfraError, Silent) as error:
            raise StepFailed(line(what, str(error))) from None
        if any(failed.name == host.name for failed in state.failed_hosts):
            # pyinfra's own operation could not read a fact, and went on with an empty answer
            raise StepFailed(line(what, "the state of the host cannot be read"))
        if not meta.did_change():
            return False
        self.changed.append(what)
        self._forget(paths)
        return True

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry | None]:
        """Return what exists at each path of the current host: path -> entry; None if nothing exists at the path."""
        if not self._paths.issuperset(paths):
            entries: dict[str, Entry | None] = host.get_fact(Entries, paths=list(paths))
            return entries
        if any(path not in self._found for path in paths):
            self._found = host.get_fact(Entries, paths=sorted(self._paths))
        return {path: self._found[path] for path in paths}

    def _forget(self, paths: Sequence[str]) -> None:
        """Forget what existed at some paths, because an operation has changed them.

        + paths: paths of the operation; empty if the operation may have changed any path (for example packages)
        """
        self._found = {path: entry for path, entry in self._found.items() if paths and path not in paths}

    def account(self, user: str) -> Account:
        """Return the account of a user on the current host. Raises StepFailed if the user does not exist."""
        account = host.get_fact(Accounts, users=[user]).get(user)
        if account is None:
            raise StepFailed(f"{host.name}: there is no user {user}")
        return account


def paths_of(operation: Callable[..., Any], arguments: Mapping[str, Any]) -> list[str]:
    """Return the paths that an operation compares; an empty list for an operation that is not in `COMPARING`. Pure."""
    if operation not in COMPARING:
        return []
    return [arguments["path"]] if "path" in arguments else list(arguments["paths"])


def line(what: str, why: str) -> str:
    """Return one line for the operator about an operation that failed on the current host.

    + what: name of the operation
    + why: the reason of the failure
    """
    return f"{host.name}: {what}: {why}"


def _said(op_hash: str) -> str:
    """Return the last four lines that a failed operation printed, joined to one line.

    + op_hash: pyinfra's hash of the operation
    """
    meta = state.get_op_data_for_host(host, op_hash).operation_meta
    lines = [line.strip() for line in (meta.stderr_lines or meta.stdout_lines) if line.strip()]
    return "; ".join(lines[-4:]) or "the operation failed without an error message"
