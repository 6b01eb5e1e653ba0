"""As much HTTP/1.1 as a proxy needs: heads are read, bodies are passed on as they come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

PIECE = 65_536


class Broken(Exception):
    """A peer closed or reset the connection, or sent something other than HTTP."""


@dataclass
class Head:
    """+ start: the first line
    + lines: the header lines as they came
    + headers: by lower-case name; the last value if a name occurs several times
    """

    start: str
    lines: list[str]
    headers: dict[str, str]

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        value = self.headers.get("content-length")
        return int(value) if value is not None else None

    @property
    def keeps(self) -> bool:
        """Whether the connection goes on afterwards."""
        wish = self.headers.get("connection", "").lower()
        return "close" not in wish and ("HTTP/1.1" in self.start or "keep-alive" in wish)

    def cookie(self, name: str) -> str | None:
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None if the peer closed before it. Raises Broken."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise Broken("closed within a head") from None
        return None
    except (ConnectionError, asyncio.LimitOverrunError) as error:
        raise Broken(str(error)) from None
    start, *lines = text[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Head(start, lines, headers)


async def copy_body(
    head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until_closed: bool = False
) -> None:
    """Forward a body piece by piece, by its framing. Raises Broken if the sender breaks off.

    + until_closed: a body without a length ends with the connection (answers only)
    """
    if head.chunked:
        await _copy_chunks(reader, writer)
    elif head.length is not None:
        await _copy_exactly(head.length, reader, writer)
    elif until_closed:
        while piece := await _piece(reader, PIECE):
            writer.write(piece)
            await writer.drain()


async def _copy_exactly(left: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while left > 0:
        piece = await _piece(reader, min(left, PIECE))
        if not piece:
            raise Broken("closed within a body")
        writer.write(piece)
        await writer.drain()
        left -= len(piece)


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await _line(reader)
        writer.write(line)
        size = int(line.split(b";")[0], 16)
        if size:
            await _copy_exactly(size + 2, reader, writer)
            continue
        while True:
            trailer = await _line(reader)
            writer.write(trailer)
            if trailer == b"\r\n":
                return


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except (ConnectionError, ValueError) as error:
        raise Broken(str(error)) from None
    if not line.endswith(b"\n"):
        raise Broken("closed within a body")
    return line


async def _piece(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.read(size)
    except ConnectionError as error:
        raise Broken(str(error)) from None
