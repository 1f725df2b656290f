"""What is wrong with a text that is no JSON, for people: Python's decoder speaks of delimiters and property names."""

from json import JSONDecodeError

# How its message begins, of every Python: what that means.
_WORDS = {
    "Expecting value": "a value is missing",
    "Expecting ',' delimiter": "a comma is missing, or its end",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting property name": "a name in double quotes is missing",
    "Illegal trailing comma": "a comma stands before the end",
    "Unterminated string": "a text is not closed",
    "Invalid control character": "a control character, like a line break, stands in a text: write it as \\n",
    "Invalid \\u": "\\u wants four hexadecimal digits",
    "Invalid \\escape": "a backslash stands before what it cannot escape: write it as \\\\",
    "Extra data": "something follows its end",
}


def words_of(error: JSONDecodeError) -> str:
    """Return what is wrong, without the place."""
    return next((words for start, words in _WORDS.items() if error.msg.startswith(start)), "it is broken")


def place_of(error: JSONDecodeError) -> str:
    """Return where it is."""
    return f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
