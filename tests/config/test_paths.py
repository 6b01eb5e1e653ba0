"""Paths on the operator's machine: which files and directories of the system an application may have."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from orchestrator.config.paths import OperatorFile, OperatorTree


@pytest.mark.parametrize("path", ["/dev/shm/keys/id_ed25519", "/run/user/1000/token", "keys/id", "~/.ssh/id"])
def test_a_key_may_be_on_a_disk_or_in_memory(path: str) -> None:
    assert TypeAdapter(OperatorFile).validate_python(path) == path


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdin", "/proc/self/fd/3", "/dev/shm/"])
def test_a_key_must_be_a_file_with_data(path: str) -> None:
    with pytest.raises(ValidationError, match=r"name (another|a) file"):
        TypeAdapter(OperatorFile).validate_python(path)


@pytest.mark.parametrize("path", ["/dev/shm/shop", "/run/user/1000/shop", "/home/me/shop", "/builds/shop", "."])
def test_a_checkout_may_be_in_a_directory_of_users(path: str) -> None:
    assert TypeAdapter(OperatorTree).validate_python(path) == path


@pytest.mark.parametrize("path", ["/dev", "/dev/shm", "/run/user", "/run/shop", "/etc/shop", "/home"])
def test_a_directory_of_the_system_is_no_checkout(path: str) -> None:
    with pytest.raises(ValidationError, match="name the directory of the application"):
        TypeAdapter(OperatorTree).validate_python(path)
