"""The application: everything that composes the domain apps."""

from oms.celery import app as celery_app

__all__ = ["celery_app"]
