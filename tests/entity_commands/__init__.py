"""`entities get|list|set|import`, run as the program."""
