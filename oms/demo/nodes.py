"""Distribution centres and stores of the demo world. Places are real PIN codes; names and phones are invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
BUT_SUNDAY = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class DemoNode:
    """One node. `share` is its part of the brand's stock among nodes of its kind."""

    code: str
    name: str
    line1: str
    city: str
    region: str
    postcode: str
    is_store: bool = False
    share: float = 0.0
    daily_capacity: int = 600
    ships: bool = True
    working_days: tuple[int, ...] = BUT_SUNDAY
    opens_at: time = time(8, 0)
    closes_at: time = time(22, 0)
    cutoff_at: time = time(16, 0)
    processing_minutes: int = 120


def _store(code: str, name: str, line1: str, city: str, region: str, postcode: str, ships: bool = True) -> DemoNode:
    return DemoNode(
        code, name, line1, city, region, postcode, is_store=True, share=1.0, daily_capacity=25, ships=ships,
        working_days=EVERY_DAY, opens_at=time(10, 30), closes_at=time(21, 30), cutoff_at=time(17, 0),
        processing_minutes=180,
    )  # fmt: skip


DCS = (
    DemoNode("DEL-DC1", "Gurugram distribution centre", "Plot 14, Logistics Park", "Gurugram", "Haryana", "122051",
             share=0.33),
    DemoNode("BOM-DC1", "Bhiwandi distribution centre", "Shed B4, Warehouse Road", "Bhiwandi", "Maharashtra", "421302",
             share=0.28, closes_at=time(23, 0), cutoff_at=time(17, 0)),
    DemoNode("BLR-DC1", "Bengaluru distribution centre", "Survey 81, Industrial Area", "Bengaluru", "Karnataka",
             "560067", share=0.26, working_days=EVERY_DAY),
    DemoNode("CCU-DC1", "Kolkata distribution centre", "Block 7, New Town Depot", "Kolkata", "West Bengal", "700156",
             share=0.13, daily_capacity=250, cutoff_at=time(15, 0)),
)  # fmt: skip

STORES = (
    _store("DEL-S01", "Connaught Circle store", "12 Inner Circle", "New Delhi", "Delhi", "110001"),
    _store("DEL-S02", "Saket store", "Unit 208, Press Enclave", "New Delhi", "Delhi", "110017"),
    _store("NOI-S01", "Noida store", "Sector 18 Market", "Noida", "Uttar Pradesh", "201301", ships=False),
    _store("GGN-S01", "Gurugram store", "Golf Course Road", "Gurugram", "Haryana", "122002"),
    _store("JAI-S01", "Jaipur store", "MI Road", "Jaipur", "Rajasthan", "302001"),
    _store("AMD-S01", "Ahmedabad store", "Satellite Road", "Ahmedabad", "Gujarat", "380015"),
    _store("STV-S01", "Surat store", "Dumas Road", "Surat", "Gujarat", "395007", ships=False),
    _store("BOM-S01", "Bandra store", "Linking Road", "Mumbai", "Maharashtra", "400050"),
    _store("BOM-S02", "Andheri store", "Station Road", "Mumbai", "Maharashtra", "400069"),
    _store("PNQ-S01", "Pune Camp store", "MG Road", "Pune", "Maharashtra", "411001"),
    _store("PNQ-S02", "Viman Nagar store", "Airport Road", "Pune", "Maharashtra", "411014"),
    _store("BLR-S01", "Koramangala store", "80 Feet Road", "Bengaluru", "Karnataka", "560034"),
    _store("BLR-S02", "MG Road store", "Brigade Crossing", "Bengaluru", "Karnataka", "560001"),
    _store("HYD-S01", "Banjara Hills store", "Road No. 12", "Hyderabad", "Telangana", "500034"),
    _store("HYD-S02", "Hitec City store", "Madhapur Main Road", "Hyderabad", "Telangana", "500081"),
    _store("MAA-S01", "T Nagar store", "Pondy Bazaar", "Chennai", "Tamil Nadu", "600017"),
    _store("MAA-S02", "Velachery store", "100 Feet Road", "Chennai", "Tamil Nadu", "600042", ships=False),
    _store("COK-S01", "Kochi store", "Marine Drive", "Kochi", "Kerala", "682016"),
    _store("CCU-S01", "Gariahat store", "Rash Behari Avenue", "Kolkata", "West Bengal", "700019"),
    _store("LKO-S01", "Lucknow store", "Hazratganj", "Lucknow", "Uttar Pradesh", "226001"),
)

NODES = (*DCS, *STORES)
#: Gazetted holidays on which the distribution centres are closed, as (month, day, name).
HOLIDAYS = ((1, 26, "Republic Day"), (8, 15, "Independence Day"), (10, 2, "Gandhi Jayanti"), (12, 25, "Christmas Day"))
