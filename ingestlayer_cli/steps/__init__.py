"""Steps: one file each. What they may touch comes through their `Context`."""
