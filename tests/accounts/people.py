"""People of every role who see everything or one side only, what they ask, and whether anything changed by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client

from channels.imports.services import inspect, store_upload
from oms.accounts.access import principal_of_user
from oms.accounts.models import User
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.core.models import Job
from oms.dashboard.models import SavedView
from oms.dashboard.settings.imports.draft import Draft, begin, keep
from oms.store.gate import NODE_KEY
from tests.accounts.addresses import NODES, Rows, rows_of_owner
from tests.accounts.estate import Estate, make_jobs

ORDERS_CSV = b"Order id,Ordered on,SKU,Quantity,PIN code\r\nD-1,2026-11-20,BLR-S1-ONLY,1,560001\r\n"
#: Rows that a browser or the machinery of signing in writes; they are nothing of the merchant's.
NOT_COUNTED = frozenset({"django_session", "account_emailaddress"})


def everywhere(role: str) -> User:
    """Somebody without limits."""
    return User.objects.create_user(f"{role}@example.com", role=role, name="The Person", all_nodes=True)


def somewhere(role: str, limit: str, estate: Estate) -> User:
    """Somebody who sees my store only, or my channel only."""
    fields: dict[str, Any] = {"all_nodes": True, "all_channels": False, "channel_codes": [estate.mine.channel.code]}
    if limit == NODES:
        fields = {"node_codes": [estate.mine.node.code]}
    return User.objects.create_user(f"{role}@example.com", role=role, name="The Person", **fields)


def signed_in(user: User, estate: Estate) -> Client:
    """A browser of this person, in my store."""
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[NODE_KEY] = estate.mine.node.code
    session.save()
    return client


def belongings(client: Client, user: User, estate: Estate) -> Rows:
    """One of everything that a person owns."""
    view = SavedView.objects.create(name="My own", owner=user)
    token, _ = create_token(name="Script", verbs=["orders.view"], created_by_id=user.pk)
    return rows_of_owner(make_jobs(user, estate.mine.order), _draft(client), view.pk, token.pk)


def belongings_of_owner(estate: Estate, draft: object = None) -> Rows:
    """The same of somebody else. Drafts live in sessions, so that any other id stands for one."""
    jobs: dict[str, Job] = estate.jobs
    return rows_of_owner(jobs, draft or jobs["import"].uid, estate.view.pk, estate.token.pk)


def _draft(client: Client) -> UUID:
    """An import that this person has begun, with its columns named; and, under the same id, rules just removed."""
    stored = store_upload(iter([ORDERS_CSV]), "orders.csv")
    inspection = inspect(stored.path, kind="orders", filename=stored.filename)
    draft = begin(stored, inspection, {"channel": "web"})
    values = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    draft = Draft(**(values | {"mapping": dict(inspection.mapping)}))
    session = client.session
    keep(SimpleNamespace(session=session), draft)  # type: ignore[arg-type]  # it only looks at the session
    session["removed_buffer_rules"] = {
        str(draft.uid): {"at": now().isoformat(), "text": "Removed", "is_new": False, "rules": []}
    }
    session.save()
    return draft.uid


def ask(
    client: Client, method: str, url: str, data: dict[str, Any] | None = None, *, fragment: bool = False,
    keep_it: bool = True, headers: Mapping[str, str] | None = None,
) -> HttpResponseBase:  # fmt: skip
    """One request; one that leaves the transaction broken breaks no other. Without `keep_it` its work is undone."""
    sent = {**(headers or {}), **({"HX-Request": "true"} if fragment else {})}
    atomic: Any = transaction.atomic()
    atomic._from_testcase = True
    with atomic:
        if url.startswith("/api/"):
            body = b"" if data is None else json.dumps(data)
            response = client.generic(method, url, data=body, content_type="application/json", headers=sent)
        elif method == "POST":
            response = client.post(url, data or {}, headers=sent)
        else:
            response = client.get(url, data or {}, headers=sent)
        if not keep_it:
            transaction.set_rollback(True)
    return response


def may(user: User, *verbs: str) -> bool:
    """The person has every verb; one of several where they are joined by `|`."""
    principal = principal_of_user(user)
    return all(any(principal.may(verb) for verb in one.split("|")) for one in verbs)


def text_of(response: HttpResponseBase) -> str:
    """Everything that an answer says."""
    return b"".join(response).decode("latin-1")


def contents() -> dict[str, tuple[int, int]]:
    """Rows of every table, counted and hashed."""
    tables = sorted(set(connection.introspection.table_names()) - NOT_COUNTED)
    parts = [f"SELECT '{name}', count(*), coalesce(sum(hashtext(t::text)::bigint), 0) FROM {name} t" for name in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}
