"""The wizard's pages up to the commit: file, columns, check."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from channels.imports.checking import rejected_rows
from channels.imports.errors import ImportRefused
from channels.imports.services import inspect, plan, start_import, store_upload, template_csv
from channels.imports.types import KINDS, Check, Inspection, IssueGroup, Kind
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import NotFound
from oms.core.models import Job
from oms.core.posting import once_per_form
from oms.dashboard.jobs.access import job_for, jobs_of
from oms.dashboard.orders.posting import is_fragment
from oms.dashboard.settings.imports.columns import (
    field_choices,
    labels_of,
    posted_rows,
    read_answer,
    suggested_rows,
)
from oms.dashboard.settings.imports.draft import Draft, begin, draft_of, keep
from oms.dashboard.settings.imports.forms import OptionsForm, UploadForm, date_help
from oms.dashboard.settings.imports.samples import sample_csv
from oms.dashboard.settings.imports.scope import kinds_of, refuse_outside
from oms.flow.import_jobs import IMPORT, INLINE_ROWS, check_of, start_check

RECENT_JOBS = 8


# -- step 1: the file --------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@requires("imports.use")
def upload(request: HttpRequest) -> HttpResponse:
    """Choose a file and say what is in it. A file that cannot be read comes back with the reason."""
    principal = principal_of(request)
    if request.method == "GET":
        mine = kinds_of(principal)
        kind = request.GET.get("kind", mine[0])
        initial = {"kind": kind if kind in mine else mine[0], "channel": request.GET.get("channel", "")}
        return _upload_page(request, principal, UploadForm(principal=principal, initial=initial))
    form = UploadForm(request.POST, request.FILES, principal=principal)
    if not form.is_valid():
        return _upload_page(request, principal, form, status=422)
    data = form.cleaned_data
    kind = cast(Kind, data["kind"])
    try:
        stored = store_upload(data["file"].chunks(), data["file"].name)
        inspection = inspect(stored.path, kind=kind, filename=stored.filename)
    except ImportRefused as error:
        form.add_error("file", error.message)
        return _upload_page(request, principal, form, status=422)
    said = {"channel": data["channel"], "treat_as": data["treat_as"] or "history"} if kind == "orders" else {}
    draft = begin(stored, inspection, said)
    keep(request, draft)
    return HttpResponseRedirect(reverse("dashboard:import_columns", args=[draft.uid]))


def _upload_page(request: HttpRequest, principal: Principal, form: UploadForm, status: int = 200) -> HttpResponse:
    jobs = jobs_of(principal).filter(kind=IMPORT).defer("result")[:RECENT_JOBS]
    context = {
        "form": form, "jobs": jobs, "kinds": kinds_of(principal), "steps": steps_of(1),
        "most_mb": settings.MAX_UPLOAD_BYTES // 2**20,
    }  # fmt: skip
    return render(request, "dashboard/settings/imports/upload.html", context, status=status)


@require_GET
@requires("imports.use")
def sample(request: HttpRequest, kind: str) -> HttpResponse:
    """A small file to try; with `?blank=1` nothing but every column we know."""
    if kind not in KINDS:
        raise NotFound(_("There is no such kind of import."))
    blank = bool(request.GET.get("blank"))
    content = template_csv(cast(Kind, kind)) if blank else sample_csv(cast(Kind, kind))
    return csv_response(content, f"{'blank' if blank else 'sample'}-{kind}.csv")


def csv_response(content: bytes, filename: str) -> HttpResponse:
    """A CSV to be saved, not shown."""
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def steps_of(current: int, draft: Draft | None = None) -> list[dict[str, str]]:
    """The four steps for the step line; those behind can be gone back to."""
    urls = ["", "", "", ""]
    if draft is not None:
        urls[:3] = [
            reverse("dashboard:import"), reverse("dashboard:import_columns", args=[draft.uid]),
            reverse("dashboard:import_check", args=[draft.uid]),
        ]  # fmt: skip
    labels = [_("File"), _("Columns"), _("Check"), _("Import")]
    return [
        {"label": label, "url": url if number < current else "",
         "state": "done" if number < current else "current" if number == current else "todo"}
        for number, (label, url) in enumerate(zip(labels, urls, strict=True), start=1)
    ]  # fmt: skip


# -- step 2: the columns -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@requires("imports.use")
@never_cache
def columns(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say which column is which. A report that is known needs no answer, unless somebody wants to give one."""
    principal = principal_of(request)
    draft = draft_of(request, uid)
    try:
        inspection = draft.inspection()
    except ImportRefused as error:
        return refused_page(request, draft, error)
    wanted = request.POST.get("format") or request.GET.get("format") or draft.options.format
    known = bool(inspection.format_code) and wanted != "columns"
    if request.method == "GET":
        form = OptionsForm(initial=draft.options.as_json(), kind=draft.kind, principal=principal)
        rows = suggested_rows(inspection, draft.mapping if wanted == draft.options.format else None)
        return _columns_page(request, draft, inspection, form, rows, known=known)
    form = OptionsForm(request.POST, kind=draft.kind, principal=principal)
    answer = read_answer(inspection, request.POST)
    mapping = dict(inspection.mapping) if known else answer.mapping
    errors = [] if known else answer.errors
    if form.is_valid() and not errors:
        values = draft.options.as_json() | form.cleaned_data | {"format": "auto" if known else "columns"}
        options = type(draft.options).from_json(values)
        try:
            refuse_outside(principal, draft.kind, mapping, options)
        except ImportRefused as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            name = request.POST.get("mapping_name", "").strip()[:120]
            keep(request, _with(draft, options=options, mapping=mapping, mapping_name=name, check_job=""))
            return HttpResponseRedirect(reverse("dashboard:import_check", args=[draft.uid]))
    rows = posted_rows(inspection, request.POST, answer)
    return _columns_page(request, draft, inspection, form, rows, known=known, errors=errors, status=422)


