"""How a SKU is kept stays as it is while there is stock of it.

Units that were packed by quantity have no lots or serial numbers to ship by, and those that were packed with them would
leave without them.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION inventory_keep_tracking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM inventory_stocklevel
        WHERE sku_id = NEW.id AND (on_hand, packed, damaged, quarantine, inbound) <> (0, 0, 0, 0, 0)
    ) THEN
        RAISE EXCEPTION 'There is stock of %: how it is kept cannot change.', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sku_tracking_stays_with_its_stock';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_tracking BEFORE UPDATE OF tracking ON inventory_sku
FOR EACH ROW WHEN (OLD.tracking IS DISTINCT FROM NEW.tracking) EXECUTE FUNCTION inventory_keep_tracking();
"""

BACKWARD = """
DROP TRIGGER keep_tracking ON inventory_sku;
DROP FUNCTION inventory_keep_tracking();
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0019_lots_that_expire")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
