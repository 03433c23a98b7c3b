"""Tokens of machines: made, shown once, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from oms.accounts.access import ALL_VERBS
from oms.accounts.models import ApiToken, hash_token, new_token_text
from oms.core.clock import now
from oms.core.db import fetch_dicts
from oms.core.errors import DomainError

#: A token's last use is written at most this often.
SEEN_EVERY = timedelta(minutes=1)


def create_token(
    *,
    name: str,
    verbs: Sequence[str],
    node_codes: Sequence[str] | None = None,
    channel_codes: Sequence[str] | None = None,
    created_by_id: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; the row and the secret, which is shown this once and never stored.

    `node_codes` and `channel_codes` None means all of them, `expires_at` None that it does not expire. Raises
    DomainError for a verb that does not exist.
    """
    unknown = sorted(set(verbs) - ALL_VERBS)
    if unknown:
        raise DomainError(f"There is no permission called {', '.join(unknown)}.", field="verbs")
    text = new_token_text()
    token = ApiToken.objects.create(
        name=name, prefix=text[:12], token_hash=hash_token(text), verbs=sorted(set(verbs)),
        all_nodes=node_codes is None, node_codes=list(node_codes or []), all_channels=channel_codes is None,
        channel_codes=list(channel_codes or []), created_by_id=created_by_id, expires_at=expires_at,
    )  # fmt: skip
    return token, text


def revoke_token(token_id: int) -> bool:
    """End a token at once; False where it had ended."""
    return ApiToken.objects.filter(pk=token_id, revoked_at__isnull=True).update(revoked_at=now()) == 1


# Asked before every call of the API, so as one text that the server has planned: building it anew each time costs more
# than the look-up.
_LIVE = """
SELECT id, name, prefix, token_hash, verbs, all_nodes, node_codes, all_channels, channel_codes, created_by_id,
    created_at, last_used_at, expires_at, revoked_at
FROM accounts_apitoken
WHERE token_hash = %(hash)s::text AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > %(moment)s::timestamptz)
"""


def token_of_text(text: str) -> ApiToken | None:
    """The live token of a secret; None for one that is unknown, expired or revoked."""
    moment = now()
    rows = fetch_dicts(_LIVE, {"hash": hash_token(text), "moment": moment})
    if not rows:
        return None
    token = ApiToken.from_db("default", list(rows[0]), list(rows[0].values()))
    if token.last_used_at is None or moment - token.last_used_at > SEEN_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=moment)
    return token
