"""`pipelines pause --in-file` and `pipelines resume`: what becomes of the file."""

import os
import re
import stat
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestlayer_cli.project.edit import read
from ingestlayer_cli.project.status import write
from tests.support.folder import Folder

DESTINATION = '[[destinations]]\nuse = "slack"\nchannel = "#a"\n'
EMIT = ("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "--json")


def file(project: Folder) -> Path:
    return project.root / "pipelines/alert.toml"


def stamp(project: Folder) -> tuple[int, int]:
    """Return what changes when the file is written, or another one put in its place."""
    found = file(project).stat()
    return found.st_mtime_ns, found.st_ino


def paused(project: Folder, text: str) -> str:
    """Write the pipeline, pause it, and return its file."""
    file(project).write_bytes(text.encode())
    result = project.here("pipelines", "pause", "alert", "--in-file")
    assert result.code == 0, result
    assert project.here("pipelines", "list", "--json").json["pipelines"][0]["status"] == "paused"
    return file(project).read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('status = "active"\n', 'status = "paused"\n'),
        ('status = "active"   # active, or paused\n', 'status = "paused"   # active, or paused\n'),
        ("status='active'\n", "status='paused'\n"),
        ('status\t=\t"active"\n', 'status\t=\t"paused"\n'),
        ('"status" = "active"\n', '"status" = "paused"\n'),
        ('status = """active"""\n', 'status = """paused"""\n'),
        ("status = '''\nactive'''\n", "status = '''paused'''\n"),
        ('status = "\\u0061ctive"\n', 'status = "paused"\n'),
        ('# status = "active"\nstatus = "active"\n', '# status = "active"\nstatus = "paused"\n'),
        (
            'description = "status = \'active\'"\nstatus = "active"\n',
            'description = "status = \'active\'"\nstatus = "paused"\n',
        ),
        ('status = "active"\r\nmatch = []\r\n', 'status = "paused"\r\nmatch = []\r\n'),
        ('\ufeffstatus = "active"\n', '\ufeffstatus = "paused"\n'),
    ],
)
def test_the_status_is_edited_where_it_stands_and_nothing_else(tested: Folder, before: str, after: str) -> None:
    assert paused(tested, before + DESTINATION) == after + DESTINATION


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('match = ["usage"]\n', 'match = ["usage"]\nstatus = "paused"\n'),
        (
            'match = ["usage"]  # exact\n\n# To sales.\n',
            'match = ["usage"]  # exact\nstatus = "paused"\n\n# To sales.\n',
        ),
        ('match = [\n  "usage",  # ]\n]\n\n', 'match = [\n  "usage",  # ]\n]\nstatus = "paused"\n\n'),
        ('match = ["usage"]\r\n\r\n', 'match = ["usage"]\r\nstatus = "paused"\r\n\r\n'),
        ('description = "x"\n\n', 'description = "x"\nstatus = "paused"\n\n'),
        ('description = """\n[[a]]\nx\n"""\n\n', 'description = """\n[[a]]\nx\n"""\nstatus = "paused"\n\n'),
        ('description = """\n# x"""\n', 'description = """\n# x"""\nstatus = "paused"\n'),
        ("", 'status = "paused"\n'),
        ("# Who bumped a limit.\n\n# To sales.\n", '# Who bumped a limit.\nstatus = "paused"\n\n# To sales.\n'),
        ('\ufeffmatch = ["usage"]\n', '\ufeffmatch = ["usage"]\nstatus = "paused"\n'),
        ('match = ["usage"]\ndescription = "x"\n', 'match = ["usage"]\nstatus = "paused"\ndescription = "x"\n'),
    ],
)
def test_a_file_without_a_status_gets_the_line_before_its_first_table(tested: Folder, before: str, after: str) -> None:
    assert paused(tested, before + DESTINATION) == after + DESTINATION


def test_a_status_inside_other_tables_is_left_alone(tested: Folder) -> None:
    tested.declare("usage", '[fields]\ncustomer = "string"\nstatus = "string"\n')
    message = '[destinations.message.fields]\nstatus = "active"\n'
    event = 'event = { type = "usage", payload = { customer = "a", status = "active" } }\n'
    test = f'[[tests]]\nname = "t"\n{event}[tests.expect]\nmessages = 1\n'
    rest = DESTINATION + message + test
    assert paused(tested, 'match = ["usage"]\n' + rest) == 'match = ["usage"]\nstatus = "paused"\n' + rest


def test_a_file_of_one_line_without_its_end_gets_a_line(tested: Folder) -> None:
    assert paused(tested, 'match = ["usage"]') == 'match = ["usage"]\nstatus = "paused"'


PAIRS = [
    'match = ["usage"]',
    'match = [  # "]"\n  "usage", # x\n]',
    'description = "[[a]] # x"',
    "description = '''\n[[steps]]\nstatus = \"active\"\n# x'''",
    "# a comment",
    "",
]
TABLES = ['[[steps]]\nstatus = "active"', "# of the table\n[a]\nmatch = 1", '[[tests]] # x\nname = """\n[b]\n"""', "\n"]


