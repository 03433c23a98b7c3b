"""A balance that is not its ledger's sum can be set to that sum, in one recorded way."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

BUCKETS = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")

CLOSED = "\n        ".join(f"WHEN '{bucket}' THEN {bucket}" for bucket in BUCKETS)

FORWARD = f"""
CREATE FUNCTION inventory_ledger_sum(of_sku bigint, at_node bigint, of_bucket text) RETURNS bigint
LANGUAGE sql STABLE AS $body$
    SELECT coalesce((
        SELECT CASE of_bucket {CLOSED} END FROM inventory_ledgerclosing
        WHERE sku_id = of_sku AND node_id = at_node AND lot_id IS NULL
    ), 0) + coalesce((
        SELECT sum(quantity * ((to_bucket = of_bucket)::int - (from_bucket = of_bucket)::int))
        FROM inventory_stockmovement WHERE sku_id = of_sku AND node_id = at_node
    ), 0)
$body$;

CREATE FUNCTION inventory_correct_level() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    stored bigint;
    total bigint;
BEGIN
    EXECUTE format('SELECT %I FROM inventory_stocklevel WHERE sku_id = $1 AND node_id = $2 FOR NO KEY UPDATE', NEW.bucket)
        INTO stored USING NEW.sku_id, NEW.node_id;
    total := inventory_ledger_sum(NEW.sku_id, NEW.node_id, NEW.bucket);
    IF stored IS DISTINCT FROM NEW.before OR total <> NEW.after THEN
        RAISE EXCEPTION 'level_correction_outdated: % is % and its ledger %, not % and %', NEW.bucket, stored, total,
            NEW.before, NEW.after USING ERRCODE = 'check_violation', CONSTRAINT = 'level_correction_outdated';
    END IF;
    EXECUTE format('UPDATE inventory_stocklevel SET %I = $1, updated_at = now() WHERE sku_id = $2 AND node_id = $3',
        NEW.bucket) USING total, NEW.sku_id, NEW.node_id;
    RETURN NULL;
END
$body$;

CREATE TRIGGER level_correction_applies AFTER INSERT ON inventory_levelcorrection
FOR EACH ROW EXECUTE FUNCTION inventory_correct_level();
CREATE TRIGGER level_correction_append_only BEFORE UPDATE OR DELETE ON inventory_levelcorrection
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_change('append-only');
"""  # noqa: S608 - only column names of this module are put in

BACKWARD = """
DROP TRIGGER level_correction_append_only ON inventory_levelcorrection;
DROP TRIGGER level_correction_applies ON inventory_levelcorrection;
DROP FUNCTION inventory_correct_level();
DROP FUNCTION inventory_ledger_sum(bigint, bigint, text);
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_ledger_by_month")]

    operations = [
        migrations.AddField(
            model_name="stockaudit",
            name="postings",
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text="Postings added up."),
        ),
        migrations.AddField(model_name="stockaudit", name="seconds", field=models.FloatField(db_default=0, default=0)),
        migrations.CreateModel(
            name="LevelCorrection",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("bucket", models.CharField(max_length=12)),
                ("before", models.BigIntegerField()),
                ("after", models.BigIntegerField()),
                ("actor", models.CharField(max_length=120)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "difference",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="inventory.stockdifference",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.node",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.sku",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="levelcorrection",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("bucket"),
                    output_field=models.BooleanField(),
                    template=(
                        '%(expressions)s = ANY (\'{"on_hand","reserved","packed","damaged","quarantine","inbound"}\''
                        "::text[])"
                    ),
                ),
                name="level_correction_bucket_known",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
