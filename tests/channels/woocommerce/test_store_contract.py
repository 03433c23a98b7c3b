"""The simulated store speaks as the recorded one: same fields, same types, same refusals."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from channels.adapters.woocommerce.client import WooCommerceClient
from channels.simulators.woocommerce import world
from channels.simulators.woocommerce.server import SimulatedStore
from oms.core.errors import PermanentError
from tests.channels.woocommerce.conftest import Recording
from tests.channels.woocommerce.store import account_of, running_store

ADDRESS = {
    "first_name": "Asha",
    "last_name": "Rao",
    "address_1": "12 MG Road",
    "address_2": "",
    "city": "Bengaluru",
    "state": "KA",
    "postcode": "560001",
    "country": "IN",
    "phone": "9876543210",
}


@pytest.fixture
def store() -> Iterator[SimulatedStore]:
    with running_store() as found:
        yield found


@pytest.fixture
def client(store: SimulatedStore) -> WooCommerceClient:
    return WooCommerceClient(account_of(store))


@pytest.fixture(scope="session")
def requests_recorded(recordings: Path) -> Any:
    """Reads the request of one recording by the beginning of its name."""

    def read(name: str) -> Any:
        (path,) = recordings.glob(f"{name}*.json")
        return json.loads(path.read_text())["request"]["json"]

    return read


def keys_of(value: Any, path: str = "") -> set[str]:
    """The paths of all fields; lists count by their items, free values of metadata by their key alone."""
    if isinstance(value, dict):
        found: set[str] = set()
        for key, item in value.items():
            found.add(f"{path}.{key}")
            if key not in ("value", "display_value"):
                found |= keys_of(item, f"{path}.{key}")
        return found
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item, f"{path}[]")}
    return set()


def schema_faults(recordings: Path, name: str, value: Any) -> set[tuple[str, str]]:
    """Where a reply departs from the OPTIONS schema."""
    text = (recordings / f"schema_{name}.json").read_text()
    for word in ("mixed", "date-time"):
        # WordPress has two types that JSON schema has not.
        text = text.replace(f'"type": "{word}"', f'"title": "{word}"')
    validator = jsonschema.Draft4Validator({"type": "object", "properties": json.loads(text)["schema"]["properties"]})
    return {
        (".".join(str(part) for part in error.absolute_path if not isinstance(part, int)), str(error.validator))
        for error in validator.iter_errors(value)
    }


def replay(client: WooCommerceClient, request: Any) -> dict[str, dict[str, Any]]:
    """The recorded calls, with our numbers in place of theirs; replies by the number of the recording."""
    kunai = client.post("/products", request("02-")).row()
    shirt = client.post("/products", request("03-")).row()
    small = client.post(f"/products/{shirt['id']}/variations", request("04-")).row()
    cod = request("05-")
    cod["line_items"][0]["product_id"] = kunai["id"]
    prepaid = request("06-")
    prepaid["line_items"][0] |= {"product_id": shirt["id"], "variation_id": small["id"]}
    prepaid["line_items"][1]["product_id"] = kunai["id"]
    replies = {"02-": kunai, "03-": shirt, "04-": small}
    replies["05-"] = client.post("/orders", cod).row()
    replies["06-"] = client.post("/orders", prepaid).row()
    first, second = (f"/orders/{replies[name]['id']}" for name in ("05-", "06-"))
    replies["09-"] = client.put(first, request("09-")).row()
    replies["11-"] = client.post(f"{first}/notes", request("11-")).row()
    replies["12-"] = client.put(first, request("12-")).row()
    refund = request("14-")
    refund["line_items"][0]["id"] = replies["06-"]["line_items"][0]["id"]
    replies["14-"] = client.post(f"{second}/refunds", refund).row()
    replies["16-"] = client.get(second).row()
    third = client.post("/orders", prepaid | {"transaction_id": "pay_2"}).row()["id"]
    replies["17-"] = client.put(f"/orders/{third}", request("17-")).row()
    replies["18-"] = client.get(f"/products/{kunai['id']}").row()
    replies["19-"] = client.put(f"/products/{kunai['id']}", request("19-")).row()
    batch = {"update": [{"id": kunai["id"], "stock_quantity": 40}, {"id": 999999, "stock_quantity": 1}]}
    replies["20-"] = client.post("/products/batch", batch).row()
    replies["21-"] = {"rows": client.get("/products", {"sku": "TS-S,KUNAI-1", "order": "asc"}).rows()}
    variations = {"update": [{"id": small["id"], "stock_quantity": 7}]}
    replies["22-"] = client.post(f"/products/{shirt['id']}/variations/batch", variations).row()
    return replies


def test_every_reply_has_the_fields_of_the_recorded_reply(
    client: WooCommerceClient, recorded: Recording, requests_recorded: Any
) -> None:
    replies = replay(client, requests_recorded)

    for name, reply in replies.items():
        expected = recorded(name)
        expected = {"rows": expected} if isinstance(expected, list) else expected
        assert keys_of(reply) == keys_of(expected), name


def test_amounts_statuses_and_stock_are_those_of_the_recorded_replies(
    client: WooCommerceClient, recorded: Recording, requests_recorded: Any
) -> None:
    replies = replay(client, requests_recorded)
    fields = (
        "status", "currency", "prices_include_tax", "discount_total", "discount_tax", "shipping_total", "shipping_tax",
        "cart_tax", "total", "total_tax", "billing", "shipping", "payment_method", "transaction_id", "amount", "reason",
        "note", "customer_note", "price", "manage_stock", "stock_quantity", "stock_status", "sku", "type",
        "is_editable", "needs_payment", "needs_processing", "purchasable", "total_sales",
    )  # fmt: skip

    for name in replies.keys() - {"20-", "21-", "22-"}:
        expected = recorded(name)
        for field in fields:
            assert replies[name].get(field) == expected.get(field), (name, field)
    for name in ("05-", "06-", "16-"):
        ours, theirs = replies[name]["line_items"], recorded(name)["line_items"]
        for field in (
            "name",
            "quantity",
            "subtotal",
            "total",
            "total_tax",
            "taxes",
            "sku",
            "price",
            "parent_name",
            "image",
        ):
            assert [line[field] for line in ours] == [line[field] for line in theirs], (name, field)
        assert [[(m["key"], m["value"]) for m in line["meta_data"]] for line in ours] == [
            [(m["key"], m["value"]) for m in line["meta_data"]] for line in theirs
        ]
    assert replies["20-"]["update"][1] == recorded("20-")["update"][1]
    assert [row["stock_quantity"] for row in replies["22-"]["update"]] == [7]


def test_replies_obey_the_options_schemas_as_far_as_the_recorded_replies_do(
    client: WooCommerceClient, recorded: Recording, recordings: Path, requests_recorded: Any
) -> None:
    replies = replay(client, requests_recorded)
    schemas = {
        "orders": ("05-", "06-", "09-", "12-", "16-", "17-"),
        "products": ("02-", "03-", "18-", "19-"),
        "products_ID_variations": ("04-",),
        "orders_ID_refunds": ("14-",),
    }

    for schema, names in schemas.items():
        known = set[tuple[str, str]]().union(*(schema_faults(recordings, schema, recorded(name)) for name in names))
        for name in names:
            assert schema_faults(recordings, schema, replies[name]) <= known, (schema, name)


def test_a_webhook_is_registered_with_the_recorded_fields(
    client: WooCommerceClient, recorded: Recording, recordings: Path, requests_recorded: Any
) -> None:
    made = client.post("/webhooks", requests_recorded("01-")).row()

    assert made.keys() == recorded("01-").keys()
    assert schema_faults(recordings, "webhooks", made) <= schema_faults(recordings, "webhooks", recorded("01-"))
    assert [row["id"] for row in client.get("/webhooks").rows()] == [made["id"]]


@pytest.mark.parametrize(
    ("name", "method", "path", "params"),
    [
        ("23-", "GET", "/orders/99999999", {}),
        ("24-", "GET", "/orders", {"per_page": 101}),
        ("25-", "POST", "/orders", {}),
    ],
)
def test_refusals_have_the_recorded_bodies(
    client: WooCommerceClient, recorded: Recording, name: str, method: str, path: str, params: dict[str, int]
) -> None:
    def call() -> object:
        return client.post(path, {"status": "nope"}) if method == "POST" else client.get(path, params)

    with pytest.raises(PermanentError) as caught:
        call()

    expected = recorded(name)
    _, _, body = str(caught.value).partition(": ")
    # The message of the fault keeps the first 500 characters.
    assert body == json.dumps(expected, separators=(",", ":"))[:500]


def test_a_call_without_a_key_is_refused_as_recorded(store: SimulatedStore, recordings: Path) -> None:
    for name in ("90-error-no-auth", "92-http-basic-without-tls"):
        expected = json.loads((recordings / f"{name}.json").read_text())
        with pytest.raises(PermanentError) as caught:
            WooCommerceClient(account_of(store, auth="basic")).get("/orders")
        assert f"answered {expected['status']}" in str(caught.value)


def test_lists_say_how_many_rows_and_pages_they_have(client: WooCommerceClient) -> None:
    products = [{"sku": f"A-{number}", "name": "A", "regular_price": "10"} for number in range(7)]
    client.post("/products/batch", {"create": products})

    reply = client.get("/products", {"per_page": 3, "page": 3, "orderby": "id", "order": "asc"})

    assert (reply.total, reply.total_pages) == (7, 3)
    assert [row["sku"] for row in reply.rows()] == ["A-6"]
    assert client.get("/products", {"page": 9}).rows() == []


def test_a_batch_of_more_than_a_hundred_is_refused(client: WooCommerceClient) -> None:
    with pytest.raises(PermanentError, match="413"):
        client.post("/products/batch", {"delete": list(range(1, 102))})


def test_a_sku_is_used_once(client: WooCommerceClient) -> None:
    twins = [{"sku": "A-1", "name": "One"}, {"sku": "A-1", "name": "Two"}]

    made = client.post("/products/batch", {"create": twins}).row()["create"]

    assert made[0]["sku"] == "A-1"
    assert made[1]["error"]["code"] == "product_invalid_sku"


def test_prices_that_include_tax_leave_the_buyer_with_the_price_shown() -> None:
    with running_store(prices_include_tax=True) as store:
        client = WooCommerceClient(account_of(store))
        kunai = client.post("/products", {"sku": "A-1", "name": "A", "regular_price": "500"}).row()
        body = {"status": "processing", "billing": ADDRESS, "line_items": [{"product_id": kunai["id"], "quantity": 1}]}

        order = client.post("/orders", body).row()

    assert order["total"] == "500.00"
    assert order["line_items"][0]["total"] == "423.73"
    assert order["line_items"][0]["total_tax"] == "76.27"


def test_every_place_of_the_buyers_is_a_real_pin_code(shared_dir: Path) -> None:
    names = {
        "DL": "DELHI",
        "KA": "KARNATAKA",
        "MH": "MAHARASHTRA",
        "TS": "TELANGANA",
        "OR": "ODISHA",
        "UP": "UTTAR PRADESH",
    }
    with gzip.open(shared_dir / "data" / "places" / "india_pincode_centroids.csv.gz", "rt") as file:
        known = {row["pincode"]: row["state"] for row in csv.DictReader(file)}

    assert len(world.PLACES) == 68
    for postcode, _, state in world.PLACES:
        assert postcode in known
        assert names.get(state, known[postcode]) == known[postcode]
    assert sum(world.place_weights()) == pytest.approx(1)
    assert sum(world.HOUR_SHARES) == pytest.approx(1, abs=0.001)
