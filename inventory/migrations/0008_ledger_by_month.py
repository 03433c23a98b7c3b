"""The ledger in parts, one for each month in which postings became known; operation keys in a table of their own.

A unique key of a partitioned table must hold the column that parts it, so (op_key, leg) is kept unique beside the
ledger: the trigger that moves the balances writes the keys of what was posted, and a key that is there already
refuses the whole statement. The same trigger moves lots and serial numbers.
"""

from importlib import import_module

from django.db import migrations, models

apply = import_module("inventory.migrations.0006_apply_in_one_statement")
rules = import_module("inventory.migrations.0002_ledger_rules")

PHYSICAL = "('on_hand', 'packed', 'damaged', 'quarantine')"
LOT_BUCKETS = ("on_hand", "packed", "damaged", "quarantine")
LOT_SUMS = ",\n            ".join(
    f"sum(quantity * ((to_bucket = '{bucket}')::int - (from_bucket = '{bucket}')::int)) AS {bucket}"
    for bucket in LOT_BUCKETS
)
LOT_SETS = ", ".join(f"{bucket} = level.{bucket} + delta.{bucket}" for bucket in LOT_BUCKETS)
LOT_CHANGED = " OR ".join(
    f"OLD.{bucket} IS DISTINCT FROM NEW.{bucket}" for bucket in (*LOT_BUCKETS, "lot_id", "node_id")
)
LOT_NOT_ZERO = " OR ".join(f"NEW.{bucket} <> 0" for bucket in LOT_BUCKETS)

APPLY_HEAD = """BEGIN
    INSERT INTO inventory_postedoperation (op_key, leg) SELECT op_key, leg FROM posted;
"""

APPLY_TAIL = f"""
    IF EXISTS (
        SELECT FROM posted JOIN inventory_sku sku ON sku.id = posted.sku_id
        WHERE (posted.from_bucket IN {PHYSICAL} OR posted.to_bucket IN {PHYSICAL})
          AND CASE sku.tracking WHEN 'none' THEN posted.lot_id IS NOT NULL OR posted.serial_id IS NOT NULL
              WHEN 'lot' THEN posted.lot_id IS NULL OR posted.serial_id IS NOT NULL
              ELSE posted.serial_id IS NULL OR posted.lot_id IS NOT NULL OR posted.quantity <> 1 END
    ) THEN
        RAISE EXCEPTION 'stock_level_tracking: a posting names no lot or serial number, or one too many'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_level_tracking';
    END IF;
    IF EXISTS (SELECT FROM posted WHERE lot_id IS NOT NULL OR serial_id IS NOT NULL) THEN
        PERFORM inventory_move_lots(lots, nodes, on_hands, packeds, damageds, quarantines) FROM (
            SELECT array_agg(lot_id ORDER BY lot_id, node_id) AS lots,
                array_agg(node_id ORDER BY lot_id, node_id) AS nodes,
                array_agg(on_hand ORDER BY lot_id, node_id) AS on_hands,
                array_agg(packed ORDER BY lot_id, node_id) AS packeds,
                array_agg(damaged ORDER BY lot_id, node_id) AS damageds,
                array_agg(quarantine ORDER BY lot_id, node_id) AS quarantines
            FROM (
                SELECT lot_id, node_id,
                {LOT_SUMS}
                FROM posted WHERE lot_id IS NOT NULL GROUP BY lot_id, node_id
            ) AS one
        ) AS moved WHERE lots IS NOT NULL;
        PERFORM inventory_move_serial(serial_id, sku_id, node_id, from_bucket, to_bucket, reference)
        FROM (SELECT * FROM posted WHERE serial_id IS NOT NULL ORDER BY id) AS one;
    END IF;
    RETURN NULL;
END
$body$;
"""  # noqa: S608 - only names of this module are put in

