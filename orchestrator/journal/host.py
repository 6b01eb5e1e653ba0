"""A store in a directory on a host (the first balancer): nothing to install, a few files and flock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.errors import OrchestratorError
from orchestrator.journal.store import Contents, Held, Lost, Owner, Record

# The store's own clock alone decides: the lock file's mtime is the last renewal. Everything happens under flock.
SCRIPT = r"""
set -eu
umask 077
export LC_ALL=C
verb=$1 dir=$2; shift 2
mkdir -p "$dir/runs"
exec 9>"$dir/flock"
flock -w 5 9 || { echo "the journal's flock is taken" >&2; exit 1; }
age() { awk -v n="$(date +%s.%N)" -v m="$(stat -c %.Y "$dir/lock")" 'BEGIN {printf "%.3f", n - m}'; }
mine() { [ -f "$dir/lock" ] && [ "$(head -n 1 "$dir/lock")" = "$1" ]; }
case $verb in
take)
    token=$1 lease=$2 owner=$3
    if [ -f "$dir/lock" ] && ! mine "$token"; then
        age=$(age)
        if awk -v a="$age" -v l="$lease" 'BEGIN {exit !(a < l)}'; then
            echo "held $age"; sed -n 2p "$dir/lock"; exit 0
        fi
    fi
    fence=$(( $(cat "$dir/fence" 2>/dev/null || echo 0) + 1 ))
    [ "$fence" -gt "$4" ] || fence=$(($4 + 1))
    echo "$fence" > "$dir/fence.new"; sync "$dir/fence.new"; mv -T "$dir/fence.new" "$dir/fence"
    printf '%s\n%s\n' "$token" "$owner" > "$dir/lock.new"; sync "$dir/lock.new"; mv -T "$dir/lock.new" "$dir/lock"
    sync "$dir"
    echo "taken $fence" ;;
renew)
    mine "$1" || { echo lost; exit 0; }
    touch "$dir/lock"; echo ok ;;
append)
    mine "$1" || { echo lost; exit 0; }
    file=$dir/runs/$(printf '%010d' "$2").jsonl
    # a line that a crash cut short must not swallow the next one
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi
    cat >> "$file"
    sync "$file"
    touch "$dir/lock"; echo ok ;;
back)
    if mine "$1"; then
        for file in $(ls -1 "$dir/runs" | sort | head -n "-$2"); do rm -f "$dir/runs/$file"; done
        rm -f "$dir/lock"
    fi
    echo ok ;;
break)
    if [ -f "$dir/lock" ] && [ "$(sed -n 2p "$dir/lock")" = "$1" ]; then rm -f "$dir/lock"; fi
    echo ok ;;
read)
    if [ -f "$dir/lock" ]; then echo "held $(age)"; sed -n 2p "$dir/lock"; else echo free; fi
    for file in $(ls -1 "$dir/runs" | sort | tail -n "$1"); do
        echo "run $file"; cat "$dir/runs/$file"; echo
    done ;;
esac
"""

Shell = Callable[[StringCommand, str], list[str]]
"""Runs a command with this standard input on the store's host; its output lines. Raises on failure."""


KEPT = 1000
"""Runs whose journals are kept: some 20 MB."""


class HostStore:
    """Lock and journals in a directory of a host.

    + kept: journals of so many runs stay, the newest
    """

    def __init__(self, shell: Shell, directory: str, kept: int = KEPT) -> None:
        self._shell = shell
        self._directory = directory
        self._kept = kept

    def take(self, owner: Owner, lease: float, above: int = 0) -> int | Held:
        lines = self._run("take", owner.token, str(lease), _owner_line(owner), str(above))
        if lines and lines[0].startswith("taken "):
            return int(lines[0].split()[1])
        if len(lines) == 2 and lines[0].startswith("held "):
            return _held(lines)
        raise OrchestratorError(f"the journal's store answers {' '.join(lines) or 'nothing'}")

    def renew(self, owner: Owner) -> None:
        self._sure(self._run("renew", owner.token))

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        text = "".join(json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n" for record in records)
        self._sure(self._run("append", owner.token, str(fence), text=text))

    def give_back(self, owner: Owner) -> None:
        self._run("back", owner.token, str(self._kept))

    def break_lock(self, held: Held) -> None:
        self._run("break", _owner_line(held.owner))

    def read(self, runs: int = 20) -> Contents:
        return parse_contents(self._run("read", str(runs)))

    def _run(self, *arguments: str, text: str = "") -> list[str]:
        quoted = [QuoteString(argument) for argument in (arguments[0], self._directory, *arguments[1:])]
        command = StringCommand(
            "timeout", "-s", "KILL", "10", "sh", "-c", QuoteString(SCRIPT.strip()), "journal", *quoted
        )
        return self._shell(command, text)

    @staticmethod
    def _sure(lines: list[str]) -> None:
        if lines[-1:] == ["lost"]:
            raise Lost("another run took the lock")
        if lines[-1:] != ["ok"]:
            raise OrchestratorError(f"the journal's store answers {' '.join(lines) or 'nothing'}")


def parse_contents(lines: Sequence[str]) -> Contents:
    """What the store's ``read`` printed. A last line that a crash cut short is left out."""
    held = _held(lines) if lines and lines[0].startswith("held ") else None
    runs: list[list[Record]] = []
    for line in lines[2 if held else 1 :]:
        if line.startswith("run "):
            runs.append([])
        elif runs and line.strip():
            try:
                runs[-1].append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return Contents(held, runs)


def _owner_line(owner: Owner) -> str:
    """The token stays on the lock's first line: who asks who holds the lock must not learn it."""
    return json.dumps(asdict(owner) | {"token": ""}, separators=(",", ":"))


def _held(lines: Sequence[str]) -> Held:
    return Held(Owner(**json.loads(lines[1])), float(lines[0].split()[1]))
