"""manage.py simulate_crew: the people of the distribution centres, and the couriers nobody simulates elsewhere."""

from __future__ import annotations

import logging
import random
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection

from oms.core.errors import DomainError, PermanentError, TransientError
from oms.demo.crew import Team, teams
from oms.demo.models import current_world
from oms.demo.pace import SHORT_SHARE, Pace
from oms.demo.riders import Riders
from oms.demo.shop import is_open, open_shop, shop_account, tend_shop
from oms.demo.third_party import ThirdParty

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.5
RIDE_EVERY_TICKS = 6
PARCELS_AT_ONCE = 4


class Command(BaseCommand):
    """Works until it is interrupted, or until the demo world is taken away."""

    help = "Pick, pack and hand over in the demo's distribution centres through the REST API, never in its stores."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="address of the application")
        parser.add_argument("--speed", type=float, default=1.0, help="2 works twice as fast")
        parser.add_argument("--short-share", type=float, default=SHORT_SHARE, help="share of lines picked short")
        parser.add_argument("--ticks", type=int, default=0, help="stop after so many rounds; 0 never stops")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work round after round. What fails is tried again in the next one."""
        world = current_world()
        if world is None:
            self.stdout.write("No demo world is loaded: there is nothing to do.")
            return
        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        pace = Pace(speed=options["speed"], short_share=options["short_share"])
        crews = teams(options["url"], pace, world.seed)
        riders = Riders(random.Random(world.seed))
        ticks = 0
        while not ended.wait(TICK_SECONDS / max(1.0, pace.speed)):
            ticks += 1
            if not self._tick(crews, riders, ticks):
                self.stdout.write("The demo world is gone.")
                return
            if options["ticks"] and ticks >= options["ticks"]:
                return

    def _tick(self, crews: list[Team | ThirdParty], riders: Riders, ticks: int) -> bool:
        """One round; False once the demo world is gone."""
        try:
            if current_world() is None:
                return False
            self._open_shop(ticks)
            for team in crews:
                team.work()
            if ticks % RIDE_EVERY_TICKS == 0:
                riders.ride(PARCELS_AT_ONCE)
        except (OperationalError, InterfaceError) as error:
            logger.warning("The database is away: %s", error)
            connection.close()
        except (TransientError, PermanentError, DomainError) as error:
            logger.info("%s", error)
        return True

    def _open_shop(self, ticks: int) -> None:
        """Fill the simulated shop as soon as it answers, and look after it now and then."""
        account = shop_account() if ticks % 5 == 1 else None
        if account is None:
            return
        try:
            if is_open(account):
                if ticks % 100 == 1:
                    tend_shop(account)
                return
            products, orders = open_shop(account)
        except (TransientError, PermanentError) as error:
            logger.info("The shop does not answer: %s", error)
            return
        self.stdout.write(f"The shop is open: {products} products, {orders} orders under way.")
        self.stdout.flush()
