"""What an event is, and the rules about it: pure."""
