"""The verb `exec`: run any command in a release of a node, with the operator's terminal."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Callable, Sequence

import click
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.ssh import SSHConnector

from orchestrator.console import lines
from orchestrator.console.ssh import ssh
from orchestrator.errors import NoJournal, OrchestratorError, Refused, Silent
from orchestrator.fleet import Fleet
from orchestrator.journal.session import who
from orchestrator.options import Options
from orchestrator.plan.sessions import Session, sessions
from orchestrator.report.terminal import say
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.survey import survey
from orchestrator.verbs.session import read_journal

SCRIPT = read("console/exec.sh")


def run_command(fleet: Fleet, options: Options) -> int:
    """Run a command in a release of one node or of each node. Return the exit status of the command.

    On one node, OpenSSH takes the place of this process, so that the command has the operator's standard input, outputs
    and terminal. Then this function does not return. With the option ``all``, the nodes run the command one after
    another, and this function prints each line of the output after the name of its node. At the first node on which the
    command fails, the command stops, and the exit status is the status on this node.

    Raises Refused if the command cannot run on one of the nodes. Then no node has run the command.
    """
    nodes = fleet.nodes if options.all else [options.node or fleet.nodes[0]]
    at_work = _at_work(fleet)
    chosen = sessions(survey(fleet, group=False), nodes, options.idle, at_work)
    if at_work:
        say(fleet.mask.hide(f"warning: {at_work}. The command runs in the release that is live now"), fg="yellow")
    if not options.all:
        _become(fleet, options, chosen[0])
    return _each(fleet, options, chosen)


def _at_work(fleet: Fleet) -> str:
    """Return one line that says which run is at work, or that this is unknown; empty if there is no run at work."""
    try:
        held = read_journal(fleet, "exec").held
    except NoJournal as error:
        return f"it is unknown whether a run is at work: {error}"
    return f"a run is at work: {held}" if held else ""


def _become(fleet: Fleet, options: Options, session: Session) -> None:
    """Replace this process by OpenSSH, which runs the command on one node.

    Raises Refused if the inventory does not reach the node by SSH, or if the operator's machine has no OpenSSH.
    """
    host = fleet.host(session.node)
    connector = lines.connector_of(host)
    if not isinstance(connector, SSHConnector):
        raise Refused(f"{session.node} is not reached by SSH, so the command can have no terminal: add --all")
    terminal = os.isatty(0) and os.isatty(1)
    command = f"exec {_command(fleet, options, session, '').get_raw_value()}"
    words = ssh(session.node, connector.data, fleet.state.config.CONNECT_TIMEOUT, command, terminal)
    _tell(fleet, options, session)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(words[0], words)  # noqa: S606 (no shell is wanted)
    except FileNotFoundError:
        raise Refused("this machine has no program ssh: install the OpenSSH client") from None


def _each(fleet: Fleet, options: Options, chosen: Sequence[Session]) -> int:
    _learn(fleet)
    for number, session in enumerate(chosen):
        host = fleet.host(session.node)
        _tell(fleet, options, session)
        try:
            status, problem = _lines(fleet, options, session, host)
        except Silent as silent:
            status, problem = 1, str(silent)
        if status:
            rest = [one.node for one in chosen[number + 1 :]]
            left = f"; it did not run on {', '.join(rest)}" if rest else ""
            say(fleet.mask.hide(f"failed on {session.node}: {problem}{left}"), fg="red", bold=True)
            return status
    return 0


def _lines(fleet: Fleet, options: Options, session: Session, host: Host) -> tuple[int, str]:
    """Run the command on a host, and print its lines as they come. Return its status, and the problem."""
    mark = f"answer-{secrets.token_hex(8)}"
    status = lines.at_host(host, _command(fleet, options, session, mark), _shown(fleet, session.node, mark))
    return status, f"the command ended with status {status}"


def _shown(fleet: Fleet, node: str, mark: str) -> Callable[[str], None]:
    """Return a function that prints the lines of a node's output after the mark."""
    begun = False

    def take(line: str) -> None:
        nonlocal begun
        if begun:
            click.echo(fleet.mask.hide(f"{node} | {line}"))
        begun = begun or line == mark

    return take


def _command(fleet: Fleet, options: Options, session: Session, mark: str) -> StringCommand:
    """Return the command for the login shell of a node.

    + mark: a word that the node prints before the output of the command, which then has no input; empty for no mark
    """
    layout = fleet.settings.node
    facts = {
        "RELEASE": session.release,
        "COLOR": session.color.value,
        "RELEASE_PATH": layout.release(session.release),
        "ORCHESTRATOR_RELEASE": session.release,
        "ORCHESTRATOR_COLOR": session.color.value,
        "ORCHESTRATOR_NODES": " ".join(fleet.nodes),
        "ORCHESTRATOR_USER": who(),
        "ORCHESTRATOR_VERB": "exec",
    }
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in facts.items())
    web = (fleet.settings.web_user, layout.console) if options.user == "web" else ("", "")
    command = f"{exports}exec {shlex.join(options.command)}"
    return guarded(SCRIPT, [layout.root, session.release, session.color.value, *web, mark, command], None, alone=True)


def _tell(fleet: Fleet, options: Options, session: Session) -> None:
    """Print on standard error where and as which user the command runs."""
    user = fleet.settings.web_user if options.user == "web" else fleet.settings.user
    state = "live" if session.live else "idle"
    say(fleet.mask.hide(f"{session.node}: {state} release {session.release} ({session.color}), as {user}"))


def _learn(fleet: Fleet) -> None:
    """Read the values of the application's environment, so that the output does not show them."""
    try:
        fleet.variables.read()
    except OrchestratorError as error:
        say(
            "warning: the values of the environment could not be read, so the output of the command may show them: "
            f"{error}",
            fg="yellow",
        )