@given(
    st.lists(st.sampled_from(PAIRS), max_size=4, unique_by=lambda pair: pair[:5] or id(pair)),
    st.lists(st.sampled_from(TABLES), max_size=4, unique=True),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_line_is_added_and_every_other_byte_stays(
    pairs: list[str], tables: list[str], newline: str, ended: bool
) -> None:
    text = "\n".join([*pairs, *tables]).replace("\n", newline) + (newline if ended else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.toml"
        path.write_bytes(text.encode())
        assert write(str(path), "a.toml", "paused")
        edited = path.read_bytes().decode()
        assert read(str(path), "a.toml")[1] == {**tomllib.loads(text), "status": "paused"}
    line = 'status = "paused"'
    assert text in [re.sub(added, "", edited) for added in (rf"{line}\r?\n", rf"\r?\n{line}")]


@pytest.mark.parametrize("status", ['status = "active"', "status = 'active' # so"])
def test_a_resumed_file_is_the_file_that_was_paused(tested: Folder, status: str) -> None:
    text = f"# a\n{status}\r\n{DESTINATION}"
    paused(tested, text)
    assert tested.here("pipelines", "resume", "alert").code == 0
    assert file(tested).read_bytes().decode() == text


def test_a_number_that_equals_no_other_does_not_keep_a_pipeline_from_being_paused(tested: Folder) -> None:
    step = '[[steps]]\nuse = "filter"\nconditions = [{ field = "used", op = ">", value = nan }]\n'
    file(tested).write_text(step + DESTINATION)
    assert tested.here("pipelines", "pause", "alert", "--in-file").code == 0
    assert file(tested).read_text() == 'status = "paused"\n' + step + DESTINATION


def test_pausing_twice_changes_nothing(tested: Folder) -> None:
    text = paused(tested, DESTINATION)
    before = stamp(tested)
    result = tested.here("pipelines", "pause", "alert", "--in-file")
    assert result.code == 0
    assert result.out == "alert is paused already\n"
    assert (file(tested).read_bytes().decode(), stamp(tested)) == (text, before)


def test_resuming_what_is_active_changes_nothing(tested: Folder) -> None:
    before = stamp(tested)
    assert tested.here("pipelines", "resume", "alert").out == "alert is active already\n"
    assert stamp(tested) == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_file_keeps_its_mode(tested: Folder, mode: int) -> None:
    file(tested).chmod(mode)
    tested.here("pipelines", "pause", "alert", "--in-file")
    assert stat.S_IMODE(file(tested).stat().st_mode) == mode


def test_a_link_stays_a_link(tested: Folder) -> None:
    target = tested.root / "elsewhere.txt"
    os.rename(file(tested), target)
    file(tested).symlink_to(target)
    tested.here("pipelines", "pause", "alert", "--in-file")
    assert file(tested).is_symlink()
    assert 'status = "paused"' in target.read_text()


def test_nothing_is_left_beside_the_file(tested: Folder) -> None:
    tested.here("pipelines", "pause", "alert", "--in-file")
    assert os.listdir(tested.root / "pipelines") == ["alert.toml"]


def test_a_paused_pipeline_does_not_fire(tested: Folder) -> None:
    assert len(tested.here(*EMIT).json["runs"]) == 1
    tested.here("pipelines", "pause", "alert", "--in-file")
    assert tested.here(*EMIT).json["runs"] == []


def test_a_paused_pipeline_drops_nothing_the_event_is_stored(tested: Folder) -> None:
    tested.here("pipelines", "pause", "alert", "--in-file")
    tested.here(*EMIT)
    assert tested.count("events") == 1


def test_a_resumed_pipeline_fires_again(tested: Folder) -> None:
    tested.here("pipelines", "pause", "alert", "--in-file")
    tested.here("pipelines", "resume", "alert")
    assert len(tested.here(*EMIT).json["runs"]) == 1


def test_pausing_says_what_it_means(tested: Folder) -> None:
    result = tested.here("pipelines", "pause", "alert", "--in-file")
    assert result.out == "alert is paused\n"
    assert "events are accepted and stored as before, and can be replayed" in result.err


def test_json_says_what_changed(tested: Folder) -> None:
    document = {"pipeline": "alert", "status": "paused", "changed": True, "file": "pipelines/alert.toml"}
    assert tested.here("pipelines", "pause", "alert", "--in-file", "--json").json == document
    assert tested.here("pipelines", "pause", "alert", "--in-file", "--json").json == {**document, "changed": False}


def test_a_mistake_in_another_file_does_not_keep_a_pipeline_from_being_paused(tested: Folder) -> None:
    tested.write("events/broken.toml", "type =")
    assert tested.here("pipelines", "pause", "alert", "--in-file").code == 0
    assert 'status = "paused"' in file(tested).read_text()


def test_a_file_that_is_not_toml_is_refused_with_the_place(tested: Folder) -> None:
    file(tested).write_text("match = [\n")
    result = tested.here("pipelines", "pause", "alert", "--in-file", "--json")
    assert result.code == 78
    assert result.error["details"][0]["path"].startswith("pipelines/alert.toml")
    assert file(tested).read_text() == "match = [\n"


def test_a_status_that_is_no_text_is_refused(tested: Folder) -> None:
    file(tested).write_text("status = 3\n" + DESTINATION)
    assert tested.here("pipelines", "pause", "alert", "--in-file").code == 78
    assert file(tested).read_text() == "status = 3\n" + DESTINATION


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_draft_is_neither_paused_nor_resumed(tested: Folder, command: str) -> None:
    file(tested).write_text('status = "draft"\n' + DESTINATION)
    result = tested.here("pipelines", command, "alert", "--in-file")
    assert result.code == 2
    assert "alert is a draft" in result.err
    assert 'status = "draft"' in file(tested).read_text()


@pytest.mark.parametrize("name", ["alrt", "../ingestlayer", ""])
def test_a_pipeline_that_there_is_not_is_a_usage_error(tested: Folder, name: str) -> None:
    result = tested.here("pipelines", "pause", name, "--in-file")
    assert result.code == 2
    assert "there is no pipeline" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tested: Folder) -> None:
    (tested.root / "pipelines").chmod(0o500)
    result = tested.here("pipelines", "pause", "alert", "--in-file")
    (tested.root / "pipelines").chmod(0o700)
    assert result.code == 78
    assert "cannot be written" in result.err
