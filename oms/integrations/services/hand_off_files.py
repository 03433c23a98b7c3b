"""Instructions as files: numbered without gaps, each written once, whole or not at all, with its checksum beside it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from fulfillment.locks import lock_hand_offs, lock_link, lock_work
from fulfillment.models import HandOff, HandOffFile, HandOffInstruction, InstructionState, LinkMode, WmsLink
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.integrations.instruction_payloads import checksum, file_text
from oms.integrations.services.instructions import fix_payloads, link_told_by, note_delivered, told_by

#: Instructions in one file; the rest goes into the next.
MOST_IN_A_FILE = 500


def _waiting() -> QuerySet[HandOffInstruction]:
    """What no WMS has; also what a webhook was being sent when its worker died and its node went over to files."""
    left = Q(state=InstructionState.SENDING, lease_until__lt=now())
    return HandOffInstruction.objects.filter(left | Q(state__in=(InstructionState.PENDING, InstructionState.FAILED)))


def write_hand_off_files() -> list[str]:
    """One file for each WMS that reads files and has something to be told, and those that lie in no directory yet; the
    names of the new ones."""
    due = _waiting().filter(told_by(LinkMode.FILE), link=OuterRef("pk"))
    links = WmsLink.objects.filter(Exists(due), link_told_by(LinkMode.FILE)).order_by("pk")
    made = [file for pk in links.values_list("pk", flat=True) if (file := make_file(pk)) is not None]
    if settings.HAND_OFF_DIR:
        for file in HandOffFile.objects.filter(written_at__isnull=True).select_related("link__node").order_by("pk"):
            put_into_directory(file, Path(settings.HAND_OFF_DIR))
    return [file.name for file in made]


def make_file(link_id: int) -> HandOffFile | None:
    """Put what waits for a WMS into its next file, in the order in which it was written; None where nothing waits."""

    def work() -> HandOffFile | None:
        waiting = _waiting().filter(told_by(LinkMode.FILE), link=link_id).order_by("pk")[:MOST_IN_A_FILE]
        hand_offs = HandOff.objects.filter(pk__in=[row.hand_off_id for row in waiting if row.hand_off_id])
        lock_hand_offs(lock_work(hand_offs.values_list("fulfillment_order_id", flat=True)))
        link = lock_link(link_id)
        rows = _waiting().filter(pk__in=[row.pk for row in waiting])
        locked = [row.pk for row in rows.select_for_update(no_key=True).order_by("pk")]
        if not locked:
            return None
        link.file_sequence += 1
        found = fix_payloads(HandOffInstruction.objects.filter(pk__in=locked))
        text = file_text([row.payload or {} for row in found], form=link.file_format, node=link.node.code,
                         sequence=link.file_sequence)  # fmt: skip
        file = HandOffFile.objects.create(
            link=link, sequence=link.file_sequence, content=text, sha256=checksum(text), instructions_in=len(found),
            name=f"{link.node.code}-{link.file_sequence:06d}.{link.file_format}",
        )  # fmt: skip
        HandOffInstruction.objects.filter(pk__in=locked).update(
            state=InstructionState.SENT, file=file, settled_at=now(), error="", lease_until=None
        )
        link.last_success_at = now()
        link.save(update_fields=["file_sequence", "last_success_at"])
        note_delivered([row.hand_off_id for row in found if row.hand_off_id], found)
        return file

    return run_atomic(work)


def put_into_directory(file: HandOffFile, directory: Path) -> bool:
    """Let the file lie in its node's directory, whole or not at all, its checksum beside it; whether it lies there.

    A file of that name with other contents is never written over: the problem is kept for a person.
    """
    place = directory / file.link.node.code
    try:
        place.mkdir(parents=True, exist_ok=True)
        problem = _put(place / file.name, file.content.encode())
        if not problem:
            problem = _put(place / f"{file.name}.sha256", f"{file.sha256}  {file.name}\n".encode())
    except OSError as error:
        problem = f"{type(error).__name__}: {error}"
    HandOffFile.objects.filter(pk=file.pk, written_at__isnull=True).update(
        written_at=None if problem else now(), problem=problem[:300]
    )
    return not problem


def _put(path: Path, content: bytes) -> str:
    """Written beside it and then named: a reader never sees half of it. What is in the way, or nothing."""
    if path.exists():
        return "" if path.read_bytes() == content else f"Another file lies at {path}."
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o640)
        os.link(temporary, path)  # Unlike a rename it fails where the name is taken.
    except FileExistsError:
        return "" if path.read_bytes() == content else f"Another file lies at {path}."
    finally:
        os.unlink(temporary)
    return ""
