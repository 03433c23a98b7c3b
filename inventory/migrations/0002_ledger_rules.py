"""The ledger alone changes balances.

Inserting postings moves the balances in the same statement. Postings can be neither changed nor deleted, and a balance
cannot be written in any other way, not even by hand in psql.
"""

from django.db import migrations

BUCKETS = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")

SUMS = ",\n        ".join(
    f"sum(quantity * ((to_bucket = '{bucket}')::int - (from_bucket = '{bucket}')::int)) AS {bucket}"
    for bucket in BUCKETS
)
SETS = ",\n      ".join(f"{bucket} = level.{bucket} + delta.{bucket}" for bucket in BUCKETS)
CHANGED = " OR ".join(f"OLD.{bucket} IS DISTINCT FROM NEW.{bucket}" for bucket in (*BUCKETS, "sku_id", "node_id"))
NOT_ZERO = " OR ".join(f"NEW.{bucket} <> 0" for bucket in BUCKETS)
HAD = " OR ".join(f"OLD.{bucket} <> 0" for bucket in BUCKETS)

FORWARD = f"""
CREATE FUNCTION inventory_apply_movements() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO inventory_stocklevel (sku_id, node_id)
    SELECT DISTINCT sku_id, node_id FROM posted
    WHERE NOT EXISTS (
        SELECT 1 FROM inventory_stocklevel level WHERE level.sku_id = posted.sku_id AND level.node_id = posted.node_id
    )
    ORDER BY sku_id, node_id
    ON CONFLICT (sku_id, node_id) DO NOTHING;

    PERFORM 1 FROM inventory_stocklevel level
    WHERE (level.sku_id, level.node_id) IN (SELECT sku_id, node_id FROM posted)
    ORDER BY level.sku_id, level.node_id FOR UPDATE;

    UPDATE inventory_stocklevel level SET
      {SETS},
      updated_at = now()
    FROM (
        SELECT sku_id, node_id,
        {SUMS}
        FROM posted GROUP BY sku_id, node_id
    ) delta
    WHERE level.sku_id = delta.sku_id AND level.node_id = delta.node_id;
    RETURN NULL;
END
$body$;

CREATE TRIGGER stock_movement_applies AFTER INSERT ON inventory_stockmovement
REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION inventory_apply_movements();

CREATE FUNCTION inventory_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$body$;

CREATE TRIGGER stock_movement_append_only BEFORE UPDATE OR DELETE ON inventory_stockmovement
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_change('append-only: post a correction instead');

CREATE TRIGGER stock_level_update_by_ledger BEFORE UPDATE ON inventory_stocklevel
FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND ({CHANGED}))
EXECUTE FUNCTION inventory_refuse_change('changed by ledger postings only');

CREATE TRIGGER stock_level_insert_by_ledger BEFORE INSERT ON inventory_stocklevel
FOR EACH ROW WHEN ({NOT_ZERO})
EXECUTE FUNCTION inventory_refuse_change('changed by ledger postings only');

CREATE TRIGGER stock_level_keep BEFORE DELETE ON inventory_stocklevel
FOR EACH ROW WHEN ({HAD})
EXECUTE FUNCTION inventory_refuse_change('not empty and cannot be deleted');

ALTER TABLE inventory_stocklevel SET (fillfactor = 50);
ALTER TABLE inventory_reservation SET (fillfactor = 80);
"""  # noqa: S608 - only column names of this module are put in

BACKWARD = """
DROP TRIGGER stock_level_keep ON inventory_stocklevel;
DROP TRIGGER stock_level_insert_by_ledger ON inventory_stocklevel;
DROP TRIGGER stock_level_update_by_ledger ON inventory_stocklevel;
DROP TRIGGER stock_movement_append_only ON inventory_stockmovement;
DROP TRIGGER stock_movement_applies ON inventory_stockmovement;
DROP FUNCTION inventory_refuse_change();
DROP FUNCTION inventory_apply_movements();
ALTER TABLE inventory_stocklevel RESET (fillfactor);
ALTER TABLE inventory_reservation RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
