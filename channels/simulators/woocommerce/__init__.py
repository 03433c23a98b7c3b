"""A simulated WooCommerce store with buyers, webhooks and faults; start it with `manage.py simulate_store`."""
