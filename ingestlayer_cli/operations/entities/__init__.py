"""Entities for people: what is known of one and from where, lists of them, and traits set by hand or imported.

The store's traits lie over the row of the kind's file, name by name, as `enrich.entity` has it.
"""
