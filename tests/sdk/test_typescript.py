"""The types of @ingestlayer/sdk: what fits the declarations compiles, and nothing else does."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ingestlayer_cli.project import load
from ingestlayer_cli.sdk import typescript
from tests.support import DOCS
from tests.support.door import Door
from tests.support.folder import Folder
from tests.support.node import compiled, installed, node, tools

EVERY = '''
description = """Ends */ here
and goes on"""
[fields]
text = { type = "string", max_length = 10, description = "What */ it says" }
level = { enum = [1, 2.5, "three"] }
whole = "integer?"
ok = "boolean"
day = "date?"
at = "datetime"
tags = "array?"
more = "object?"
"odd name" = "string?"
"__proto__" = "string?"
'''
# As the recipe has it, to the letter.
RECIPE = """
import { ingest } from "@ingestlayer/sdk";

await ingest("usage.limit_reached", {
  customer_id: account.id,
  metric:      "api-calls",
  limit:       account.plan.apiLimit,
  used:        account.usage.apiCalls,
  plan:        account.plan.name,
}, {
  idempotencyKey: `${account.id}:api-calls:${period}`,
});
"""
AROUND_IT = """
declare const account: { id: string; plan: { name: string; apiLimit: number }; usage: { apiCalls: number } };
declare const period: string;
"""
RIGHT = """
import { createClient, enqueue, flush, ingest, ingestBatch, IngestError } from "@ingestlayer/sdk";
import type { BatchEvent, Events, Result } from "@ingestlayer/sdk";

