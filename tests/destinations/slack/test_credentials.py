"""Secrets in a file of the user's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestlayer_cli.destinations.slack import credentials
from ingestlayer_cli.system.errors import ProjectError
from ingestlayer_cli.system.state import state_folder
from tests.support.person import MARK, OTHER, TOKEN, Person

SECRET = f"xoxb-{MARK}-here"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a keyring; returns our folder of their state."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN_SALES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state" / "ingestlayer"


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "project").mkdir()
    return str(tmp_path / "project")


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o027])
def test_only_the_owner_reads_the_file_whatever_the_umask(person: Person, umask: int) -> None:
    person.connect(umask=umask)
    assert person.kept.stat().st_mode & 0o777 == 0o600
    lock = person.kept.with_name("slack.json.lock")
    assert lock.stat().st_mode & 0o077 == 0


def test_no_folder_on_the_way_is_open_to_others_under_umask_0(person: Person) -> None:
    person.connect(umask=0)
    made = [person.home / ".local", person.home / ".local" / "state", person.kept.parent]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3


def test_a_file_that_others_could_read_is_private_after_the_next_change(person: Person) -> None:
    person.connect()
    person.kept.chmod(0o644)
    person.connect(OTHER)
    assert person.kept.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_beside_the_file(person: Person) -> None:
    person.connect()
    assert sorted(path.name for path in person.kept.parent.iterdir()) == ["slack.json", "slack.json.lock"]


def test_an_absolute_XDG_STATE_HOME_is_used(person: Person) -> None:
    person.connect(env={"XDG_STATE_HOME": str(person.home / "elsewhere")})
    assert (person.home / "elsewhere" / "ingestlayer" / "slack.json").exists()
    assert not person.kept.exists()


def test_a_relative_XDG_STATE_HOME_is_ignored(person: Person) -> None:
    person.connect(env={"XDG_STATE_HOME": "state"})
    assert person.kept.exists()
    assert not (person.root / "state").exists()


def test_without_HOME_the_password_database_tells_it(state: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME")
    import pwd

    assert state_folder() == f"{pwd.getpwuid(os.getuid()).pw_dir}/.local/state/ingestlayer"


def test_secrets_belong_to_one_project(state: Path, root: str, tmp_path: Path) -> None:
    credentials.keep(root, "bot", "", SECRET)
    assert credentials.kept(root, "bot") == (SECRET, str(state / "slack.json"))
    assert credentials.kept(str(tmp_path), "bot") is None


def test_a_link_to_a_project_is_that_project(state: Path, root: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    credentials.keep(str(tmp_path / "link"), "bot", "", SECRET)
    found = credentials.kept(root, "bot")
    assert found is not None
    assert found.value == SECRET


def test_each_workspace_has_its_own(state: Path, root: str) -> None:
    credentials.keep(root, "bot", "", SECRET)
    credentials.keep(root, "bot", "sales", SECRET + "-2")
    assert [credentials.kept(root, "bot", name) for name in ("", "sales", "other")] == [
        (SECRET, str(state / "slack.json")),
        (SECRET + "-2", str(state / "slack.json")),
        None,
    ]


def test_the_environment_wins(state: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.keep(root, "bot", "", SECRET)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-env\r\n")
    assert credentials.find(root, "bot") == ("xoxb-env", "the environment (SLACK_BOT_TOKEN)")


def test_an_empty_variable_is_none(state: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.keep(root, "bot", "", SECRET)
    monkeypatch.setenv("SLACK_BOT_TOKEN", " ")
    found = credentials.find(root, "bot")
    assert found is not None
    assert found.value == SECRET


def test_a_workspace_has_a_variable_of_its_own(state: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-default")
    monkeypatch.setenv("SLACK_BOT_TOKEN_SALES", "xoxb-sales")
    found = credentials.find(root, "bot", "sales")
    assert found is not None
    assert found.value == "xoxb-sales"


def test_removing_one_leaves_the_others(state: Path, root: str) -> None:
    credentials.keep(root, "bot", "", SECRET)
    credentials.keep(root, "bot", "sales", SECRET)
    assert credentials.remove(root, "sales")
    assert credentials.kept(root, "bot", "sales") is None
    assert credentials.kept(root, "bot") is not None
    assert not credentials.remove(root, "sales")


def test_another_project_with_the_same_token_is_named(state: Path, root: str, tmp_path: Path) -> None:
    credentials.keep(root, "bot", "", SECRET)
    credentials.keep(str(tmp_path), "bot", "", SECRET)
    assert credentials.others(root, "", SECRET) == [str(tmp_path)]
    assert credentials.others(root, "", SECRET + "-2") == []


def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(person: Person) -> None:
    (person.home / ".local").write_text("a file where a folder belongs")
    result = person.run("slack", "connect", "--token-stdin", stdin=TOKEN)
    assert result.code == 78
    assert "XDG_STATE_HOME" in result.err
    assert "connection" not in person.toml


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_told(person: Person) -> None:
    person.kept.parent.mkdir(parents=True)
    person.kept.parent.chmod(0o500)
    result = person.run("slack", "connect", "--token-stdin", stdin=TOKEN)
    assert result.code == 78
    assert "Permission denied" in result.err


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"5", b'{"/p": 5}', b'{"/p": {"": 5}}', b'{"/p": {"": {"bot": 5}}}', b"[" * 9999],
)
def test_a_damaged_file_is_told_with_its_place(state: Path, root: str, content: bytes) -> None:
    state.mkdir(parents=True)
    (state / "slack.json").write_bytes(content)
    with pytest.raises(ProjectError) as told:
        credentials.kept(root, "bot")
    assert told.value.message == f"{state / 'slack.json'} is damaged"


def test_connecting_keeps_a_damaged_file_as_it_is(person: Person) -> None:
    person.kept.parent.mkdir(parents=True)
    person.kept.write_text("{")
    result = person.run("slack", "connect", "--token-stdin", stdin=TOKEN)
    assert (result.code, person.kept.read_text()) == (78, "{")


def test_a_link_in_the_place_of_the_file_stays_one(state: Path, root: str, tmp_path: Path) -> None:
    state.mkdir(parents=True)
    (state / "slack.json").symlink_to(tmp_path / "ingestlayer" / "slack.json")
    (tmp_path / "ingestlayer").mkdir()
    credentials.keep(root, "bot", "", SECRET)
    assert (state / "slack.json").is_symlink()
    assert credentials.kept(root, "bot") is not None


def test_a_folder_with_a_name_that_is_no_UTF_8(state: Path, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/p\xff")
    os.mkdir(folder)
    credentials.keep(folder, "bot", "", SECRET)
    found = credentials.kept(folder, "bot")
    assert found is not None
    assert found.value == SECRET


def test_of_many_at_once_none_is_lost(state: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from ingestlayer_cli.destinations.slack import credentials as kept;"
        " kept.keep(sys.argv[1], 'bot', '', sys.argv[1])"
    )
    roots = [str(tmp_path / f"project-{number}") for number in range(8)]
    running = [subprocess.Popen([sys.executable, "-c", code, root]) for root in roots]
    assert [process.wait() for process in running] == [0] * 8
    assert sorted(json.loads((state / "slack.json").read_text())) == roots


KILLED = """
import os, signal, sys
from ingestlayer_cli.destinations.slack import credentials
setattr(os, sys.argv[1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
credentials.keep(sys.argv[2], "bot", "", sys.argv[3])
"""


def files(state: Path) -> list[str]:
    return sorted(path.name for path in state.iterdir())


def test_who_is_killed_while_it_writes_leaves_no_copy(state: Path, root: str) -> None:
    credentials.keep(root, "bot", "", OTHER)
    done = subprocess.run([sys.executable, "-c", KILLED, "fsync", root, SECRET])
    assert (done.returncode, files(state)) == (-9, ["slack.json", "slack.json.lock"])
    assert not any(SECRET in path.read_text() for path in state.iterdir())


def test_a_copy_that_was_left_is_removed_by_the_next_change(state: Path, root: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, "replace", root, SECRET])
    assert len(files(state)) == 2  # the lock and the copy
    credentials.remove(root)
    assert files(state) == ["slack.json", "slack.json.lock"]
    assert not any(SECRET in path.read_text() for path in state.iterdir())
