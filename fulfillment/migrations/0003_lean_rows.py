"""Leaner rows: keys without a check of their own on hot tables, no index that another one covers."""

import django.db.models.deletion
from django.db import migrations, models

from oms.core.constraints import keep_parents


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0002_work_by_moment"),
        ("inventory", "0004_lean_rows"),
        ("orders", "0004_lean_rows"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="fulfillmentorder",
            name="uid",
        ),
        migrations.AlterField(
            model_name="fulfillmentline",
            name="fulfillment_order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="fulfillment.fulfillmentorder",
            ),
        ),
        migrations.AlterField(
            model_name="fulfillmentline",
            name="sku",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="fulfillment_lines",
                to="inventory.sku",
            ),
        ),
        migrations.AlterField(
            model_name="fulfillmentorder",
            name="node",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="fulfillment_orders",
                to="inventory.node",
            ),
        ),
        migrations.AlterField(
            model_name="fulfillmentorder",
            name="number",
            field=models.CharField(max_length=40),
        ),
        migrations.AddConstraint(
            model_name="fulfillmentorder",
            constraint=models.UniqueConstraint(fields=("number",), name="fulfillment_order_number_unique"),
        ),
        keep_parents("inventory_sku", "fulfillment_fulfillmentline.sku_id"),
        keep_parents("inventory_node", "fulfillment_fulfillmentorder.node_id"),
    ]
