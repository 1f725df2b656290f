"""`check`: compare usage with limits, and emit what newly reached a level. Made for cron, which starts it often."""

from ..checks.report import failed_document
from ..checks.run import CheckOptions, check
from ..engine.runtime import Runtime
from ..engine.tally import send_due
from ..project import Project, load
from ..store.contract.sending import OPEN
from ..system.console import Progress, note, say, say_json
from ..system.document import Document
from ..system.errors import Exit, StoreError, UsageError, count_of, gravest, near_miss
from ..system.typed import TYPE_CHECKING, TomlTable
from . import Settings, note_unheard
from .arguments import LOG, NO_DELIVER, OUTPUT, WAIT, Arguments, Option, parse, wait_of
from .show import drawing, note_trouble, note_unsent

if TYPE_CHECKING:
    from ..model.documents.checks import CheckDocument, CheckedDocument, ChecksDocument, RowState, ShownRowDocument

CHECK = [
    Option("--dry-run", "", "Show what would be emitted; write nothing, send nothing."),
    Option("--baseline", "", "Take what is at a level as known: emit nothing. For the first run."),
    Option("--only", "KEY", "Rows with this in their key alone."),
    NO_DELIVER,
    WAIT,
    LOG,
    *OUTPUT,
]
HELP = "see `ingestlayer check --help`"
LISTED = 10  # problems that are shown
BAR = 16  # cells of a full bar


def run(settings: Settings, args: list[str]) -> Exit:
    """Run `check` with its arguments and return the exit code."""
    arguments = _parsed(args)
    project = load(settings.project, keep=not arguments.on("--dry-run"))
    chosen = _chosen(project, arguments.type)
    as_json, quiet = arguments.on("--json"), arguments.on("--quiet")
    progress = Progress("row", quiet or as_json)
    results: list[Document[CheckDocument]] = []
    earlier = Document()
    with Runtime(project, show=drawing(as_json or quiet)) as runtime:
        options = _options(arguments, runtime, progress)
        started = runtime.clock.now()
        for data in chosen:
            try:
                result = check(runtime, data, options)
            except StoreError as error:
                if not results:
                    raise
                result = failed_document(data["name"], error)
            progress.end()
            results.append(result)
            if not as_json:
                say_result(data, result, options, quiet)
        is_away = any("kept" in result for result in results)
        if options.deliver and not options.dry_run and not is_away:
            earlier = send_due(runtime, started, runtime.clock.steady() + options.wait, is_patient=True)
        if not options.dry_run and options.only is None and not is_away and runtime.project.hears_of_itself:
            from ..operations.alerts import tell_and_send

            earlier.hints += tell_and_send(runtime, options.wait if options.deliver else None)
        if quiet and not as_json and not is_away:
            note_unsent(runtime, sum(_drawn(result.told) for result in results))
        unheard = runtime.heart_faults()
    if as_json:
        document: ChecksDocument = {"checks": [result.told for result in results]}
        say_json(document)
    for words in () if as_json else earlier.hints:
        note(f"warning: {words}", "yellow")
    if not (as_json or quiet):
        note_unheard(unheard)
    return gravest(code for result in (*results, earlier) for code in result.exit_codes)


def _drawn(result: "CheckDocument") -> int:
    return result["deliveries"].get("shown", 0) if "deliveries" in result else 0


def _parsed(args: list[str]) -> Arguments:
    try:
        arguments = parse(args, CHECK, lambda _: None)
    except UsageError as error:
        raise UsageError(error.message, HELP) from None
    if arguments.on("--dry-run") and arguments.on("--baseline"):
        raise UsageError("--baseline remembers, and --dry-run writes nothing", "look with --dry-run first")
    for item in arguments.assignments:  # options that nobody knows, after the name of a check
        flag = item.flag.partition("=")[0]
        raise UsageError(f"unknown option {flag}{near_miss(flag, [option.flag for option in CHECK])}", HELP)
    return arguments


def _chosen(project: Project, name: str) -> list[TomlTable]:
    """Return the check of a name, or all of them."""
    if not project.checks:
        raise UsageError(
            "the project has no [checks.NAME] in ingestlayer.toml", "how one is written: ingestlayer explain checks"
        )
    if name and name not in project.checks:
        hint = f"there are: {', '.join(project.checks)}"
        raise UsageError(f"there is no check {name}{near_miss(name, project.checks)}", hint)
    chosen = [project.checks[name]] if name else list(project.checks.values())
    piped = [data["name"] for data in chosen if data["source"] == "-"]
    if len(piped) > 1:
        raise UsageError(f"{' and '.join(piped)} read stdin, and there is one", "name the check: check NAME")
    return chosen


