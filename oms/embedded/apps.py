"""Registers the management commands of the embedded mode."""

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    """No models; only `manage.py up` and `manage.py prepare`."""

    name = "oms.embedded"
    label = "embedded"
