"""Entity files: one row of a CSV, JSON or NDJSON file, found by its key."""
