"""Why an event went, or did not go, where."""
