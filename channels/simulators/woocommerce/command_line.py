"""The options of the command, and running a store until it is told to stop. Needs no Django."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from channels.simulators.woocommerce.buyers import Habits
from channels.simulators.woocommerce.server import SimulatedStore, StoreOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    defaults = StoreOptions()
    parser.add_argument("--host", default=defaults.host, help="address to listen on; keep it on this machine")
    parser.add_argument("--port", type=int, default=8701, help="port; 0 takes a free one")
    parser.add_argument("--state-file", default=defaults.state_file, help="SQLite file; default: forget when stopped")
    parser.add_argument("--rate-per-minute", type=float, default=None, help="orders a minute, averaged over a day")
    parser.add_argument("--flat-hours", action="store_true", help="shop at the same rate at all hours")
    parser.add_argument("--webhook-url", default="", help="register webhooks for orders at this address")
    parser.add_argument("--webhook-secret", default=defaults.webhook_secret)
    parser.add_argument(
        "--webhook-retries", type=int, default=0, help="try failed deliveries again; WooCommerce does not"
    )
    parser.add_argument("--consumer-key", default=defaults.consumer_key)
    parser.add_argument("--consumer-secret", default=defaults.consumer_secret)
    parser.add_argument("--behind-tls", action="store_true", help="also accept keys sent plainly, as over https")
    parser.add_argument("--prices-include-tax", action="store_true", help="prices of products contain the tax")
    parser.add_argument("--seed", type=int, default=None, help="make the buyers' choices repeatable")


def options_from(values: dict[str, Any]) -> StoreOptions:
    """The options of a store from parsed arguments."""
    habits = Habits(per_minute=values["rate_per_minute"] or 0.0, hour_weights=not values["flat_hours"])
    names = StoreOptions.__dataclass_fields__.keys() & values.keys()
    return StoreOptions(**{name: values[name] for name in names}, habits=habits)


def run(values: dict[str, Any], say: Callable[[str], object]) -> None:
    """Run a store until SIGTERM or SIGINT."""
    options = options_from(values)
    store = SimulatedStore(options)
    if values["rate_per_minute"] is not None:
        # Named on the command line, the rate wins over the one kept in the file.
        rate = {"per_minute": options.habits.per_minute, "hour_weights": options.habits.hour_weights}
        store.buyers.set_habits(store.buyers.habits.changed(rate))
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    store.start()
    say(f"Simulated WooCommerce store at {store.base_url}")
    while not ended.wait(1.0):
        pass
    store.stop()
    say("Stopped.")


def main(arguments: list[str] | None = None) -> None:
    """Run from a terminal without Django."""
    parser = argparse.ArgumentParser(prog="simulate_store", description=__doc__)
    add_arguments(parser)
    run(vars(parser.parse_args(arguments)), lambda text: print(text, flush=True))
