"""Buffer rules that were removed a moment ago: what they said is kept in the session of who removed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from inventory.models import BufferRule, Node
from inventory.services import RuleTerms, terms_of
from oms.accounts.access import Principal, in_node_scope, principal_of
from oms.core.clock import now
from oms.core.errors import NotFound
from oms.core.ids import uuid7

_SESSION_KEY = "removed_buffer_rules"
#: Removals that are kept, the newest, and for how long each can be taken back.
MOST_KEPT = 5
KEPT_FOR = timedelta(hours=1)
_MOMENTS = ("starts_at", "ends_at")

Removed = tuple[RuleTerms, int]


def removed_of(rules: Sequence[BufferRule]) -> list[Removed]:
    """Terms and places of rules that are about to be removed."""
    return [(terms_of(rule), rule.priority) for rule in rules]


def keep_removed(request: HttpRequest, removed: Sequence[Removed], text: str) -> UUID:
    """Keep them for an hour; the next page offers to take it back, with `text` beside it."""
    uid = uuid7()
    kept = {key: entry for key, entry in _kept(request).items() if _is_fresh(entry)}
    kept[str(uid)] = {"at": now().isoformat(), "text": text, "is_new": True,
                      "rules": [[_plain(terms), place] for terms, place in removed]}  # fmt: skip
    request.session[_SESSION_KEY] = dict(list(kept.items())[-MOST_KEPT:])
    return uid


def offered(request: HttpRequest) -> tuple[str, str] | None:
    """Id and text of the last removal, once: the page after it has the button."""
    kept = _kept(request)
    found = next(((uid, entry) for uid, entry in reversed(kept.items()) if entry["is_new"]), None)
    if found is None:
        return None
    request.session[_SESSION_KEY] = {uid: entry | {"is_new": False} for uid, entry in kept.items()}
    return found[0], str(found[1]["text"])


def removed_rules(request: HttpRequest, uid: UUID) -> list[Removed]:
    """The rules of a removal of this person. Raises NotFound for one that is over an hour ago or somebody else's, and
    where a rule is for a node or channel that the person does not see any more.
    """
    entry = _kept(request).get(str(uid))
    if entry is None or not _is_fresh(entry):
        raise NotFound(_("That removal cannot be taken back any more. Make the rule anew."))
    removed = [(_terms(fields), int(place)) for fields, place in entry["rules"]]
    if not _in_scope(principal_of(request), [terms for terms, _place in removed]):
        raise NotFound(_("A rule of that removal is for a node or channel outside of your scope."))
    return removed


def _in_scope(principal: Principal, rules: Sequence[RuleTerms]) -> bool:
    """All nodes and channels are seen. A rule for no node in particular counts at all of them."""
    if not principal.all_nodes:
        wanted = {terms.node_id for terms in rules}
        named = Node.objects.filter(pk__in=wanted - {None})
        if not wanted <= set(in_node_scope(named, principal, "code").values_list("pk", flat=True)):
            return False
    return all(principal.sees_channel(terms.channel_code) for terms in rules if terms.channel_code)


def _kept(request: HttpRequest) -> dict[str, dict[str, Any]]:
    return dict(request.session.get(_SESSION_KEY, {}))


def _is_fresh(entry: Mapping[str, Any]) -> bool:
    return datetime.fromisoformat(entry["at"]) > now() - KEPT_FOR


def _plain(terms: RuleTerms) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(terms).items()}


def _terms(fields: Mapping[str, Any]) -> RuleTerms:
    moments = {name: parse_datetime(fields[name]) for name in _MOMENTS if fields[name]}
    return RuleTerms(**(dict(fields) | moments))
