"""Addresses of the carriers screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.carriers import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.carrier_list, name="carriers"),
    path("rate-cards/<slug:code>/", views.rate_card, name="rate_card"),
    path("<slug:code>/", views.carrier, name="carrier"),
    path("<slug:code>/settle/", views.settle, name="carrier_settle"),
]
