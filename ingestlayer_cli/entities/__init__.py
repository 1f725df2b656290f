"""Entity files: one row of a CSV, JSON or NDJSON file, found by its key."""

from ingestlayer_cli.entities.file import EntityFile, Row

__all__ = ["EntityFile", "Row"]
