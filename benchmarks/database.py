"""What every benchmark that writes needs: Django set up, an empty schema, and the conditions under which it ran.

Importing this module sets Django up, so it has to be imported before the rooms of the project.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
os.environ.setdefault("OMS_SECRET_KEY", "benchmark-only-key-that-protects-nothing")
django.setup()

_WAITS_FOR_DISK = ("fsync", "synchronous_commit", "full_page_writes")


def prepare() -> None:
    """Bring the schema up to date. Says so where commits do not wait for the disk: such figures mean little."""
    off = [name for name in _WAITS_FOR_DISK if _setting(name) == "off"]
    if off:
        print(f"{' and '.join(off)} off: commits are cheaper than in production; start with --durable", file=sys.stderr)
    call_command("migrate", verbosity=0)


def analyze() -> None:
    """Clean up and count the rows, so that plans are those of a database that has been in use for a while."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def conditions() -> str:
    """Machine and server in one line, for the head of a result."""
    disk = ", ".join(f"{name} {_setting(name)}" for name in _WAITS_FOR_DISK)
    load = f"load average {os.getloadavg()[0]:.1f}"
    return f"{os.cpu_count()} cores, {load}, PostgreSQL {_setting('server_version')}, {disk}"


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])
