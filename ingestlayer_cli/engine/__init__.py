"""The one way of an event through the program: begin with flow.py."""
