"""Prints the lines of all children on one screen, each under its name."""

import datetime as dt
import sys
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)  # ANSI foregrounds that read well on dark and on light
LONGEST_LINE = 64 * 1024


class Console:
    """Where the supervisor and its children speak. Never raises: a reader that went away must not stop the system."""

    def __init__(self, stream: TextIO | None = None, *, width: int = 10) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._width = width
        self._colours: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        """One line of the child `name`."""
        label = f"{name:<{self._width}}"
        if self._stream.isatty():
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._write(f"{dt.datetime.now():%H:%M:%S} {label} | {text}")

    def note(self, text: str) -> None:
        """One line of the supervisor itself."""
        self.line("oms", text)

    def banner(self, text: str) -> None:
        """Lines for a person, without prefix, between blank lines."""
        self._write(f"\n{text.rstrip()}\n")

    def _write(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except (BrokenPipeError, ValueError):
            return


class LineBuffer:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Complete lines in what has come so far; a line without end is cut at 64 KiB."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def close(self) -> list[str]:
        """What was left without an end."""
        lines, self._rest = ([self._rest] if self._rest else []), b""
        return [line.decode(errors="replace") for line in lines]
