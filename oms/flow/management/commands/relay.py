"""`manage.py relay`: the process that moves events from the outbox to the workers."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from oms.core.heap import settle_heap
from oms.flow.relay import Relay, waiting_wakes, wake_worker


class Command(BaseCommand):
    """Runs one relay until it is told to stop. Several may run beside each other."""

    help = "Move events from the outbox to the workers until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        settle_heap()
        self.stdout.write("relay: ready")
        Relay(wake_worker, waiting_wakes).run(stop)