interface Address { city: string }
const address: Address = { city: "Berlin" };
const every: Events["every.field"] = { text: "a", level: 2.5, ok: true, at: new Date() };
const usage: Events["usage.limit_reached"] = { customer_id: "acme", metric: "seats", limit: 5, used: 6, plan: "pro" };
const found: Result = await ingest("every.field", every, { idempotencyKey: "a", timestamp: new Date() });
const { id, status }: { id: string; status: "accepted" | "duplicate" } = found;
await ingest("every.field", { ...every, at: "2026-11-03T09:30:00Z", whole: null, day: undefined, tags: [1, "b"] });
await ingest("every.field", { ...every, more: address, "odd name": "x" }, { signal: new AbortController().signal });
const events: BatchEvent[] = [{ type: "every.field", payload: every }, { type: "usage.limit_reached", payload: usage }];
const { results } = await ingestBatch(events, { signal: null });
await ingestBatch([5, 6].map((used) => ({ type: "usage.limit_reached" as const, payload: { ...usage, used } })));
for (const result of results) if (result.status === "rejected") console.log(result.error.message);
enqueue("usage.limit_reached", usage, { timestamp: "2026-11-03T09:30:00Z" });
const client = createClient({ url: "https://events.example.com", key: "il_", fetch, onError: ({ kind }) => kind });
await client.flush().catch((error: unknown) => error instanceof IngestError && error.details[0]?.path);
await flush();
console.log(id, status);
"""
WRONG = {
    "a misspelt event": 'ingest("usage.limit_reachd", usage)',
    "the payload of another event": 'ingest("every.field", usage)',
    "a field that is missing": 'ingest("usage.limit_reached", { customer_id: "a", limit: 5, used: 6, plan: "a" })',
    "a misspelt field": 'ingest("usage.limit_reached", { ...usage, usd: 6 })',
    "a text for a number": 'ingest("usage.limit_reached", { ...usage, used: "6" })',
    "a number for a text": 'ingest("usage.limit_reached", { ...usage, customer_id: 6 })',
    "null where a value is required": 'ingest("usage.limit_reached", { ...usage, plan: null })',
    "undefined where a value is required": 'ingest("usage.limit_reached", { ...usage, plan: undefined })',
    "a value that the enum lacks": 'ingest("usage.limit_reached", { ...usage, metric: "api-cals" })',
    "any text for an enum": 'ingest("usage.limit_reached", { ...usage, metric: text })',
    "a number that the enum lacks": 'ingest("every.field", { ...every, level: 3 })',
    "a text for a boolean": 'ingest("every.field", { ...every, ok: "true" })',
    "a number for a time": 'ingest("every.field", { ...every, at: 1793698200 })',
    "a Date for a day": 'ingest("every.field", { ...every, day: new Date() })',
    "an object for an array": 'ingest("every.field", { ...every, tags: { a: 1 } })',
    "an array for an object": 'ingest("every.field", { ...every, more: [1] })',
    "a text for an object": 'ingest("every.field", { ...every, more: "a" })',
    "a text for a whole number": 'ingest("every.field", { ...every, whole: "1" })',
    "no payload": 'ingest("usage.limit_reached")',
    "an option that is none": 'ingest("usage.limit_reached", usage, { idempotency_key: "a" })',
    "a number for a key": 'ingest("usage.limit_reached", usage, { idempotencyKey: 1 })',
    "a number for a timestamp": 'ingest("usage.limit_reached", usage, { timestamp: Date.now() })',
    "a wrong value in a batch": 'ingestBatch([{ type: "usage.limit_reached", payload: { ...usage, used: "6" } }])',
    "a misspelt event in a batch": 'ingestBatch([{ type: "usage.limit_reachd", payload: usage }])',
    "a wrong value for the buffer": 'enqueue("usage.limit_reached", { ...usage, metric: "x" })',
    "an undeclared event": 'ingest("page.viewed", { path: "/" })',
}
# Where undeclared events are accepted, a name may be any; what is declared is as strict.
WRONG_WHERE_OPEN = {
    name: call for name, call in WRONG.items() if call.count('"usage.limit_reachd"') == 0 and "undeclared" not in name
} | {
    "a text as a payload": 'ingest("page.viewed", "/")',
    "an array as a payload": 'ingest("page.viewed", ["/"])',
    "a wrong value beside an undeclared event": (
        'ingestBatch([{ type: "page.viewed", payload: {} }, { type: "every.field", payload: { ...every, ok: 1 } }])'
    ),
}
RIGHT_WHERE_OPEN = """
await ingest("page.viewed", { path: "/", at: 1 });
await ingest("page.viewed", address);
await ingest(String(1), {});
await ingestBatch([{ type: "page.viewed", payload: { path: "/" } }, { type: "every.field", payload: every }]);
"""
COMMONJS = """
import sdk = require("@ingestlayer/sdk");
export const sent: Promise<sdk.Result> = sdk.ingest("every.field", { text: "a", level: 1, ok: true, at: new Date() });
"""
OPTIONS = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "skipLibCheck": False,
    "target": "es2022",
    "lib": ["es2022"],
    "types": ["node"],
    "module": "node16",
    "outDir": "out",
}
ERROR = re.compile(r"^([\w/.-]+)\((\d+),\d+\): error", re.MULTILINE)


class Compiled(NamedTuple):
    """What tsc said of the programs in a folder: the wrong lines, by file."""

    folder: Path
    said: str

    def lines(self, name: str) -> set[int]:
        return {int(line) for file, line in ERROR.findall(self.said) if file == name}


def wrong_lines(calls: dict[str, str]) -> str:
    head = RIGHT.split("const found")[0].strip() + "\ndeclare const text: string;\n"
    return head + "\n".join(f"{call};" for call in calls.values()) + "\nconsole.log(enqueue, ingestBatch, address);\n"


def first_wrong(text: str, calls: dict[str, str]) -> int:
    return text.splitlines().index(next(iter(calls.values())) + ";") + 1


@pytest.fixture(scope="module")
def declared(shared: Folder) -> Folder:
    shared.declare("every.field", EVERY)
    return shared


@pytest.fixture(scope="module")
def program(declared: Folder, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Programs of a project that takes declared events alone, and of one that takes any: compiled in one run."""
    tools()
    folder = tmp_path_factory.mktemp("program")
    for name, calls, right in (("closed", WRONG, RIGHT), ("open", WRONG_WHERE_OPEN, RIGHT + RIGHT_WHERE_OPEN)):
        if name == "open":
            declared.edit("ingestlayer.toml", "[slack]", '[events]\nundeclared = "accept"\n[slack]')
        assert declared.run("sdk", "typescript", "--out", folder / f"sdk-{name}").code == 0
        about = folder / f"sdk-{name}" / "package.json"
        about.write_text(
            about.read_text().replace('"version": "', f'"version": "0.0.0-{name}-')
        )  # tsc takes twins for one
        (folder / name).mkdir()
        installed(folder / f"sdk-{name}", folder / name)
        for file, text in (("right.ts", right), ("wrong.ts", wrong_lines(calls)), ("common.cts", COMMONJS)):
            (folder / name / file).write_text(text)
    (folder / "closed" / "recipe.ts").write_text(RECIPE)
    (folder / "closed" / "page.ts").write_text(
        (DOCS / "programs.md").read_text().partition("```ts\n")[2].partition("```")[0]
    )
    (folder / "closed" / "around.d.ts").write_text(AROUND_IT)
    (folder / "package.json").write_text('{"type": "module"}')
    settings = {
        "compilerOptions": {**OPTIONS, "typeRoots": ["closed/node_modules/@types"]},
        "include": ["closed", "open"],
    }
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    return Compiled(folder, compiled(folder))


