"""Setting up how a sales channel writes to its customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from oms.core import clock
from oms.core.db import run_atomic
from oms.notifications.kinds import event_names, is_on_by_default
from oms.notifications.models import ChannelMessaging, Medium, MessageChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelWish:
    """What a person wants of a channel. `on` maps (event, medium) to whether it goes out."""

    language: str
    quiet_from: time
    quiet_until: time
    falls_back: bool
    on: Mapping[tuple[str, str], bool]


def choices_of(channel_id: int) -> dict[tuple[str, str], bool]:
    """(event, medium) -> whether it goes out, for every event and medium."""
    said = MessageChoice.objects.filter(channel=channel_id)
    own = {(row.event, row.medium): row.is_on for row in said}
    every = [(event, str(medium)) for event in event_names() for medium in Medium.values]
    return {pair: own.get(pair, is_on_by_default(*pair)) for pair in every}


def save_channel(channel_id: int, wish: ChannelWish, *, actor: str) -> None:
    """Set up a channel. What is as it is by default leaves no row, so that a later default holds."""

    def work() -> None:
        ChannelMessaging.objects.update_or_create(
            channel_id=channel_id,
            defaults={
                "language": wish.language, "quiet_from": wish.quiet_from, "quiet_until": wish.quiet_until,
                "falls_back": wish.falls_back, "changed_by": actor, "changed_at": clock.now(),
            },
        )  # fmt: skip
        MessageChoice.objects.filter(channel=channel_id).delete()
        MessageChoice.objects.bulk_create(
            MessageChoice(channel_id=channel_id, event=event, medium=medium, is_on=is_on)
            for (event, medium), is_on in wish.on.items() if is_on != is_on_by_default(event, medium)
        )  # fmt: skip

    run_atomic(work)
