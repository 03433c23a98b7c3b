"""The world outside the installation: the simulated store, carrier and messages, how they are started and found."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from oms.demo import brand
from oms.demo.keys import derive
from oms.demo.models import DemoWorld
from oms.notifications.simulators.server import MessageServer, Secrets

#: Name of the API token with which the crew works.
CREW_TOKEN = "Demo crew"  # noqa: S105 - a name

#: Orders a minute, by day and by night: whoever looks at the demo wants to see some.
ORDERS_PER_MINUTE = 1.5
#: A simulated day of the carrier takes this many seconds: a parcel is delivered a few minutes after it left.
CARRIER_DAY_SECONDS = 90


def state_folder(world: DemoWorld) -> Path:
    """Where the simulated store and carrier keep what they know of this world."""
    return Path(settings.MEDIA_ROOT).parent / "demo" / str(world.uid)


def store_secrets(world: DemoWorld) -> dict[str, str]:
    """Keys of the simulated store, as the channel account holds them."""
    return {
        "consumer_key": f"ck_{derive(world, 'store key')[:40]}",
        "consumer_secret": f"cs_{derive(world, 'store secret')[:40]}",
        "webhook_secret": derive(world, "store webhook"),
    }


def carrier_secrets(world: DemoWorld) -> dict[str, str]:
    """Sign-in and webhook token of the simulated carrier, as the carrier account holds them."""
    return {
        "email": f"api@{brand.MAIL_DOMAIN}",
        "password": derive(world, "carrier password")[:24],
        "webhook_token": derive(world, "carrier webhook"),
    }


def message_secrets(world: DemoWorld) -> dict[str, str]:
    """What the simulated provider of messages signs its receipts with, and our keys there."""
    names = ("access_token", "app_secret", "verify_token", "auth_token")
    return {name: derive(world, f"message {name}")[:40] for name in names}


def message_server(world: DemoWorld) -> MessageServer:
    """The simulated provider of messages: it takes all of them, sends none and gives receipts."""
    place, keys = urlsplit(settings.DEMO_MESSAGES_URL), message_secrets(world)
    secrets = Secrets(
        keys["app_secret"], keys["auth_token"], f"{settings.PUBLIC_URL}/hooks/messages/{brand.WHATSAPP}/"
    )  # fmt: skip
    port = 80 if place.port is None else place.port
    return MessageServer(host=place.hostname or "127.0.0.1", port=port, secrets=secrets, gives_receipts=True)


def store_arguments(world: DemoWorld) -> list[str]:
    """Arguments of `simulate_store` for this world. Its buyers and webhooks begin when `oms.demo.shop` opens it."""
    place, keys = urlsplit(settings.DEMO_STORE_URL), store_secrets(world)
    return [
        f"--host={place.hostname}", f"--port={place.port}", f"--state-file={_file(world, 'store')}",
        f"--consumer-key={keys['consumer_key']}", f"--consumer-secret={keys['consumer_secret']}",
        "--prices-include-tax",
    ]  # fmt: skip


def store_webhook_url() -> str:
    """Where the store sends its webhooks."""
    return f"{settings.PUBLIC_URL}/hooks/channels/{brand.WEB}/"


def carrier_arguments(world: DemoWorld) -> list[str]:
    """Arguments of `simulate_carrier` for this world."""
    place = urlsplit(settings.DEMO_CARRIER_URL)
    return [
        f"--host={place.hostname}", f"--port={place.port}", f"--state-file={_file(world, 'carrier')}",
        f"--speed={86_400 / CARRIER_DAY_SECONDS}", f"--webhook-token={carrier_secrets(world)['webhook_token']}",
        f"--webhook-url={settings.PUBLIC_URL}/hooks/carriers/{brand.AGGREGATOR}/",
    ]  # fmt: skip


def _file(world: DemoWorld, name: str) -> Path:
    folder = state_folder(world)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.sqlite3"
