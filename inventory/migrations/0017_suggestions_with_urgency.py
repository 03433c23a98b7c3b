"""Suggestions know their rule, how urgent they are and until when they sleep; rules know who changed them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0016_apply_as_it_was_locked")]

    operations = [
        migrations.AddField(
            model_name="replenishmentrule",
            name="changed_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="replenishmentrule",
            name="changed_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="cover_days",
            field=models.FloatField(
                blank=True, help_text="Days that ATP and inbound last; empty: no demand.", null=True
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="suggestions",
                to="inventory.replenishmentrule",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="slack_days",
            field=models.FloatField(
                default=9999.0,
                help_text="Days of cover less the lead time: below 0 it runs out before goods come.",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="snoozed_until",
            field=models.DateTimeField(
                blank=True, help_text="Dismissed: nothing is suggested again before then.", null=True
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="updated_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AlterField(
            model_name="replenishmentsuggestion",
            name="quantity",
            field=models.IntegerField(
                help_text="Once accepted: as it was drafted. What was suggested stands in the sums."
            ),
        ),
        migrations.AddIndex(
            model_name="replenishmentsuggestion",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["slack_days", "id"], name="suggestion_by_urgency"
            ),
        ),
        migrations.AddIndex(
            model_name="replenishmentsuggestion",
            index=models.Index(
                condition=models.Q(("state", "dismissed")), fields=["sku", "node"], name="suggestion_snoozed"
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("most_stock__isnull", True),
                    models.Q(("most_stock__gte", models.F("least_stock")), ("most_stock__lte", 1_000_000_000)),
                    _connector="OR",
                ),
                name="replenishment_rule_most_above_least",
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("node__isnull", True),
                    ("from_node__isnull", True),
                    models.Q(("node", models.F("from_node")), _negated=True),
                    _connector="OR",
                ),
                name="replenishment_rule_from_another",
            ),
        ),
    ]
