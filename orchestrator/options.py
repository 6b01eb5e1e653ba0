"""Read the options of a verb from pyinfra's ``--data``, and refuse unknown keys and wrong values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.config.form import nearest, unprintable
from orchestrator.config.maintenance import Users
from orchestrator.errors import UsageError
from orchestrator.facts.revision import check_ref
from orchestrator.model import Color

RELEASE = (
    *("ref", "sha256", "color", "allow_missing", "until", "maintenance", "database", "accept", "reason"),
    *("report", "plan", "save", "bound"),
)
"""The options of the verbs that release a version."""

KNOWN: dict[str, tuple[str, ...]] = {
    "provision": ("remove", "replaces", "plan", "save", "bound"),
    "remove": ("remove", "keep", "replaces", "plan"),
    "code": RELEASE,
    "release": RELEASE,
    "promote": ("until", "report"),
    "rollback": ("to", "allow_missing", "maintenance", "report", "journal", "plan", "save", "bound"),
    "resume": ("report",),
    "join": ("node", "report", "plan"),
    "contract": ("database", "accept", "reason", "report", "plan", "save", "bound"),
    "abort": ("journal",),
    "unlock": (),
    "schedule": ("node", "gone"),
    "exec": ("command", "node", "all", "color", "user"),
    "maintenance": ("page",),
    "status": (),
    "task": ("task",),
    "tasks": (),
}


@dataclass(frozen=True)
class Options:
    """The options that the operator gave with ``--data``.

    + ref: a branch, tag or commit, or the version in the URL of an archive; None for the ref in the settings
    + sha256: the SHA-256 of the archive; None for the SHA-256 in the settings
    + color: the color that the operator expects to be idle; None if either color may be idle
    + allow_missing: names of the nodes that need not take part (separated by commas in ``--data``)
    + remove: for ``provision``: names of the nodes that leave the fleet (separated by commas in ``--data``); for
      ``remove``: the name of the deployment
    + replaces: names of the inventories whose place this inventory takes (separated by commas in ``--data``)
    + keep: for ``remove``: the data to keep; the only possible value is ``shared``, the shared data
    + node: for ``join``: the node to bring back into traffic; for ``schedule``: the node that runs the schedules of one
      node; for ``exec``: the node that runs the command, empty for the first node
    + all: for ``exec``: whether each node runs the command
    + idle: for ``exec``: whether the command runs in the release of the idle color (``--data color=idle``)
    + user: for ``exec``: who runs the command: ``web`` (the web user) or ``deploy`` (the deploy user)
    + command: for ``exec``: the words of the command
    + gone: for ``schedule``: names of nodes that run no schedule, because they are off (separated by commas in
      ``--data``)
    + maintenance: what users get while the run moves the traffic: ``page`` (``true`` in ``--data``), ``hold``, or
      ``open`` (``false``); None for what the settings say
    + page: for ``maintenance``: True for the page of maintenance, False for the site (``on`` and ``off`` in ``--data``)
    + to: for ``rollback``: id of the older release to go back to; None for the release of the idle color
    + until: where the run pauses and waits: ``preview``, or a weight of the settings' cutover; empty for no pause
    + plan: whether to show the plan and do nothing
    + save: the file in which to save the plan; None to save no plan
    + bound: the file of a saved plan. The run is refused if its plan differs from the saved plan. None to compare with
      no saved plan
    + task: for ``task``: the name of the task
    + report: the file in which to write the run's report as JSON; None to write no report
    + retry: whether to change the schema although it is unknown how the command of an earlier run ended (``--data
      database=retry``)
    + accept: ids of findings of the stage lint that the operator accepts (separated by commas in
      ``--data``)
    + reason: why the operator accepts these findings
    + unjournaled: for ``rollback`` and ``abort``: whether the run does without lock and journal (``--data
      journal=off``)
    """

    ref: str | None = None
    sha256: str | None = None
    color: Color | None = None
    report: str | None = None
    allow_missing: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    node: str = ""
    gone: frozenset[str] = frozenset()
    maintenance: Users | None = None
    page: bool = False
    to: str | None = None
    until: str = ""
    task: str = ""
    plan: bool = False
    save: str | None = None
    bound: str | None = None
    unjournaled: bool = False
    retry: bool = False
    accept: tuple[str, ...] = ()
    reason: str = ""
    all: bool = False
    idle: bool = False
    user: str = "web"
    command: tuple[str, ...] = ()


def read(verb: str, data: Mapping[str, object]) -> Options:
    """Return the options of a verb. Raises UsageError for a key or value that the verb does not accept.

    Keys that begin with ``ssh_`` are ignored, because they are for pyinfra's connectors.

    + data: key -> value, as the operator gave them with ``--data``
    """
    known = KNOWN[verb]
    for key in data:
        if key not in known and not key.startswith("ssh_"):
            near = nearest(key, known)
            hint = f" (did you mean {near}?)" if near else f" ({verb} knows {', '.join(known) or 'none'})"
            raise UsageError(f"unknown --data {key}{hint}")
        if found := unprintable(str(data[key])):
            raise UsageError(f"--data {key} must not contain {found}: leave this character out")
        if data[key] == "" and key in ("to", "color", "sha256", "save", "bound", "report"):
            raise UsageError(f"--data {key} is empty: give a value, or leave --data {key}= out")
    if verb == "join" and not data.get("node"):
        raise UsageError("join needs the name of a node: give --data node=NAME")
    if verb == "exec":
        return _exec(data)
    if verb == "maintenance" and "page" not in data:
        raise UsageError("maintenance needs --data page=on for the page, or --data page=off for the site")
    return Options(
        allow_missing=_names(data.get("allow_missing", "")),
        remove=_names(data.get("remove", "")),
        replaces=_names(data.get("replaces", "")),
        keep=_keep(data.get("keep", "")),
        node=str(data.get("node", "")),
        gone=_names(data.get("gone", "")),
        until=_until(data.get("until", "")),
        ref=check_ref(data["ref"]) if "ref" in data else None,
        maintenance=_maintenance(data["maintenance"]) if "maintenance" in data else None,
        page=_on("page", data.get("page", False)),
        to=_release(data["to"]) if "to" in data else None,
        sha256=_sha256(data["sha256"]) if "sha256" in data else None,
        color=_color(data["color"]) if "color" in data else None,
        task=str(data.get("task", "")),
        plan=_yes("plan", data.get("plan", False)) or "save" in data,
        save=str(data["save"]) if "save" in data else None,
        bound=str(data["bound"]) if "bound" in data else None,
        report=str(data["report"]) if "report" in data else None,
        retry=_retry(data.get("database", "")),
        accept=_accept(data),
        reason=str(data.get("reason", "")).strip(),
        unjournaled=_off("journal", data["journal"]) if "journal" in data else False,
    )


def _exec(data: Mapping[str, object]) -> Options:
    """Return the options of the verb ``exec``."""
    every, node = _yes("all", data.get("all", False)), str(data.get("node", ""))
    if every and node:
        raise UsageError(f"--all runs the command on each node: leave out --all or the node {node}")
    for key, known in (("color", ("live", "idle")), ("user", ("web", "deploy"))):
        if key in data and data[key] not in known:
            near = nearest(str(data[key]), known)
            hint = f"did you mean {near}?" if near else f"use {' or '.join(known)}"
            raise UsageError(f"--data {key}={data[key]}: there is no such {key} for this command ({hint})")
    return Options(
        node=node,
        all=every,
        idle=data.get("color") == "idle",
        user=str(data.get("user", "web")),
        command=_command(data.get("command", "")),
    )


def _command(value: object) -> tuple[str, ...]:
    """Return the words of a command. A text is split into words as a shell does, without running anything.

    + value: the text, or a list of words
    """
    try:
        words = tuple(map(str, value)) if isinstance(value, list) else tuple(shlex.split(str(value)))
    except ValueError as wrong:
        raise UsageError(f"--data command={value}: this is not a command: {str(wrong).lower()}") from None
    if not words or not words[0]:
        raise UsageError("there is no command: type orchestrator exec INVENTORY -- COMMAND")
    return words


def _names(value: object) -> frozenset[str]:
    return frozenset(filter(None, (name.strip() for name in str(value).split(","))))


def _keep(value: object) -> frozenset[str]:
    names = _names(value)
    if names - {"shared"}:
        raise UsageError(f"--data keep={value}: the only allowed value is shared")
    return names


def _release(value: object) -> str:
    if not re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-z]+", str(value)):
        raise UsageError(
            f"--data to={value}: this is not the id of a release, such as 20261128T160334Z-3f9a1c7: "
            "deploys/status.py shows the ids"
        )
    return str(value)


def _until(value: object) -> str:
    text = str(value).removesuffix("%")
    if not re.fullmatch(r"|preview|[1-9]\d?", text):
        near = nearest(text, ["preview"])
        hint = f" (did you mean {near}?)" if near else ""
        raise UsageError(
            f"--data until={text}: the only allowed values are preview and the weights of the cutover (1 to 99){hint}"
        )
    return text


def _yes(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"--data {key}={value}: the only allowed values are true and false")
    return value


def _retry(value: object) -> bool:
    if value not in ("", "retry"):
        raise UsageError(f"--data database={value}: the only allowed value is retry")
    return value == "retry"


def _accept(data: Mapping[str, object]) -> tuple[str, ...]:
    """Return the ids of the findings that the operator accepts.

    Raises UsageError if an id is not valid, if the operator gives ids without a reason, or a reason without ids.
    """
    ids = tuple(sorted(_names(data.get("accept", ""))))
    wrong = [one for one in ids if not re.fullmatch(r"([a-z0-9-]+:)?[a-z]+(-[a-z]+)*-[0-9a-f]{8}", one)]
    if wrong:
        raise UsageError(
            f"--data accept={','.join(wrong)}: this is not the id of a finding, such as drop-column-98ddbf33: the "
            "message of the stage lint shows the ids"
        )
    reason = str(data.get("reason", "")).strip()
    if ids and not reason:
        raise UsageError('--data accept needs a reason: add --data reason="WHY THE STATEMENT IS SAFE"')
    if reason and not ids:
        raise UsageError("--data reason is for the findings of --data accept: name the findings, or leave reason out")
    return ids


def _off(key: str, value: object) -> bool:
    # pyinfra reads `off` as a text, and `false` as a boolean
    if value not in ("off", False):
        raise UsageError(f"--data {key}={value}: the only allowed value is off")
    return True


def _on(key: str, value: object) -> bool:
    # pyinfra reads `on` and `off` as texts, and `true` and `false` as booleans
    if value not in ("on", "off", True, False):
        raise UsageError(f"--data {key}={value}: the only allowed values are on and off")
    return value in ("on", True)


def _maintenance(value: object) -> Users:
    if value is True:
        return "page"
    if value is False:
        return "open"
    if value == "hold":
        return "hold"
    raise UsageError(f"--data maintenance={value}: the only allowed values are true, hold and false")


def _sha256(value: object) -> str:
    if not re.fullmatch("[0-9a-f]{64}", str(value)):
        raise UsageError(f"--data sha256={value}: give 64 hexadecimal digits in lower case, as sha256sum prints them")
    return str(value)


def _color(value: object) -> Color:
    try:
        return Color(str(value))
    except ValueError:
        near = nearest(str(value).lower(), list(Color))
        hint = f"did you mean {near}?" if near else f"use {' or '.join(Color)}"
        raise UsageError(f"--data color={value}: there is no such color ({hint})") from None
