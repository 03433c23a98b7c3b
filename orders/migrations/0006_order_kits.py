"""Lines of a channel that were sold as kits, and the order lines that are their components."""

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.lookups
from django.db import migrations, models

import oms.core.ids


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_short_checks")]

    operations = [
        migrations.CreateModel(
            name="OrderKit",
            fields=[
                ("id", models.UUIDField(default=oms.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("external_id", models.CharField(max_length=120)),
                ("sku_code", models.CharField(max_length=80)),
                ("sku_id", models.BigIntegerField(help_text="The stable key of the kit in the stock room.")),
                ("name", models.CharField(blank=True, max_length=300)),
                ("options", models.JSONField(blank=True, default=dict)),
                ("quantity", models.IntegerField()),
                ("unit_price_minor", models.BigIntegerField(default=0)),
                ("discount_minor", models.BigIntegerField(default=0)),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("tax_included", models.BooleanField(default=True)),
                (
                    "ships_together",
                    models.BooleanField(default=True, help_text="All of one unit leaves from one node."),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="kits",
                        to="orders.order",
                    ),
                ),
            ],
            options={"ordering": ["order_id", "id"]},
        ),
        migrations.AddConstraint(
            model_name="orderkit",
            constraint=models.UniqueConstraint(fields=("order", "external_id"), name="order_kit_once"),
        ),
        migrations.AddConstraint(
            model_name="orderkit",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="order_kit_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderkit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least("unit_price_minor", "discount_minor", "tax_minor"),
                        0,
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest(
                            "unit_price_minor", "discount_minor", "tax_minor"
                        ),
                        1000000000000,
                    ),
                ),
                name="order_kit_money_bounded",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="kit",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="orders.orderkit",
            ),
        ),
        migrations.AddField(
            model_name="orderline", name="units_per_kit", field=models.IntegerField(blank=True, null=True)
        ),
        migrations.AddIndex(
            model_name="orderline",
            index=models.Index(condition=models.Q(("kit__isnull", False)), fields=["kit"], name="order_line_by_kit"),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("kit__isnull", True), ("units_per_kit__gte", 1), _connector="OR"),
                name="order_line_of_a_kit_says_how_many",
            ),
        ),
    ]
