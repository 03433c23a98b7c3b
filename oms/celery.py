"""The Celery application. Tasks carry wake-ups and ids; PostgreSQL is the truth."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")

app = Celery("oms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.visibility_timeout = 900
app.conf.result_backend_transport_options = {"visibility_timeout": 900}
app.autodiscover_tasks(["oms.flow"])
