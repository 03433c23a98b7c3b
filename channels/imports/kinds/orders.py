"""Orders from a file: rows grouped, read by the report's format, put into the inbox of the channel's account.

An order that reads well is a message whose event id is a hash of what it says, so the same order again is no news and
a changed one is a new version. An order with an issue is put into the inbox too, in quarantine, with its issues, and
its rows go to the rejected file; when the corrected rows come, the quarantined message is set aside.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count

from channels.adapters.files.assemble import Draft, assemble
from channels.adapters.files.format import OrderFormat
from channels.adapters.files.registry import FORMATS, detect_format, mapped_format
from channels.adapters.files.rows import SourceRow
from channels.base import MappingIssue, RawMessage
from channels.canonical_json import canonical_to_json
from channels.imports.errors import ImportRefused
from channels.imports.kinds.base import Context, Finish, Written, mapped_rows, overlong
from channels.imports.matching import apply
from channels.imports.parsers import Unreadable, parse_code
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from channels.locks import claim_messages
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource, InboundMessageState
from channels.services import ignore_messages, process_messages, receive_messages
from channels.services.reading import as_json, cause_of
from channels.services.settle import Outcome, settle
from orders.models import Order, SalesChannel

State = InboundMessageState

_PROCESS_AT_ONCE = 500
#: How long the rest may be with other workers before we stop waiting for it.
_PATIENCE_SECONDS = 20.0


def choose_format(header: Sequence[str], columns: Mapping[str, str], options: Options) -> OrderFormat:
    """The named format, the one this header belongs to, or the columns a person named. Raises ImportRefused."""
    if options.format not in {"auto", "columns"}:
        named = FORMATS.get(options.format)
        if named is None:
            raise ImportRefused(f"There is no format {options.format!r}: {', '.join(FORMATS)}.")
        return named
    detected = detect_format(header) if options.format == "auto" else None
    return detected or mapped_format(columns)


def channel_of(code: str) -> SalesChannel:
    """The sales channel of this code. Raises ImportRefused."""
    if not code:
        raise ImportRefused("Choose the channel these orders belong to.", field="channel")
    channel = SalesChannel.objects.filter(code=code).first()
    if channel is None:
        known = ", ".join(SalesChannel.objects.order_by("code").values_list("code", flat=True)[:20])
        raise ImportRefused(f"There is no channel {code!r}. There are: {known or 'none yet'}.", field="channel")
    return channel


def account_of(code: str) -> ChannelAccount:
    """The account of a channel; a channel that only ever gets files is given one. Raises ImportRefused."""
    channel = channel_of(code)
    account, _ = ChannelAccount.objects.get_or_create(
        channel=channel,
        defaults={"connector": "files", "pulls_orders": False, "pushes_stock": False, "pushes_updates": False},
    )
    account.channel = channel
    return account


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as the inbox will hold it; `errors` say why it goes to quarantine."""

    message: RawMessage
    errors: tuple[RowIssue, ...]

    @property
    def is_good(self) -> bool:
        """It can be captured."""
        return not self.errors


class OrderHandler:
    """Import of orders."""

    chunk_size = 500

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """Rows of one order may stand anywhere in the file. A unit is one order, good or not."""
        format = choose_format(table.header, columns, options)
        _refuse_incomplete(table, format)
        groups: dict[str, list[SourceRow]] = {}
        extra: dict[str, list[RowIssue]] = {}
        loose: list[RowIssue] = []
        count = 0
        for row, raw in mapped_rows(table, format.columns):
            count += 1
            cells = {name: text for name, text in format.prepare(raw).items() if text and not name.startswith("_")}
            try:
                order_id = parse_code(cells.get("order_id", ""), most=120)
            except Unreadable as error:
                loose.append(RowIssue(row=row.number, field="order_id", got=cells.get("order_id", "")[:80],
                                      expected=error.expected))  # fmt: skip
                continue
            groups.setdefault(order_id, []).append(SourceRow(row.number, cells))
            if row.extra:
                extra.setdefault(order_id, []).append(overlong(row))
        units, issues, bad = [], loose, {issue.row for issue in loose}
        for order_id, rows in groups.items():
            draft = assemble(order_id, rows, format, options)
            if order_id in extra:
                draft = Draft(order_id, None, (*draft.issues, *extra[order_id]), draft.partial)
            issues += draft.issues
            numbers = tuple(row.number for row in rows)
            if draft.order is None:
                bad.update(numbers)
            units.append(Unit(key=order_id, rows=numbers, value=_record(draft)))
        return Reading(units=tuple(units), issues=tuple(issues), rows=count, bad_rows=frozenset(bad))

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """Nothing: unknown SKUs are captured and held, so that no order is lost."""
        return []

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """New orders, new versions of known ones, and what the inbox has word for word."""
        good = [unit for unit in units if unit.value.is_good]
        account = ChannelAccount.objects.filter(channel__code=options.channel).first()
        if account is None:
            return Counts(create=len(good))
        events = {unit.value.message.event_id: unit for unit in good}
        seen = set(
            InboundMessage.objects.filter(account=account, event_id__in=list(events)).values_list("event_id", flat=True)
        )
        known = set(
            Order.objects.filter(channel=account.channel_id, external_id__in=[unit.key for unit in good]).values_list(
                "external_id", flat=True
            )
        )
        new = [unit for event, unit in events.items() if event not in seen]
        update = sum(1 for unit in new if unit.key in known)
        return Counts(create=len(new) - update, update=update, skip=len(good) - len(new))

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Put one chunk into the inbox; what is bad goes straight to quarantine."""
        account = account_of(context.options.channel)
        counts = self.count(units, context.options)
        records = [unit.value for unit in units]
        receive_messages(
            account, [record.message for record in records], InboundMessageSource.FILE,
            job_id=context.job_id, row_numbers=[unit.rows[0] for unit in units],
        )  # fmt: skip
        _quarantine(account, [record for record in records if not record.is_good], context.actor)
        _set_aside(account, [record for record in records if record.is_good], context.actor)
        return Written(counts=counts)

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Capture what this import put into the inbox, beside any worker that does the same."""
        if context.job_id is None:
            return Finish()
        if until is not None:
            _drain(context.job_id, until)
        # One look: between two of them a worker may take a batch from one state to the other.
        messages = InboundMessage.objects.filter(job_id=context.job_id).order_by()
        units = dict(messages.values_list("state").annotate(count=Count("pk")))
        return Finish(
            captured=units.get(State.CAPTURED, 0), quarantined=units.get(State.QUARANTINED, 0),
            waiting=units.get(State.PENDING, 0),
        )  # fmt: skip


