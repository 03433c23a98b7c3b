"""How the WMS of a node is reached: set up, changed, its secret made and changed over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from carriers.models import CarrierAccount
from fulfillment.locks import lock_link
from fulfillment.models import LinkAccepts, LinkFormat, LinkLabels, LinkMode, LinkSilence, WmsLink
from inventory.models import Node
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.integrations.addresses import read_url
from oms.integrations.signing import new_secret

LONGEST_ANSWER_MINUTES = 10_080
#: For so long the old secret signs beside a new one.
CHANGEOVER = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWish:
    """How the WMS of a node is to be told and what is expected of it. See the models for the words."""

    mode: str
    url: str = ""
    answer_minutes: int = 60
    accepts: str = LinkAccepts.ANSWER
    labels: str = LinkLabels.OURS
    on_silence: str = LinkSilence.REROUTE
    carrier_account_id: int | None = None
    file_format: str = LinkFormat.CSV


def save_link(node_id: int, wish: LinkWish) -> tuple[WmsLink, str]:
    """Link the WMS of a node, or change how; the link and, where it is the first for webhooks, its secret (shown once).

    Work that opens from now on goes that way; what was handed off before stays with the WMS. Where the link ends, the
    WMS is still told of what it has, as before, unless it has no address any more. Raises DomainError, naming the
    field at fault, and NotFound for an unknown node.
    """
    _check(wish)

    def work() -> tuple[WmsLink, str]:
        if not Node.objects.filter(pk=node_id).exists():
            raise NotFound(f"There is no node {node_id}.")
        link, _ = WmsLink.objects.get_or_create(node_id=node_id)
        link = lock_link(link.pk)
        secret = new_secret() if wish.mode == LinkMode.WEBHOOK and not link.secret else ""
        link.secret = secret or link.secret or None
        link.ended_mode = _ended_mode(link, wish)
        if link.ended_mode == LinkMode.WEBHOOK and wish.url.strip() != link.url:
            # One that stays as it is keeps nobody from ending a link, whatever is allowed by now.
            read_url(wish.url)
        link.mode, link.url, link.answer_minutes = wish.mode, wish.url.strip(), wish.answer_minutes
        link.accepts, link.labels, link.on_silence = wish.accepts, wish.labels, wish.on_silence
        link.carrier_account_id, link.file_format = wish.carrier_account_id, wish.file_format
        link.quiet_until, link.silent_tries = None, 0
        link.save()
        return link, secret

    return run_atomic(work)


def _ended_mode(link: WmsLink, wish: LinkWish) -> str:
    """How the WMS is told of what it has, where the link ends or has ended."""
    if wish.mode != LinkMode.NONE:
        return LinkMode.NONE
    before = link.mode if link.is_linked else link.ended_mode
    return LinkMode.NONE if before == LinkMode.WEBHOOK and not wish.url.strip() else before


def _check(wish: LinkWish) -> None:
    known = {
        "mode": LinkMode, "accepts": LinkAccepts, "labels": LinkLabels, "on_silence": LinkSilence,
        "file_format": LinkFormat,
    }  # fmt: skip
    for name, choices in known.items():
        if getattr(wish, name) not in choices.values:
            expected = ", ".join(choices.values)
            raise DomainError(f"{name} came as {getattr(wish, name)!r}, expected one of {expected}.", field=name)
    if wish.mode == LinkMode.WEBHOOK:
        read_url(wish.url)
    if not 1 <= wish.answer_minutes <= LONGEST_ANSWER_MINUTES:
        text = f"{wish.answer_minutes} minutes came, expected 1 to {LONGEST_ANSWER_MINUTES} (a week)."
        raise DomainError(text, field="answer_minutes")
    if wish.labels == LinkLabels.THEIRS and wish.carrier_account_id is None:
        raise DomainError("Choose the carrier account under which its AWBs are kept.", field="carrier_account")
    if wish.carrier_account_id is not None:
        account = CarrierAccount.objects.filter(pk=wish.carrier_account_id, adapter="manual").first()
        if account is None:
            raise DomainError("AWBs of others are kept under a courier without an API.", field="carrier_account")


def change_secret(link_id: int) -> str:
    """A new secret, which is shown once; the old one signs beside it for a day. Raises NotFound."""

    def work() -> str:
        link = lock_link(link_id)
        fresh = new_secret()
        link.old_secret, link.old_secret_until = (link.secret, now() + CHANGEOVER) if link.secret else (None, None)
        link.secret = fresh
        link.save(update_fields=["secret", "old_secret", "old_secret_until"])
        return fresh

    return run_atomic(work)
