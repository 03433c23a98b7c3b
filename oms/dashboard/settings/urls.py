"""Addresses of the settings screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.settings import index_views, token_views, webhook_message_views, webhook_views, wms_views
from oms.dashboard.settings.imports import job_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", index_views.index, name="settings"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/new/", token_views.new_token, name="token_new"),
    path("tokens/<int:pk>/revoke/", token_views.revoke, name="token_revoke"),
    path("webhooks/", webhook_views.webhooks, name="webhooks"),
    path("webhooks/new/", webhook_views.new_webhook, name="webhook_new"),
    path("webhooks/<int:pk>/", webhook_message_views.webhook, name="webhook"),
    path("webhooks/<int:pk>/edit/", webhook_views.edit_webhook, name="webhook_edit"),
    path("webhooks/<int:pk>/secret/", webhook_views.rotate, name="webhook_secret"),
    path("webhooks/<int:pk>/pause/", webhook_views.pause, name="webhook_pause"),
    path("webhooks/<int:pk>/resume/", webhook_views.resume, name="webhook_resume"),
    path("webhooks/<int:pk>/remove/", webhook_views.remove, name="webhook_remove"),
    path("webhooks/<int:pk>/test/", webhook_message_views.send_test, name="webhook_test"),
    path("webhooks/<int:pk>/resend/", webhook_message_views.resend_failed, name="webhook_resend_failed"),
    path("webhooks/<int:pk>/messages/<int:message_pk>/", webhook_message_views.webhook_message, name="webhook_message"),
    path("webhooks/<int:pk>/messages/<int:message_pk>/resend/", webhook_message_views.resend, name="webhook_resend"),
    path("wms/", wms_views.wms_list, name="wms_links"),
    path("wms/<slug:code>/", wms_views.wms_link, name="wms_link"),
    path("wms/<slug:code>/secret/", wms_views.wms_secret, name="wms_secret"),
    path("wms/<slug:code>/test/", wms_views.wms_test, name="wms_test"),
    path("import/", views.upload, name="import"),
    path("import/samples/<slug:kind>.csv", views.sample, name="import_sample"),
    path("import/jobs/<uuid:uid>/", job_views.import_job, name="import_job"),
    path("import/jobs/<uuid:uid>/rejected.csv", job_views.job_rejected, name="import_job_rejected"),
    path("import/<uuid:uid>/columns/", views.columns, name="import_columns"),
    path("import/<uuid:uid>/check/", views.check, name="import_check"),
    path("import/<uuid:uid>/rejected.csv", views.check_rejected, name="import_check_rejected"),
    path("import/<uuid:uid>/start/", views.start, name="import_start"),
]
