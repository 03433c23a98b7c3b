"""Addresses of the routing screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.routing import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.routing, name="routing"),
    path("versions/", views.versions, name="routing_versions"),
]
