"""Who counts where: one person with one device holds an area until it is submitted, discarded or released."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from inventory.errors import AreaCounted, AreaHeld, LockLost
from inventory.locks import lock_count, lock_count_session
from inventory.models import CountSession, CountSessionState, StockCount, StockCountState
from inventory.states import COUNT_SESSION
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, Forbidden
from oms.core.states import advance


@dataclass(frozen=True, slots=True)
class Counter:
    """Who counts: `key` is unique among all people and machines, `name` is what others read."""

    key: str
    name: str
    #: May release and discard what others hold.
    may_release: bool = False


def start_session(*, count_uid: UUID, area: str, counter: Counter, device: str, again: bool = False) -> CountSession:
    """Hold an area of an open count and go on counting there.

    The same person on the same device gets the session back that is open. An area that was released goes to whoever
    comes first, with its scans. Raises AreaHeld where somebody else, or another device, holds it, and AreaCounted
    where it was submitted before, unless `again`: what is counted then comes on top.
    """
    place = " ".join(area.split())[:60]

    def work() -> CountSession:
        count = lock_count(count_uid)
        refuse_unless_open(count)
        held = CountSession.objects.filter(count=count, area__iexact=place, state=CountSessionState.OPEN).first()
        if held is not None:
            return _take_over(lock_count_session(held.uid), counter, device)
        before = CountSession.objects.filter(count=count, area__iexact=place, state=CountSessionState.SUBMITTED).first()
        if before is not None and not again:
            raise AreaCounted(
                f"{_name(before)} was counted by {before.person} already. Counting more there adds to that.",
                field="area", person=before.person,
            )  # fmt: skip
        return CountSession.objects.create(
            count=count, area=place, person=counter.name[:120], person_key=counter.key[:120], device=device[:60]
        )

    return run_atomic(work)


def _take_over(session: CountSession, counter: Counter, device: str) -> CountSession:
    if session.device and (session.person_key != counter.key or session.device != device[:60]):
        where = " on another device" if session.person_key == counter.key else ""
        raise AreaHeld(
            f"{session.person} counts {_name(session)}{where} since {session.started_at:%H:%M} UTC. Choose another "
            "area, or have this one released.", field="area", session=str(session.uid), person=session.person,
        )  # fmt: skip
    if not session.device:
        session.person, session.person_key = counter.name[:120], counter.key[:120]
        session.device, session.lock_token = device[:60], uuid4()
    session.paused_at = None
    session.save(update_fields=["person", "person_key", "device", "lock_token", "paused_at"])
    return session


def _name(session: CountSession) -> str:
    return session.area or "The whole place"


def pause_session(*, session_uid: UUID, lock_token: UUID) -> CountSession:
    """Stop for a while; the area stays held. The next scan goes on."""

    def work() -> CountSession:
        session = lock_held_session(session_uid, lock_token)
        session.paused_at = now()
        session.save(update_fields=["paused_at"])
        return session

    return run_atomic(work)


def submit_session(*, session_uid: UUID, lock_token: UUID, actor: str) -> CountSession:
    """The area is counted: nothing can be scanned into the session any more. Submitting again changes nothing."""

    def work() -> CountSession:
        session = lock_count_session(session_uid)
        if session.state == CountSessionState.SUBMITTED and session.lock_token == lock_token:
            return session
        refuse_unless_held(session, lock_token)
        refuse_unless_open(session.count)
        advance(session, CountSessionState.SUBMITTED, using=COUNT_SESSION, actor=actor, ended_at=now(), paused_at=None)
        return session

    return run_atomic(work)


def discard_session(*, session_uid: UUID, counter: Counter) -> CountSession:
    """Throw away what was scanned in an area, also after it was submitted, as long as nobody reviews the count.

    The own open session, or any for who may release. Raises Forbidden for others. Discarding again changes nothing.
    """

    def work() -> CountSession:
        session = _lock_of(session_uid, counter)
        if session.state == CountSessionState.DISCARDED:
            return session
        refuse_unless_open(session.count)
        if session.state == CountSessionState.SUBMITTED and not counter.may_release:
            raise Forbidden(f"{session.area} was submitted. Whoever approves counts can throw it away.")
        advance(session, CountSessionState.DISCARDED, using=COUNT_SESSION, actor=counter.name, ended_at=now())
        return session

    return run_atomic(work)


def release_session(*, session_uid: UUID, counter: Counter) -> CountSession:
    """Free an area whose device is lost or whose person left: its scans stay, and whoever comes next goes on.

    What the old device still sends is refused from then on. The own session, or any for who may release.
    """

    def work() -> CountSession:
        session = _lock_of(session_uid, counter)
        if session.state != CountSessionState.OPEN:
            raise Conflict(f"{_name(session)} is not held: it was {session.get_state_display().lower()}.")
        session.device, session.lock_token, session.paused_at = "", uuid4(), now()
        session.save(update_fields=["device", "lock_token", "paused_at"])
        return session

    return run_atomic(work)


def _lock_of(session_uid: UUID, counter: Counter) -> CountSession:
    uid = CountSession.objects.filter(uid=session_uid).values_list("count__uid", flat=True).first()
    if uid is not None:
        lock_count(uid)
    session = lock_count_session(session_uid)
    if session.person_key != counter.key and not counter.may_release:
        raise Forbidden(f"{session.person} holds this area. Whoever approves counts can release it.")
    return session


def lock_held_session(session_uid: UUID, lock_token: UUID) -> CountSession:
    """An open session, locked. Raises LockLost where it ended or belongs to another device now."""
    session = lock_count_session(session_uid)
    refuse_unless_held(session, lock_token)
    return session


def refuse_unless_held(session: CountSession, lock_token: UUID) -> None:
    """Raises LockLost where the session ended or belongs to another device now."""
    if session.state != CountSessionState.OPEN:
        raise LockLost(
            f"{_name(session)} was {session.get_state_display().lower()}: nothing more can be counted there."
        )
    if session.lock_token != lock_token:
        raise LockLost(f"{_name(session)} was released and is no longer yours. Start it again to go on.")


def refuse_unless_open(count: StockCount) -> None:
    """Raises Conflict where the count does not go on."""
    if count.state != StockCountState.OPEN:
        raise Conflict(f"{count.number} is {count.get_state_display().lower()}: nothing can be counted in it now.")
