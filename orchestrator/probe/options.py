"""Parse the command line of the probe."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from typing_extensions import override

from orchestrator.errors import UsageError
from orchestrator.probe.client import Manners
from orchestrator.probe.load import Load
from orchestrator.probe.record import KEEP
from orchestrator.probe.sample import Kind
from orchestrator.probe.target import parse as target
from orchestrator.probe.variable import TOKEN

GENTLE = 10.0
"""Default rate of the probe, in requests a second to all targets together.

The rate is low, so that the probe does not overload a site that is in use.
"""


@dataclass(frozen=True)
class Options:
    """The parsed arguments of the probe.

    + load: the requests to send
    + until_eof: whether the probe reads commands from the standard input, and ends when the standard input ends
    + waits: whether the probe sends the first request only after the command ``begin``
    + json: name of the file for the report; ``-``: the standard output; None: no file
    + samples: name of the file for the samples, which are the results of all requests; None: no file
    + keep: largest number of samples that are kept in memory
    """

    load: Load
    until_eof: bool
    waits: bool
    json: str | None
    samples: str | None
    keep: int


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(argv: Sequence[str]) -> Options:
    """Parse the arguments of the probe. If ``--help`` is among them, print the help and raise SystemExit.

    Raises UsageError if the arguments are wrong.

    + argv: arguments without the program's name
    """
    said = _parser().parse_args(argv)
    targets = tuple(target(url, host=said.host, ca=said.ca, http2=said.http2) for url in dict.fromkeys(said.urls))
    own = {one.path for one in targets if one.path not in ("", "/")}
    if own and said.paths:
        raise UsageError("there are paths in the URLs and in --paths: use only one of them")
    if len({one.path or "/" for one in targets}) > 1:
        raise UsageError("the URLs have different paths: probe them one by one, or use --paths")
    token = said.token if said.token is not None else os.environ.get(TOKEN, "")
    for name, words in (("--token", [token]), ("--host", [said.host or "x"])):
        if not all(_plain(word) for word in words):
            raise UsageError(f"{name} may have only visible ASCII characters")
    paths = tuple(said.paths or own or ("/",))
    for path in (*paths, said.post_path, said.slow_path):
        if not path.startswith("/") or not _plain(path):
            raise UsageError(f"{path!r} is not a path: it begins with / and holds only visible ASCII characters")
    load = Load(
        targets=targets,
        paths=paths,
        connections=said.connections,
        mix=said.mix,
        rate=said.rate,
        seconds=said.seconds,
        requests=said.requests,
        slow_path=said.slow_path,
        slow_seconds=said.slow_seconds,
        post_path=said.post_path,
        post_bytes=said.post_bytes,
        post_size=not said.any_post_answer,
        manners=Manners(timeout=said.timeout, token=token, marked=said.require_marker),
    )
    return Options(load, said.until_eof, said.wait, said.json, said.samples, said.keep)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="orchestrator probe",
        description="Send requests all the time, never retry, and count every kind of failure. By default, these are "
        f"{GENTLE:g} GET requests a second. Exit status: "
        "0 no failure, 1 failures or requests given up, 2 bad arguments. SIGINT, SIGTERM and SIGHUP end the probe.",
    )
    add = parser.add_argument
    add("urls", nargs="+", metavar="URL", help="http[s]://host[:port][/path]")
    add("--paths", nargs="+", metavar="PATH", help="paths of GET requests, in turn (default /)")
    add("--connections", type=_Whole(1, 4096), default=4, metavar="N", help="clients at once (default 4)")
    add(
        "--rate",
        type=_rate,
        default=GENTLE,
        metavar="R",
        help=f"requests a second in total; max: as fast as answers come (default {GENTLE:g})",
    )
    add("--seconds", type=_positive, metavar="S", help="end after S seconds")
    add("--requests", type=_Whole(1, 10**12), metavar="N", help="end after N requests")
    add(
        "--mix",
        type=_mix,
        default=(Kind.keepalive, Kind.fresh),
        metavar="KINDS",
        help=f"kinds of requests, of {','.join(Kind)} (default keepalive,fresh, which are GET requests)",
    )
    add("--slow-seconds", type=_positive, default=2.0, metavar="S", help="how long slow answers take (default 2)")
    add("--slow-path", default="/slow", metavar="PATH", help="path of slow answers, with ?s=S (default /slow)")
    add("--post-path", default="/upload", metavar="PATH", help="path of POST requests (default /upload)")
    add("--post-bytes", type=_Whole(0, 2**26), default=2000, metavar="N", help="size of a POST (default 2000)")
    add("--any-post-answer", action="store_true", help="the answer to a POST need not say how many bytes it got")
    add("--token", metavar="T", help=f"probe token; better in the environment: {TOKEN}")
    add("--host", metavar="NAME", help="name for the Host header and TLS, instead of the URL's")
    add("--ca", metavar="FILE", help="certificates to trust instead of the system's")
    add("--http2", action="store_true", help="HTTP/2 instead of HTTP/1.1; https URLs only")
    add("--timeout", type=_positive, default=10.0, metavar="S", help="seconds for one request (default 10)")
    add("--require-marker", action="store_true", help="an answer without X-Release is a failure")
    add("--json", metavar="FILE", help="the report as JSON; - is the standard output, instead of the table")
    add("--samples", metavar="FILE", help="write every request as a line of JSON")
    add("--keep", type=_Whole(1, 10**8), default=KEEP, metavar="N", help=f"samples in memory (default {KEEP})")
    add(
        "--until-eof",
        action="store_true",
        help="end when the standard input ends; say 'ready' after the first answer or failure; "
        "take the lines 'mark TEXT', 'switch RELEASE [MONOTONIC]' and 'report'",
    )
    add("--wait", action="store_true", help="with --until-eof: send no request before the line 'begin'")
    return parser


def _rate(text: str) -> float | None:
    return None if text == "max" else _positive(text)


def _plain(text: str) -> bool:
    return all("!" <= letter <= "~" for letter in text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


class _Whole:
    """An argument type for argparse: whole numbers from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> int:
        if not text.isdecimal() or not self._low <= int(text) <= self._high:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {self._low} to {self._high}")
        return int(text)


def _mix(text: str) -> tuple[Kind, ...]:
    try:
        return tuple(dict.fromkeys(Kind(word.strip()) for word in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} has an unknown kind of request: write one or more of {', '.join(Kind)}, separated by commas"
        ) from None
