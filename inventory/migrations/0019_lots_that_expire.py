"""Units of lots that expire or are blocked leave the stock that can be sold, for reasons of their own.

The check of the reasons is put back without reading the ledger again, and then validated without stopping anybody:
every row that the old one let in passes the new one.
"""

from django.db import migrations, models

from oms.core.constraints import among

_CHOICES = [
    ("opening", "Opening stock"),
    ("receipt", "Received"),
    ("reserve", "Reserved for an order"),
    ("release", "Reservation released"),
    ("pack", "Packed"),
    ("unpack", "Unpacked"),
    ("ship", "Shipped"),
    ("return", "Returned"),
    ("found", "Found"),
    ("lost", "Not found"),
    ("damage", "Damaged"),
    ("count", "Counted"),
    ("move_out", "Moved out"),
    ("move_in", "Moved in"),
    ("expected", "Expected from supplier"),
    ("quality", "Quality check"),
    ("expire", "Hold expired"),
    ("expired", "Expired"),
    ("block", "Lot blocked or freed"),
    ("unexpected", "No longer expected"),
    ("feed", "Reported by supplier"),
    ("to_supplier", "Sent back to supplier"),
    ("correction", "Correction"),
]
_NEW = ("expired", "block")
_AFTER = [key for key, _ in _CHOICES]
_BEFORE = [key for key in _AFTER if key not in _NEW]
_SWAP = """
ALTER TABLE inventory_stockmovement DROP CONSTRAINT stock_movement_reason_known;
ALTER TABLE inventory_stockmovement ADD CONSTRAINT stock_movement_reason_known
    CHECK (reason = ANY ('{%s}'::text[])) NOT VALID;
"""
_VALIDATE = "ALTER TABLE inventory_stockmovement VALIDATE CONSTRAINT stock_movement_reason_known"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("inventory", "0018_kits_of_holds")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(_SWAP % ",".join(_AFTER), _SWAP % ",".join(_BEFORE)),
                migrations.RunSQL(_VALIDATE, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.RemoveConstraint(model_name="stockmovement", name="stock_movement_reason_known"),
                migrations.AddConstraint(
                    model_name="stockmovement",
                    constraint=models.CheckConstraint(
                        condition=among("reason", *_AFTER), name="stock_movement_reason_known"
                    ),
                ),
                migrations.AlterField(
                    model_name="stockmovement",
                    name="reason",
                    field=models.CharField(choices=_CHOICES, max_length=12),
                ),
            ],
        ),
        migrations.AddField(
            model_name="lot",
            name="block_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddIndex(
            model_name="lotlevel",
            index=models.Index(condition=models.Q(("on_hand__gt", 0)), fields=["lot"], name="lot_level_on_hand"),
        ),
    ]
