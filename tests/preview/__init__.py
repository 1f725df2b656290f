"""`preview`: what emit would do, and how the message will look."""
