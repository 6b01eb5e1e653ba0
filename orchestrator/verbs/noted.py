"""Keep records of a run on all hosts of the fleet, if the journal cannot be written.

There are two cases:

* If the journal cannot be written at the commit of a run, the commit and all later records of the run are noted on the
  hosts.
* If the operator rolls back without lock and journal (``--data journal=off``), all records of the rollback are noted on
  the hosts.

The guard of each host writes the notes, so a host refuses the notes of a run that is older than another run. When a
later run begins, that run makes all guards refuse older runs, and gets the notes of each host in the same command.
Therefore, if a commit is noted on any host, the later run knows the commit. The later run adds the notes to the
journal, and then removes them from the hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.errors import OrchestratorError, TakenOver
from orchestrator.fleet import Fleet
from orchestrator.journal.host import parse_contents
from orchestrator.journal.store import Contents, Record
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, as_user, guarded

NOTE = read("journal/note.sh")
NOTED = read("journal/noted.sh")
PROVISIONS = read("journal/provisions.sh")
OF_US = read("scripts/of_us.sh")
OTHER_LOCK = "another inventory has its lock on"
"""The beginning of the error message of ``of_us.sh``."""
REMOVE = 'rm -rf "$1/noted"'

Notes = Mapping[int, Sequence[Record]]
"""Number of a run -> records of this run that are noted on a host."""


class HostNotes:
    """Writes, reads and removes the notes on all hosts that can be reached.

    + user: the user as which the commands run; None for the user who logs in
    """

    def __init__(self, fleet: Fleet, user: str | None = None) -> None:
        self._fleet = fleet
        self._user = user

    def append(self, fence: int, records: Sequence[Record]) -> str:
        """Append records to the notes of a run on all hosts. Return the names of the hosts that have noted the records.

        + fence: the number of the run

        Raises TakenOver if a newer run has begun. Raises OrchestratorError if no host has noted the records.
        """
        text = "".join(json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n" for record in records)

        def note(host: Host) -> str:
            self._fleet.shell(host, self._guarded(host, NOTE, fence, str(fence)), text)
            return host.name

        replies = self._fleet.each(self._hosts, note, self._deadline)
        noted = [reply.name for reply in replies if reply.error is None]
        if noted:
            return ", ".join(noted)
        if any("fenced: " in (reply.error or "") for reply in replies):
            raise TakenOver("a newer run has begun: this run stops, and the newer run settles this run")
        raise OrchestratorError("; ".join(f"{reply.name}: {reply.error}" for reply in replies))

    def reading(self, host: Host) -> StringCommand:
        """Return the command that prints the notes of a host, and changes nothing."""
        return guarded(NOTED, [self._directory(host)], None)

    @cached_property
    def our_lock(self) -> str:
        """The name and the address of the host that holds the lock, or the URL of the journal in S3."""
        identity = self._fleet.identity
        return " ".join(filter(None, [identity.journal, identity.address]))

    @cached_property
    def our_hosts(self) -> str:
        """The names and addresses of all hosts of the inventory, each of which may have held the lock before."""
        return " ".join(sorted(self._fleet.known_as))

    def command(self, host: Host, fence: int, locks: str, provisions: bool = False) -> StringCommand:
        """Return the command with which the guard of a host prints the notes, and refuses older runs from now on.

        If another inventory with a different lock has provisioned the host, the command fails with OTHER_LOCK, and
        changes nothing.

        + fence: the number of the run that begins
        + locks: the locks that are not of another inventory: `our_lock`, or `our_lock` and `our_hosts`
        + provisions: whether this run is a provisioning. If yes, and if new instances of the Auto Scaling group run
          the script ``catch-up``, the command also notes the fence on a node. From this note, ``catch-up`` learns that
          the run changed no release
        """
        identity = self._fleet.settings.node.inventory
        scaling = self._fleet.settings.scaling
        catches_up = scaling is not None and scaling.hook is not None and host.name in self._fleet.nodes
        script = f"{PROVISIONS}\n{NOTED}" if provisions and catches_up else NOTED
        command = self._guarded(host, script, fence, str(fence), preempt=True)
        ours = StringCommand(f"{OF_US}\nof_us", QuoteString(identity), QuoteString(locks))
        return StringCommand(ours, "&&", command)

    def remove(self, fence: int, hosts: Iterable[str]) -> None:
        """Remove the notes from hosts. If a host does not answer, a later run adds its notes to the journal once more.

        + fence: the number of the run that has added the notes to the journal
        + hosts: names of the hosts whose notes this run has read
        """

        def forget(host: Host) -> list[str]:
            return self._fleet.shell(host, self._guarded(host, REMOVE, fence))

        self._fleet.each(hosts, forget, self._deadline)

    @property
    def _hosts(self) -> list[str]:
        return [*self._fleet.nodes, *self._fleet.balancers]

    @property
    def _deadline(self) -> float:
        return self._fleet.settings.deadlines.look

    def _directory(self, host: Host) -> str:
        settings = self._fleet.settings
        return (settings.balancer if host.name in self._fleet.balancers else settings.node).guard_dir

    def _guarded(self, host: Host, script: str, fence: int, *words: str, preempt: bool = False) -> StringCommand:
        settings = self._fleet.settings
        layout = settings.balancer if host.name in self._fleet.balancers else settings.node
        guard = Guard(f"{layout.library}/guard", layout.guard_dir, fence, int(self._deadline), preempt)
        return as_user(self._user, guarded(script, [layout.guard_dir, *words], guard))


def merged(outputs: Iterable[Sequence[str]]) -> Notes:
    """Return the notes of all hosts. If hosts have different notes of a run, the longest notes count.

    + outputs: the lines that ``noted.sh`` printed on each host
    """
    found: dict[int, Sequence[Record]] = {}
    for lines in outputs:
        contents = parse_contents(["free", *lines])
        for number, records in zip(contents.numbers, contents.runs, strict=True):
            if len(records) > len(found.get(number, ())):
                found[number] = records
    return found


def with_notes(contents: Contents, notes: Notes) -> Contents:
    """Return the contents of the journal together with the notes, as if the notes were in the journal already."""
    runs: dict[int, Sequence[Record]] = dict(zip(contents.numbers, contents.runs, strict=True))
    for number, records in notes.items():
        runs[number] = [*runs.get(number, ()), *records]
    ordered = sorted(runs)
    return Contents(contents.held, [runs[number] for number in ordered], ordered, contents.remarks)
