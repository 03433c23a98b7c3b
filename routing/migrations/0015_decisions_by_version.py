from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Figures of a version are counted from its decisions alone. Nobody waits while the index is built."""

    atomic = False
    dependencies = [("routing", "0014_promises_that_gave_the_date")]

    operations = [
        AddIndexConcurrently(
            model_name="routingdecision",
            index=models.Index(
                fields=["policy_version", "-decided_at", "-id"],
                name="routing_decision_version",
                condition=models.Q(("attempt", 1), models.Q(("trigger", "checkout"), _negated=True)),
            ),
        ),
    ]
