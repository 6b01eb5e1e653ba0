"""The probe of a provisioning: it counts failed requests while hosts load their configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from orchestrator.errors import NotYet, StepFailed
from orchestrator.fleet import Fleet
from orchestrator.report.terminal import say
from orchestrator.run.run_probe import RunProbe

BEFORE = 1.0
"""Seconds for which the probe sends requests before the first host loads its configuration."""

AFTER = 1.0
"""Seconds for which the probe sends requests at least, after the last host has loaded its configuration."""


class LoadProbe:
    """Judges the requests of the probe while hosts load their configuration.

    + release: the live release; None if the fleet does not serve traffic, so that there is no probe
    """

    def __init__(self, fleet: Fleet, release: str | None) -> None:
        self._probe = RunProbe(fleet.settings, "the first host loaded its configuration")
        self._after = max(AFTER, fleet.settings.probe.after)
        self._release = release if fleet.settings.probe.enabled else None

    def begin(self) -> None:
        """Start the probe, and note which requests fail before anything is loaded.

        Raises ProbeError if the probe does not start.
        """
        if self._release is None:
            return
        detail = self._probe.begin(self._release)
        say(f"    probe: {detail}")
        gevent.sleep(BEFORE)
        self._probe.count_from_now()

    def check(self) -> None:
        """Raise StepFailed if more requests have failed since the first host loaded its configuration.

        If requests had already failed before, and this explains the later failures, this method does nothing.
        """
        try:
            self._probe.look()
        except NotYet as failed:
            raise StepFailed(str(failed)) from None

    def end(self) -> None:
        """Let the probe run for some more seconds, then end the probe, print its numbers, and judge them.

        Raises StepFailed as `check` does.
        """
        if self._release is None:
            return
        try:
            detail, doubt = self._probe.end(self._after, judged=True)
        except NotYet as failed:
            raise StepFailed(str(failed)) from None
        say(f"    probe: {detail}")
        if doubt:
            say(f"    warning: {doubt}, so the probe does not prove that no request failed", fg="yellow")

    def close(self) -> None:
        """End the probe if it still runs, and print its numbers."""
        runs = self._probe.report is None
        self._probe.close()
        report = self._probe.report
        if runs and report is not None:
            say(f"    probe: {report.totals.requests} requests, {report.totals.failed} failed")


@contextmanager
def load_probe(fleet: Fleet, release: str | None) -> Iterator[LoadProbe]:
    """Start the probe of a provisioning, and end it with the ``with`` block.

    + release: the live release; None if the fleet does not serve traffic, so that there is no probe
    """
    probe = LoadProbe(fleet, release)
    try:
        probe.begin()
        yield probe
    finally:
        probe.close()
