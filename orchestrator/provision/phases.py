"""Run one phase of provisioning on the current host.

The phases are, in this order:

1. `Prepared` adds packages, users and directories, and also links and files that do not exist yet.
2. `Checked` checks the new content of each file, and changes no file.
3. `Placed` puts the files into place.
4. `Completed` runs the operations that cannot be undone.

Each phase gets all operations of a host, and runs only its own operations. Each phase ends on all hosts before the next
phase begins. Therefore, if the check of a file fails on a host, no file has been changed on any host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyinfra.api.operation import OperationMeta
from pyinfra.operations import apt, server
from typing_extensions import override

from orchestrator.provision import operations
from orchestrator.provision.work import Work

ADDING: frozenset[Callable[..., Any]] = frozenset(
    {
        apt.packages,
        server.user,
        operations.authorized_keys,
        operations.configured,
        operations.directories,
        operations.directories_below,
        operations.heirs,
        operations.first_file,
        operations.first_link,
        operations.weights_map,
    }
)
"""The operations that only add something to a host, or give an existing directory or file another owner or mode."""

LAST: frozenset[Callable[..., Any]] = frozenset({operations.no_git_setting})
"""The operations that cannot be undone.

Provisioning runs these operations last: after all files are in place on all hosts.
"""


class Prepared(Work):
    """Runs only the operations that add something to the current host. These operations do not disturb the traffic."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return self._adds(operation, arguments) and super().do(what, operation, **arguments)

    def _adds(self, operation: Callable[..., Any], arguments: dict[str, Any]) -> bool:
        """Return whether this phase runs an operation: one of `ADDING`, or an operation that makes a new link."""
        if operation is operations.link:
            # a new link disturbs nothing, because no program has read it; the phase `Placed` replaces an existing link
            return self.entries([arguments["path"]]).get(arguments["path"]) is None
        return operation in ADDING


class Checked(Work):
    """Checks the new content of files on the current host. This phase changes no file.

    A file is checked only if the operation has a check, and if the file on the host differs from the wanted file.
    """

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        """Check the new content of a file, if the operation installs a file and has a check. Always returns False.

        Raises StepFailed if the check fails.
        """
        if operation is operations.file and arguments.get("check"):
            super().do(what, operations.candidate, **arguments)
        return False


class Placed(Work):
    """Runs the operations that change existing things on the current host and that can be undone.

    Most of these operations put a file or link into place, or remove a file.
    """

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return operation not in ADDING | LAST and super().do(what, operation, **arguments)


class Completed(Work):
    """Runs only the operations that cannot be undone."""

    @override
    def do(self, what: str, operation: Callable[..., OperationMeta], **arguments: Any) -> bool:
        return operation in LAST and super().do(what, operation, **arguments)
