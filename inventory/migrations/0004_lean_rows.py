"""Leaner rows: keys without a check of their own on hot tables, no index that another one covers."""

import django.db.models.deletion
from django.db import migrations, models

from oms.core.constraints import keep_parents


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_refuse_orphans"),
        ("inventory", "0003_stock_audit"),
    ]

    operations = [
        migrations.AlterField(
            model_name="reservation",
            name="node",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reservations",
                to="inventory.node",
            ),
        ),
        migrations.AlterField(
            model_name="reservation",
            name="sku",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reservations",
                to="inventory.sku",
            ),
        ),
        migrations.AlterField(
            model_name="stocklevel",
            name="node",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="levels", to="inventory.node"
            ),
        ),
        migrations.AlterField(
            model_name="stocklevel",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="levels", to="inventory.sku"
            ),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="node",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="movements",
                to="inventory.node",
            ),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="sku",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="movements",
                to="inventory.sku",
            ),
        ),
        keep_parents("inventory_sku", "inventory_stockmovement.sku_id", "inventory_reservation.sku_id"),
        keep_parents("inventory_node", "inventory_stockmovement.node_id", "inventory_reservation.node_id"),
    ]
