"""The process that sends messages is never waited for longer than its time limit."""

from __future__ import annotations

import signal
import sys

import pytest

from orchestrator.notify import courier
from orchestrator.notify.courier import Courier
from orchestrator.notify.message import Message, Target

SLOW = [sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(600)"]


def test_a_sender_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "PATIENCE", 0.2)
    sender = Courier([Target("chat", "json://hush")], SLOW)
    sender.send(Message(0, "title", "text"))
    assert sender.finish() == ["the notification to chat was not sent: no answer within 0.2 s"]
    assert sender._process is not None
    assert sender._process.returncode == -signal.SIGKILL


def test_a_run_without_messages_waits_for_no_sender() -> None:
    sender = Courier([Target("chat", "json://hush")], SLOW)
    assert sender.finish() == []
    assert sender._process is not None
    assert sender._process.returncode == -signal.SIGKILL


def test_without_targets_there_is_no_process() -> None:
    sender = Courier([], ["/nowhere"])
    assert sender._process is None
    assert sender.finish() == []


def test_a_line_that_was_cut_off_is_no_outcome() -> None:
    words = """import sys; sys.stdin.read(); print('{"number": 1, "problem": ""}'); print('{"number": 0, "pro')"""
    sender = Courier([Target("chat", "json://hush")], [sys.executable, "-c", words])
    for title in ("one", "two"):
        sender.send(Message(0, title, "text"))
    assert sender.finish() == ["the notification to chat was not sent: no answer within 5 s"]
