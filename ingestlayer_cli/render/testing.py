"""Outcomes of tests for a terminal, and as JUnit XML."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from ..operations.testing.cases import CaseOutcome, Failure
from ..system.terminal import clean
from .preview import preview

_STYLES = {"-": "red", "+": "green", "@": "cyan"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def listed(outcomes: Sequence[CaseOutcome]) -> Iterator[RenderableType]:
    """Yield a line for each test under its pipeline."""
    for file, tests in groupby(outcomes, key=lambda outcome: outcome.case.file):
        yield Text(clean(file), "bold")
        for outcome in tests:
            mark, style = ("✗", "red") if outcome.failures else ("✓", "green")
            yield Text.assemble("  ", (mark, style), " ", _one_line(outcome.case.name))


def failed(outcome: CaseOutcome) -> Iterator[RenderableType]:
    """Yield what a failed test has to say: where it stands, what was expected, and the trace."""
    case = outcome.case
    yield Text()
    yield Text.assemble(("FAILED", "bold red"), " ", (_one_line(case.name), "bold"))
    yield Text(clean(f"{case.file}:{case.line}"), "dim", overflow="fold")
    for failure in outcome.failures:
        yield from _failure(failure)
    if outcome.preview is not None:
        yield Text()
        for drawn in preview(outcome.preview):
            yield Padding(drawn, (0, 0, 0, 2), expand=False) if not _is_blank(drawn) else drawn


def _failure(failure: Failure) -> Iterator[RenderableType]:
    yield Text(f"  {failure.expectation}", "yellow")
    if failure.diff:
        for line in failure.diff:
            yield _indented(clean(line), _STYLES.get(line[:1], "dim"))
        return
    for name, style, value in (("expected", "green", failure.expected), ("got", "red", failure.got)):
        for index, line in enumerate(clean(value).split("\n")):
            yield Padding(Text.assemble((f"{name if index == 0 else '':9}", style), line), (0, 0, 0, 4), expand=False)


def _indented(line: str, style: str) -> RenderableType:
    return Padding(Text(line, style, overflow="fold"), (0, 0, 0, 4), expand=False)


def _is_blank(drawn: RenderableType) -> bool:
    return isinstance(drawn, Text) and not drawn.plain


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def junit(outcomes: Sequence[CaseOutcome], seconds: Sequence[float]) -> bytes:
    """Return the outcomes as JUnit XML; `seconds` is what each test took."""
    root = ElementTree.Element("testsuites", _counts(outcomes, seconds))
    timed = list(zip(outcomes, seconds, strict=True))
    for pipeline, group in groupby(timed, key=lambda pair: str(pair[0].case.pipeline["name"])):
        tests = list(group)
        counts = _counts([outcome for outcome, _ in tests], [took for _, took in tests])
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(pipeline), **counts})
        for outcome, took in tests:
            case = outcome.case
            names = {"name": _xml(case.name), "classname": _xml(pipeline), "file": _xml(case.file)}
            told = {**names, "line": str(case.line), "time": f"{took:.3f}"}
            element = ElementTree.SubElement(suite, "testcase", told)
            if outcome.failures:
                words = "; ".join(failure.expectation for failure in outcome.failures)
                found = ElementTree.SubElement(element, "failure", {"message": _xml(f"not as expected: {words}")})
                found.text = _xml("\n".join(_plain(failure) for failure in outcome.failures))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _counts(outcomes: Sequence[CaseOutcome], seconds: Sequence[float]) -> dict[str, str]:
    failures = sum(bool(outcome.failures) for outcome in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failures), "errors": "0", "time": f"{sum(seconds):.3f}"}


def _plain(failure: Failure) -> str:
    if failure.diff:
        return "\n".join([f"{failure.expectation}:", *failure.diff])
    return f"{failure.expectation}:\n  expected: {failure.expected}\n  got: {failure.got}"


def _xml(text: str) -> str:
    """Return a text with what XML 1.0 cannot hold replaced."""
    return _NOT_XML.sub("\ufffd", text)
