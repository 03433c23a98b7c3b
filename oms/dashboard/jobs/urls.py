"""Addresses of the jobs screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.jobs import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.job_list, name="jobs"),
    path("<uuid:uid>/", views.job_detail, name="job"),
    path("<uuid:uid>/cancel/", views.job_cancel, name="job_cancel"),
    path("<uuid:uid>/file/", views.job_file, name="job_file"),
]
