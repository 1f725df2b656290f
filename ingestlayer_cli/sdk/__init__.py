"""Typed clients for other programs, made from a project's declarations: files that `sdk` writes, or compares.

Each language is a module with `files(project)`, and a folder of the same name with the texts that are the same for
every project.
"""
