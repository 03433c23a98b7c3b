"""Which SKU may stand in for which, and never a kit, whichever comes first: the row or the kit."""

import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

RULES = """
CREATE FUNCTION inventory_refuse_kit_as_substitute() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kit text;
BEGIN
    PERFORM FROM inventory_sku WHERE id IN (NEW.sku_id, NEW.substitute_id) ORDER BY id FOR KEY SHARE;
    SELECT code INTO kit FROM inventory_sku WHERE id IN (NEW.sku_id, NEW.substitute_id) AND is_kit ORDER BY id LIMIT 1;
    IF kit IS NOT NULL THEN
        RAISE EXCEPTION '% is a kit: it has no substitute and is none.', kit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'substitute_is_no_kit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER substitute_of_no_kit BEFORE INSERT OR UPDATE OF sku_id, substitute_id ON inventory_substitute
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_kit_as_substitute();

CREATE FUNCTION inventory_refuse_substitute_as_kit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inventory_substitute WHERE sku_id = NEW.id OR substitute_id = NEW.id) THEN
        RAISE EXCEPTION '% has a substitute or is one: it cannot become a kit.', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'substitute_is_no_kit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kit_of_no_substitute BEFORE UPDATE OF is_kit ON inventory_sku
FOR EACH ROW WHEN (NEW.is_kit AND NOT OLD.is_kit) EXECUTE FUNCTION inventory_refuse_substitute_as_kit();
"""

NO_RULES = """
DROP TRIGGER kit_of_no_substitute ON inventory_sku;
DROP FUNCTION inventory_refuse_substitute_as_kit();
DROP TRIGGER substitute_of_no_kit ON inventory_substitute;
DROP FUNCTION inventory_refuse_kit_as_substitute();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0024_pickup_transfers"),
    ]

    operations = [
        migrations.CreateModel(
            name="Substitute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("rank", models.PositiveSmallIntegerField(default=1)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("created_by", models.CharField(blank=True, max_length=120)),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="substitutes", to="inventory.sku"
                    ),
                ),
                (
                    "substitute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="stands_in_for", to="inventory.sku"
                    ),
                ),
            ],
            options={
                "ordering": ["sku_id", "rank"],
                "constraints": [
                    models.UniqueConstraint(fields=("sku", "substitute"), name="substitute_once"),
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("sku", "rank"),
                        name="substitute_rank_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sku", models.F("substitute")), _negated=True), name="substitute_is_another"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rank__gte", 1), ("rank__lte", 20)), name="substitute_rank_bounded"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, NO_RULES),
    ]
