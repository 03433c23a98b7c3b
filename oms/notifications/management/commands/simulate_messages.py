"""Run a simulated provider of messages on this machine, for demonstrations and tests."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from oms.notifications.simulators.server import MessageServer, Secrets


class Command(BaseCommand):
    """Serves the contracts of all providers over HTTP until it is interrupted. Touches no database."""

    help = "Run a provider of WhatsApp and SMS messages that takes everything, sends nothing and gives signed receipts."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See `manage.py simulate_messages --help`."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8703)
        parser.add_argument("--app-secret", default="simulated", help="signs WhatsApp receipts")
        parser.add_argument("--auth-token", default="simulated", help="signs Twilio receipts")
        parser.add_argument("--whatsapp-hook", default="", help="where WhatsApp receipts go; without it there are none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        secrets = Secrets(options["app_secret"], options["auth_token"], options["whatsapp_hook"])
        server = MessageServer(host=options["host"], port=options["port"], secrets=secrets, gives_receipts=True)

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, interrupt)
        server.start()
        self.stdout.write(f"Simulated messages at {server.base_url}, faults at {server.base_url}/_sim/faults?kind=lost")
        try:
            server.wait()
        except KeyboardInterrupt:
            self.stdout.write("Simulated messages stop.")
        finally:
            server.stop()
