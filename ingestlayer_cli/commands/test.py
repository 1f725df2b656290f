"""`test`: the tests that pipelines carry."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.projects import TestsDocument


def run(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="The tests of this pipeline only.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Write the golden bodies anew.")] = False,
    junit: Annotated[str | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit XML report.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Run the tests that the pipelines carry: what an event would post. Stores and sends nothing."""
    from time import perf_counter

    from ..engine.runtime import Runtime
    from ..operations import testing
    from ..operations.testing import goldens
    from ..operations.testing.cases import cases, document
    from ..project import load
    from ..system.console import Progress, say, say_json
    from ..system.errors import Exit
    from . import settings
    from .pipeline_name import check_name

    project = load(settings.project, keep=False).sound()
    if pipeline is not None:
        check_name(pipeline, [row["name"] for row in project.pipelines])
    outcomes, seconds = [], []
    progress = Progress("test", quiet)
    with Runtime(project, keep=False) as runtime:
        for case in cases(project, pipeline):
            started = perf_counter()
            outcomes.append(testing.run(runtime, case, update))
            seconds.append(perf_counter() - started)
            progress.at(len(outcomes))
    progress.end()
    written = goldens.update(outcomes) if update else []
    if junit is not None:
        _report(junit, outcomes, seconds)
    failures = sum(bool(outcome.failures) for outcome in outcomes)
    counts = {"passed": len(outcomes) - failures, "failed": failures}
    if json:
        told: TestsDocument = {
            "passed": counts["passed"],
            "failed": counts["failed"],
            "seconds": round(sum(seconds), 3),
            "updated": written,
            "tests": [document(outcome) for outcome in outcomes],
        }
        say_json(told)
        return Exit.FOUND if failures else Exit.OK
    _draw(outcomes, quiet)
    if not outcomes:
        say("no tests: write [[tests]] into a pipeline's file")
        return Exit.OK
    for name in written:
        say(f"wrote {name}")
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    say(f"{summary} in {sum(seconds):.2f} s", "red" if failures else "green")
    return Exit.FOUND if failures else Exit.OK


def _report(path: str, outcomes: list[Any], seconds: list[float]) -> None:
    from ..render.testing import junit
    from ..system.errors import UsageError

    try:
        with open(path, "wb") as file:
            file.write(junit(outcomes, seconds))
    except OSError as error:
        raise UsageError(f"--junit {path}: {error.strerror}") from None


def _draw(outcomes: list[Any], quiet: bool) -> None:
    """Print a line a test, then what the failed ones have to say; of a quiet call these alone."""
    from ..render.preview import Trimmed
    from ..render.screen import screen
    from ..render.testing import failed, listed

    console = screen()
    if not quiet:
        for drawn in listed(outcomes):
            console.print(Trimmed(drawn))
    for outcome in outcomes:
        for drawn in failed(outcome) if outcome.failures else ():
            console.print(Trimmed(drawn))
    if outcomes and not quiet:
        console.print()
