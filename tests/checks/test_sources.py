"""Where usage is read from, and what becomes of a source that fails."""

import gzip
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.checks import Checked, table

ROWS = [{"customer_id": "acme", "used": 9, "limit": 10}, {"customer_id": "globex", "used": 1, "limit": 10}]
NDJSON = "".join(json.dumps(row) + "\n" for row in ROWS)


def error(checked: Checked, name: str = "api") -> str:
    result = checked.run(name)
    assert result.exit_codes, result
    return str(result["error"]["message"])


# Files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("usage.csv", "customer_id,used,limit\nacme,9,10\nglobex,1,10\n"),
        ("usage.csv", "\ufeffcustomer_id , used, limit\r\n\r\n acme, 9 ,10\r\n,,\r\nglobex,1,10"),
        ("usage.csv", 'customer_id,used,limit,note\nacme,9,10,"two\nlines"\nglobex,1,10,\n'),
        ("usage.json", json.dumps(ROWS)),
        ("usage.json", json.dumps({row["customer_id"]: row for row in ROWS})),
        ("usage.ndjson", NDJSON),
        ("usage.jsonl", NDJSON + "\n\n"),
        ("exports/usage.CSV", "customer_id,used,limit\nacme,9,10\nglobex,1,10\n"),
    ],
)
def test_a_file_is_read_by_its_ending(tmp_path: Path, name: str, text: str) -> None:
    checked = Checked(tmp_path, table(f'source = "{name}"'))
    checked.write(name, text)
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.run()["rows"] == 2


def test_the_line_of_a_row_is_where_it_begins(checked: Checked) -> None:
    checked.write("usage.csv", 'customer_id,used,limit\n"a\nb",9,10\n\nacme,x,10\n')
    assert checked.run()["problems"][0]["line"] == 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("usage.csv", b'customer_id,used,"limit\nacme,9,10\n', "usage.csv: the header cannot be read: a quote is"),
        ("usage.csv", b"customer_id,us\xe9d,limit\nacme,9,10\n", "usage.csv: the header is not UTF-8 (byte 0xe9)"),
        (
            "usage.csv",
            b"customer_id,used,used\n",
            'usage.csv: the column "used" stands twice in the header, as the 2nd',
        ),
        ("usage.csv", b"customer;used;limit\nacme;9;10\n", "usage.csv has no column customer_id (did you mean"),
        ("usage.csv", b"customer_id,usd,limit\n", 'usage.csv has no column used (did you mean "usd"?)'),
        ("usage.json", b"[{", "usage.json is not JSON"),
        ("usage.json", b'{"rows": 3}', "usage.json holds no list of objects"),
        ("usage.json", b"[" * 100_000, "usage.json is not JSON"),
        ("usage.json", b'[{"customer_id": "acme", "usage": 9, "limit": 1}]', "usage.json has no column used"),
        ("usage.ndjson", b'{"id": "acme", "used": 9, "limit": 1}\n', "usage.ndjson has no column customer_id"),
    ],
)
def test_a_file_that_cannot_be_believed_is_an_error(tmp_path: Path, name: str, text: bytes, words: str) -> None:
    checked = Checked(tmp_path, table(f'source = "{name}"'))
    (tmp_path / name).write_bytes(text)
    assert error(checked).startswith(words)
    assert checked.events == []


def test_a_row_that_cannot_be_read_stops_no_other(checked: Checked) -> None:
    checked.write("usage.csv", "")
    rows = b'customer_id,used,limit\nacme,9,10\nglobex,9,"10\nhooli,\xff,10\numbrella,9,10,11\nwayne,9,10\n'
    (checked.root / "usage.csv").write_bytes(rows)
    result = checked.run()
    assert [row["key"] for row in result["crossed"]] == ["acme", "wayne"]
    assert [(row["line"], row["problem"]) for row in result["problems"]] == [
        (3, "the row cannot be read: a quote is opened and never closed"),
        (4, "the row is not UTF-8 (byte 0xff)"),
        (5, "the row has 4 cells, the header 3"),
    ]


