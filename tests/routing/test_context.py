"""What is kept between calls of routing never answers for other nodes."""

from __future__ import annotations

import pytest

from routing.engine import Policy, Weights
from routing.services.context import nodes_of, terms_of
from tests.factories import make_world

pytestmark = pytest.mark.django_db


def test_terms_for_some_nodes_are_not_kept_for_all() -> None:
    make_world()
    everywhere = nodes_of(1)
    assert len(everywhere) > 1

    one = terms_of(everywhere[:1], Policy())
    kept = terms_of(everywhere, Policy())

    assert one.ids == [everywhere[0].node_id]
    assert sorted(kept.ids) == sorted(node.node_id for node in everywhere)
    assert terms_of(everywhere, Policy()) is kept
    assert terms_of(everywhere[:1], Policy()) is not kept
    assert terms_of(everywhere, Policy(weights=Weights(split_minor=1))) is not kept
