"""The channel to the store on a host: the script runs on this machine, and a process takes the place of SSH."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand

from orchestrator.errors import Interrupted, OrchestratorError, Silent
from orchestrator.journal import channel as module
from orchestrator.journal import clock
from orchestrator.journal.channel import OPENINGS, SCRIPT, YOUNG, Line
from orchestrator.journal.host import HostStore
from orchestrator.journal.store import Held, Lost, Owner, Record
from tests.fakes.processes import counted, eventually
from tests.journal.places import ChannelPlace, HostPlace, Process, somebody

LEASE = 600.0
ANN, BOB = somebody("ann"), somebody("bob")
SEQUENCES = 200
STEPS = 12


def begun(place: HostPlace, owner: Owner = ANN, fence: int = 1) -> HostStore:
    store = place.store()
    assert store.take(owner, LEASE) == fence
    store.append(owner, fence, [{"record": "begin"}])
    return store


def told(place: HostPlace) -> list[list[str]]:
    return [[str(record["record"]) for record in run] for run in HostPlace(place.directory).store().read().runs]


@contextmanager
def busy(place: HostPlace) -> Iterator[None]:
    """Another process holds the flock of the store."""
    with (place.directory / "flock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- one channel for all writes of a run


def test_one_channel_takes_all_writes_of_a_run(channel: ChannelPlace) -> None:
    store = begun(channel)
    channel.pass_time(LEASE + 1)
    store.renew(ANN)
    assert isinstance(HostPlace(channel.directory).store().take(BOB, LEASE), Held), "the renewal has renewed the lease"
    store.append(ANN, 1, [{"record": "one"}, {"record": "two"}])
    assert store.end(ANN, 1, [{"record": "end"}])
    assert channel.commands == ["take"]
    (process,) = channel.processes
    process.process.wait(30)
    assert told(channel) == [["begin", "one", "two", "end"]]
    assert channel.store().read().held is None


def test_a_channel_ends_when_the_lock_is_given_back(channel: ChannelPlace) -> None:
    store = begun(channel)
    store.give_back(ANN)
    assert channel.commands == ["take"]
    (process,) = channel.processes
    process.process.wait(30)
    eventually(lambda: process.pids == [])
    assert not (channel.directory / "lock").exists()


def test_a_channel_ends_when_the_operator_s_machine_dies(channel: ChannelPlace) -> None:
    begun(channel)
    (process,) = channel.processes
    assert process.process.stdin
    process.process.stdin.close()
    process.process.wait(30)
    eventually(lambda: process.pids == [])


def test_a_command_without_records_opens_no_channel(channel: ChannelPlace) -> None:
    store = channel.store()
    store.take(ANN, LEASE)
    store.renew(ANN)
    store.give_back(ANN)
    assert (channel.commands, channel.processes) == (["take", "renew", "back"], [])


def test_nobody_waits_for_the_flock_between_two_requests(channel: ChannelPlace) -> None:
    store = begun(channel)
    with (channel.directory / "flock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    store.append(ANN, 1, [{"record": "one"}])
    assert len(channel.processes) == 1


def test_a_record_on_the_channel_starts_five_programs(
    channel: ChannelPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, started = counted(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    store = begun(channel)
    before = len(started())
    store.append(ANN, 1, [{"record": "one"}])
    assert started()[before:] == ["flock", "tail", "dd", "date", "mv"]
    store.renew(ANN)
    assert started()[before + 5 :] == ["flock", "date", "mv"]


@pytest.mark.parametrize("size", [1, 100, 5_000, 300_000])
def test_every_character_arrives(channel: ChannelPlace, directory: HostPlace, size: int) -> None:
    odd = "".join(map(chr, [*range(0x300), 0x2028, 0xD800, 0xFEFF, 0x1F600])) + "$x `id` $(id) \\n records\nrecords\n"
    records: list[Record] = [{"record": "odd", "text": odd, "long": "x" * size}, {"record": odd}, {"record": ""}]
    for place in (channel, directory):
        begun(place).append(ANN, 1, records)
    assert channel.files == directory.files
    assert channel.commands == ["take"]
    (run,) = channel.store().read().runs
    assert list(run)[1:] == records


# --- the lock


def test_two_owners_have_two_channels(channel: ChannelPlace) -> None:
    ann = begun(channel)
    channel.pass_time(LEASE + 1)
    bob = begun(channel, BOB, 2)
    with pytest.raises(Lost):
        ann.append(ANN, 1, [{"record": "late"}])
    # the channel of the former holder has ended
    channel.processes[0].process.wait(30)
    with pytest.raises(Lost):
        ann.renew(ANN)
    ann.give_back(ANN)
    bob.append(BOB, 2, [{"record": "one"}])
    assert told(channel) == [["begin"], ["begin", "one"]]
    assert len(channel.processes) == 2


def test_a_store_uses_a_channel_only_for_its_owner(channel: ChannelPlace) -> None:
    store = begun(channel)
    with pytest.raises(Lost):
        store.renew(BOB)
    with pytest.raises(Lost):
        store.append(BOB, 1, [{"record": "late"}])
    store.append(ANN, 1, [{"record": "one"}])
    assert told(channel) == [["begin", "one"]]


def test_a_new_fence_needs_no_new_channel(channel: ChannelPlace) -> None:
    store = begun(channel)
    assert store.take(ANN, LEASE, above=8) == 9
    store.adopt(ANN, 3, [{"record": "adopted"}])
    store.append(ANN, 9, [{"record": "nine"}])
    assert told(channel) == [["begin"], ["adopted"], ["nine"]]
    assert len(channel.processes) == 1


def test_a_renewal_during_a_record_is_a_command(channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = ChannelPlace._ask

    def meanwhile(this: ChannelPlace, act: Callable[[], list[str]]) -> list[str]:
        store.renew(ANN)
        return ask(this, act)

    monkeypatch.setattr(ChannelPlace, "_ask", meanwhile)
    store = channel.store()
    store.take(ANN, LEASE)
    store.append(ANN, 1, [{"record": "begin"}])
    store.append(ANN, 1, [{"record": "one"}])
    assert channel.commands == ["take", "renew", "renew"]
    assert told(channel) == [["begin", "one"]]


def test_a_lock_lost_meanwhile_is_no_broken_channel(channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = ChannelPlace._ask

    def meanwhile(this: ChannelPlace, act: Callable[[], list[str]]) -> list[str]:
        if lose:
            (channel.directory / "lock").unlink()
            with pytest.raises(Lost):
                store.renew(ANN)
        return ask(this, act)

    lose = False
    monkeypatch.setattr(ChannelPlace, "_ask", meanwhile)
    store = begun(channel)
    lose = True
    with pytest.raises(Lost):
        store.append(ANN, 1, [{"record": "one"}])


# --- failures


def both(channel: ChannelPlace, directory: HostPlace, spoil: Callable[[Path], object]) -> tuple[str, str]:
    """Spoil both stores, and return the error of an append by the channel, and by a command."""
    said = []
    for place in (channel, directory):
        store = begun(place)
        spoil(place.directory)
        try:
            store.append(ANN, 1, [{"record": "one"}])
        except (OrchestratorError, AssertionError) as error:
            said.append(str(error).strip().replace(str(place.directory), "DIR"))
        else:
            said.append("no error")
    return said[0], said[1]


def full(directory: Path) -> None:
    file = directory / "runs" / f"{1:010d}.jsonl"
    file.unlink()
    file.symlink_to("/dev/full")


def in_the_way(directory: Path) -> None:
    file = directory / "runs" / f"{1:010d}.jsonl"
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("spoil", [full, in_the_way])
def test_a_record_that_cannot_be_written(
    channel: ChannelPlace, directory: HostPlace, spoil: Callable[[Path], object]
) -> None:
    by_channel, by_command = both(channel, directory, spoil)
    assert by_channel == by_command == "DIR cannot be written"
    # the channel still works
    store = channel.store()
    (channel.directory / "lock").unlink()
    assert store.take(BOB, LEASE) == 2
    store.append(BOB, 2, [{"record": "two"}])


def test_a_flock_that_another_process_holds(
    channel: ChannelPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "flock"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec /usr/bin/flock -w 0 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    store = begun(channel)
    with busy(channel), pytest.raises(OrchestratorError, match="another process holds the journal's flock: repeat"):
        store.append(ANN, 1, [{"record": "one"}])
    store.append(ANN, 1, [{"record": "two"}])
    assert told(channel) == [["begin", "two"]]
    assert (len(channel.processes), channel.commands) == (1, ["take"])


def test_a_store_that_was_removed_is_a_lost_lock(channel: ChannelPlace, directory: HostPlace) -> None:
    for place in (channel, directory):
        store = begun(place)
        subprocess.run(["rm", "-r", str(place.directory)], check=True)
        with pytest.raises(Lost):
            store.append(ANN, 1, [{"record": "one"}])


def test_a_cut_line_is_ended_before_a_record(channel: ChannelPlace) -> None:
    store = begun(channel)
    with (channel.directory / "runs" / f"{1:010d}.jsonl").open("a") as file:
        file.write('{"record":"cut')
    store.append(ANN, 1, [{"record": "one"}])
    assert told(channel) == [["begin", "one"]]


def test_a_channel_whose_end_is_known_is_replaced(channel: ChannelPlace) -> None:
    store = begun(channel)
    for number in range(OPENINGS):
        channel.processes[-1].end()
        channel.processes[-1].process.wait()
        store.renew(ANN)
        store.append(ANN, 1, [{"record": str(number)}])
    store.append(ANN, 1, [{"record": "last"}])
    assert told(channel) == [["begin", *map(str, range(OPENINGS)), "last"]]
    # the last channel was one too many
    assert len(channel.processes) == OPENINGS
    assert channel.commands == ["take", *["renew"] * OPENINGS, "append", "append"]


def test_a_script_that_is_killed_in_a_request(channel: ChannelPlace) -> None:
    store = begun(channel)
    (process,) = channel.processes
    with busy(channel):
        of = f"pgrep -s {process.process.pid}"
        # the shell of the request gets no signal in its turn if flock ends first
        wait = f"until {of} -x flock >/dev/null; do :; done; kill -9 $({of} -x sh); kill -9 $({of}); true"
        killer = subprocess.Popen(["sh", "-c", wait], stderr=subprocess.DEVNULL)
        with pytest.raises(OrchestratorError, match="failed without any output"):
            store.append(ANN, 1, [{"record": "one"}])
        killer.wait()
    # whether the host has performed the request is unknown, so the request is not sent again
    store.append(ANN, 1, [{"record": "two"}])
    assert told(channel) == [["begin", "two"]]


def test_a_request_without_an_answer_is_not_sent_again(channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = begun(channel)
    (process,) = channel.processes
    file = channel.directory / "runs" / f"{1:010d}.jsonl"

    def line() -> str:
        eventually(lambda: "one" in file.read_text())
        raise Silent("stopped answering")

    monkeypatch.setattr(process, "line", line)
    with pytest.raises(OrchestratorError, match="stopped answering"):
        store.append(ANN, 1, [{"record": "one"}])
    store.append(ANN, 1, [{"record": "two"}])
    assert told(channel) == [["begin", "one", "two"]]
    process.process.wait(30)


def test_an_interrupted_request_closes_the_channel(channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = begun(channel)
    (process,) = channel.processes

    def line() -> str:
        raise Interrupted(signal.SIGINT, "SIGINT")

    monkeypatch.setattr(process, "line", line)
    with pytest.raises(Interrupted):
        store.append(ANN, 1, [{"record": "one"}])
    process.process.wait(30)
    store.append(ANN, 1, [{"record": "two"}])
    assert told(channel) == [["begin", "one", "two"]]
    assert len(channel.processes) == 2


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_script_that_stopped_performs_nothing_later(
    channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "LIMIT", 0)
    store = begun(channel)
    (process,) = channel.processes
    process.end(signal.SIGSTOP)
    channel.patience = process._patience = 0.2
    with pytest.raises(OrchestratorError, match="took too long"):
        store.append(ANN, 1, [{"record": "one", "long": "x" * size}])
    channel.patience = 30.0
    monkeypatch.setattr(module, "LIMIT", 10)
    store.append(ANN, 1, [{"record": "two"}])
    until = int(float(Path("/proc/uptime").read_text().split()[0])) + 1
    eventually(lambda: float(Path("/proc/uptime").read_text().split()[0]) > until)
    process.end(signal.SIGCONT)
    process.process.wait(30)
    assert told(channel) == [["begin", "two"]]


def test_a_request_that_comes_too_late_is_a_command(channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = begun(channel)
    # as after a sleep of the operator's machine, whose clock then stands still
    monkeypatch.setattr(module, "LIMIT", -60)
    store.append(ANN, 1, [{"record": "one"}])
    assert channel.commands == ["take", "append"]
    monkeypatch.setattr(module, "LIMIT", 10)
    store.append(ANN, 1, [{"record": "two"}])
    assert told(channel) == [["begin", "one", "two"]]
    assert len(channel.processes) == 2


def test_an_old_channel_is_replaced_before_the_host_ends_it(
    channel: ChannelPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ahead, monotonic = begun(channel), [0.0], clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + ahead[0])
    for number in range(2 * OPENINGS):
        ahead[0] += YOUNG + 1
        store.append(ANN, 1, [{"record": str(number)}])
        assert len(channel.processes) == number + 2
        channel.processes[number].process.wait(30)
    assert told(channel) == [["begin", *map(str, range(2 * OPENINGS))]]
    assert channel.commands == ["take"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_request_that_is_cut_off_is_not_performed(directory: HostPlace, cut: int) -> None:
    begun(directory)
    head = "1 append 99999999999 2 1\n"
    request = head + '{"record":"one"}\n{"record":"two"}\n'
    script = ["sh", "-c", SCRIPT, "journal", str(directory.directory), ANN.token, "mark"]
    for text, found in ((request[:-cut], ["begin"]), (request, ["begin", "one", "two"])):
        done = subprocess.run(script, input=text, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        assert told(directory) == [found]


@pytest.mark.parametrize(
    "words", ["", "exit 1", "echo Welcome; exit 0", "printf 'answer-0 0 1.0 0\\n'", "kill -9 $$", "exec cat"]
)
def test_a_host_without_the_script_gets_commands(
    directory: HostPlace, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPENING", 1.0)
    opened: list[Process] = []

    def opens(command: StringCommand) -> Process | None:
        opened.append(Process(StringCommand(words), 0.5))
        return opened[-1] if words else None

    def ask(act: Callable[[], list[str]]) -> list[str]:
        raise AssertionError

    store = HostStore(directory._shell, str(directory.directory), line=Line(opens, ask))
    assert store.take(ANN, LEASE) == 1
    for number in range(5):
        store.append(ANN, 1, [{"record": str(number)}])
    assert store.end(ANN, 1, [{"record": "end"}])
    assert told(directory) == [[*"01234", "end"]]
    assert len(opened) == (OPENINGS if words else 1)


# --- against commands


Act = Callable[[HostStore, Owner, int, list[Record]], Any]
"""A request of an owner to a store, with the number of a run and with records."""

ACTS: dict[str, Act] = {
    "take": lambda store, owner, number, records: store.take(owner, LEASE),
    "renew": lambda store, owner, number, records: store.renew(owner),
    "append": lambda store, owner, number, records: store.append(owner, number, records),
    "adopt": lambda store, owner, number, records: store.adopt(owner, number, records),
    "end": lambda store, owner, number, records: store.end(owner, number, records),
    "give back": lambda store, owner, number, records: store.give_back(owner),
}


class Both:
    """Two stores that get the same requests: one by channels, one by commands."""

    def __init__(self, channel: ChannelPlace, directory: HostPlace) -> None:
        self._channel = channel
        self._places: tuple[HostPlace, HostPlace] = (channel, directory)
        self._stores = {who: (channel.store(), directory.store()) for who in (ANN, BOB)}

    def do(self, owner: Owner, act: Act, number: int, records: list[Record]) -> Any:
        """Do the same at both stores. The results or errors are the same, and all files."""
        results = [
            self._result(store, lambda store: act(store, owner, number, records)) for store in self._stores[owner]
        ]
        assert results[0] == results[1]
        assert self._channel.files == self._places[1].files
        return results[0]

    def spoil(self, spoil: Callable[[HostPlace], object]) -> None:
        for place in self._places:
            spoil(place)

    def kill(self) -> None:
        """Kill the script of each channel, while it waits for a request."""
        for process in self._channel.processes:
            if process.process.poll() is None:
                process.end()
                process.process.wait()

    def _result(self, store: HostStore, act: Callable[[HostStore], Any]) -> Any:
        try:
            found = act(store)
        except Lost:
            return "lost"
        except (OrchestratorError, AssertionError) as error:
            return str(error).strip().replace(store._directory, "DIR")
        return str(found.owner) if isinstance(found, Held) else found


def late(place: HostPlace) -> None:
    if (place.directory / "lock").exists():
        place.pass_time(LEASE + 1)


def cut_short(place: HostPlace) -> None:
    for path in (place.directory / "runs").glob("*"):
        if path.is_file():
            with path.open("a") as file:
                file.write('{"record":"cut')


def block(place: HostPlace) -> None:
    for path in list((place.directory / "runs").glob("*")):
        if path.is_file():
            path.rename(f"{path}.aside")
            path.symlink_to("/dev/full")


def unblock(place: HostPlace) -> None:
    for path in (place.directory / "runs").glob("*.aside"):
        path.rename(str(path).removesuffix(".aside"))


def free(place: HostPlace) -> None:
    held = place.store().read().held
    if held is not None:
        place.store().break_lock(held)


EVERY = "".join(map(chr, [*range(0x180), 0x2028, 0xD800, 0x1F600]))


def some(chance: random.Random) -> list[Record]:
    """Some records, with any characters."""
    return [
        {"record": "".join(chance.choices(EVERY, k=chance.choice([0, 3, 50, 6000])))}
        for _ in range(chance.choice([1, 1, 2, 4]))
    ]


def ring(seed: int) -> list[pytest.MarkDecorator]:
    """Marks of a sequence: `make unit` runs ten, `make test` forty, `make test-all` all."""
    if seed < 10:
        return []
    return [pytest.mark.exhaustive if seed < 40 else pytest.mark.slow]


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [pytest.param(seed, marks=ring(seed)) for seed in range(SEQUENCES)])
def test_a_channel_does_what_commands_do(channel: ChannelPlace, directory: HostPlace, seed: int) -> None:
    chance, both = random.Random(seed), Both(channel, directory)
    fences = {ANN: 1, BOB: 1}
    both.do(ANN, ACTS["take"], 0, [])
    for _ in range(STEPS):
        owner = chance.choice([ANN, ANN, BOB])
        step = chance.choice([*ACTS, *["append"] * 4, "kill", "spoil"])
        if step == "kill":
            both.kill()
        elif step == "spoil":
            both.spoil(chance.choice([late, cut_short, block, unblock, free]))
        else:
            number = chance.randint(1, 12) if step == "adopt" else fences[owner]
            found = both.do(owner, ACTS[step], number, some(chance))
            if step == "take" and isinstance(found, int):
                fences[owner] = found
    both.spoil(unblock)
    found = [[list(run) for run in place.store().read().runs] for place in (channel, directory)]
    assert found[0] == found[1]
    assert channel.processes
