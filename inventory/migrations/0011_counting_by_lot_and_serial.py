import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Counting lots and serial numbers, whole quantities by typing, pauses, totes, and counts that are done again."""

    dependencies = [("inventory", "0010_transfer_line_picked_units")]

    operations = [
        migrations.AddField(
            model_name="stockcount",
            name="recount_of",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="recounts",
                to="inventory.stockcount",
            ),
        ),
        migrations.AddField(
            model_name="countitem",
            name="carried_quantity",
            field=models.IntegerField(
                db_default=0, default=0,
                help_text="On hand at that moment, but picked already: in a tote, not on the shelf.",
            ),
        ),
        migrations.AddField(
            model_name="countsession", name="paused_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="countscan", name="is_total", field=models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddField(
            model_name="countscan",
            name="lot",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="countscan",
            name="serial",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddIndex(
            model_name="countscan",
            index=models.Index(
                condition=models.Q(("sku__isnull", True)), fields=["session"], name="count_scan_unmatched"
            ),
        ),
    ]  # fmt: skip
