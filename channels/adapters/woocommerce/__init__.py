"""WooCommerce: REST v3, webhooks, stock and order updates."""
