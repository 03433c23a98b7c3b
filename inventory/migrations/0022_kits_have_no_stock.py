"""A kit has no stock, whoever posts in the moment in which a SKU becomes one.

The ledger refuses units of a kit; it reads whether a SKU is one after it has the level, which whoever makes the kit has
locked. Rows that name a SKU of which goods are to come, and new levels, hold the SKU's row as a foreign key does, but at
once and not when the transaction ends: whoever makes a kit waits for them, or they for the kit.
"""

from importlib import import_module

from django.db import migrations

tracked = import_module("inventory.migrations.0008_ledger_by_month")
before = import_module("inventory.migrations.0016_apply_as_it_was_locked").FORWARD

PHYSICAL = f"posted.from_bucket IN {tracked.PHYSICAL} OR posted.to_bucket IN {tracked.PHYSICAL}"
OF_A_KIT = "sku.is_kit AND posted.to_bucket IN ('on_hand', 'packed', 'damaged', 'quarantine', 'inbound')"
_WHERE = f"WHERE ({PHYSICAL})\n          AND CASE sku.tracking"
_THEN = "posted.quantity <> 1 END\n    ) THEN\n"

# One look at the SKUs for both rules: only postings of units that change hands, or are expected, ask for it.
APPLY = before.replace(
    _WHERE,
    f"""WHERE ({PHYSICAL} OR posted.to_bucket = 'inbound') AND ({OF_A_KIT}
          OR ({PHYSICAL})
          AND CASE sku.tracking""",
    1,
).replace(
    _THEN,
    f"""posted.quantity <> 1 END)
    ) THEN
        IF EXISTS (SELECT FROM posted JOIN inventory_sku sku ON sku.id = posted.sku_id WHERE {OF_A_KIT}) THEN
            RAISE EXCEPTION 'stock_level_kit: a kit has no stock of its own'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_level_kit';
        END IF;
""",
    1,
)
assert APPLY.count(OF_A_KIT) == APPLY.count("CASE sku.tracking") + 1 == 2

RULES = """
CREATE FUNCTION inventory_hold_sku() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM inventory_sku WHERE id = NEW.sku_id FOR KEY SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER stock_level_holds_sku BEFORE INSERT ON inventory_stocklevel
FOR EACH ROW EXECUTE FUNCTION inventory_hold_sku();

CREATE FUNCTION inventory_refuse_kit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kit text;
BEGIN
    PERFORM FROM inventory_sku WHERE id = NEW.sku_id FOR KEY SHARE;
    SELECT code INTO kit FROM inventory_sku WHERE id = NEW.sku_id AND is_kit;
    IF kit IS NOT NULL THEN
        RAISE EXCEPTION '% is a kit: it is neither bought nor moved.', kit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'kit_is_not_on_its_way';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER purchase_line_of_no_kit BEFORE INSERT ON inventory_purchaseorderline
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_kit();
CREATE TRIGGER transfer_line_of_no_kit BEFORE INSERT ON inventory_transferline
FOR EACH ROW EXECUTE FUNCTION inventory_refuse_kit();

CREATE FUNCTION inventory_refuse_kit_with_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM inventory_stocklevel
        WHERE sku_id = NEW.id AND (on_hand, reserved, packed, damaged, quarantine, inbound) <> (0, 0, 0, 0, 0, 0)
    ) THEN
        RAISE EXCEPTION 'There is stock of %: it cannot become a kit.', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sku_with_stock_is_no_kit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kit_without_stock BEFORE UPDATE OF is_kit ON inventory_sku
FOR EACH ROW WHEN (NEW.is_kit AND NOT OLD.is_kit) EXECUTE FUNCTION inventory_refuse_kit_with_stock();
"""

NO_RULES = """
DROP TRIGGER kit_without_stock ON inventory_sku;
DROP FUNCTION inventory_refuse_kit_with_stock();
DROP TRIGGER transfer_line_of_no_kit ON inventory_transferline;
DROP TRIGGER purchase_line_of_no_kit ON inventory_purchaseorderline;
DROP FUNCTION inventory_refuse_kit();
DROP TRIGGER stock_level_holds_sku ON inventory_stocklevel;
DROP FUNCTION inventory_hold_sku();
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0021_search_by_part_of_a_name")]

    operations = [migrations.RunSQL(APPLY, before), migrations.RunSQL(RULES, NO_RULES)]
