"""Addresses of the routing screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.routing import (
    draft_views,
    performance_views,
    plan_views,
    policy_views,
    publish_views,
    shadow_views,
    simulation_views,
    views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.routing, name="routing"),
    path("performance/", performance_views.performance, name="routing_performance"),
    path("performance/apply/", performance_views.performance_apply, name="routing_performance_apply"),
    path("performance/measure/", performance_views.performance_measure, name="routing_performance_measure"),
    path("versions/", policy_views.policies, name="routing_versions"),
    path("versions/<int:number>/", policy_views.version, name="routing_version"),
    path("versions/<int:number>/restore/", publish_views.version_restore, name="routing_restore"),
    path("versions/<int:number>/trial/", publish_views.version_trial, name="routing_trial"),
    path("drafts/new/", draft_views.draft_new, name="routing_draft_new"),
    path("drafts/<int:pk>/", draft_views.draft, name="routing_draft"),
    path("drafts/<int:pk>/rules/", draft_views.draft_rules, name="routing_draft_rules"),
    path("drafts/<int:pk>/rules/<int:index>/", draft_views.draft_rule, name="routing_draft_rule"),
    path("drafts/<int:pk>/publish/", publish_views.draft_publish, name="routing_publish"),
    path("drafts/<int:pk>/plan/", plan_views.draft_plan, name="routing_plan"),
    path("drafts/<int:pk>/discard/", draft_views.draft_discard, name="routing_discard"),
    path("drafts/<int:pk>/shadow/", shadow_views.draft_shadow, name="routing_shadow"),
    path("simulations/", simulation_views.simulations, name="routing_simulations"),
    path("simulations/new/", simulation_views.simulation_new, name="routing_simulation_new"),
    path("simulations/<int:pk>/", simulation_views.simulation, name="routing_simulation"),
    path("simulations/<int:pk>/cancel/", simulation_views.simulation_cancel, name="routing_simulation_cancel"),
    path("simulations/<int:pk>/changed.csv", simulation_views.simulation_csv, name="routing_simulation_csv"),
]
