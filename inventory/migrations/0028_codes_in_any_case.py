from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    """What is scanned is looked up in any case, also where it is no SKU. Nobody waits while the index is built."""

    atomic = False
    dependencies = [("inventory", "0027_curbside_bays")]

    operations = [
        AddIndexConcurrently(model_name="sku", index=models.Index(Upper("code"), name="sku_by_code_in_any_case")),
    ]
