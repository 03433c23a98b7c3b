"""What an order costs less than was agreed, from which the refund that is due is derived.

Of payments with a refund that is due it is what makes exactly that due; of others what was given back.
"""

from django.db import migrations, models

FILL = """
UPDATE orders_payment SET reduced_minor = CASE WHEN refund_due_minor > 0
    THEN refund_due_minor + refunded_minor + amount_minor - captured_minor ELSE refunded_minor END
WHERE method <> 'cod' AND (refund_due_minor > 0 OR refunded_minor > 0)
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_substitutes")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="reduced_minor",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="What the order costs less than was agreed: cancelled units, cheaper substitutes.",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