def _options(arguments: Arguments, runtime: Runtime, progress: Progress) -> CheckOptions:
    decided = None
    if arguments.on("--log") and not arguments.on("--dry-run"):
        from ..system.log import Log

        decided = Log(arguments.options["--log"], "check", runtime.clock).add_all
    only, deliver = arguments.options.get("--only"), not arguments.on("--no-deliver")
    baseline, wait = arguments.on("--baseline"), wait_of(arguments)
    return CheckOptions(
        dry_run=arguments.on("--dry-run"),
        only=only,
        deliver=deliver,
        decided=decided,
        progress=progress.at,
        baseline=baseline,
        wait=wait,
    )


# What is shown --------------------------------------------------------------------------------------------


def say_result(data: TomlTable, document: "Document[CheckDocument]", options: CheckOptions, quiet: bool) -> None:
    """Show a table on stdout, and trouble, which is all that `-q` shows and cron mails, on stderr."""
    result = document.told
    if "error" in result:
        note(f"error: {result['check']}: {result['error']['message']}", "red")
        if result["error"]["hint"]:
            note(f"hint: {result['error']['hint']}", "yellow")
        if (stale := result["stale"]) is not None:
            note(f"{result['check']} says nothing since {stale['since']}: check.stale is emitted", "yellow")
    if "rows" in result:
        for words in result.get("notes", ()) if not quiet else ():
            note(f"note: {words}", "yellow")
        if not quiet:
            _say_table(data, result, options)
        _say_problems(result, options, quiet)
    if waiting := result["unfinished"]:
        words = "a message waits" if waiting == 1 else count_of(waiting, "message waits", "messages wait")
        when = f"at {result['retry_at']}" if result["retry_at"] else "once its pipeline has changed"
        note(f"error: {result['check']}: {words} for a run that failed; it is run again {when}", "red")
    note_trouble(document)


def _say_problems(result: "CheckedDocument", options: CheckOptions, quiet: bool) -> None:
    name, unit = result["check"], result["unit"]
    # A row that stays bad is one mail a day, not one each time.
    is_known = quiet and result["problems_known_since"] is not None
    problems, count = ([], 0) if is_known else (result["problems"], result["problem_count"])
    for reject in result["rejects"][:LISTED]:
        note(f"error: {name}: {unit} {reject[unit]}: {reject['message']}", "red")
    for bad in problems[:LISTED]:
        note(f"warning: {name}: {unit} {bad[unit]}: {bad['problem']}", "yellow")
    hidden = max(result["rejected"] - LISTED, 0) + max(count - LISTED, 0)
    if hidden:
        note(f"… and {count_of(hidden, 'more row')}: --json lists them")
    if any(row["problem"].endswith((" is 0", " is missing")) and row["key"] for row in problems):
        note('hint: rows without a limit are left out by a condition: where = "limit > 0"', "yellow")
    failed, deliveries = result["runs"]["failed"], result["deliveries"]
    if failed:
        note(f"error: {name}: {count_of(failed, 'run of a pipeline', 'runs of pipelines')} failed", "red")
    if deliveries["dead"]:
        refused = count_of(deliveries["dead"], "message was", "messages were")
        note(f"error: {name}: {refused} refused: ingestlayer deliveries list", "red")
    waiting = sum(deliveries[status] for status in OPEN)
    if waiting and options.deliver:
        words = count_of(waiting, "message still waits", "messages still wait")
        note(f"warning: {name}: {words}: ingestlayer deliver sends {'it' if waiting == 1 else 'them'}", "yellow")
    if options.only is not None and result["rows"] and result["rows"] == result["left_out"]:
        note(f"warning: {name}: no row has {options.only} in its key", "yellow")


