"""Addresses of the settings screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.settings import index_views, token_views
from oms.dashboard.settings.imports import job_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", index_views.index, name="settings"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/new/", token_views.new_token, name="token_new"),
    path("tokens/<int:pk>/revoke/", token_views.revoke, name="token_revoke"),
    path("import/", views.upload, name="import"),
    path("import/samples/<slug:kind>.csv", views.sample, name="import_sample"),
    path("import/jobs/<uuid:uid>/", job_views.import_job, name="import_job"),
    path("import/jobs/<uuid:uid>/rejected.csv", job_views.job_rejected, name="import_job_rejected"),
    path("import/<uuid:uid>/columns/", views.columns, name="import_columns"),
    path("import/<uuid:uid>/check/", views.check, name="import_check"),
    path("import/<uuid:uid>/rejected.csv", views.check_rejected, name="import_check_rejected"),
    path("import/<uuid:uid>/start/", views.start, name="import_start"),
]
