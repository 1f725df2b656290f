"""The one reader of CSV, NDJSON and JSON: of entity files, of the sources of checks, and of batches.

Its rules, the same wherever a file comes from:

- **Form.** The ending says it: `.csv`, `.ndjson`, `.jsonl`, `.json` (a list of objects, or an object by key), each also
  with `.gz` behind it. What is packed is seen by its first bytes; so is what is no text at all (a workbook).
- **Letters.** UTF-8, or UTF-8 and UTF-16 as a byte order mark says, or `encoding`. A byte that is not of the encoding
  refuses its row alone.
- **Lines** end in LF, CR LF or CR, and have a number from 1. A line holds 1 MiB at most.
- **Delimiter.** `delimiter`, or what a first line `sep=;` says, or the comma. A header that is one cell and holds
  semicolons, tabs or bars is read with these, and that is said. Rows of data are never looked at for it.
- **Header.** The first line that is not blank. White space around a name is not of it; a column without a name is left
  out; a name that stands twice refuses the file, with both positions.
- **Cells.** White space around a cell is not of it, its letters are composed (Unicode NFC), an empty cell is null.
- **Rows.** Blank ones are none. Cells that are missing at the end are null, empty ones behind the header's last are
  ignored, and filled ones refuse the row. So do a quote that is not closed, and a name that an object has twice. One
  bad row never stops the others.
- **Keys** are compared as texts, without white space around them, composed: 42 is `42`.
- **A file that is being written.** A last line of a CSV without its line end, in a file that has changed within the
  last seconds, is half a row: it is refused until the line is whole. An empty entity file is no empty table.
"""
