from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_media_and_providers"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="is_test",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="message",
            name="asked_by",
            field=models.CharField(blank=True, db_default="", max_length=120),
        ),
        migrations.AlterField(
            model_name="message",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=models.deletion.CASCADE,
                related_name="messages_to_customer",
                to="orders.order",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(is_test=False, order__isnull=False) | models.Q(is_test=True, order__isnull=True),
                name="message_of_an_order_or_a_test",
            ),
        ),
    ]
