"""Find out which operations would change something on the current host. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api.exceptions import PyinfraError
from pyinfra.operations import apt, server, systemd
from typing_extensions import override

from orchestrator.errors import StepFailed
from orchestrator.provision import operations
from orchestrator.provision.answers import Answers
from orchestrator.provision.facts import Account, Accounts
from orchestrator.provision.phases import ADDING, LAST
from orchestrator.provision.work import Work, line, paths_of

VERBS: Mapping[Callable[..., Any], str] = {
    apt.packages: "install",
    server.user: "create",
    server.shell: "run",
    systemd.daemon_reload: "run",
    operations.absent: "remove",
    operations.no_git_setting: "remove",
    operations.barred: "bar",
}
"""Operation -> the first word of the operation's changes in a plan. For other operations, the word is ``write``."""

SHOWN = 3
"""The largest number of paths that a plan shows for one operation.

If an operation has more paths, the plan shows the first path and the number of the other paths.
"""


@dataclass(frozen=True)
class Change:
    """One change that provisioning would make on a host.

    + verb: the kind of change, such as ``install``, ``create``, ``write``, ``remove`` or ``run``
    + what: description for the operator
    + paths: the files, directories and links that would be written or removed
    """

    verb: str
    what: str
    paths: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change as one line of the plan."""
        shown = self.paths if len(self.paths) <= SHOWN else (self.paths[0], f"{len(self.paths) - 1} more")
        return f"{self.verb:<8} {self.what}" + (f" ({', '.join(shown)})" if shown else "")


class Planned(Work):
    """Notes the operations that would change something on the current host. No operation is run, so nothing changes.

    + changes: the changes that the operations would make, in order
    + replaced: the paths of the files and links that operations of the phase `Placed` would replace or remove. The
      paths of the operations in `ADDING` and `LAST` are left out.
    """

    def __init__(self, answers: Answers | None = None) -> None:
        super().__init__(answers)
        self.changes: list[Change] = []
        self.replaced: list[str] = []
        self._created: dict[str, Account] = {}

    @property
    def paths(self) -> list[str]:
        """The files, directories and links that the operations would write or remove."""
        return [path for change in self.changes for path in change.paths]

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        """Note one operation, if it would change something on the current host. Returns whether it was noted.

        The body of a pyinfra operation reads facts, and yields the commands that are needed. This function runs the
        body, but not the commands. Raises StepFailed if the operation refuses to run.
        """
        # arguments such as _env say how commands run, and the body of the operation does not accept them
        own = {name: value for name, value in arguments.items() if not name.startswith("_")}
        compared = paths_of(operation, own)
        try:
            found = {"found": self.entries(compared)} if compared else {}
            commands = list(operation._inner(**own, **found))  # type: ignore[attr-defined]  # noqa: SLF001 (the body)
        except PyinfraError as error:
            raise StepFailed(line(what, str(error))) from None
        if not commands:
            return False
        if operation is server.user:
            self._created[own["user"]] = Account(own["home"], own["user"])
        self.changed.append(what)
        paths = self._written(operation, own)
        self.changes.append(Change(VERBS.get(operation, "write"), what, paths))
        self.replaced += () if operation in ADDING | LAST else paths
        return True

    @override
    def account(self, user: str) -> Account:
        """Return the account of a user on the current host, or the account that the user will get.

        If the user does not exist yet, there are three cases:

        * An operation would create the user: return the account that this operation would make.
        * Packages are missing, and may create the user when they are installed: return the usual account of such a
          user.
        * Otherwise: raise StepFailed.
        """
        if user in self._created:
            return self._created[user]
        is_known = user in self.fact(Accounts, users=[user])
        if is_known or not any(change.verb == "install" for change in self.changes):
            return super().account(user)
        later = Change("later", f"user {user}: the change is known after the packages are installed")
        self.changes += [later] if later not in self.changes else []
        return Account(f"/home/{user}", user)

    def _written(self, operation: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the paths that an operation would write or remove on the current host."""
        if operation in (operations.directories, operations.directories_below):
            found = self.entries(arguments["paths"])
            wanted = {name: value for name, value in arguments.items() if name != "base"}
            return tuple(operations.wrong_directories(found, **wanted))
        if operation is operations.authorized_keys:
            return (f"{arguments['home']}/.ssh/authorized_keys",)
        return (arguments["path"],) if "path" in arguments else tuple(arguments.get("paths", ()))
