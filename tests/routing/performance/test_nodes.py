"""The score of a node: four stages, drawn to the nodes of its kind."""

from __future__ import annotations

from itertools import pairwise

import pytest

from routing.performance.nodes import STAGES, NodeWorkDone, score_nodes
from routing.performance.shares import Share


def work(node_id: int, kind: str = "warehouse", orders: int = 100, **bad: float) -> NodeWorkDone:
    stages = {stage: Share(orders - bad.get(stage, 0), bad.get(stage, 0)) for stage in STAGES}
    return NodeWorkDone(node_id, kind, orders, stages, accept_hours=orders * 1.0, accepted_seen=orders,
                        ship_hours=orders * 12.0, promised_hours=orders * 24.0, shipped_seen=orders)  # fmt: skip


def test_a_node_that_rejects_much_scores_low_and_its_part_says_why() -> None:
    good, other, bad = score_nodes([work(1), work(2), work(3, accepted=40)])

    assert good.score > 90
    assert other.score == pytest.approx(good.score)
    # Others of its kind accept (200 + 20 * 0.95) / 220 of their work, which counts as 20 orders.
    assert bad.stages["accepted"].share == pytest.approx((60 + 20 * (219 / 220)) / 120)
    assert bad.score == pytest.approx(
        100 * bad.stages["accepted"].share * bad.stages["kept"].share * bad.stages["found"].share
        * bad.stages["in_time"].share
    )  # fmt: skip
    assert bad.low < bad.score < bad.high < good.low


def test_few_orders_are_drawn_to_the_kind_and_have_a_wide_interval() -> None:
    stores = [work(node_id, "store", accepted=20) for node_id in (1, 2, 3)]
    few = NodeWorkDone(4, "store", 1, {"accepted": Share(0, 1)})
    found = {score.node_id: score for score in score_nodes([*stores, few, work(5)])}

    assert 0.7 < found[4].stages["accepted"].share < 0.85
    assert found[4].high - found[4].low > 2 * (found[1].high - found[1].low)


def test_more_of_the_same_says_it_more_surely() -> None:
    widths = []
    for orders in (5, 50, 500):
        found = score_nodes([work(1), work(2, orders=orders, found=orders / 5)])[1]
        widths.append(found.high - found.low)

    assert all(wide > narrow for wide, narrow in pairwise(widths))


def test_a_node_without_work_has_no_score_and_one_alone_is_drawn_to_the_start() -> None:
    assert score_nodes([NodeWorkDone(1, "store", 0)]) == []

    (alone,) = score_nodes([work(1, orders=20)])

    assert alone.stages["kept"].share == pytest.approx((20 + 20 * 0.95) / 40)


def test_hours_are_means_and_the_part_of_the_promise_is_told() -> None:
    slow = NodeWorkDone(2, "warehouse", 20, {}, accept_hours=60, accepted_seen=20, ship_hours=20 * 36.0,
                        promised_hours=20 * 24.0, shipped_seen=20)  # fmt: skip
    found = {score.node_id: score for score in score_nodes([work(1), slow])}

    assert found[2].accept_hours == pytest.approx((60 + 20 * 1.0) / 40)
    assert found[2].ship_hours == pytest.approx((20 * 36 + 20 * 12) / 40)
    assert found[2].of_promise == pytest.approx(1.0)
