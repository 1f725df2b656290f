"""`keys`: made and shown once, listed, revoked."""

from hashlib import sha256

import pytest

from tests.support.folder import Folder


def test_a_key_is_printed_once_and_its_hash_is_stored(project: Folder) -> None:
    made = project.run("keys", "create", "shop")
    key = made.out.strip()
    assert key.startswith("il_")
    assert len(key) == 3 + 43  # 256 bits
    assert project.rows("SELECT name, hash FROM api_keys") == [("shop", sha256(key.encode()).hexdigest())]
    assert key not in project.run("keys", "list").said + project.run("keys", "list", "--json").said
    assert all(key.encode() not in path.read_bytes() for path in project.root.rglob("*") if path.is_file())


def test_the_list_says_what_each_is_for_and_worth(project: Folder) -> None:
    assert project.run("keys", "list").out == "no key yet: ingestlayer keys create NAME\n"
    project.run("keys", "create", "shop", "--types", "usage.*,trial.lost", "--types", "user.signed_up")
    project.run("keys", "create", "old", "--expires", "1s")
    project.run("keys", "create", "gone")
    assert project.run("keys", "revoke", "gone").out == "gone is revoked\n"
    listed = {line["name"]: line for line in project.run("keys", "list", "--json").json["keys"]}
    assert listed["shop"]["types"] == ["usage.*", "trial.lost", "user.signed_up"]
    assert [listed[name]["status"] for name in ("shop", "gone")] == ["active", "revoked"]
    assert "gone  revoked  never used  *" in project.run("keys", "list").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "shop"), "there is a key shop already"),
        (("create", "shop 2"), "no name of a key"),
        (("create", "x", "--types", "usage*"), "not an event type"),
        (("create", "x", "--expires", "90"), "is not a duration"),
        (("create", "x", "--expires", "0d"), "never good"),
        (("revoke", "shp"), '(did you mean "shop"?)'),
    ],
)
def test_what_cannot_be_done_is_said(shared: Folder, arguments: tuple[str, ...], words: str) -> None:
    shared.run("keys", "create", "shop")
    result = shared.run("keys", *arguments)
    assert (result.code, words in result.err) == (2, True), result


def test_a_type_that_is_not_declared_is_remarked_on(project: Folder) -> None:
    said = project.run("keys", "create", "shop", "--types", "usage.limit_reachd").err
    assert 'no declared event is usage.limit_reachd (did you mean "usage.limit_reached"?)' in said


def test_keys_need_no_sound_project(project: Folder) -> None:
    project.write("ingestlayer.toml", "nonsense = 1\n")
    assert project.run("keys", "create", "shop").code == 0
    assert project.run("keys", "revoke", "shop").code == 0
    assert project.run("keys", "revoke", "shop").code == 2
