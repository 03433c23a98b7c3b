"""Drafts of the routing policy, and publishing them. What is published never changes: going back is a new draft."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance
from routing.locks import lock_policies, lock_policy
from routing.models import PlannedPublication, PolicyState, RoutingPolicy
from routing.policy.document import STANDARD, Document, document_json
from routing.services.linting import lint_policy
from routing.services.rules import document_of, forget_policy
from routing.states import POLICY


def create_draft(*, name: str, actor: str, document: Document | None = None) -> RoutingPolicy:
    """Begin a draft: of these rules, or else of the live version's, or of one standard rule."""

    def work() -> RoutingPolicy:
        live = RoutingPolicy.objects.filter(state=PolicyState.LIVE).first()
        rules = document_json(document or (document_of(live) if live else STANDARD))
        return _new_draft(name, rules, live, actor)

    return run_atomic(work)


def restore(*, policy_id: int, actor: str) -> RoutingPolicy:
    """A draft with the rules of a published version. Asked twice, the draft that nobody touched yet is given again."""

    def work() -> RoutingPolicy:
        old = lock_policy(policy_id)
        if old.is_draft:
            raise DomainError("Only a published version can be restored; this one is a draft already.")
        same = RoutingPolicy.objects.filter(
            state=PolicyState.DRAFT, base=old, edit_version=1, document=old.document, created_by=actor[:120]
        ).first()
        return same or _new_draft(old.name, old.document, old, actor)

    return run_atomic(work)


def _new_draft(name: str, rules: object, base: RoutingPolicy | None, actor: str) -> RoutingPolicy:
    clean = name.strip()[:120]
    if not clean:
        raise DomainError("Give the policy a name.", field="name")
    return RoutingPolicy.objects.create(
        name=clean, document=rules, base=base, created_by=actor[:120], edited_by=actor[:120]
    )


def save_draft(
    *, policy_id: int, document: Document, edit_version: int, actor: str, name: str | None = None
) -> RoutingPolicy:
    """Write the rules of a draft that was read at `edit_version`. Saving the same again changes nothing.

    Raises Conflict where somebody saved it since (`data` has who and when) or published it, NotFound where it is gone.
    """

    def work() -> RoutingPolicy:
        draft = lock_policy(policy_id)
        rules = document_json(document)
        title = draft.name if name is None else name.strip()[:120]
        if not title:
            raise DomainError("Give the policy a name.", field="name")
        if draft.is_draft and (draft.document, draft.name) == (rules, title):
            return draft
        _require_seen(draft, edit_version)
        draft.document, draft.name = rules, title
        draft.edit_version += 1
        draft.edited_at, draft.edited_by = now(), actor[:120]
        draft.save(update_fields=["document", "name", "edit_version", "edited_at", "edited_by"])
        return draft

    return run_atomic(work)


def discard_draft(*, policy_id: int) -> None:
    """Throw a draft away; one that is gone stays gone. Raises Conflict where it was published."""

    def work() -> None:
        try:
            draft = lock_policy(policy_id)
        except NotFound:
            return
        if not draft.is_draft:
            raise Conflict(f"Version {draft.version} is published and stays.")
        draft.delete()

    run_atomic(work)


def publish(*, policy_id: int, edit_version: int, note: str, actor: str) -> RoutingPolicy:
    """Make a draft the live version, with the next number; the one before is past. Done twice it is done once:
    the second finds the version as it stands then.

    Raises DomainError where the note is missing, lint finds an error or another version is on trial, and Conflict where
    somebody saved the draft since `edit_version`.
    """

    def work() -> RoutingPolicy:
        policy = lock_policy(policy_id)
        if already_published(policy, edit_version):
            return policy
        require_publishable(policy, edit_version, note)
        trial = RoutingPolicy.objects.filter(state=PolicyState.CANARY).first()
        if trial is not None:
            raise DomainError(f"Version {trial.version} is on trial: make it live or stop the trial first.")
        archive_live(actor, f"Version {next_version()} follows")
        _advance_published(policy, PolicyState.LIVE, note, actor, live_since=now())
        return policy

    return run_atomic(work)


def already_published(policy: RoutingPolicy, edit_version: int) -> bool:
    """The draft that the caller saw was published since, by the same click sent twice or by somebody else."""
    return not policy.is_draft and policy.edit_version == edit_version


def require_publishable(policy: RoutingPolicy, edit_version: int, note: str) -> None:
    """Raises where a draft may not be published as it is."""
    _require_seen(policy, edit_version)
    if not note.strip():
        raise DomainError("Say why it is published: the note stands in the history.", field="note")
    errors = [finding.sentence for finding in lint_policy(document_of(policy)) if finding.severity == "error"]
    if errors:
        raise DomainError(" ".join(errors), findings=len(errors))


def _require_seen(draft: RoutingPolicy, edit_version: int) -> None:
    if not draft.is_draft:
        raise Conflict(f"It was published as version {draft.version} and does not change any more.")
    if draft.edit_version != edit_version:
        raise Conflict(
            f"{draft.edited_by or 'Somebody'} saved this draft after you opened it.",
            who=draft.edited_by, at=draft.edited_at.isoformat(), edit_version=draft.edit_version,
        )  # fmt: skip


def publish_for_trial(policy: RoutingPolicy, note: str, actor: str) -> None:
    """Give a draft its number and put it on trial; the caller locked it and writes the trial."""
    _advance_published(policy, PolicyState.CANARY, note, actor)


def _advance_published(policy: RoutingPolicy, state: str, note: str, actor: str, **changes: object) -> None:
    PlannedPublication.objects.filter(policy=policy).delete()
    moment = now()
    advance(
        policy, state, using=POLICY, actor=actor, reason=note.strip()[:300], version=next_version(),
        note=note.strip()[:300], published_at=moment, published_by=actor[:120], **changes,
    )  # fmt: skip
    transaction.on_commit(forget_policy)


def next_version() -> int:
    """The number that the next published version gets. Only under `lock_policies`."""
    return (RoutingPolicy.objects.aggregate(newest=Max("version"))["newest"] or 0) + 1


def archive_live(actor: str, reason: str) -> None:
    """Make the live version a past one, where there is one. Only under `lock_policies`."""
    live = RoutingPolicy.objects.filter(state=PolicyState.LIVE).first()
    if live is not None:
        advance(live, PolicyState.ARCHIVED, using=POLICY, actor=actor, reason=reason, archived_at=now())


def lock_and_find_trial() -> RoutingPolicy | None:
    """The version on trial, with its trial, under the lock of the policies."""
    lock_policies()
    return RoutingPolicy.objects.filter(state=PolicyState.CANARY).select_related("canary").first()
