"""The people of the demo world: one for every role, and associates of some stores."""

from __future__ import annotations

from dataclasses import dataclass

from oms.accounts.models import Role
from oms.demo.brand import MAIL_DOMAIN
from oms.demo.nodes import DCS


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who signs in. Without `node_codes` they see every node."""

    mailbox: str
    name: str
    role: Role
    node_codes: tuple[str, ...] = ()
    note: str = ""

    @property
    def email(self) -> str:
        """The address to sign in with."""
        return f"{self.mailbox}@{MAIL_DOMAIN}"


PEOPLE = (
    DemoPerson("admin", "Aditi Admin", Role.ADMIN),
    DemoPerson("manager", "Omkar Kulkarni", Role.OPS_MANAGER),
    DemoPerson("ops", "Ravi Menon", Role.OPS_AGENT),
    DemoPerson("care", "Sana Sheikh", Role.CUSTOMER_SERVICE),
    DemoPerson("warehouse", "Harpreet Gill", Role.WAREHOUSE_LEAD, tuple(node.code for node in DCS)),
    DemoPerson("packer", "Babu Lal", Role.PACKER, ("DEL-DC1",)),
    DemoPerson("store", "Meenakshi Nair", Role.STORE_MANAGER, ("BLR-S01", "BLR-S02")),
    DemoPerson("asha", "Asha Gowda", Role.STORE_ASSOCIATE, ("BLR-S01",), "the phone screens under /s/"),
    DemoPerson("imran", "Imran Khan", Role.STORE_ASSOCIATE, ("BOM-S01",), "the phone screens under /s/"),
    DemoPerson("finance", "Farida Contractor", Role.FINANCE),
    DemoPerson("integrator", "Ishan Bose", Role.INTEGRATOR),
    DemoPerson("viewer", "Vidya Rao", Role.READ_ONLY),
)
