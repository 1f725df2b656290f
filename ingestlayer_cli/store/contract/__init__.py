"""What the rest of the program knows of a store: immutable values in the words of the domain.

A file for each use, since a start of the program needs few of them.
"""