LOTS = f"""
CREATE FUNCTION inventory_move_lots(
    lots bigint[], nodes bigint[], on_hands bigint[], packeds bigint[], damageds bigint[], quarantines bigint[]
) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO inventory_lotlevel (lot_id, node_id)
    SELECT * FROM unnest(lots, nodes) ON CONFLICT (lot_id, node_id) DO NOTHING;
    UPDATE inventory_lotlevel level SET {LOT_SETS}
    FROM unnest(lots, nodes, on_hands, packeds, damageds, quarantines)
        AS delta(lot_id, node_id, on_hand, packed, damaged, quarantine)
    WHERE level.lot_id = delta.lot_id AND level.node_id = delta.node_id;
END
$body$;

CREATE FUNCTION inventory_move_serial(
    serial bigint, of_sku bigint, at_node bigint, source text, target text, document text
) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE inventory_serialnumber SET
        bucket = target, reference = document, moved_at = now(),
        node_id = CASE WHEN target IN {PHYSICAL} OR target = 'inbound' THEN at_node END
    WHERE id = serial AND sku_id = of_sku AND bucket = source AND (node_id IS NULL OR node_id = at_node);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stock_level_serial: serial number % of SKU % is not in % at node %',
            (SELECT number FROM inventory_serialnumber WHERE id = serial), of_sku, source, at_node
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_level_serial';
    END IF;
END
$body$;

CREATE TRIGGER lot_level_update_by_ledger BEFORE UPDATE ON inventory_lotlevel
FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND ({LOT_CHANGED}))
EXECUTE FUNCTION inventory_refuse_change('changed by ledger postings only');
CREATE TRIGGER lot_level_insert_by_ledger BEFORE INSERT ON inventory_lotlevel
FOR EACH ROW WHEN ({LOT_NOT_ZERO})
EXECUTE FUNCTION inventory_refuse_change('changed by ledger postings only');
CREATE TRIGGER serial_number_by_ledger BEFORE UPDATE ON inventory_serialnumber
FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (OLD.bucket IS DISTINCT FROM NEW.bucket
    OR OLD.node_id IS DISTINCT FROM NEW.node_id OR OLD.sku_id IS DISTINCT FROM NEW.sku_id))
EXECUTE FUNCTION inventory_refuse_change('moved by ledger postings only');
CREATE TRIGGER serial_number_new_is_outside BEFORE INSERT ON inventory_serialnumber
FOR EACH ROW WHEN (NEW.node_id IS NOT NULL OR NEW.bucket NOT IN ('supplier', 'adjustment', 'customer'))
EXECUTE FUNCTION inventory_refuse_change('moved by ledger postings only');
"""  # noqa: S608 - only column names of the ledger are put in

DROP_LOTS = """
DROP TRIGGER serial_number_new_is_outside ON inventory_serialnumber;
DROP TRIGGER serial_number_by_ledger ON inventory_serialnumber;
DROP TRIGGER lot_level_insert_by_ledger ON inventory_lotlevel;
DROP TRIGGER lot_level_update_by_ledger ON inventory_lotlevel;
DROP FUNCTION inventory_move_serial(bigint, bigint, bigint, text, text, text);
DROP FUNCTION inventory_move_lots(bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]);
"""

# Rows of a month without a part lie in the default part. Making the part then moves them, with the triggers off: they
# are the same postings, which have moved the balances already.
MONTHS = """
CREATE FUNCTION inventory_ensure_ledger_months(ahead integer) RETURNS integer LANGUAGE plpgsql AS $body$
DECLARE
    stray boolean;
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('inventory_ensure_ledger_months'));
    stray := EXISTS (SELECT FROM inventory_stockmovement_later);
    IF stray THEN
        ALTER TABLE inventory_stockmovement DETACH PARTITION inventory_stockmovement_later;
        ALTER TABLE inventory_stockmovement_later RENAME TO inventory_stockmovement_stray;
    END IF;
    FOR i IN 0 .. ahead LOOP
        month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date;
        made := made + inventory_make_ledger_month(month);
    END LOOP;
    IF stray THEN
        FOR month IN
            SELECT DISTINCT date_trunc('month', recorded_at AT TIME ZONE 'UTC')::date
            FROM inventory_stockmovement_stray
        LOOP
            made := made + inventory_make_ledger_month(month);
        END LOOP;
        ALTER TABLE inventory_stockmovement DISABLE TRIGGER stock_movement_applies;
        INSERT INTO inventory_stockmovement SELECT * FROM inventory_stockmovement_stray;
        ALTER TABLE inventory_stockmovement ENABLE TRIGGER stock_movement_applies;
        DROP TABLE inventory_stockmovement_stray;
        CREATE TABLE inventory_stockmovement_later PARTITION OF inventory_stockmovement DEFAULT;
    END IF;
    RETURN made;
END
$body$;

CREATE FUNCTION inventory_make_ledger_month(month date) RETURNS integer LANGUAGE plpgsql AS $body$
DECLARE
    part text := 'inventory_stockmovement_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF inventory_stockmovement FOR VALUES FROM (%L) TO (%L)', part,
        month::text || ' 00:00+00', (month + interval '1 month')::date::text || ' 00:00+00');
    RETURN 1;
END
$body$;
"""

