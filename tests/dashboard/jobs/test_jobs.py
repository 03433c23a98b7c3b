"""The jobs that people started: whose they are, what they show, how they end."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from oms.accounts.models import User
from oms.core.jobs import start_job
from oms.core.models import Job

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}


def person(role: str, name: str) -> tuple[Client, User]:
    user = User.objects.create_user(f"{name}@example.com", name=name, role=role, all_nodes=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client, user


def make_job(user: User, title: str = "Export 9 orders as CSV", **fields: Any) -> Job:
    job = start_job(kind="orders.export", title=title, args={"question": {"q": "status:held"}}, user_id=user.pk)
    Job.objects.filter(pk=job.pk).update(**fields)
    job.refresh_from_db()
    return job


def test_people_see_their_own_jobs_and_admins_all() -> None:
    mine, me = person("ops_agent", "Meera")
    _, other = person("ops_agent", "Ravi")
    admin, _ = person("admin", "Asha")
    make_job(me, "Mine")
    theirs = make_job(other, "Theirs")

    html = mine.get("/jobs/").content.decode()
    assert "Mine" in html
    assert "Theirs" not in html
    assert mine.get(f"/jobs/{theirs.uid}/").status_code == 404
    assert mine.post(f"/jobs/{theirs.uid}/cancel/").status_code == 404
    html = admin.get("/jobs/").content.decode()
    assert "Theirs" in html
    assert "Ravi" in html


@pytest.mark.parametrize(("role", "status"), [("packer", 403), ("store_associate", 403), ("integrator", 200)])
def test_who_may_see_jobs(role: str, status: int) -> None:
    client, _ = person(role, "Someone")

    assert client.get("/jobs/").status_code == status


def test_the_tray_shows_progress_in_the_drawer() -> None:
    client, me = person("ops_agent", "Meera")
    make_job(me, state="running", total=40, done=10, failed=2)

    html = client.get("/jobs/", headers=HX).content.decode()

    assert "<html" not in html
    assert "10 / 40" in html
    assert "2 failed" in html
    assert "Cancel" in html


def test_the_list_is_sent_again_only_when_it_changed() -> None:
    client, me = person("ops_agent", "Meera")
    job = make_job(me, state="running", total=40, done=10)
    version = client.get("/jobs/").content.decode().split('data-version="')[1].split('"')[0]
    known = HX | {"X-Fragment-Version": version}
    assert client.get("/jobs/", headers=known).status_code == 204

    Job.objects.filter(pk=job.pk).update(done=20)

    assert "20 / 40" in client.get("/jobs/", headers=known).content.decode()


def test_a_job_is_cancelled_and_stays_so() -> None:
    client, me = person("ops_agent", "Meera")
    job = make_job(me)

    html = client.post(f"/jobs/{job.uid}/cancel/", headers=HX).content.decode()
    assert f'id="job-{job.pk}"' in html
    assert "Cancelled" in html
    page = client.post(f"/jobs/{job.uid}/cancel/", follow=True).content.decode()

    assert "had ended already" in page
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_failed_job_says_why_with_a_reference() -> None:
    client, me = person("ops_agent", "Meera")
    job = make_job(me, state="failed", error="The disk is full.")

    html = client.get(f"/jobs/{job.uid}/").content.decode()

    assert "The disk is full." in html
    assert str(job.uid) in html
    assert "status:held" in html


def test_an_open_job_is_polled_until_it_ends() -> None:
    client, me = person("ops_agent", "Meera")
    job = make_job(me, state="running", total=4, done=1)
    assert 'data-live="3"' in client.get(f"/jobs/{job.uid}/").content.decode()
    assert "1 / 4" in client.get(f"/jobs/{job.uid}/", headers=HX).content.decode()

    Job.objects.filter(pk=job.pk).update(state="done")

    assert client.get(f"/jobs/{job.uid}/", headers=HX)["HX-Refresh"] == "true"


def test_more_jobs_take_the_same_queries_and_come_in_pages() -> None:
    client, me = person("ops_agent", "Meera")
    make_job(me)
    client.get("/jobs/")
    with CaptureQueriesContext(connection) as few:
        client.get("/jobs/")
    for _ in range(55):
        make_job(me)
    with CaptureQueriesContext(connection) as many:
        html = client.get("/jobs/").content.decode()

    assert len(many) == len(few)
    address = html.split('rel="next"')[0].split('href="')[-1].split('"')[0]
    assert client.get(f"/jobs/{address}").content.decode().count("data-open") == 6
