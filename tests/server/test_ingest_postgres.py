"""The HTTP door over a store in PostgreSQL, and while that is away."""

from tests.support.folder import Folder
from tests.support.postgres import server
from tests.support.serving import Serving, usage


def test_what_is_answered_202_is_stored_though_the_database_was_away(project: Folder) -> None:
    text = (project.root / "ingestlayer.toml").read_text()
    project.write("ingestlayer.toml", f'{text}\n[store]\nurl = "env:DATABASE_URL"\n')
    with server() as own:
        env = {"DATABASE_URL": own.url}
        key = project.run("keys", "create", "shop", env=env).out.strip()
        with Serving(project, "--no-deliver", env=env) as serving:
            answers = [serving.post([usage(1)], key)]
            own.stop("fast")
            answers.append(serving.post([usage(2)], key))
            own.start()
            answers += [serving.post([usage(number)], key) for number in (3, 2)]
        found = [answer.json()["data"]["results"][0] for answer in answers]
        assert [answer.status_code for answer in answers] == [202] * 4
        assert [it["status"] for it in found] == ["accepted", "accepted", "accepted", "duplicate"]
        told = project.run("events", "export", env=env).out.splitlines()
        assert len(told) == 3
        assert found[3]["id"] == found[1]["id"]
