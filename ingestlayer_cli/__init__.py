"""Know in Slack the moment something worth acting on happens to a customer."""

__version__ = "0.1.0"