def test_nothing_of_json_that_breaks_off_is_believed(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.json"'))
    checked.write("usage.json", json.dumps(ROWS)[:-3])
    assert "usage.json is not JSON" in error(checked)
    assert checked.events == []


def test_a_line_that_is_no_json_is_a_row_that_cannot_be_judged(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    checked.write("usage.ndjson", NDJSON + '{"customer_id": "hoo\n[1]\n')
    result = checked.run()
    assert [row["line"] for row in result["problems"]] == [3, 4]
    assert result["emitted"] == 1


def test_a_file_that_is_not_there_is_an_error_that_names_it(checked: Checked) -> None:
    result = checked.run()
    assert result["error"]["message"] == "usage.csv cannot be read: No such file or directory"
    assert result.exit_codes == [75]


# stdin


def test_stdin_is_csv_or_ndjson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(tmp_path, table('source = "-"'))
    for text in (NDJSON, "customer_id,used,limit\nacme,9,10\nglobex,9,10\n"):
        stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(text.encode())))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert checked.run()["rows"] == 2
    monkeypatch.setattr(sys, "stdin", None)
    assert error(checked) == "stdin is closed"


# Commands


def command(*words: str) -> str:
    return f"command = {json.dumps([sys.executable, '-c', *words])}"


def test_ctrl_c_while_a_command_is_begun_ends_it(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a session of its own, so that Ctrl-C comes to the check alone: that must know it by then."""
    begun: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            begun.append(self)
            os.kill(os.getpid(), signal.SIGINT)

    checked.write("ingestlayer.toml", table(command("import time; time.sleep(100)")))
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        checked.run()
    assert begun[0].returncode == -signal.SIGKILL


def test_the_place_of_what_is_wrong_with_a_whole_file_is_said(checked: Checked) -> None:
    checked.write("ingestlayer.toml", table('source = "usage.json"'))
    checked.write("usage.json", '[{"customer_id": "acme"},\n {"customer_id" "hooli"}]')
    found = checked.run()["error"]
    assert (found["message"], found["hint"]) == (
        "usage.json is not JSON: a colon is missing",
        "look at line 2, column 17",
    )


@pytest.mark.parametrize("text", [NDJSON, "customer_id,used,limit\nacme,9,10\n", json.dumps(ROWS, indent=1)])
def test_a_command_prints_ndjson_csv_or_a_json_list(tmp_path: Path, text: str) -> None:
    checked = Checked(tmp_path, table(command(f"print({text!r})")))
    assert checked.crossed() == [("acme", 0.8)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            f"import sys; print({NDJSON!r}); sys.stdout.flush(); sys.exit('no\\nconnection')",
            "ended with 1: no connection",
        ),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_a_command_that_fails_is_an_error_whatever_it_printed(tmp_path: Path, code: str, words: str) -> None:
    checked = Checked(tmp_path, table(command(code)))
    assert error(checked) == f"{sys.executable} {words}"
    assert checked.events == []


def test_a_command_that_is_not_there_tells_of_path(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('command = ["usage-export"]'))
    result = checked.run()
    assert result["error"]["message"] == "usage-export cannot be started: No such file or directory"
    assert "PATH" in result["error"]["hint"]


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    words = f"sleep 600 & echo $! > '{mark}'; wait"
    checked = Checked(tmp_path, table(f'command = ["sh", "-c", "{words}"]', more='timeout = "1s"'))
    assert error(checked) == "sh took over 1 s"
    pid = int(mark.read_text())
    ends = time.monotonic() + 100
    while _runs(pid):
        assert time.monotonic() < ends, "the child of the command still runs"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_command_may_print_more_than_a_pipe_holds(tmp_path: Path) -> None:
    code = "print('customer_id,used,limit'); [print(f'c{n},1,10') for n in range(50_000)]"
    assert Checked(tmp_path, table(command(code))).run()["rows"] == 50_000


def test_a_command_runs_in_the_projects_folder(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('command = ["cat", "usage.csv"]'))
    assert checked.crossed(("acme", 9, 10)) == [("acme", 0.8)]


# SQLite


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "app.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE usage (customer TEXT, used REAL, quota INTEGER)")
        connection.executemany("INSERT INTO usage VALUES (?,?,?)", [("acme", 9.5, 10), ("globex", 1, None)])
        connection.commit()
    return path


def sqlite(query: str, more: str = "") -> str:
    return table('source = "sqlite:///app.db"', more=f'query = "{query}"\n{more}')


def test_a_query_with_a_column_twice_is_refused(database: Path) -> None:
    query = "SELECT customer AS customer_id, used, quota AS 'limit', 1 AS used FROM usage"
    assert error(Checked(database.parent, sqlite(query))) == 'app.db: the query has the column "used" twice'


def test_a_query_on_sqlite_names_the_columns(database: Path) -> None:
    checked = Checked(database.parent, sqlite("SELECT customer AS customer_id, used, quota AS 'limit' FROM usage"))
    result = checked.run()
    assert [row["key"] for row in result["crossed"]] == ["acme"]
    assert [row["problem"] for row in result["problems"]] == ["globex: limit is missing"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM usages", "app.db: no such table: usages"),
        ("DELETE FROM usage", "app.db: attempt to write a readonly database"),
        ("SELECT 1; SELECT 2", "app.db: You can only execute one statement at a time."),
        ("SELECT customer AS customer_id, used FROM usage", "app.db has no column limit"),
    ],
)
def test_a_query_that_fails_is_an_error(database: Path, query: str, words: str) -> None:
    assert error(Checked(database.parent, sqlite(query))) == words
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (2,)


def test_a_query_that_takes_too_long_is_ended(database: Path) -> None:
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    checked = Checked(database.parent, sqlite(query, 'timeout = "200ms"'))
    assert error(checked) == "app.db: the query took over 0.2 s"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert error(Checked(tmp_path, sqlite("SELECT 1"))) == "app.db does not exist"
    assert not (tmp_path / "app.db").exists()


# HTTP

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, Answer]]
    seen: ClassVar[list[tuple[str, dict[str, str]]]]

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        self.answers.get(self.path, _no_such_page)(self)

    def say(self, status: int, body: Any, raw: bytes | None = None) -> None:
        data = json.dumps(body).encode() if raw is None else raw
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _no_such_page(it: Handler) -> None:
    it.say(404, {"error": "no such page"})


class Server:
    def __init__(self) -> None:
        class Bound(Handler):
            answers: ClassVar[dict[str, Answer]] = {}
            seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

        self.handler = Bound
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def on(self, path: str, answer: Answer) -> None:
        self.handler.answers[path] = answer

    @property
    def seen(self) -> list[tuple[str, dict[str, str]]]:
        return self.handler.seen


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_json_over_http(tmp_path: Path, server: Server) -> None:
    server.on("/usage", lambda it: it.say(200, ROWS))
    assert Checked(tmp_path, table(f'source = "{server.url}/usage"')).crossed() == [("acme", 0.8)]


def test_pages_are_followed_with_the_headers_of_the_first(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METER_TOKEN", "s3cret")
    server.on("/usage", lambda it: it.say(200, {"data": {"rows": ROWS}, "next": "/usage?page=2"}))
    more = [{"customer_id": "hooli", "used": 9, "limit": 10}]
    server.on("/usage?page=2", lambda it: it.say(200, {"data": {"rows": more}, "next": None}))
    text = 'rows = "data.rows"\nnext = "next"\nheaders = { Authorization = "Bearer env:METER_TOKEN" }'
    checked = Checked(tmp_path, table(f'source = "{server.url}/usage"', more=text))
    assert checked.crossed() == [("acme", 0.8), ("hooli", 0.8)]
    assert [headers["Authorization"] for _, headers in server.seen] == ["Bearer s3cret"] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda it: it.say(401, {"error": "bad s3cret"}), ' answered 401: {"error": "bad [secret]"}'),
        (lambda it: it.say(500, None, b""), " answered 500"),
        (lambda it: it.say(200, None, b"<html>\nhi"), " answered no JSON: <html> hi"),
        (
            lambda it: it.say(200, None, b'{"rows": [{"customer_id": "a", "used": 99, "limit": 100, "used": 12}]}'),
            ' has the name "used" twice in one object: which of the two is meant?',
        ),
        (lambda it: it.say(200, {"rows": 1}), " holds no list of objects"),
        (
            lambda it: it.say(200, {"rows": ROWS, "next": "http://elsewhere.example/"}),
            ": its next page is on another server, elsewhere.example",
        ),
        (lambda it: it.say(200, {"rows": ROWS, "next": "/usage?key=1"}), ": page 1 names one before it as the next"),
        (lambda it: it.connection.close(), " cannot be read (RemoteProtocolError)"),
    ],
)
def test_what_an_endpoint_does_wrong_is_told_without_secrets(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setenv("METER_TOKEN", "s3cret")
    server.on("/usage?key=1", answer)
    text = 'rows = "rows"\nnext = "next"\nheaders = { Authorization = "Bearer env:METER_TOKEN" }'
    checked = Checked(tmp_path, table(f'source = "{server.url}/usage?key=1"', more=text))
    assert error(checked) == f"{server.url}/usage{words}"
    assert checked.events == []


@pytest.mark.parametrize("starts", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_an_endpoint_that_drips_is_not_waited_for(tmp_path: Path, server: Server, starts: bytes) -> None:
    def drip(it: Handler) -> None:
        it.wfile.write(starts)
        try:
            for _ in range(1000):
                it.wfile.write(b"1")
                time.sleep(0.1)
        except OSError:
            pass

    server.on("/usage", drip)
    checked = Checked(tmp_path, table(f'source = "{server.url}/usage"', more='timeout = "500ms"'))
    began = time.monotonic()
    assert error(checked) == f"{server.url}/usage took over 0.5 s"
    assert time.monotonic() - began < 50


def test_a_secret_that_is_not_set_is_an_error_of_configuration(tmp_path: Path, server: Server) -> None:
    text = 'headers = { Authorization = "env:NO_SUCH_TOKEN" }'
    checked = Checked(tmp_path, table(f'source = "{server.url}/usage"', more=text))
    result = checked.run()
    assert (result["error"]["kind"], result.exit_codes) == ("project", [78])
    assert "NO_SUCH_TOKEN" in result["error"]["message"]


# Memory


# The peak of a process counts what the one that started it held: a small one must.
PEAK = """
import os, resource, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(status, usage.ru_maxrss)
"""


def test_many_rows_take_memory_for_their_keys_alone(tmp_path: Path) -> None:
    rows = 200_000
    checked = Checked(tmp_path)
    checked.csv(*((f"customer-{number:07}", number % 70, 100) for number in range(rows)))
    warm = checked.folder.run("check", "-q")
    assert warm.code == 0, warm
    assert _peak(checked) < 60_000  # KiB; as dicts the rows would take twice as much


def test_what_is_known_takes_memory_for_its_keys_alone(tmp_path: Path) -> None:
    checked = Checked(tmp_path)
    checked.csv(*((f"customer-{number:07}", 1_000 + number, 1_000 + number) for number in range(50_000)))
    first = checked.folder.run("check", "-q", "--baseline")
    assert first.code == 0, first
    assert _peak(checked) < 70_000  # KiB; the rows and what they hold would take three times as much


def _peak(checked: Checked) -> int:
    """Return the peak memory of a check, in KiB."""
    program = Path(sys.executable).parent / "ingestlayer"
    command = [sys.executable, "-c", PEAK, str(program), "-C", str(checked.root), "check", "-q", "--no-deliver"]
    status, peak = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert status == 0
    return peak


# How it is written


def test_numbers_are_never_guessed_and_the_setting_that_reads_them_is_proposed(checked: Checked) -> None:
    checked.write("usage.csv", 'customer_id,used,limit\nacme,"9,100","10,000"\nglobex,9,10\n')
    result = checked.run()
    assert [row["problem"] for row in result["problems"]] == ["acme: used is '9,100', which is no number"]
    (note,) = result["notes"]
    assert note.startswith('usage.csv: format = { thousands = "," } would read')


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ('{ thousands = "," }', 'customer_id,used,limit\nacme,"9,100","10,000"\n'),
        ('{ decimal = ",", thousands = "." }', "customer_id;used;limit\nacme;9.100,0;10.000\n"),
        ("{ percent = true }", "customer_id,used,limit\nacme,91%,1\n"),
        ('{ currency = true, thousands = "," }', 'customer_id,used,limit\nacme,"$9,100.00","USD 10,000"\n'),
        ('{ delimiter = "|", quote = "\'" }', "customer_id|used|limit\n'acme'|9|10\n"),
        ('{ encoding = "cp1252" }', b"customer_id,used,limit,n\xf6te\nacme,9,10,\xe9\n"),
        ("{}", "customer_id,used,limit\nacme,9,10\n".encode("utf-16")),
        ("{}", "sep=;\r\ncustomer_id;used;limit\r\nacme;9;10\r\n"),
        ("{}", "customer_id\tused\tlimit\nacme\t9\t10\n"),
    ],
)
def test_a_source_is_read_as_it_is_written(tmp_path: Path, format: str, text: str | bytes) -> None:
    checked = Checked(tmp_path, table(more=f"format = {format}\nwhere = 'limit > 0'"))
    (tmp_path / "usage.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert checked.crossed() == [("acme", 0.8)]
    (payload,) = [payload for _, payload in checked.events]
    assert isinstance(payload["limit"], int | float)


@pytest.mark.parametrize(("name", "text"), [("usage.csv.gz", "customer_id,used,limit\nacme,9,10\n"), ("u.json.gz", "")])
def test_a_packed_file_is_read_by_the_ending_before(tmp_path: Path, name: str, text: str) -> None:
    checked = Checked(tmp_path, table(f'source = "{name}"'))
    (tmp_path / name).write_bytes(gzip.compress((text or json.dumps(ROWS)).encode()))
    assert checked.crossed() == [("acme", 0.8)]


def test_a_delimiter_that_the_header_has_is_said(checked: Checked) -> None:
    checked.write("usage.csv", "customer_id;used;limit\nacme;9;10\n")
    result = checked.run()
    assert result["notes"] == [
        'usage.csv is read with semicolons between its cells, as its header has it: format = { delimiter = ";" }'
    ]
    assert result["emitted"] == 1


def test_surplus_empty_cells_do_not_count_and_missing_ones_are_null(checked: Checked) -> None:
    checked.write("usage.csv", "customer_id,used,limit,plan\nacme,9,10,pro,\nglobex,9,10,pro,,\nhooli,9,10\n")
    result = checked.run()
    assert ([row["key"] for row in result["crossed"]], result["problems"]) == (["acme", "globex", "hooli"], [])


def test_keys_that_are_hardly_what_was_meant_are_said_once(checked: Checked) -> None:
    checked.csv(("1E+05", 1, 10), ("acme", 9, 10), ("ac\u200bme", 1, 10))
    result = checked.run()
    assert result["notes"] == [
        "usage.csv: line 2: a key is the number 1E+05, rounded by a spreadsheet: export the column as text;"
        " 1 more of its keys as odd"
    ]
    assert (result["emitted"], result["problems"]) == (1, [])


def test_keys_are_trimmed_and_composed(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    rows = [
        {"customer_id": " Cafe\u0301 ", "used": 9, "limit": 10},
        {"customer_id": "Caf\u00e9", "used": 9, "limit": 10},
    ]
    checked.write("usage.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
    result = checked.run()
    assert [row["key"] for row in result["crossed"]] == ["Caf\u00e9"]
    assert [row["problem"] for row in result["problems"]] == ["there is a row of Caf\u00e9 above: that one counts"]
    assert [payload["customer_id"] for _, payload in checked.events] == ["Caf\u00e9"]


def test_the_half_row_of_a_file_that_is_being_written_is_not_judged(checked: Checked) -> None:
    path = checked.root / "usage.csv"
    path.write_text("customer_id,used,limit\nacme,9,10\nglobex,478,1")
    result = checked.run()
    assert [row["key"] for row in result["crossed"]] == ["acme"]
    assert [row["line"] for row in result["problems"]] == [3]
    path.write_text("customer_id,used,limit\nacme,9,10\nglobex,478,1000\n")
    assert checked.crossed() == []
    os.utime(path, (1, 1))
    path.write_text("customer_id,used,limit\nacme,9,10\nglobex,478,1")
    os.utime(path, (1, 1))
    assert checked.crossed() == [("globex", 1.0)]  # it has been so for long: it is as it was meant
