"""Destinations: one file each. Composing is pure; delivering classifies what came back."""
