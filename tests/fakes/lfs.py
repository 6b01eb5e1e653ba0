"""A real Git LFS server, for the files of one repository."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.fakes.site import Site


class LfsServer(Site):
    """Serves the files of its directory: the file with the SHA-256 X has the name X."""

    def do_POST(self) -> None:  # noqa: N802 (the name is the base class's)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        home = f"http://{self.headers['Host']}"
        objects = [{**one, "actions": {"download": {"href": f"{home}/{one['oid']}"}}} for one in asked["objects"]]
        answer = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def store(directory: Path, content: bytes) -> str:
    """Put a file into the server's directory. Returns the pointer that a commit has for this file."""
    oid = hashlib.sha256(content).hexdigest()
    (directory / oid).write_bytes(content)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
