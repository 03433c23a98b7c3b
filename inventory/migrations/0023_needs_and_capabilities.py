"""What goods need of the node that ships them, what a node can do, and whose brands it may ship.

Each column has a default in the database, so that adding it rewrites no table and statements that do not name it go on.
"""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0022_kits_have_no_stock")]

    operations = [
        migrations.AddField(
            model_name="node",
            name="capabilities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                db_default=[],
                default=list,
                help_text="What it can do beyond the ordinary, separated by commas: hazardous, bulky, gift_wrap.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="node",
            name="brands",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=120),
                blank=True,
                db_default=[],
                default=list,
                help_text="The brands that it may ship, separated by commas. None: every brand.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="needs",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                db_default=[],
                default=list,
                help_text="What its node must be able to do, separated by commas: hazardous, bulky.",
                size=None,
            ),
        ),
    ]
