"""The parts of a store that is read and written by SQL, each written once for all engines.

They speak as SQLite does, with `?` for values; where engines differ, a `Dialect` has the words.
"""
