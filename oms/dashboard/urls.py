"""Addresses of the ops dashboard, one module per noun."""

from django.urls import include, path

from oms.dashboard.styleguide import styleguide

app_name = "dashboard"

urlpatterns = [
    path("", include("oms.dashboard.tower.urls")),
    path("orders/", include("oms.dashboard.orders.urls")),
    path("fulfil/", include("oms.dashboard.fulfil.urls")),
    path("inventory/", include("oms.dashboard.inventory.urls")),
    path("routing/", include("oms.dashboard.routing.urls")),
    path("promise/", include("oms.dashboard.promise.urls")),
    path("returns/", include("oms.dashboard.returns.urls")),
    path("channels/", include("oms.dashboard.channels.urls")),
    path("carriers/", include("oms.dashboard.carriers.urls")),
    path("settings/", include("oms.dashboard.settings.urls")),
    path("jobs/", include("oms.dashboard.jobs.urls")),
    path("_styleguide/", styleguide, name="styleguide"),
    path("_styleguide/<slug:page>/", styleguide, name="styleguide_page"),
]
