"""The command ``python -m orchestrator.probe URL``. Its option ``--help`` lists the arguments."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from orchestrator.errors import UsageError
from orchestrator.probe.lines import from_stdin
from orchestrator.probe.load import Pace, run
from orchestrator.probe.options import Options, parse
from orchestrator.probe.record import Recorder
from orchestrator.probe.report import Report
from orchestrator.probe.sample import Sample, now, wall
from orchestrator.probe.table import table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the probe, print its report, and return the exit status.

    The exit status is

    * 0 if every request got a good answer;
    * 1 if a request failed, or if a request was still in flight when the probe ended;
    * 2 if the arguments are wrong, or if a file cannot be written.

    Answers of the old release are no failures, even after the new release has begun to answer, because the weights may
    split the traffic between both releases.

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

    Without this, the probe could run out of connections or pause. The report would then count failures that are not
    failures of the server.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000_000)  # there are many samples, and garbage collection cannot free any of them


async def _probe(options: Options, samples: TextIO | None) -> Report:
    loop = asyncio.get_running_loop()
    begin, stop, give_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    recorder, pace = Recorder(options.keep), Pace(options.load.rate)

    def end() -> None:
        stop.set()
        begin.set()

    def signalled() -> None:
        if stop.is_set():
            give_up.set()
        end()

    def obey(line: str) -> None:
        if line == "begin":
            begin.set()
        else:
            _obey(line, recorder, pace)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signalled)
    if options.until_eof:
        from_stdin(loop, obey, end)
    if options.until_eof and options.waits:
        await begin.wait()
        if stop.is_set():
            return recorder.report()
    unfinished = await run(options.load, _record(recorder, samples, options.until_eof), stop, give_up, pace)
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


def _obey(line: str, recorder: Recorder, pace: Pace) -> None:
    """Carry out one command that the parent process wrote to the standard input of the probe.

    The commands are

    * ``switch RELEASE [MONOTONIC]``: record a cutover, now or at a reading of ``time.monotonic()``;
    * ``report``: print the report of the requests up to now, as one line of JSON;
    * ``rate NUMBER``: send this number of requests a second from now on;
    * ``mark TEXT``: record a mark, which is a remark in the report.

    Any other line is recorded as a mark.

    + line: one line of the standard input
    """
    came = now()
    word, _, rest = line.partition(" ")
    if word == "switch" and rest:
        release, _, at = rest.partition(" ")
        with contextlib.suppress(ValueError):
            recorder.switch(release, wall(float(at)) if at else came)
            return
    if word == "rate" and re.fullmatch(r"\d{1,9}(\.\d+)?", rest) and float(rest):
        pace.change(float(rest))
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
    # if the parent has closed this output, it will also close the input, and the end of the input ends the probe
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
