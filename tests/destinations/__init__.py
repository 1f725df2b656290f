"""The Slack destination, against a strict stand-in over real HTTP on loopback."""
