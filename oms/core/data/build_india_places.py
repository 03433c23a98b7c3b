"""Makes india_places.csv.gz from a table of pincode centroids (see README.md beside this file).

    python oms/core/data/build_india_places.py india_pincode_centroids.csv.gz

The directory has mistakes, which are replaced by the median of sound neighbours and marked:

- Whole three-digit groups whose middle lies far outside their state (391 Vadodara has one wrong latitude for most of
  its PINs; 230 and 276 likewise): there, a PIN is sound only when it lies near a PIN of its state in another group.
- Single PINs far both from the middle of their group and from that of their district (a digit swapped, another
  office's coordinates). One far from its group but within its district is true: some groups, such as 413, stretch
  over 300 km.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median, mode

#: A group this far from all other PINs of its state is displaced; the largest true distance is 115 km (Bastar).
DISPLACED_KM = 250
#: A state must have so many PINs in other groups for that to mean anything.
FEWEST_NEIGHBOURS = 20
NEAR_STATE_KM = 100
FAR_FROM_GROUP_KM = 150
FAR_FROM_DISTRICT_KM = 100
TARGET = Path(__file__).resolve().parent / "india_places.csv.gz"

Row = dict[str, str]
Rows = list[Row]
Point = tuple[float, float]


def main() -> None:
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as source:
        rows = sorted(csv.DictReader(source), key=lambda row: row["pincode"])
    groups: dict[str, Rows] = defaultdict(list)
    for row in rows:
        groups[row["pincode"][:3]].append(row)
    wrong = displaced(groups)
    wrong |= strays(rows, groups, wrong)
    good = [row for row in rows if row["pincode"] not in wrong]
    lines = [line(row, groups[row["pincode"][:3]], good, wrong) for row in rows]
    TARGET.write_bytes(packed(lines))
    corrected = sum(parts[-1] == "c" for parts in lines)
    print(f"{len(lines)} places, {corrected} corrected, {TARGET.stat().st_size:,} bytes")


def displaced(groups: dict[str, Rows]) -> set[str]:
    """The PINs of displaced groups that lie far from their state."""
    states: dict[str, Rows] = defaultdict(list)
    for members in groups.values():
        for row in members:
            states[row["state"]].append(row)
    suspects: dict[str, list[Point]] = {}
    for key, members in groups.items():
        state = commonest_state(members)
        others = [point(row) for row in states[state] if row["pincode"][:3] != key]
        centre = middle(members)
        if len(others) >= FEWEST_NEIGHBOURS and min(km(centre, other) for other in others) > DISPLACED_KM:
            suspects[key] = others
    print("displaced groups:", ", ".join(sorted(suspects)))
    return {
        row["pincode"]
        for key, others in suspects.items()
        for row in groups[key]
        if min(km(point(row), other) for other in others) > NEAR_STATE_KM
    }


def strays(rows: Rows, groups: dict[str, Rows], wrong: set[str]) -> set[str]:
    """The PINs far both from the sound part of their group and from that of their district."""
    districts: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        if row["pincode"] not in wrong:
            districts[row["state"], row["district"]].append(row)
    group_middle = {key: middle(sound(members, wrong)) for key, members in groups.items()}
    district_middle = {key: middle(members) for key, members in districts.items()}
    return {
        row["pincode"]
        for members in districts.values()
        for row in members
        if km(point(row), group_middle[row["pincode"][:3]]) > FAR_FROM_GROUP_KM
        and km(point(row), district_middle[row["state"], row["district"]]) > FAR_FROM_DISTRICT_KM
    }


def line(row: Row, group: Rows, good: Rows, wrong: set[str]) -> list[str]:
    """One line of the file."""
    quality = "o" if row["geo_quality"] == "median_of_offices" else "i"
    lat, lon = point(row)
    if row["pincode"] in wrong:
        lat, lon = middle(neighbours(row, good))
        quality = "c"
    state = row["state"] or commonest_state(group)
    return [row["pincode"], title(row["district"]), title(state), f"{lat:.4f}", f"{lon:.4f}", quality]


def neighbours(row: Row, good: Rows) -> Rows:
    """The sound PINs of its group and district, else of its district, else the ten nearest by number."""
    district = [other for other in good if (other["state"], other["district"]) == (row["state"], row["district"])]
    both = [other for other in district if other["pincode"][:3] == row["pincode"][:3]]
    number = int(row["pincode"])
    return both or district or sorted(good, key=lambda other: abs(int(other["pincode"]) - number))[:10]


def sound(rows: Rows, wrong: set[str]) -> Rows:
    """The rows that are not wrong; all of them when none is left."""
    return [row for row in rows if row["pincode"] not in wrong] or rows


def commonest_state(rows: Rows) -> str:
    """The state of most of the rows that have one: 82 PINs of the directory have none."""
    named = [row["state"] for row in rows if row["state"]]
    return mode(named) if named else ""


def point(row: Row) -> Point:
    return float(row["lat"]), float(row["lon"])


def middle(rows: Rows) -> Point:
    """The median of each coordinate."""
    return median(float(row["lat"]) for row in rows), median(float(row["lon"]) for row in rows)


def km(a: Point, b: Point) -> float:
    """Great-circle distance (haversine)."""
    lat_a, lat_b, turn = math.radians(a[0]), math.radians(b[0]), math.radians(b[1] - a[1])
    half = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(turn / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


def title(name: str) -> str:
    """ "JAMMU AND KASHMIR" as people write it."""
    words = " ".join(name.split()).title().split(" ")
    return " ".join(word.lower() if word in ("And", "The") and place else word for place, word in enumerate(words))


def packed(lines: list[list[str]]) -> bytes:
    """The lines as gzip, without a time, so that the same input gives the same bytes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    main()
