"""The store: contract.py is all that the rest of the program knows of it."""
