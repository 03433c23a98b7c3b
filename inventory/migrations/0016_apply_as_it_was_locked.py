"""Balances move with the sums that were read along with their locks.

The levels were joined with the sums a second time to be updated. A connection whose first posting was small kept a plan
that compares each level with each sum, so that the work of a large posting grew with its square.
"""

from importlib import import_module

from django.db import migrations

before = import_module("inventory.migrations.0008_ledger_by_month").FUNCTION

FORWARD = before.replace("SELECT level.id, level.sku_id, level.node_id\n", "SELECT level.id, delta.*\n", 1).replace(
    "FROM locked JOIN delta USING (sku_id, node_id)\n        WHERE level.id = locked.id",
    "FROM locked AS delta\n        WHERE level.id = delta.id",
    1,
)
assert FORWARD.count("delta.*") == FORWARD.count("FROM locked AS delta") == 1


class Migration(migrations.Migration):
    dependencies = [("inventory", "0015_skus_by_category")]

    operations = [migrations.RunSQL(FORWARD, before)]