def _record(draft: Draft) -> OrderRecord:
    """The message of one order. Its event id is the same for the same order saying the same, in whatever file."""
    payload = canonical_to_json(draft.order) if draft.order is not None else dict(draft.partial)
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    message = RawMessage(
        event_id=f"file:{draft.external_id}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:40]}",
        kind="order",
        external_id=draft.external_id,
        payload=payload,
        occurred_at=draft.order.external_updated_at if draft.order is not None else None,
    )
    return OrderRecord(message, () if draft.order is not None else draft.errors)


def _quarantine(account: ChannelAccount, records: Sequence[OrderRecord], actor: str) -> None:
    if not records:
        return
    by_event = {record.message.event_id: record.errors for record in records}
    ids = InboundMessage.objects.filter(account=account, event_id__in=list(by_event), state=State.PENDING)
    found_ids = list(ids.values_list("pk", flat=True))
    messages = claim_messages(account_id=account.pk, ids=found_ids, tried_before=None, most=len(found_ids))
    outcomes = {}
    for message in messages:
        issues = [
            MappingIssue(field=issue.field, got=issue.got or "nothing", expected=issue.expected)
            for issue in by_event[message.event_id]
        ]
        found = [
            {**entry, "row": issue.row}
            for entry, issue in zip(as_json(issues), by_event[message.event_id], strict=True)
        ]
        outcomes[message.pk] = Outcome(State.QUARANTINED, issues=found, cause=cause_of(issues))
    settle(messages, outcomes, actor=actor)


def _set_aside(account: ChannelAccount, records: Sequence[OrderRecord], actor: str) -> None:
    """Quarantined readings of orders that now read well."""
    ids = InboundMessage.objects.filter(
        account=account,
        external_id__in=[record.message.external_id for record in records],
        state=State.QUARANTINED,
        source=InboundMessageSource.FILE,
    ).exclude(event_id__in=[record.message.event_id for record in records])
    found = list(ids.order_by("pk").values_list("pk", flat=True))
    if found:
        ignore_messages(found, actor, reason="A corrected row of this order was imported")


def _drain(job_id: int, until: float) -> None:
    last_left, since = -1, time.monotonic()
    while time.monotonic() < until:
        pending = InboundMessage.objects.filter(job_id=job_id, state=State.PENDING)
        left = pending.count()
        if left == 0:
            return
        if left != last_left:
            last_left, since = left, time.monotonic()
        elif time.monotonic() - since > _PATIENCE_SECONDS:
            return
        else:
            time.sleep(0.2)  # others hold them
        process_messages(list(pending.order_by("pk").values_list("pk", flat=True)[:_PROCESS_AT_ONCE]))


def _refuse_incomplete(table: Table, format: OrderFormat) -> None:
    """Columns without which no row can be an order."""
    found = apply(format.columns, table.header)
    needed = ["order_id", "placed_at", "sku"]
    if format.code == "columns":
        needed += ["quantity", "ship_postcode"]
    missing = [name for name in needed if name not in found]
    if missing:
        names = ", ".join(missing)
        raise ImportRefused(f"No column is named for: {names}. Name them, or choose the report's format.", field=names)
