"""A stand-in for Slack over real HTTP, and the rules it holds messages to."""
