"""The Celery application. Tasks carry wake-ups and ids; PostgreSQL is the truth."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from oms.core.heap import settle_heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")

app = Celery("oms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.visibility_timeout = 900
app.conf.result_backend_transport_options = {"visibility_timeout": 900}
app.autodiscover_tasks(["oms.flow"])


@worker_process_init.connect
def _settle(**_: Any) -> None:
    settle_heap()
