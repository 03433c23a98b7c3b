"""A SKU over all nodes, rolled up; and damaged or unchecked units found by an index."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FILL = """
INSERT INTO inventory_skutotal (sku_id, on_hand, atp, short_nodes, aside_nodes)
SELECT sku.id, coalesce(sum(level.on_hand), 0),
    coalesce(sum(greatest(0, level.on_hand - level.reserved - level.safety_stock)), 0),
    count(*) FILTER (WHERE level.on_hand - level.reserved < level.safety_stock),
    count(*) FILTER (WHERE level.damaged > 0 OR level.quarantine > 0)
FROM inventory_sku sku LEFT JOIN inventory_stocklevel level ON level.sku_id = sku.id GROUP BY sku.id
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0013_safety_stock_by_rule")]

    operations = [
        migrations.CreateModel(
            name="SkuTotal",
            fields=[
                (
                    "sku",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="total",
                        serialize=False,
                        to="inventory.sku",
                    ),
                ),
                ("on_hand", models.BigIntegerField(default=0)),
                ("atp", models.BigIntegerField(default=0)),
                ("short_nodes", models.IntegerField(default=0)),
                ("aside_nodes", models.IntegerField(default=0)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["atp", "sku"], name="sku_total_by_atp"),
                    models.Index(
                        condition=models.Q(("short_nodes__gt", 0), ("aside_nodes__gt", 0), _connector="OR"),
                        fields=["sku"],
                        name="sku_total_troubled",
                    ),
                ]
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