@pytest.mark.parametrize("name", ["closed", "open"])
def test_what_fits_compiles(program: Compiled, name: str) -> None:
    calls = WRONG if name == "closed" else WRONG_WHERE_OPEN
    assert len(calls) >= 20
    files = {file for file, _ in ERROR.findall(program.said)}
    assert files <= {"closed/wrong.ts", "open/wrong.ts"}, program.said
    assert min(program.lines(f"{name}/wrong.ts")) >= first_wrong(wrong_lines(calls), calls)


@pytest.mark.parametrize(
    ("name", "number", "what"),
    [("closed", number, what) for number, what in enumerate(WRONG)]
    + [("open", number, what) for number, what in enumerate(WRONG_WHERE_OPEN)],
)
def test_what_does_not_fit_does_not_compile(program: Compiled, name: str, number: int, what: str) -> None:
    calls = WRONG if name == "closed" else WRONG_WHERE_OPEN
    assert first_wrong(wrong_lines(calls), calls) + number in program.lines(f"{name}/wrong.ts"), calls[what]


def test_the_recipe_compiles_as_it_stands_and_runs(program: Compiled) -> None:
    """The first import of a bundler's program; there is no DOM, nor Node, whose types it would need."""
    settings = {
        "extends": "./tsconfig.json",
        "compilerOptions": {"module": "esnext", "moduleResolution": "bundler", "types": []},
        "include": ["closed/recipe.ts", "closed/around.d.ts"],
    }
    (program.folder / "bundler.json").write_text(json.dumps(settings))
    assert compiled(program.folder, "-p", "bundler.json") == ""
    script = (program.folder / "out" / "recipe.js").read_text()
    account = {"id": "acme", "plan": {"name": "pro", "apiLimit": 10_000}, "usage": {"apiCalls": 10_250}}
    head = f"globalThis.account = {json.dumps(account)}; globalThis.period = '2026-11';"
    with Door() as door:
        node(program.folder / "closed", head + script, {"INGESTLAYER_URL": door.url})
    (event,) = door.events()
    assert (event["idempotencyKey"], event["payload"]["used"]) == ("acme:api-calls:2026-11", 10_250)


# What is written ------------------------------------------------------------------------------------------


def test_descriptions_are_doc_comments_that_no_text_ends(declared: Folder) -> None:
    text = typescript.files(load(str(declared.root), keep=False))["index.d.ts"]
    assert '  /**\n   * Ends *\\/ here\n   * and goes on\n   */\n  "every.field": {' in text
    assert "    /** What *\\/ it says At most 10 characters. */\n    text: string;" in text


def test_a_key_of_the_declaration_that_reads_the_time_is_known_to_the_client(declared: Folder) -> None:
    text = typescript.files(load(str(declared.root), keep=False))["index.js"]
    assert 'const KEYED_BY_TIME = new Set(["usage.limit_reached"]);' in text


def test_nothing_of_node_is_imported(declared: Folder) -> None:
    made = typescript.files(load(str(declared.root), keep=False))
    for name in ("index.js", "index.cjs"):
        assert not re.search(r"\b(import .* from|require\(|import\()", made[name])
    assert "dependencies" not in json.loads(made["package.json"])
