"""Expressions, conditions and templates: one language for all project files."""
