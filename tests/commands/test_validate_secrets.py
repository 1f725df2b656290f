"""People write secrets where they do not belong: no message repeats one, whatever else it says."""

import pytest

from tests.support.folder import ACME, Folder

HOOK = "https://hooks.slack.com/services/T012345/B012345/aBcDeFgHiJkL"
TOKEN = "xoxb-1234-5678-aBcDeFgH"
SECRETS = ("aBcDeFgH", "T012345", "1234-5678", "hunter2")


def hidden(text: str) -> bool:
    return not any(part in text for part in SECRETS)


@pytest.mark.parametrize(
    "line",
    [
        f'webhook_url = "{HOOK}"',
        f'bot = "{TOKEN}"',
        'bot = "hunter2"',
        'webhook = "hunter2"',
        f'conection = "{HOOK}"',
        f"anything = ['{TOKEN}']",
        f'"{TOKEN}" = 1',
        f'on_unknown = "{TOKEN}"',
        f'api_url = "{TOKEN}"',
        f'pace = "{HOOK}"',
        f'pace = "{TOKEN}',
    ],
)
def test_a_secret_among_the_settings_is_not_repeated(project: Folder, line: str) -> None:
    project.edit("ingestlayer.toml", "[slack]", f"[slack]\n{line}")
    for result in (project.run("validate"), project.run("validate", "--json"), project.emit(*ACME)):
        assert result.code in (1, 78)
        assert "ingestlayer.toml" in result.said
        assert hidden(result.said), result.said
    assert hidden(str(project.rows("SELECT message, details FROM dead_letters")))


def test_a_secret_as_the_connection_is_not_repeated(project: Folder) -> None:
    project.edit("ingestlayer.toml", 'connection = "terminal"', f'connection = "{HOOK}"')
    for result in (project.run("validate"), project.emit(*ACME), project.run("events", "list")):
        assert 'not "[secret]' in result.said or result.code == 1
        assert hidden(result.said), result.said


@pytest.mark.parametrize("line", [f'channel = "{HOOK}"', f'chanel = "{TOKEN}"', f'when = "{TOKEN} >"'])
def test_a_secret_in_a_pipeline_is_not_repeated_and_not_stored(project: Folder, line: str) -> None:
    project.write("pipelines/more.toml", f'[[destinations]]\nuse = "slack"\nchannel = "#a"\n{line}\n')
    for result in (project.run("validate"), project.emit(*ACME), project.emit(*ACME, "--key", "b", "--json")):
        assert hidden(result.said), result.said
    assert hidden(str(project.rows("SELECT reason FROM runs")))


@pytest.mark.parametrize("line", [f'channel = "{TOKEN}"', f'channel = "{HOOK}"', f'channel_default = "{TOKEN}"'])
def test_a_secret_is_no_channel(project: Folder, line: str) -> None:
    channel = "" if line.startswith("channel =") else 'channel = "$event.plan"\n'
    project.write("pipelines/more.toml", f'[[destinations]]\nuse = "slack"\n{channel}{line}\n')
    for result in (project.run("validate"), project.emit(*ACME)):
        assert (result.code in (1, 78), '"[secret]" is none' in result.said) == (True, True)
        assert hidden(result.said), result.said


@pytest.mark.parametrize(
    "arguments",
    [
        ("slack", "connect", TOKEN),
        ("slack", "connect", HOOK),
        ("slack", "connect", "--token", TOKEN),
        ("slack", "connect", f"--token={TOKEN}"),
        ("slack", TOKEN),
        ("deliver", TOKEN),
        ("emit", "usage.limit_reached", TOKEN),
        ("check", TOKEN),
    ],
)
def test_a_secret_on_the_command_line_is_not_repeated(project: Folder, arguments: tuple[str, ...]) -> None:
    for more in ((), ("--json",)):
        result = project.run(*arguments, *more)
        assert result.code == 2
        assert hidden(result.said), result.said


def test_it_is_told_where_a_secret_belongs(project: Folder) -> None:
    assert "it is asked for, or read from stdin" in project.run("slack", "connect", TOKEN).err