def _say_table(data: TomlTable, result: "CheckedDocument", options: CheckOptions) -> None:
    from shutil import get_terminal_size

    width = get_terminal_size().columns
    left_out = f", {result['left_out']:,} left out" if result["left_out"] else ""
    period = f", {result['period']}" if result["period"] else ""
    say(f"{result['check']}: {count_of(result['rows'], 'row')}{left_out}{period}", "bold")
    shown = _shown(result)
    is_ratio = data["value"][0] == "/" or data["format"]["percent"]
    top = data["levels"][-1]
    numbers = [_number(row["value"], is_ratio) for row in shown]
    states = [_state(row, is_ratio, width) for row in shown]
    made_of = [_made_of(row["why"]) if width >= 110 else "" for row in shown]
    wide = [max(map(len, texts), default=0) for texts in (numbers, states, made_of)]
    key_width = max(12, min(width - sum(wide) - BAR - 10, max((len(row["key"]) for row in shown), default=0)))
    for row, number, state, parts in zip(shown, numbers, states, made_of, strict=True):
        key = row["key"] if len(row["key"]) <= key_width else row["key"][: key_width - 1] + "…"
        bar = _bar(row["value"] / top if top > 0 else 0)
        line = f"  {key:{key_width}}  {bar}  {number:>{wide[0]}}  "
        line += f"{parts:>{wide[2]}}  {state}" if wide[2] else state
        say(line.rstrip(), _STYLES.get(row["state"], ""))
    others = result["rows"] - result["left_out"] - result["problem_count"] - len(shown)
    if others > 0:
        say(f"  … and {others:,} more", "dim")
    for fell in result["cleared"][:LISTED]:
        before = _number(fell["previous"], is_ratio, exact=True)
        now = "has no row any more" if fell["value"] is None else f"fell to {_number(fell['value'], is_ratio)}"
        say(f"  {fell['key']} is over {before} no more: it {now}", "green")
    if len(result["cleared"]) > LISTED:
        say(f"  … and {len(result['cleared']) - LISTED:,} more that are over no more", "dim")
    say(_counts(result, options), "bold" if result["crossed"] else "")


def _shown(result: "CheckedDocument") -> "list[ShownRowDocument]":
    """Return what crossed and what is highest, the highest first."""
    events = {row["key"]: row["event"] for row in result["crossed"]}
    rows: list[ShownRowDocument] = [{**row, "event": events.get(row["key"])} for row in result["highest"]]
    known = {row["key"] for row in rows}
    unsaid: RowState = "taken" if any(row["state"] == "taken" for row in rows) else "new"
    rows += [
        {
            "key": row["key"],
            "value": row["value"],
            "level": row["level"],
            "state": unsaid if row["event"] is None else "emitted",
            "why": row["why"],
            "event": row["event"],
        }
        for row in result["crossed"][: len(known) or 20]
        if row["key"] not in known
    ]
    return sorted(rows, key=lambda row: -row["value"])


_STYLES = {
    "emitted": "green",
    "new": "green",
    "refused": "red",
    "known": "yellow",
    "unfinished": "red",
    "taken": "yellow",
}


def _state(row: "ShownRowDocument", is_ratio: bool, width: int) -> str:
    level = "" if row["level"] is None else _number(row["level"], is_ratio, exact=True)
    if row["state"] == "emitted":
        return f"emitted at {level}" + (f" {row['event']}" if width >= 110 and row["event"] else "")
    words = {"new": f"would be emitted at {level}", "known": f"known at {level}", "refused": f"refused at {level}"}
    words["unfinished"] = f"known at {level}, and its message waits"
    words["taken"] = f"known from now on at {level}"
    if row["state"] == "known" and not level:
        return ""
    return words.get(row["state"], "")


def _number(value: float, is_ratio: bool, exact: bool = False) -> str:
    if is_ratio:
        return f"{value * 100:.6g}%" if exact else f"{value:,.1%}"
    return f"{value:,.15g}" if exact else f"{value:,.6g}"


def _made_of(why: str) -> str:
    """Return the numbers of `used/limit = 9700/10000 = 0.97`."""
    parts = why.split(" = ")
    return parts[1] if len(parts) == 3 else ""


def _bar(part: float) -> str:
    import sys

    filled = min(max(round(part * BAR), 0), BAR)
    full, empty = ("█", "░") if (sys.stdout.encoding or "").lower().startswith("utf") else ("#", ".")
    return full * filled + empty * (BAR - filled)


def _counts(result: "CheckedDocument", options: CheckOptions) -> str:
    new = len(result["crossed"])
    unsaid = "a dry run" if options.dry_run else "known from now on" if options.baseline else ""
    parts = [
        f"{new:,} newly reached a level"
        + (f" (nothing is emitted: {unsaid})" if unsaid and (new or result["cleared"]) else "")
    ]
    parts += [f"{len(result['cleared']):,} cleared"] if result["cleared"] else []
    parts += [f"{result['emitted']:,} emitted"] if (new or result["cleared"]) and not unsaid else []
    parts += [f"{result['known']:,} known"] if result["known"] else []
    parts += [f"{result['rejected']:,} refused"] if result["rejected"] else []
    parts += [f"{result['problem_count']:,} not judged"] if result["problem_count"] else []
    sent = {status: count for status, count in result["deliveries"].items() if count}
    if sent:
        parts.append("messages: " + ", ".join(f"{count:,} {status}" for status, count in sent.items()))
    return "; ".join(parts)
