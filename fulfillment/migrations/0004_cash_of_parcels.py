"""The cash that is collected with each parcel. Parcels booked before keep what their carrier was told."""

from django.db import migrations, models

from oms.core.constraints import money_bounds


class Migration(migrations.Migration):
    dependencies = [
        ("carriers", "0001_initial"),
        ("fulfillment", "0003_lean_rows"),
        ("orders", "0004_lean_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="shipment",
            name="cod_minor",
            field=models.BigIntegerField(
                blank=True,
                help_text="Cash to collect at the door in minor units; empty until it is fixed.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=money_bounds("cod_minor", prefix="shipment"),
        ),
        migrations.RunSQL(
            """UPDATE fulfillment_shipment s SET cod_minor = (b.request->>'cod_minor')::bigint
               FROM carriers_booking b WHERE b.id = s.booking_id AND b.request ? 'cod_minor'""",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """UPDATE fulfillment_shipment s SET cod_minor = o.total_minor
               FROM orders_order o WHERE o.id = s.order_id AND s.state = 'delivered' AND s.booking_id IS NULL
                 AND o.payment_method = 'cod'""",
            migrations.RunSQL.noop,
        ),
    ]
