"""Addresses of the carriers screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.carriers import bill_views, cash_views, rule_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.carrier_list, name="carriers"),
    path("cash/", cash_views.cash, name="cash"),
    path("cash.csv", cash_views.export, name="cash_csv"),
    path("cash/remittances/<int:pk>/", cash_views.remittance, name="cash_remittance"),
    path("cash/parcels/<int:pk>/", cash_views.parcel, name="cash_parcel"),
    path("cash/parcels/<int:pk>/write-off/", cash_views.write_off_parcel, name="cash_write_off"),
    path("cash/lines/<int:pk>/assign/", cash_views.assign, name="cash_assign"),
    path("cash/lines/<int:pk>/release/", cash_views.release, name="cash_release"),
    path("rules/", rule_views.rule_list, name="carrier_rules"),
    path("rules/new/", rule_views.rule_new, name="carrier_rule_new"),
    path("rules/<int:pk>/", rule_views.rule_edit, name="carrier_rule"),
    path("rules/<int:pk>/move/", rule_views.rule_move, name="carrier_rule_move"),
    path("rules/<int:pk>/remove/", rule_views.rule_remove, name="carrier_rule_remove"),
    path("bills/", bill_views.bill_list, name="carrier_bills"),
    path("bills/receive/", bill_views.bill_receive, name="carrier_bill_receive"),
    path("bills/<int:pk>/", bill_views.bill, name="carrier_bill"),
    path("bills/<int:pk>/check/", bill_views.bill_check, name="carrier_bill_check"),
    path("bills/<int:pk>/decide/", bill_views.bill_decide, name="carrier_bill_decide"),
    path("bills/<int:pk>/disputes.csv", bill_views.bill_disputes, name="carrier_bill_disputes"),
    path("bills/<int:pk>/file/", bill_views.bill_file, name="carrier_bill_file"),
    path("rate-cards/<slug:code>/", views.rate_card, name="rate_card"),
    path("<slug:code>/", views.carrier, name="carrier"),
    path("<slug:code>/settle/", views.settle, name="carrier_settle"),
]
