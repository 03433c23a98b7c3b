"""What became blocked leaves its wave without anybody asking."""

from __future__ import annotations

from collections.abc import Iterable

from fulfillment.locks import lock_wave
from fulfillment.models import Wave, WaveOrder
from fulfillment.services.waves import end_if_nothing_is_left, lock_live_wave
from oms.core.db import run_atomic


def leave_waves(order_ids: Iterable[int], *, actor: str) -> int:
    """Work of these orders that is blocked by now leaves its live wave; the waves that were looked at.

    A wave that has nothing left to pick ends with it. Each wave in a transaction of its own: nothing may lock a wave
    after orders. Twice or late it ends in the same rows, because what is blocked is decided under the locks; what is
    free again by then stays.
    """
    rows = WaveOrder.objects.filter(
        fulfillment_order__order__in=list(order_ids), left_at__isnull=True, wave__state__in=Wave.LIVE
    )
    wave_ids = sorted(set(rows.values_list("wave_id", flat=True)))
    for wave_id in wave_ids:
        _leave_one(wave_id, actor)
    return len(wave_ids)


def _leave_one(wave_id: int, actor: str) -> None:
    def work() -> None:
        if lock_wave(wave_id).is_live:
            end_if_nothing_is_left(lock_live_wave(wave_id), actor)

    run_atomic(work)
