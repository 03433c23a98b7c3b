"""The fields of a product and of a variation, as recorded from WooCommerce 9.8.5."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.woocommerce.context import Context
from channels.simulators.woocommerce.database import Doc

_SYMBOL = '<span class="woocommerce-Price-currencySymbol">&#8377;</span>'


def _sold(number: int, now: str) -> Doc:
    """Fields that products and variations share."""
    return {
        "id": number,
        "date_created": now,
        "date_created_gmt": now,
        "date_modified": now,
        "date_modified_gmt": now,
        "status": "publish",
        "description": "",
        "sku": "",
        "price": "",
        "regular_price": "",
        "sale_price": "",
        "date_on_sale_from": None,
        "date_on_sale_from_gmt": None,
        "date_on_sale_to": None,
        "date_on_sale_to_gmt": None,
        "on_sale": False,
        "virtual": False,
        "downloadable": False,
        "downloads": [],
        "download_limit": -1,
        "download_expiry": -1,
        "tax_status": "taxable",
        "manage_stock": False,
        "stock_quantity": None,
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
        "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_class": "",
        "shipping_class_id": 0,
        "attributes": [],
        "menu_order": 0,
        "meta_data": [],
        "global_unique_id": "",
    }


def new_product(number: int, kind: str, name: str, now: str) -> Doc:
    """A product with nothing set."""
    return _sold(number, now) | {
        "name": name,
        "type": kind,
        "featured": False,
        "catalog_visibility": "visible",
        "short_description": "",
        "total_sales": 0,
        "external_url": "",
        "button_text": "",
        "tax_class": "",
        "sold_individually": False,
        "shipping_required": True,
        "shipping_taxable": True,
        "reviews_allowed": True,
        "average_rating": "0",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
        "parent_id": 0,
        "purchase_note": "",
        "categories": [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
        "tags": [],
        "images": [],
        "default_attributes": [],
        "grouped_products": [],
        "related_ids": [],
        "post_password": "",
        "brands": [],
    }


def new_variation(number: int, parent_id: int, now: str) -> Doc:
    """A variation with nothing set."""
    return _sold(number, now) | {"type": "variation", "parent_id": parent_id, "tax_class": "parent", "image": None}


def show(
    context: Context, doc: Doc, parent: Doc | None, children: Sequence[int], *, edited: bool, as_product: bool
) -> Doc:
    """The reply for a kept product.

    `edited`: replies to writes show two fields more. `as_product`: a variation found by SKU among products has the
    fields of a product.
    """
    shown = dict(doc)
    managed = doc["manage_stock"] is True
    in_stock = not managed or int(doc["stock_quantity"] or 0) > 0
    if doc["type"] == "variable":
        in_stock = bool(children)
    shown["stock_status"] = "instock" if in_stock else "outofstock"
    shown["purchasable"] = bool(doc["price"])
    number, path = doc["id"], f"/products/{doc['id']}"
    if doc["type"] == "variation":
        return _show_variation(context, shown, parent or {}, as_product=as_product)
    slug = slug_of(doc["name"])
    shown |= {
        "slug": slug,
        "permalink": f"{context.base_url}/product/{slug}/",
        "has_options": doc["type"] == "variable",
        "variations": list(children),
        "attributes": [_attribute(position, item) for position, item in enumerate(doc["attributes"])],
        "price_html": _price_html(doc["price"]),
        "_links": {"self": context.link(path), "collection": context.link("/products")},
    }
    if edited:
        shown |= {"permalink_template": f"{context.base_url}/product/%pagename%/", "generated_slug": slug}
    assert shown["id"] == number
    return shown


def _show_variation(context: Context, shown: Doc, parent: Mapping[str, Any], *, as_product: bool) -> Doc:
    options = ", ".join(str(item.get("option", "")) for item in shown["attributes"])
    slug = slug_of(str(parent.get("name", "")))
    query = "&".join(f"attribute_{slug_of(str(i.get('name')))}={i.get('option')}" for i in shown["attributes"])
    shown["permalink"] = f"{context.base_url}/product/{slug}/?{query}"
    shown["attributes"] = [
        {"id": 0, "name": item.get("name"), "slug": slug_of(str(item.get("name"))), "option": item.get("option")}
        for item in shown["attributes"]
    ]
    parent_path = f"/products/{shown['parent_id']}"
    if not as_product:
        path = f"{parent_path}/variations"
        links = {
            "self": context.link(f"{path}/{shown['id']}"),
            "collection": context.link(path),
            "up": context.link(parent_path),
        }
        return shown | {"name": options, "_links": links}
    name = f"{parent.get('name', '')} - {options}"
    whole = new_product(shown["id"], "variation", name, shown["date_created"]) | shown
    whole.pop("image")
    return whole | {
        "name": name,
        "slug": slug_of(name),
        "tax_class": "",
        "categories": [],
        "reviews_allowed": False,
        "total_sales": "0",
        "average_rating": "0.00",
        "variations": [],
        "has_options": False,
        "price_html": _price_html(shown["price"]),
        "_links": {
            "self": context.link(f"/products/{shown['id']}"),
            "collection": context.link("/products"),
            "up": context.link(parent_path),
        },
    }


def variation_name(doc: Mapping[str, Any], parent: Mapping[str, Any]) -> str:
    """The name of a variation on an order line: `T-shirt - S`."""
    options = ", ".join(str(item.get("option", "")) for item in doc["attributes"])
    return f"{parent.get('name', '')} - {options}"


def slug_of(name: str) -> str:
    """The part of an address made from a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _attribute(position: int, item: Mapping[str, Any]) -> Doc:
    return {
        "id": 0,
        "name": item.get("name", ""),
        "slug": item.get("name", ""),
        "position": position,
        "visible": bool(item.get("visible")),
        "variation": bool(item.get("variation")),
        "options": list(item.get("options") or []),
    }


def _price_html(price: str) -> str:
    if not price:
        return ""
    return f'<span class="woocommerce-Price-amount amount"><bdi>{_SYMBOL}{price}</bdi></span>'
