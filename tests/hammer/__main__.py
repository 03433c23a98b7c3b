"""python -m tests.hammer [--runs 20] [--seed 1] [--buyers 200] [--units 50] [--parallel 32]

Starts a database and a broker of its own, the web, worker and relay processes, and a naive shop as control. Ends with 1
where any run oversold, undersold or lost count, or where the control was not caught.
"""

from __future__ import annotations

import os
import runpy

import django

from oms.embedded.throwaway import start_services
from tests.migrated import migrated_data


def main() -> None:
    """Run the sales against services of their own."""
    services = start_services(snapshot=migrated_data())
    try:
        os.environ.update(services.environment)
        os.environ.setdefault("OMS_SECRET_KEY", "hammer")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
        django.setup()
        runpy.run_module("tests.hammer.sale", run_name="__main__")
    finally:
        services.stop()


if __name__ == "__main__":
    main()
