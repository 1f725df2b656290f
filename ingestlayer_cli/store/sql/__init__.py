"""The parts of a store that is read and written by SQL, each written once for all engines.

They speak as SQLite does; an engine that is spoken to otherwise translates it (`postgres/spoken.py`).
"""
