"""Rows and indexes that capture and routing write: what was written twice or hardly read is gone."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import oms.core.ids
from oms.core.constraints import keep_parents


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_orders_by_moment"),
        ("core", "0004_refuse_orphans"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderSearch",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunSQL(
            "INSERT INTO orders_ordersearch (order_id, text) SELECT id, search_text FROM orders_order",
            "UPDATE orders_order o SET search_text = s.text FROM orders_ordersearch s WHERE s.order_id = o.id",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_search",
        ),
        migrations.RemoveField(
            model_name="order",
            name="search_text",
        ),
        migrations.AlterField(
            model_name="order",
            name="channel",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="orders.saleschannel",
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="number",
            field=models.CharField(max_length=30),
        ),
        migrations.AlterField(
            model_name="order",
            name="uid",
            field=models.UUIDField(default=oms.core.ids.uuid7, editable=False),
        ),
        migrations.AlterField(
            model_name="orderevent",
            name="order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="timeline",
                to="orders.order",
            ),
        ),
        migrations.AlterField(
            model_name="orderline",
            name="order",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="orders.order"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=("number",), name="order_number_unique"),
        ),
        migrations.AddIndex(
            model_name="ordersearch",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(models.F("text"), name="gin_trgm_ops"), name="order_search_text"
            ),
        ),
        keep_parents("orders_saleschannel", "orders_order.channel_id"),
        keep_parents("orders_order", "orders_orderevent.order_id", "orders_ordersearch.order_id"),
    ]
