"""An import that is being prepared: kept in the session of the person, so that nobody else can go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from channels.imports.services import StoredFile, inspect, stored_path
from channels.imports.types import Inspection, Kind, Options
from oms.accounts.access import principal_of
from oms.core.errors import NotFound
from oms.core.ids import uuid7
from oms.dashboard.settings.imports.scope import verb_of

_SESSION_KEY = "import_drafts"
#: Older ones are forgotten; the file itself stays in the store.
_MOST_DRAFTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was said about a file so far. `mapping` is field -> column, None until a person has confirmed it."""

    uid: UUID
    kind: Kind
    token: str
    filename: str
    options: Options
    mapping: Mapping[str, str] | None = None
    mapping_name: str = ""
    #: Public id of the job that checks a large file with these answers.
    check_job: str = ""

    def inspection(self) -> Inspection:
        """A first look at the file. Raises ImportRefused, also where the file is gone."""
        return inspect(stored_path(self.token), kind=self.kind, filename=self.filename)

    def as_json(self) -> dict[str, Any]:
        """For the session."""
        return {
            "kind": self.kind, "token": self.token, "filename": self.filename, "options": self.options.as_json(),
            "mapping": dict(self.mapping) if self.mapping is not None else None, "mapping_name": self.mapping_name,
            "check_job": self.check_job,
        }  # fmt: skip

    @classmethod
    def from_json(cls, uid: UUID, data: Mapping[str, Any]) -> Draft:
        """Read what `as_json` wrote."""
        return cls(
            uid=uid, kind=data["kind"], token=data["token"], filename=data["filename"],
            options=Options.from_json(data["options"]), mapping=data["mapping"], mapping_name=data["mapping_name"],
            check_job=data["check_job"],
        )  # fmt: skip


def begin(stored: StoredFile, inspection: Inspection, said: Mapping[str, Any]) -> Draft:
    """A draft for a stored file: what people said, then what a saved mapping holds, then the house's defaults."""
    values: dict[str, Any] = {
        "currency": settings.DEFAULT_CURRENCY, "country": settings.DEFAULT_COUNTRY, "time_zone": settings.TIME_ZONE,
        "date_order": inspection.date_order,
    }  # fmt: skip
    values |= inspection.saved_options
    if inspection.date_order:
        values["date_order"] = inspection.date_order
    return Draft(
        uid=uuid7(), kind=inspection.kind, token=stored.token, filename=stored.filename,
        options=Options.from_json(values | dict(said)),
    )  # fmt: skip


def keep(request: HttpRequest, draft: Draft) -> None:
    """Store the draft as the newest of the session."""
    drafts = dict(request.session.get(_SESSION_KEY, {}))
    drafts.pop(str(draft.uid), None)
    drafts[str(draft.uid)] = draft.as_json()
    request.session[_SESSION_KEY] = dict(list(drafts.items())[-_MOST_DRAFTS:])


def draft_of(request: HttpRequest, uid: UUID) -> Draft:
    """The draft with this id in the session of whoever asks. Raises NotFound, Forbidden for a kind of another role."""
    data = request.session.get(_SESSION_KEY, {}).get(str(uid))
    if data is None:
        raise NotFound("This import is not being prepared any more. Upload the file again.")
    draft = Draft.from_json(uid, data)
    principal_of(request).require(verb_of(draft.kind))
    return draft
