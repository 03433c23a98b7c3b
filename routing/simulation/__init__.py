"""Plays rules over a past window of orders. Pure: no clock, no database, no randomness."""

from routing.simulation.counting import (
    Figures,
    Known,
    VersionResult,
    count_version,
    result_as_json,
)
from routing.simulation.parcels import PlayedParcel, parcels_of
from routing.simulation.playing import Decided, PastOrder, Played, Player, play
from routing.simulation.words import SMALL_SAMPLE, differences, node_differences
from routing.simulation.world import Change, Given, Past, World

__all__ = [
    "SMALL_SAMPLE",
    "Change",
    "Decided",
    "Figures",
    "Given",
    "Known",
    "Past",
    "PastOrder",
    "Played",
    "PlayedParcel",
    "Player",
    "VersionResult",
    "World",
    "count_version",
    "differences",
    "node_differences",
    "parcels_of",
    "play",
    "result_as_json",
]
