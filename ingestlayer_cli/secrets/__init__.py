"""Secrets are named in project files and read when they are needed."""
