"""The statement that captures orders: rows of seven tables and their events from one JSON
array, in one round trip.

Orders that the channel had before are left alone and returned with created = false. New ids come from the sequence
before the insert, so that lines, holds, payment and the first timeline entry can refer to them in the same statement.
"""

_BUCKETS = "unallocated, backordered, allocated, released, picked, packed, shipped, cancelled, delivered, returned"
_BUCKET_TYPES = ", ".join(f"{name.strip()} int" for name in _BUCKETS.split(","))

_ORDER_COLUMNS = """uid, external_id, external_number, external_updated_at, placed_at, stage, open_holds,
    customer_name, customer_email, customer_phone, ship_to, bill_to, ship_postcode, ship_city, ship_region,
    ship_country, currency, goods_minor, discount_minor, tax_minor, shipping_minor, cod_fee_minor, total_minor,
    payment_method, service_level, pickup_node_code, substitutions, promised_by, ship_by, is_b2b, is_gift,
    gift_message, buyer_gstin, customer_note, internal_note, tags, extra"""

CAPTURE = f"""
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(orders)s::json) AS o(
        uid uuid, external_id text, external_number text, external_updated_at timestamptz, placed_at timestamptz,
        stage text, open_holds int, customer_name text, customer_email text, customer_phone text, ship_to jsonb,
        bill_to jsonb, ship_postcode text, ship_city text, ship_region text, ship_country text, currency text,
        goods_minor bigint, discount_minor bigint, tax_minor bigint, shipping_minor bigint, cod_fee_minor bigint,
        total_minor bigint, payment_method text, service_level text, pickup_node_code text, substitutions text,
        promised_by timestamptz,
        ship_by timestamptz, is_b2b bool, is_gift bool, gift_message text, buyer_gstin text, customer_note text,
        internal_note text, tags text[], extra jsonb, search_text text, message text, payment_state text,
        gateway text, payment_reference text, amount_minor bigint, captured_minor bigint, refunded_minor bigint,
        lines json, kits json, holds json
    )
),
known AS (
    SELECT id, external_id, number FROM orders_order
    WHERE channel_id = %(channel)s AND external_id = ANY(%(external_ids)s)
),
fresh AS MATERIALIZED (
    SELECT nextval('orders_order_id_seq') AS id, i.* FROM (
        SELECT * FROM incoming WHERE external_id NOT IN (SELECT external_id FROM known) ORDER BY external_id
    ) i
),
placed AS (
    INSERT INTO orders_order (id, number, channel_id, {_ORDER_COLUMNS}, first_promised_by, version, timeline_seq)
    SELECT id, 'OM-' || (100000 + id), %(channel)s, {_ORDER_COLUMNS}, promised_by, 1, 1
    FROM fresh
    ON CONFLICT (channel_id, external_id) DO NOTHING
    RETURNING id, external_id, number
),
new_lines AS (
    INSERT INTO orders_orderline (order_id, uid, external_id, position, sku_code, sku_id, name, options,
        unit_price_minor, discount_minor, tax_minor, tax_included, kit_id, units_per_kit, quantity, {_BUCKETS})
    SELECT f.id, l.uid, l.external_id, l.position, l.sku_code, l.sku_id, l.name, l.options, l.unit_price_minor,
        l.discount_minor, l.tax_minor, l.tax_included, l.kit_id, l.units_per_kit, l.quantity, {_BUCKETS}
    FROM fresh f JOIN placed p ON p.id = f.id
    CROSS JOIN LATERAL json_to_recordset(f.lines) AS l(
        uid uuid, external_id text, position int, sku_code text, sku_id bigint, name text, options jsonb,
        unit_price_minor bigint, discount_minor bigint, tax_minor bigint, tax_included bool, kit_id uuid,
        units_per_kit int, quantity int, {_BUCKET_TYPES})
),
new_kits AS (
    INSERT INTO orders_orderkit (id, order_id, external_id, sku_code, sku_id, name, options, quantity,
        unit_price_minor, discount_minor, tax_minor, tax_included, ships_together)
    SELECT k.id, f.id, k.external_id, k.sku_code, k.sku_id, k.name, k.options, k.quantity, k.unit_price_minor,
        k.discount_minor, k.tax_minor, k.tax_included, k.ships_together
    FROM fresh f JOIN placed p ON p.id = f.id
    CROSS JOIN LATERAL json_to_recordset(f.kits) AS k(
        id uuid, external_id text, sku_code text, sku_id bigint, name text, options jsonb, quantity int,
        unit_price_minor bigint, discount_minor bigint, tax_minor bigint, tax_included bool, ships_together bool)
),
searchable AS (
    INSERT INTO orders_ordersearch (order_id, text)
    SELECT f.id, lower(p.number) || ' ' || f.search_text FROM fresh f JOIN placed p ON p.id = f.id
),
new_holds AS (
    INSERT INTO orders_hold (order_id, reason, source, handle, note, released_by)
    SELECT f.id, h.reason, 'validation', h.handle, h.note, ''
    FROM fresh f JOIN placed p ON p.id = f.id
    CROSS JOIN LATERAL json_to_recordset(f.holds) AS h(reason text, handle text, note text)
),
new_payments AS (
    INSERT INTO orders_payment (order_id, method, state, gateway, reference, currency, amount_minor, captured_minor,
        refunded_minor, refund_due_minor)
    SELECT f.id, f.payment_method, f.payment_state, f.gateway, f.payment_reference, f.currency, f.amount_minor,
        f.captured_minor, f.refunded_minor, 0
    FROM fresh f JOIN placed p ON p.id = f.id
),
first_entries AS (
    INSERT INTO orders_orderevent (order_id, seq, kind, actor, message, data)
    SELECT f.id, 1, 'captured', %(actor)s, f.message, '{{}}'::jsonb FROM fresh f JOIN placed p ON p.id = f.id
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT 'orders.OrderCaptured', 'order:' || id,
        jsonb_build_object('order_id', id, 'number', number, 'channel_code', %(channel_code)s::text)
    FROM placed ORDER BY id
)
SELECT id, external_id, number, true AS created FROM placed
UNION ALL
SELECT id, external_id, number, false AS created FROM known
"""  # noqa: S608 - only column names of this module are put in

ALREADY = """
SELECT id, external_id, number, false AS created FROM orders_order
WHERE channel_id = %s AND external_id = ANY(%s)
"""
