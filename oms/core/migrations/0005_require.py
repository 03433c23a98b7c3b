"""A statement that finds its own result impossible takes everything back."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION core_require(holds boolean, problem text) RETURNS boolean LANGUAGE plpgsql AS $body$
BEGIN
    IF holds THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION '%', problem USING ERRCODE = 'assert_failure';
END
$body$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0004_refuse_orphans")]

    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION core_require(boolean, text)")]
