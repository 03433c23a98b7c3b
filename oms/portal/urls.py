"""Addresses of the portal."""

from django.urls import path, re_path

from oms.portal import views

app_name = "portal"

urlpatterns = [
    path("<str:token>/", views.order_page, name="order"),
    path("<str:token>/cancel/", views.cancel_page, name="cancel"),
    re_path(r"^(?P<rest>.*)$", views.missing, name="missing"),
]
