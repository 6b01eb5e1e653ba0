"""The command ``python -m orchestrator.probe URL``. Its option ``--help`` lists the arguments."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from orchestrator.errors import UsageError
from orchestrator.probe.lines import from_stdin
from orchestrator.probe.load import run
from orchestrator.probe.options import Options, parse
from orchestrator.probe.record import Recorder
from orchestrator.probe.report import Report
from orchestrator.probe.sample import Sample, now, wall
from orchestrator.probe.table import table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the probe, print its report, and return the exit status.

    The exit status is 0 without failures, 1 if requests failed or were given up, and 2 for bad arguments or a file that
    cannot be written. Answers of the old release are never failures here, even after the new release has begun to
    answer, because the weights may split the traffic between both releases.

    + argv: arguments without the program's name; None: the arguments of this process
    """
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        with contextlib.ExitStack() as files:
            samples = _open(files, options.samples)
            out = sys.stdout if options.json == "-" else _open(files, options.json)
            _prepare()
            report = asyncio.run(_probe(options, samples))
            _publish(report, out)
    except UsageError as error:
        print(f"probe: {error}", file=sys.stderr)
        return 2
    except SystemExit as done:  # --help
        return int(done.code or 0)
    return 1 if report.totals.failed or report.unfinished else 0


def _open(files: contextlib.ExitStack, name: str | None) -> TextIO | None:
    if name is None:
        return None
    try:
        return files.enter_context(Path(name).open("w", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None


def _prepare() -> None:
    """Raise this process's limit of open files to the maximum, and avoid long garbage collections.

    Otherwise the probe could run out of connections or pause, and would report that as failures of the server.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000_000)  # samples are many and have no cycles, so scanning them is useless


async def _probe(options: Options, samples: TextIO | None) -> Report:
    loop = asyncio.get_running_loop()
    stop, give_up = asyncio.Event(), asyncio.Event()
    recorder = Recorder(options.keep)

    def signalled() -> None:
        (give_up if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signalled)
    if options.until_eof:
        from_stdin(loop, lambda line: _obey(line, recorder), stop.set)
    unfinished = await run(options.load, _record(recorder, samples, options.until_eof), stop, give_up)
    return recorder.report(unfinished)


def _record(recorder: Recorder, samples: TextIO | None, say_ready: bool) -> Callable[[Sample], None]:
    def record(sample: Sample) -> None:
        nonlocal say_ready
        recorder.add(sample)
        if samples is not None:
            samples.write(json.dumps(sample.to_json()) + "\n")
        if say_ready:
            say_ready = False
            _say("ready")

    return record


def _obey(line: str, recorder: Recorder) -> None:
    """Carry out one command of the parent process: ``switch`` (record a cutover), ``report`` or ``mark``.

    Any other line is recorded as a mark, a remark in the report.

    + line: one line of the standard input
    """
    came = now()
    word, _, rest = line.partition(" ")
    if word == "switch" and rest:
        release, _, at = rest.partition(" ")
        with contextlib.suppress(ValueError):
            recorder.switch(release, wall(float(at)) if at else came)
            return
    if word == "report" and not rest:
        _say(json.dumps(recorder.report().to_json()))
        return
    recorder.mark(rest if word == "mark" else line, came)


def _publish(report: Report, out: TextIO | None) -> None:
    if out is not sys.stdout:
        _say(table(report))
    if out is not None:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(report.to_json()), file=out, flush=True)


def _say(text: str) -> None:
    # a parent that has closed this output will close the input, too, which ends the probe
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
