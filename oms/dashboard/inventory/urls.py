"""Addresses of the inventory screens. SKUs go by id: their codes may be renamed and may hold any sign."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.inventory import audit_views, change_views, grid_views, level_views, node_views, sku_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", grid_views.grid, name="inventory"),
    path("export.csv", grid_views.export, name="inventory_export"),
    path("differences/", audit_views.differences, name="stock_differences"),
    path("differences/check/", audit_views.check, name="stock_check"),
    path("differences/<int:difference_id>/", audit_views.decide, name="stock_difference"),
    path("nodes/", node_views.nodes, name="nodes"),
    path("nodes/<slug:code>/", node_views.node, name="node"),
    path("nodes/<slug:code>/switch/", node_views.switch, name="node_switch"),
    path("nodes/<slug:code>/receive/", change_views.receive_stock, name="receive"),
    path("nodes/<slug:code>/move/", change_views.move_stock, name="move"),
    path("<int:sku_id>/", sku_views.sku, name="sku"),
    path("<int:sku_id>/<slug:code>/", level_views.level, name="level"),
    path("<int:sku_id>/<slug:code>/ledger/", level_views.ledger, name="ledger"),
    path("<int:sku_id>/<slug:code>/ledger.csv", level_views.ledger_export, name="ledger_export"),
    path("<int:sku_id>/<slug:code>/adjust/", change_views.adjust_stock, name="adjust"),
    path("<int:sku_id>/<slug:code>/safety/", change_views.safety_stock, name="safety_stock"),
]
