"""SKUs of a category or a brand are found, and the names of both, without reading the whole catalogue."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0014_sku_totals")]

    operations = [
        migrations.AddIndex(model_name="sku", index=models.Index(fields=["category", "code"], name="sku_by_category")),
        migrations.AddIndex(model_name="sku", index=models.Index(fields=["brand", "code"], name="sku_by_brand")),
    ]
