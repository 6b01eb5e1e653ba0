"""The command of a worker or a service is one program, which gets the signals of systemd."""

from __future__ import annotations

import pytest

from orchestrator.config.program import not_one_program


@pytest.mark.parametrize(
    "command",
    [
        "php artisan queue:work --queue=high,low",
        "bin/ws >>log/ws 2>&1 <&-",
        "bin/x 'a; b' \"c && d\" e\\;f",
        "env A=1 bin/x",
        "bin/x a=b",
        "node s.js --n $(nproc | head -1) `a; b` $((1|2)) --x=${A:-b;c}",
        "node s.js $(a $(b; c) && d)",
        "python x.py >|log # a; b",
        "php x;",
        # the program of systemd is the shell here, but every part runs
        "bin/x 2>&1 | tee log",
    ],
)
def test_one_program_with_arguments_is_right(command: str) -> None:
    assert not_one_program(command) is None


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("a && b", "but has &&: write the commands into a script"),
        ("a || b", "but has ||"),
        ("a; b", "but has ;"),
        ("a $(b) ; c", "but has ;"),
        ("cd 'x y';a", "but has ;"),
        ("APP_ENV=prod php x", "begins with the variable APP_ENV: begin the command with env, as in env APP_ENV=..."),
    ],
)
def test_other_shell_commands_are_refused(command: str, why: str) -> None:
    assert why in str(not_one_program(command))
