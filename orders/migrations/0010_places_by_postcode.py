from django.db import migrations, models


class Migration(migrations.Migration):
    """Invoices say whether their place of supply was taken from the PIN code."""

    dependencies = [("orders", "0009_invoices")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="place_from_postcode",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="The address names no state that there is: its PIN code says it.",
            ),
        ),
    ]
