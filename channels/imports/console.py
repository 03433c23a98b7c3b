"""What the import commands share: options, the run, and the report on the terminal."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from channels.imports.saved import mapping_named, save_mapping
from channels.imports.services import commit, inspect, plan
from channels.imports.types import Check, Inspection, IssueGroup, Kind, Options, Result
from oms.core.errors import DomainError

_COMMON = ("date_order", "decimal", "currency", "country", "time_zone")


class ImportCommand(BaseCommand, ABC):
    """A command that imports one kind of file."""

    kind: Kind

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, how it is to be read, and what the kind needs."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", default="", help="name of a saved mapping")
        parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="name one column")
        parser.add_argument("--save-mapping", default="", help="remember the mapping under this name")
        parser.add_argument("--dry-run", action="store_true", help="check every row, write nothing")
        parser.add_argument(
            "--date-order",
            default="",
            choices=["", "dmy", "mdy", "ymd"],
            help="how 05/06/2026 is to be read; such dates are refused where this is not given",
        )
        parser.add_argument("--decimal", default=".", choices=[".", ","])
        parser.add_argument("--currency", default=settings.DEFAULT_CURRENCY)
        parser.add_argument("--country", default=settings.DEFAULT_COUNTRY)
        parser.add_argument("--time-zone", default=settings.TIME_ZONE)
        self.add_kind_arguments(parser)  # fmt: skip

    @abstractmethod
    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """Arguments of one kind."""

    @abstractmethod
    def kind_options(self, options: dict[str, object]) -> Options:
        """Options of one kind."""

    def read_options(self, options: Mapping[str, object], *, names: Sequence[str]) -> Options:
        """The common options and the named ones."""
        return Options.from_json({name: options[name] for name in (*_COMMON, *names)})

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and report. Ends with status 1 where the file is refused as a whole."""
        started = time.monotonic()
        try:
            inspection = inspect(options["file"], kind=self.kind, filename=options["file"].name)
            mapping = self._mapping(inspection, options)
            chosen = self.kind_options(options)
            self._introduce(inspection, mapping, chosen)
            if options["save_mapping"]:
                save_mapping(self.kind, options["save_mapping"], inspection.header, mapping, chosen)
            if options["dry_run"]:
                self._tell_check(plan(inspection, mapping, chosen))
            else:
                wait = bool(options.get("wait", True))
                self._tell_result(commit(inspection, mapping, chosen, actor=f"import_{self.kind}", wait=wait))
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        self.stdout.write(f"Time: {time.monotonic() - started:.1f} s")

    def _mapping(self, inspection: Inspection, options: Mapping[str, Any]) -> dict[str, str]:
        mapping = dict(inspection.mapping)
        if options["mapping"]:
            mapping = dict(mapping_named(self.kind, options["mapping"]).columns)
        for pair in options["map"]:
            name, _, column = pair.partition("=")
            mapping[name] = column
        return mapping

    def _introduce(self, inspection: Inspection, mapping: Mapping[str, str], options: Options) -> None:
        what = inspection.format_name if inspection.format_code and options.format == "auto" else "table"
        self.stdout.write(f"{inspection.filename}: {what}, {inspection.rows} rows, {inspection.encoding}")
        if not (inspection.format_code and options.format == "auto"):
            named = ", ".join(f"{name} <- {column}" for name, column in mapping.items())
            self.stdout.write(f"Columns: {named or 'none'}")

    def _tell_check(self, check: Check) -> None:
        self.stdout.write(
            f"Dry run: {check.create} to create, {check.update} to change, {check.skip} as they are; "
            f"{check.bad_rows} of {check.rows} rows refused"
        )
        if check.already_imported:
            self.stdout.write("This file was imported before; --again takes it as a fresh count.")
        self._tell_issues("refused", check.errors)
        self._tell_issues("warning", check.warnings)

    def _tell_result(self, result: Result) -> None:
        if self.kind == "orders":
            self.stdout.write(f"Orders: {result.objects}, from {result.rows} rows")
            self.stdout.write(
                f"Captured: {result.captured}, unchanged: {result.skipped}, changed: {result.updated}, "
                f"quarantined: {result.quarantined}, in the inbox: {result.waiting}"
            )
        else:
            self.stdout.write(
                f"Created: {result.created}, changed: {result.updated}, as they were: {result.skipped}, "
                f"rows refused: {result.failed} of {result.rows}"
            )
        if result.already_imported:
            self.stdout.write("This file was imported before; --again takes it as a fresh count.")
        self._tell_issues("refused", result.errors)
        self._tell_issues("warning", result.warnings)
        if result.rejected_file:
            self.stdout.write(f"Rejected rows: {Path(settings.MEDIA_ROOT) / result.rejected_file}")

    def _tell_issues(self, word: str, groups: Sequence[IssueGroup]) -> None:
        for group in groups:
            rows = ", ".join(str(row) for row in group.rows[:5]) + (", ..." if group.count > 5 else "")
            self.stdout.write(
                f"  {word}: {group.cause} ({group.count} times; got {' | '.join(group.examples)}; rows {rows})"
            )
