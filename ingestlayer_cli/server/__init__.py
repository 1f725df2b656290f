"""The HTTP door, over the same engine: `serve`."""
