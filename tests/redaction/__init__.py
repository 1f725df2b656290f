"""Detectors, masks, and that nothing leaks."""
