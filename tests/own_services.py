"""Runs a command's module against a migrated database and a broker of its own."""

from __future__ import annotations

import os
import runpy

import django

from oms.embedded.throwaway import start_services
from tests.migrated import migrated_data


def run_with_services(module: str) -> None:
    """Start them, set Django up, run the module as `__main__`, stop them."""
    services = start_services(snapshot=migrated_data())
    try:
        os.environ.update(services.environment)
        os.environ.setdefault("OMS_SECRET_KEY", "only for this run")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
        django.setup()
        runpy.run_module(module, run_name="__main__")
    finally:
        services.stop()
