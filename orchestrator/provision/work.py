"""Run operations immediately, and keep the names of the operations that changed something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pyinfra.api.exceptions import NestedOperationError, PyinfraError
from pyinfra.api.operation import OperationMeta
from pyinfra.context import host, state

from orchestrator.errors import Silent, StepFailed
from orchestrator.facts.base import Fact
from orchestrator.provision import operations
from orchestrator.provision.answers import Answers
from orchestrator.provision.facts import Account, Accounts, Entry

T = TypeVar("T")

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

    + answers: the answers of the current host, if several phases share them; None to ask the host anew
    + changed: names of the operations that changed something, in order
    """

    def __init__(self, answers: Answers | None = None) -> None:
        self.answers = answers or Answers()
        self.changed: list[str] = []

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
        self.answers.forget(paths)
        return True

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry | None]:
        """Return what exists at each path of the current host: path -> entry; None if nothing exists at the path."""
        return self.answers.entries(paths)

    def fact(self, fact: type[Fact[T]], **arguments: object) -> T:
        """Return the value of a fact about the current host. Raises Silent or Unclear if the host does not answer.

        + fact: a fact about things that only operations of this provisioning change
        + arguments: arguments of the fact
        """
        return self.answers.fact(fact, **arguments)

    def account(self, user: str) -> Account:
        """Return the account of a user on the current host. Raises StepFailed if the user does not exist."""
        account = self.fact(Accounts, users=[user]).get(user)
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