def _columns_page(
    request: HttpRequest, draft: Draft, inspection: Inspection, form: OptionsForm, rows: Any, *, known: bool,
    errors: list[tuple[str, str]] | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    problems = [*(errors or []), *((f"id_{name}", text) for name, found in form.errors.items() for text in found)]
    context = {
        "draft": draft, "inspection": inspection, "form": form, "rows": rows, "known": known, "problems": problems,
        "choices": field_choices(draft.kind), "steps": steps_of(2, draft), "date_help": date_help(inspection),
        "left_out": [row.column for row in rows if not row.field], "labels": labels_of(draft.kind),
        "mapping_name": request.POST.get("mapping_name", draft.mapping_name or inspection.saved_mapping),
    }  # fmt: skip
    return render(request, "dashboard/settings/imports/columns.html", context, status=status)


def _with(draft: Draft, **changes: Any) -> Draft:
    values = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    return Draft(**(values | changes))


def refused_page(request: HttpRequest, draft: Draft, error: ImportRefused) -> HttpResponse:
    """The whole file is refused: why, and the way back."""
    context = {"draft": draft, "error": error, "steps": steps_of(2, draft)}
    return render(request, "dashboard/settings/imports/refused.html", context, status=error.http_status)


# -- step 3: the check -------------------------------------------------------------------------------------------------


@require_GET
@requires("imports.use")
@never_cache
def check(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What the import would do, with everything that is wrong by cause. Writes nothing."""
    principal = principal_of(request)
    draft = draft_of(request, uid)
    if draft.mapping is None:
        return HttpResponseRedirect(reverse("dashboard:import_columns", args=[uid]))
    try:
        inspection = draft.inspection()
        refuse_outside(principal, draft.kind, draft.mapping, draft.options)
        if inspection.rows > INLINE_ROWS:
            return _check_by_job(request, principal, draft, inspection)
        found = plan(inspection, draft.mapping, draft.options)
    except ImportRefused as error:
        return refused_page(request, draft, error)
    return _check_page(request, draft, inspection, found)


def _check_by_job(request: HttpRequest, principal: Principal, draft: Draft, inspection: Inspection) -> HttpResponse:
    """A large file is checked by a worker while the page shows how far it is."""
    assert draft.mapping is not None
    if not draft.check_job:
        user_id = principal.user.pk if principal.user else None
        job = start_check(inspection=inspection, mapping=draft.mapping, options=draft.options, user_id=user_id)
        draft = _with(draft, check_job=str(job.uid))
        keep(request, draft)
    job = job_for(principal, UUID(draft.check_job))
    if job.error:
        return refused_page(request, draft, ImportRefused(job.error))
    found = check_of(job)
    if found is not None:
        if is_fragment(request):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return _check_page(request, draft, inspection, found)
    context = {"draft": draft, "inspection": inspection, "job": job, "steps": steps_of(3, draft)}
    name = "_checking" if is_fragment(request) else "checking"
    return render(request, f"dashboard/settings/imports/{name}.html", context)


def _check_page(request: HttpRequest, draft: Draft, inspection: Inspection, found: Check) -> HttpResponse:
    context = {
        "draft": draft, "inspection": inspection, "check": found, "steps": steps_of(3, draft),
        "errors": groups_shown(draft.kind, found.errors), "warnings": groups_shown(draft.kind, found.warnings),
        "nothing_new": found.objects > 0 and not (found.create or found.update) and not found.bad_rows,
    }  # fmt: skip
    return render(request, "dashboard/settings/imports/check.html", context)


def groups_shown(kind: Kind, groups: tuple[IssueGroup, ...]) -> list[dict[str, Any]]:
    """Groups of issues with our field's label in place of its name."""
    labels = labels_of(kind)
    return [{"group": group, "label": labels.get(group.field, group.field or _("Row"))} for group in groups]


@require_GET
@requires("imports.use")
def check_rejected(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The rows that would be refused, with their reasons: to be corrected and uploaded again."""
    principal = principal_of(request)
    draft = draft_of(request, uid)
    if draft.mapping is None:
        raise NotFound(_("Name the columns first."))
    refuse_outside(principal, draft.kind, draft.mapping, draft.options)
    content = rejected_rows(draft.inspection(), draft.mapping, draft.options)
    return csv_response(content, f"rejected-{draft.kind}.csv")


# -- step 4: the commit ------------------------------------------------------------------------------------------------


@require_POST
@requires("imports.use")
def start(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Import, as a job that goes on when the page is left. The same form sent twice starts one job."""
    principal = principal_of(request)
    draft = draft_of(request, uid)
    mapping = draft.mapping
    if mapping is None:
        return HttpResponseRedirect(reverse("dashboard:import_columns", args=[uid]))
    if request.POST.get("again") and draft.kind == "stock":
        draft = _with(draft, options=type(draft.options).from_json(draft.options.as_json() | {"again": True}))
    try:
        inspection = draft.inspection()
        refuse_outside(principal, draft.kind, mapping, draft.options)
        uid_text = once_per_form(request, lambda: {"job": str(_start(principal, draft, inspection).uid)})["job"]
    except ImportRefused as error:
        return refused_page(request, draft, error)
    return HttpResponseRedirect(reverse("dashboard:import_job", args=[uid_text]))


def _start(principal: Principal, draft: Draft, inspection: Inspection) -> Job:
    assert draft.mapping is not None
    return start_import(
        inspection, draft.mapping, draft.options, user=principal.user, mapping_name=draft.mapping_name
    )  # fmt: skip