COLUMNS = (
    "id, op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, lot_id, serial_id, unit_cost_minor, reason, "
    "note, reference, actor, occurred_at, recorded_at"
)

TRIGGERS = """
CREATE TRIGGER stock_movement_applies AFTER INSERT ON inventory_stockmovement
REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION inventory_apply_movements();
CREATE TRIGGER stock_movement_append_only BEFORE UPDATE OR DELETE ON inventory_stockmovement
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_change('append-only: post a correction instead');
"""

PART = f"""
ALTER TABLE inventory_stockmovement RENAME TO inventory_stockmovement_whole;
ALTER INDEX stock_movement_history RENAME TO stock_movement_history_whole;
ALTER INDEX inventory_stockmovement_pkey RENAME TO inventory_stockmovement_pkey_whole;
CREATE TABLE inventory_stockmovement (LIKE inventory_stockmovement_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
PARTITION BY RANGE (recorded_at);
ALTER TABLE inventory_stockmovement ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE inventory_stockmovement ADD PRIMARY KEY (id, recorded_at);
CREATE INDEX stock_movement_history ON inventory_stockmovement (sku_id, node_id, id);
CREATE TABLE inventory_stockmovement_later PARTITION OF inventory_stockmovement DEFAULT;
INSERT INTO inventory_stockmovement ({COLUMNS})
SELECT id, op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, lot_id, serial_id, unit_cost_minor, reason,
    note, reference, actor, least(occurred_at, recorded_at), recorded_at
FROM inventory_stockmovement_whole ORDER BY id;
INSERT INTO inventory_postedoperation (op_key, leg) SELECT op_key, leg FROM inventory_stockmovement_whole;
SELECT setval(pg_get_serial_sequence('inventory_stockmovement', 'id'),
    coalesce((SELECT max(id) FROM inventory_stockmovement_whole), 0) + 1, false);
DROP TABLE inventory_stockmovement_whole;
"""  # noqa: S608 - only column names of this module are put in

WHOLE = f"""
ALTER TABLE inventory_stockmovement RENAME TO inventory_stockmovement_parts;
ALTER INDEX stock_movement_history RENAME TO stock_movement_history_parts;
ALTER INDEX inventory_stockmovement_pkey RENAME TO inventory_stockmovement_pkey_parts;
CREATE TABLE inventory_stockmovement (LIKE inventory_stockmovement_parts INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE inventory_stockmovement ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE inventory_stockmovement ADD PRIMARY KEY (id);
CREATE INDEX stock_movement_history ON inventory_stockmovement (sku_id, node_id, id);
INSERT INTO inventory_stockmovement ({COLUMNS}) SELECT {COLUMNS} FROM inventory_stockmovement_parts ORDER BY id;
SELECT setval(pg_get_serial_sequence('inventory_stockmovement', 'id'),
    coalesce((SELECT max(id) FROM inventory_stockmovement_parts), 0) + 1, false);
DROP TABLE inventory_stockmovement_parts;
DELETE FROM inventory_postedoperation;
"""  # noqa: S608 - only column names of this module are put in

_BEFORE = apply.FORWARD
FUNCTION = _BEFORE.replace("BEGIN\n    WITH delta", APPLY_HEAD + "    WITH delta", 1).replace(
    "    RETURN NULL;\nEND\n$body$;\n", APPLY_TAIL.lstrip("\n"), 1
)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_documents")]

    operations = [
        migrations.RunSQL(LOTS, DROP_LOTS),
        migrations.RunSQL(
            MONTHS,
            "DROP FUNCTION inventory_ensure_ledger_months(integer); DROP FUNCTION inventory_make_ledger_month(date)",
        ),
        migrations.RunSQL(PART + TRIGGERS + "SELECT inventory_ensure_ledger_months(3);", WHOLE + TRIGGERS),
        migrations.RunSQL(FUNCTION, _BEFORE),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(("occurred_at__lte", models.F("recorded_at"))), name="stock_movement_known_after"
            ),
        ),
    ]
