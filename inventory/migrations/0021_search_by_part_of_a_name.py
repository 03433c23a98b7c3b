from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """People search a hundred thousand SKUs by any part of a code or name. Nobody waits while the index is built."""

    atomic = False
    dependencies = [("core", "0002_trigram_search"), ("inventory", "0020_tracking_stays_with_its_stock")]

    operations = [
        AddIndexConcurrently(
            model_name="sku",
            index=GinIndex(
                OpClass(models.F("code"), "gin_trgm_ops"),
                OpClass(models.F("name"), "gin_trgm_ops"),
                name="sku_by_part_of_name",
            ),
        ),
    ]
