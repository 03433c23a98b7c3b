"""Long work that people started: the tray, the page of all, the page of one, cancel, and the file that came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import Principal, principal_of, requires
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.jobs import cancel_job
from oms.core.models import Job
from oms.core.templatetags.oms_format import span
from oms.dashboard.jobs.access import job_for, jobs_of
from oms.flow.bulk_jobs import BULK
from oms.flow.export_jobs import EXPORT, FILE_LIFE
from oms.flow.hand_off_jobs import CHANGEOVER, results_of
from oms.flow.import_jobs import IMPORT
from oms.flow.performance import MEASURE
from oms.flow.simulation_jobs import SIMULATE
from oms.flow.switch_jobs import SWITCH

PAGE_ROWS = 50
TRAY_ROWS = 8
#: Kinds of jobs that have a page of their own.
_PAGES = {BULK: "orders_bulk_result", IMPORT: "import_job", SWITCH: "fulfil_switch_result"}


class FileGone(DomainError):
    """The file of an export is kept for a day only."""

    code = "gone"
    http_status = 410


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with what its card needs."""

    job: Job
    state: str
    eta: str
    url: str
    file_url: str
    cancel_url: str
    starter: str = ""

    @property
    def card_id(self) -> str:
        """Root id of its card."""
        return f"job-{self.job.pk}"


def job_row(job: Job, starter: str = "") -> JobRow:
    """How a job is shown; `starter` is the name of who started it."""
    page = _PAGES.get(job.kind, "job")
    return JobRow(
        job=job,
        state="partial" if job.state == "done" and job.failed else job.state,
        eta=_eta(job),
        url=reverse(f"dashboard:{page}", args=[job.uid]),
        file_url=reverse("dashboard:job_file", args=[job.uid]) if _has_file(job) else "",
        cancel_url=reverse("dashboard:job_cancel", args=[job.uid]) if job.is_open else "",
        starter=starter,
    )


def _has_file(job: Job) -> bool:
    return bool(job.result_file) and job.finished_at is not None and job.finished_at + FILE_LIFE > now()


def _eta(job: Job) -> str:
    """Time left at the pace so far; nothing until a twentieth is done."""
    if job.state != "running" or job.started_at is None or not job.total or job.done * 20 < job.total:
        return ""
    seconds = (now() - job.started_at).total_seconds()
    return span(seconds * (job.total - job.done) / job.done)


def _rows(principal: Principal, limit: int, *, before: int | None = None) -> list[JobRow]:
    jobs = jobs_of(principal).defer("args", "result")
    if before is not None:
        jobs = jobs.filter(pk__lt=before)
    page = list(jobs[:limit])
    names = starters(page)
    return [job_row(job, names.get(job.created_by_id or 0, "")) for job in page]


def starters(jobs: Iterable[Job]) -> dict[int, str]:
    """Names of who started the jobs, by user id, in one query."""
    people = User.objects.in_bulk([job.created_by_id for job in jobs if job.created_by_id])
    return {pk: person.get_full_name() for pk, person in people.items()}


def _version(rows: list[JobRow]) -> str:
    """Changes whenever a row of the list does."""
    text = "|".join(f"{row.job.pk}.{row.state}.{row.job.done}.{bool(row.file_url)}" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_fragment(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")


@require_GET
@requires("jobs.view")
def job_list(request: HttpRequest) -> HttpResponse:
    """The page; asked for by the shell, the tray: the newest jobs in the drawer."""
    principal = principal_of(request)
    if _is_fragment(request):
        known = request.headers.get("X-Fragment-Version")
        if known is None:
            return render(request, "dashboard/jobs/_tray.html", {"rows": _rows(principal, TRAY_ROWS)})
        rows = _rows(principal, PAGE_ROWS)
        if known == _version(rows):
            return HttpResponse(status=204)
        return render(request, "dashboard/jobs/_list.html", {"rows": rows, "version": _version(rows)})
    mark = request.GET.get("before", "")
    rows = _rows(principal, PAGE_ROWS + 1, before=int(mark) if mark.isdecimal() else None)
    more = len(rows) > PAGE_ROWS
    rows = rows[:PAGE_ROWS]
    context = {
        "rows": rows,
        "next_url": f"?before={rows[-1].job.pk}" if more else "",
        "version": "" if mark else _version(rows),
    }
    return render(request, "dashboard/jobs/list.html", context)


@require_GET
@requires("jobs.view")
def job_detail(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One job. Bulk actions, simulations and measurements have pages of their own."""
    job = job_for(principal_of(request), uid)
    if job.kind == BULK:
        return HttpResponseRedirect(reverse("dashboard:orders_bulk_result", args=[job.uid]))
    if job.kind == SWITCH:
        return HttpResponseRedirect(reverse("dashboard:fulfil_switch_result", args=[job.uid]))
    if job.kind == SIMULATE:
        return HttpResponseRedirect(reverse("dashboard:routing_simulation", args=[job.args["simulation_id"]]))
    if job.kind == MEASURE:
        return HttpResponseRedirect(f"{reverse('dashboard:routing_performance')}?job={job.uid}")
    if _is_fragment(request):
        if not job.is_open:
            # The polled part has ended: the header with its download changes too.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "dashboard/jobs/_detail.html", _detail_context(job))
    return render(request, "dashboard/jobs/detail.html", _detail_context(job))


def _detail_context(job: Job) -> dict[str, Any]:
    facts: list[tuple[str, Any]] = []
    if job.kind == EXPORT:
        question = job.args.get("question", {})
        facts = [
            ("Filter", question.get("q") or "none"),
            ("View", question.get("view", "all")),
            ("Columns", ", ".join(job.args.get("columns", []))),
            ("Personal data", "masked" if job.args.get("masked") else "shown"),
        ]
    outcomes = results_of(job) if job.kind == CHANGEOVER else []
    file_gone = bool(job.result_file) and not _has_file(job)
    starter = starters([job]).get(job.created_by_id or 0, "")
    return {
        "row": job_row(job, starter),
        "job": job,
        "facts": facts,
        "file_gone": file_gone,
        "is_export": job.kind == EXPORT,
        "outcomes": outcomes,
    }


@require_POST
@requires("jobs.view")
def job_cancel(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Stop a job at its next step; what is done stays done. Cancelling one that ended changes nothing."""
    job = job_for(principal_of(request), uid)
    stopped = cancel_job(job.pk)
    job.refresh_from_db()
    if _is_fragment(request):
        return render(request, "dashboard/jobs/_card.html", {"row": job_row(job)})
    if stopped:
        messages.success(request, f"{job.title} is cancelled. What was done stays done.")
    else:
        messages.info(request, f"{job.title} had ended already.")
    return HttpResponseRedirect(job_row(job).url)


@require_GET
@requires("jobs.view")
def job_file(request: HttpRequest, uid: UUID) -> HttpResponseBase:
    """The file of an export, for a day."""
    job = job_for(principal_of(request), uid)
    if not job.result_file and not (job.state == "done" and job.result.get("complete")):
        raise NotFound("This job has no file.")
    if not _has_file(job):
        raise FileGone("The file is gone: exports are kept for 24 hours. Export again.")
    return FileResponse(job.result_file.open("rb"), as_attachment=True, filename=job.result_file.name.rsplit("/")[-1])
