from django.db import migrations, models


class Migration(migrations.Migration):
    """Which lots and serial numbers were picked for a transfer that has not left yet."""

    dependencies = [("inventory", "0009_level_corrections")]

    operations = [
        migrations.AddField(
            model_name="transferline",
            name="picked_units",
            field=models.JSONField(
                blank=True, default=list,
                help_text="Lots and serial numbers as scanned when picked, until the goods leave: then the ledger "
                "knows them.",
            ),
        ),
    ]  # fmt: skip
