"""Addresses of the portal."""

from django.urls import path, re_path

from oms.portal import views

app_name = "portal"

urlpatterns = [
    path("<str:token>/", views.order_page, name="order"),
    path("<str:token>/cancel/", views.cancel_page, name="cancel"),
    path("<str:token>/on-my-way/", views.on_my_way, name="on_my_way"),
    path("<str:token>/here/", views.here, name="here"),
    re_path(r"^(?P<rest>.*)$", views.missing, name="missing"),
]
