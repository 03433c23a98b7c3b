"""Addresses of the tower screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.tower import delivery_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.tower, name="tower"),
    path("tower/parts/<slug:name>/", views.panel, name="tower_panel"),
    path("tower/kinds/<slug:kind>/", views.kind, name="tower_kind"),
    path("tower/trouble/<slug:kind>/", views.trouble, name="tower_trouble"),
    path("tower/trouble/<slug:kind>/act/", views.act, name="tower_act"),
    path("deliveries/", delivery_views.deliveries, name="deliveries"),
    path("deliveries/replay/", delivery_views.replay, name="deliveries_replay"),
]
