"""A strict receiver of webhooks on loopback."""
