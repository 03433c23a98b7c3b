"""The parent's side of keys that have no foreign key constraint; see `oms.core.constraints.keep_parents`."""

from django.db import migrations

# Arguments: table, column, table, column ... A writer that read the parent before it went is waited for by the lock.
FORWARD = """
CREATE FUNCTION core_refuse_orphans() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    found boolean;
BEGIN
    FOR i IN 0 .. TG_NARGS - 1 BY 2 LOOP
        EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', TG_ARGV[i]);
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE %I = $1)', TG_ARGV[i], TG_ARGV[i + 1])
            INTO found USING OLD.id;
        IF found THEN
            RAISE EXCEPTION 'row % of % is still named by %.%', OLD.id, TG_TABLE_NAME, TG_ARGV[i], TG_ARGV[i + 1]
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END
$body$;
"""

BACKWARD = "DROP FUNCTION core_refuse_orphans()"


class Migration(migrations.Migration):
    dependencies = [("core", "0003_transitions_by_moment")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
