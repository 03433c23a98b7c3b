"""Addresses of the routing screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.routing import policy_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.routing, name="routing"),
    path("versions/", policy_views.policies, name="routing_versions"),
    path("versions/<int:number>/", policy_views.version, name="routing_version"),
]
