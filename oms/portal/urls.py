"""Addresses of the portal."""

from django.urls import path, re_path

from oms.portal import answer_views, views

app_name = "portal"

urlpatterns = [
    path("<str:token>/", views.order_page, name="order"),
    path("<str:token>/cancel/", views.cancel_page, name="cancel"),
    path("<str:token>/on-my-way/", views.on_my_way, name="on_my_way"),
    path("<str:token>/here/", views.here, name="here"),
    path("<str:token>/deliver/<int:parcel>/", answer_views.deliver, name="deliver"),
    path("<str:token>/send-back/<int:parcel>/", answer_views.send_back, name="send_back"),
    path("<str:token>/not-here/<int:parcel>/", answer_views.not_here, name="not_here"),
    re_path(r"^(?P<rest>.*)$", views.missing, name="missing"),
]
