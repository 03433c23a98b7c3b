"""Addresses of the channels screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.channels import account_views, listing_views, message_views, quarantine_views, update_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", account_views.channel_list, name="channels"),
    path("quarantine/", quarantine_views.groups, name="quarantine"),
    path("quarantine/group/", quarantine_views.group, name="quarantine_group"),
    path("quarantine/replay/", quarantine_views.replay_group, name="quarantine_replay"),
    path("quarantine/ignore/", quarantine_views.ignore_group, name="quarantine_ignore"),
    path("messages/<int:pk>/", message_views.message, name="message"),
    path("messages/<int:pk>/try/", message_views.try_payload, name="message_try"),
    path("messages/<int:pk>/replay/", message_views.replay_message, name="message_replay"),
    path("messages/<int:pk>/ignore/", message_views.ignore, name="message_ignore"),
    path("messages/<int:pk>/skus/", message_views.sku_hits, name="message_skus"),
    path("messages/<int:pk>/map/", message_views.map_sku, name="message_map"),
    path("<slug:code>/", account_views.channel, name="channel"),
    path("<slug:code>/sync/", account_views.sync, name="channel_sync"),
    path("<slug:code>/test/", account_views.test, name="channel_test"),
    path("<slug:code>/pause/", account_views.pause, name="channel_pause"),
    path("<slug:code>/push/", account_views.push, name="channel_push"),
    path("<slug:code>/listings/", listing_views.listings, name="listings"),
    path("<slug:code>/listings/map/", listing_views.map_many, name="listings_map"),
    path("<slug:code>/listings/<int:pk>/unmap/", listing_views.unmap, name="listing_unmap"),
    path("<slug:code>/updates/", update_views.updates, name="updates"),
    path("<slug:code>/updates/retry/", update_views.retry, name="updates_retry"),
    path("<slug:code>/updates/<int:pk>/skip/", update_views.skip, name="update_skip"),
]
