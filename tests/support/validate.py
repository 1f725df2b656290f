"""Projects of `validate`'s tests: bundles of files in one text, and the lines that must be printed."""

import re
from pathlib import Path

from tests.support import ROOT
from tests.support.folder import Folder

BROKEN = ROOT / "tests" / "project" / "lint" / "broken"
BASE = {
    "ingestlayer.toml": '[entities.customer]\nfile = "customers.csv"\nkey = "id"\ntypes = { mrr = "number" }\n',
    "customers.csv": "id,name,mail,mrr\na,Ann,ann@x.example,5\nb,Bob,bob@x.example,7\n",
    "events/usage.toml": """type = "usage"
[fields]
customer = "string"
used = "number"
limit = "number"
plan = "string?"
metric = { enum = ["seats", "storage"] }
paid = "boolean"
day = "date"
note = { type = "string", max_length = 200 }
bag = "object"
""",
    "pipelines/alert.toml": """match = ["usage"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer"
[[destinations]]
use = "slack"
channel = "#alerts"
""",
}
# `--- file`, then its lines; `+++ file` adds lines to the file as the base has it; `--- file (none)` leaves it out.
_SECTION = re.compile(r"^(---|\+\+\+) (\S+)( \(none\))?\n", re.MULTILINE)


def unpacked(bundle: str) -> tuple[dict[str, str], list[str]]:
    """Return the files of a bundle and the lines of its last section, `--- printed`."""
    files = dict(BASE)
    heads = list(_SECTION.finditer(bundle))
    ends = [head.start() for head in heads[1:]] + [len(bundle)]
    for head, end in zip(heads, ends, strict=True):
        text = bundle[head.end() : end]
        if head[2] == "printed":
            return files, text.splitlines()
        if head[3]:
            del files[head[2]]
        else:
            files[head[2]] = (files[head[2]] if head[1] == "+++" else "") + text
    return files, []


def project_of(root: Path, files: dict[str, str]) -> Folder:
    """Write a project."""
    folder = Folder(root)
    for name, text in files.items():
        folder.write(name, text)
    return folder


def with_lines(**more: str) -> dict[str, str]:
    """Return the base project with lines added to `pipeline`, `event` or `project`, or another `csv`."""
    names = {"pipeline": "pipelines/alert.toml", "event": "events/usage.toml", "project": "ingestlayer.toml"}
    files = dict(BASE)
    for name, text in more.items():
        if name == "csv":
            files["customers.csv"] = text
        elif name in names:
            files[names[name]] += text
        else:
            raise ValueError(name)
    return files
