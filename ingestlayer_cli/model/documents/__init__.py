"""What `--json` prints: each document once, by what it tells of. A start needs none of it: types alone read it."""
