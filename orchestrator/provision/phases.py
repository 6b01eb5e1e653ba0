"""Run one phase of a host's operations. A provisioning calls the functions that provision a host once for each phase.

1. `Prepared` adds what disturbs nothing: packages, users, directories, and links and files that do not exist yet.
2. `Checked` checks the new content of each file, and puts no file into place.
3. `Placed` puts the files into place.
4. `Completed` runs what cannot be taken back.

Each phase ends on all hosts before the next phase begins on any host. Therefore a file that a host refuses changes no
file on any host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyinfra.api.operation import OperationMeta
from pyinfra.context import host
from pyinfra.operations import apt, server
from typing_extensions import override

from orchestrator.provision import operations
from orchestrator.provision.facts import Entries
from orchestrator.provision.work import Work

ADDING: frozenset[Callable[..., Any]] = frozenset(
    {
        apt.packages,
        server.user,
        server.user_authorized_keys,
        operations.configured,
        operations.directories,
        operations.heirs,
        operations.first_file,
        operations.first_link,
    }
)
"""The operations that only add something to a host."""

LAST: frozenset[Callable[..., Any]] = frozenset({operations.no_git_setting})
"""The operations that cannot be taken back, and run only when all files are in place on all hosts."""


class Prepared(Work):
    """Runs only the operations that disturb nothing on the current host, because they only add something."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return _adds(operation, arguments) and super().do(what, operation, **arguments)


class Checked(Work):
    """Checks the new content of each file that differs on the current host and has a check. Changes no file."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        """Check one file. Raises StepFailed if the check refuses the new content. Always returns False."""
        if operation is operations.file and arguments.get("check"):
            super().do(what, operations.candidate, **arguments)
        return False


class Placed(Work):
    """Runs the operations that put files into place, and what belongs to these operations."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return operation not in ADDING | LAST and super().do(what, operation, **arguments)


class Completed(Work):
    """Runs only the operations that cannot be taken back."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return operation in LAST and super().do(what, operation, **arguments)


def _adds(operation: Callable[..., Any], arguments: dict[str, Any]) -> bool:
    """Return whether an operation only adds something to the current host."""
    if operation is operations.link:
        # nothing has read a link that does not exist yet; an existing link is replaced later
        return host.get_fact(Entries, paths=[arguments["path"]]).get(arguments["path"]) is None
    return operation in ADDING
