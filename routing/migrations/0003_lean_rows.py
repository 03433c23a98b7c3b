"""Leaner rows: keys without a check of their own on hot tables, no index that another one covers."""

import django.db.models.deletion
from django.db import migrations, models

from oms.core.constraints import keep_parents


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_lean_rows"),
        ("routing", "0002_decisions_newest"),
    ]

    operations = [
        migrations.AlterField(
            model_name="routingdecision",
            name="order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="routing_decisions",
                to="orders.order",
            ),
        ),
        keep_parents("orders_order", "routing_routingdecision.order_id"),
        migrations.RenameField(model_name="routingdecision", old_name="candidates", new_name="trace"),
        migrations.AlterField(
            model_name="routingdecision",
            name="trace",
            field=models.TextField(
                default="",
                help_text="JSON that `routing.engine.expand_candidates` reads. Text, because no query looks inside.",
            ),
        ),
    ]
