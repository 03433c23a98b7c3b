"""The print agent: takes labels from the OMS over HTTPS and writes them to printers of its own network.

It runs beside the printers, needs no open port and no database, and prints each label once: what it sent to a printer
stands in its journal before it tells the OMS, so that neither a lost reply nor a restart prints a label again.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from oms.core.errors import PermanentError, TransientError
from oms.core.http import Session, raise_for_response

#: Port on which label printers take raw ZPL.
RAW_PORT = 9100
_CONNECT_SECONDS = 5.0
#: Longest pause after failures, in seconds.
MOST_PAUSE = 30.0
_KEPT = 5_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PrinterAddress:
    """Where a printer listens."""

    host: str
    port: int = RAW_PORT


def printer_of(text: str) -> tuple[str, PrinterAddress]:
    """`ZEBRA-1=10.0.0.5` or `ZEBRA-1=10.0.0.5:9101` as name and address. Raises ValueError for anything else."""
    name, _, place = text.partition("=")
    host, _, port = place.partition(":")
    if not name or not host or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536)):
        raise ValueError(f"{text!r} is no printer: expected NAME=HOST or NAME=HOST:PORT.")
    return name, PrinterAddress(host, int(port) if port else RAW_PORT)


class Journal:
    """The jobs that were sent to a printer, in a file that outlives the agent.

    A number alone would be of any OMS, and of what a restored one gave it to since: a job is its number, its AWB and
    the address of its OMS.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, None] = {}
        if path.exists():
            # A line that was cut off by a crash is no job, and its job was not told as printed.
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
            self._done = dict.fromkeys(lines)

    def __contains__(self, job: tuple[int, str, str]) -> bool:
        return _line(job) in self._done

    def add(self, job: tuple[int, str, str]) -> None:
        """Remember that it was printed, on disk before this returns."""
        self._done[_line(job)] = None
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{_line(job)}\n")
            file.flush()
        if len(self._done) > 2 * _KEPT:
            self._shorten()

    def _shorten(self) -> None:
        self._done = dict.fromkeys(list(self._done)[-_KEPT:])
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(f"{line}\n" for line in self._done), encoding="utf-8")
        fresh.replace(self._path)


def _line(job: tuple[int, str, str]) -> str:
    """Number, AWB and OMS in one line of the file."""
    return " ".join(" ".join(str(part).split()) for part in job)


class PrintAgent:
    """Asks one OMS for the labels of some printers and prints them."""

    def __init__(
        self, *, url: str, token: str, printers: Mapping[str, PrinterAddress], journal: Journal, say: Say,
        node: str = "", most: int = 10, timeout_seconds: float = 20.0,
    ) -> None:  # fmt: skip
        self._url = url.rstrip("/") + "/api/v1/print-jobs"
        self._printers, self._journal, self._say, self._node, self._most = printers, journal, say, node, most
        self._http = Session(timeout_seconds=timeout_seconds)
        self._http.headers["Authorization"] = f"Bearer {token}"

    def turn(self) -> int:
        """Take labels, print them, and say so; how many there were. Raises TransientError and PermanentError."""
        # Without an idempotency key: those are kept for ever, and this asks once a second. What a lost reply lent out
        # is lent again after a minute.
        asked = {"printers": sorted(self._printers), "node": self._node, "most": self._most}
        found = _jobs(self._post("/take", asked))
        for job in found:
            self._print(*job)
        return len(found)

    def _print(self, job_id: int, printer: str, awb: str, zpl: str) -> None:
        problem = ""
        job = (job_id, awb, self._url)
        if job not in self._journal:
            try:
                send(self._printers[printer], zpl)
            except OSError as error:
                problem = f"{printer} at {self._printers[printer].host} did not take it: {error}"
            else:
                self._journal.add(job)
        self._say(f"{awb}: {problem or 'printed on ' + printer}")
        # A job may be gone there, with its printer perhaps: the others go on.
        if self._post(f"/{job_id}/end", {"problem": problem[:300]}, may_be_gone=True) is None:
            self._say(f"{awb}: the OMS does not know this job any more")

    def _post(self, path: str, body: dict[str, Any], *, may_be_gone: bool = False) -> Any:
        try:
            response = self._http.post(self._url + path, json=body)
        except requests.RequestException as error:
            raise TransientError(f"The OMS did not answer: {error}") from error
        if may_be_gone and response.status_code == 404:
            return None
        if response.status_code == 409:
            # A printer of that name was made at another node: the agent goes on as soon as one of them is renamed.
            raise TransientError(f"The OMS answered 409: {response.text[:500]}")
        raise_for_response(response, what="The OMS")
        try:
            return response.json()
        except ValueError as error:
            raise TransientError("What answered is not the OMS: it sent no JSON.") from error

    def run(self, *, pause_seconds: float = 1.0, until: Callable[[], bool] = lambda: False) -> None:
        """Print until `until` says so; after failures the pauses grow. Raises PermanentError: a token that is wrong."""
        failures = 0
        while not until():
            try:
                busy = self.turn() > 0
                failures = 0
            except TransientError as error:
                busy, failures = False, failures + 1
                self._say(str(error))
            if not busy:
                time.sleep(min(MOST_PAUSE, pause_seconds * 2 ** min(failures, 10)))


def _jobs(answer: Any) -> list[tuple[int, str, str, str]]:
    """Number, printer, AWB and ZPL of each. Raises TransientError for what an OMS does not say: a proxy may answer."""
    try:
        return [(int(job["job_id"]), str(job["printer"]), str(job["awb"]), str(job["zpl"])) for job in answer]
    except (KeyError, TypeError, ValueError) as error:
        raise TransientError("What answered is not the OMS: it sent no labels.") from error


def send(address: PrinterAddress, zpl: str) -> None:
    """Write one label to a printer. Raises OSError where it does not take all of it."""
    with socket.create_connection((address.host, address.port), timeout=_CONNECT_SECONDS) as connection:
        connection.sendall(zpl.encode("utf-8"))
        connection.shutdown(socket.SHUT_WR)


def printers_of(texts: Sequence[str]) -> dict[str, PrinterAddress]:
    """All printers that were named. Raises PermanentError for none, one twice, or what is no printer."""
    try:
        found = [printer_of(text) for text in texts]
    except ValueError as error:
        raise PermanentError(str(error)) from error
    if not found:
        raise PermanentError("Name at least one printer: --printer NAME=HOST.")
    if len(dict(found)) < len(found):
        raise PermanentError("A printer is named twice.")
    return dict(found)
