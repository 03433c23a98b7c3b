"""Work whose parcels go by the fastest service."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0008_pickup_transfers")]

    operations = [
        migrations.AddField(
            model_name="fulfillmentorder",
            name="goes_fast",
            field=models.BooleanField(
                db_default=False, default=False,
                help_text="Its parcels are booked with the fastest service, whatever that costs: its promise is at risk.",
            ),
        ),
    ]  # fmt: skip
