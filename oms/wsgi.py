"""The door for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from oms.core.heap import settle_heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")

application = get_wsgi_application()
# The views are loaded before the first request instead of by it: seconds, and with --preload once for all workers.
_ = get_resolver().url_patterns
settle_heap()
