"""How long cold commands take, as ratios to `python -c pass`: python -m tests.benchmarks.startup

An emit that posts its message to a Slack on this machine stands beside ten lines that post the same one by slack_sdk,
over http and, where there is an openssl to make a certificate, over https.
"""

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, repeat
from pathlib import Path

from tests.support.standin import SlackStandin

from .tools import SCRIPT, compile_all, example, interleaved

RUNS = 30
EVENT = ["--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro"]


def emits(project: str, more: list[str]) -> Iterator[list[str]]:
    """Each one a new event: declared type, enrich, composed message, durable commit."""
    for number in count():
        key = ["--key", f"benchmark:{os.getpid()}:{number}"]
        yield [SCRIPT, "-C", project, "emit", "usage.limit_reached", *EVENT, *key, *more]


STEPS = """
[[steps]]
use = "filter"
when = "$event.used > 0"
[[steps]]
use = "dedupe"
key = "$event.idempotency_key"
window = "1h"
"""


TOKEN = "xoxb-test"
STAND_IN = "from tests.benchmarks.startup import serve; serve()"
BY_SDK = """
import os

from slack_sdk import WebClient

client = WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url={url!r})
client.chat_postMessage(
    channel={channel!r},
    text={text!r},
    blocks={blocks!r},
)
"""
MAKE_CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
)


def serve() -> None:
    """Run a stand-in until stdin ends; over TLS with the certificate and key that are named."""
    with SlackStandin() as slack:
        url = slack.url
        if sys.argv[1:]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*sys.argv[1:])
            slack._server.socket = context.wrap_socket(slack._server.socket, server_side=True)
            url = url.replace("http:", "https:")
        print(url, flush=True)
        sys.stdin.read()


@contextmanager
def stand_in(*certificate: str) -> Iterator[str]:
    """Yield the address of a stand-in in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", STAND_IN, *certificate], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("")


def certificate(folder: Path) -> list[str]:
    """Make a certificate, let it be trusted beside those of this machine; return its files, none without openssl."""
    if shutil.which("openssl") is None:
        return []
    made = [str(folder / "cert.pem"), str(folder / "key.pem")]
    subprocess.run([*MAKE_CERTIFICATE.split(), "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    of_machine = ssl.get_default_verify_paths().cafile
    trusted = folder / "trusted.pem"
    trusted.write_text((Path(of_machine).read_text() if of_machine else "") + Path(made[0]).read_text())
    os.environ["SSL_CERT_FILE"] = str(trusted)
    return made


def posting(folder: Path, url: str) -> dict[str, Iterator[list[str]]]:
    """Return an emit that posts a message, and the ten lines that post the same one."""
    settings = folder / "ingestlayer.toml"
    own = f'connection = "bot"\napi_url = "{url}"\npace = "0s"'
    settings.write_text(settings.read_text().replace('connection = "terminal"', own))
    pipeline = folder / "pipelines" / "usage-limit-hits.toml"
    pipeline.write_text(pipeline.read_text().replace('mention = "$entity.customer.csm_email"\n', ""))  # one request
    time.sleep(0.1)
    shown = subprocess.run(
        [SCRIPT, "-C", str(folder), "preview", "usage.limit_reached", *EVENT, "--json"], check=True, stdout=-1
    ).stdout
    body = next(message["body"] for run in json.loads(shown)["runs"] for message in run["messages"])
    script = folder / "by_sdk.py"
    script.write_text(BY_SDK.format(url=url, **{name: body[name] for name in ("channel", "text", "blocks")}))
    scheme = url.partition(":")[0]
    return {
        f"posted to a local Slack, {scheme}": emits(str(folder), ["--json"]),
        f"  the same by slack_sdk, {scheme}": repeat([sys.executable, str(script)]),
    }


def main() -> None:
    os.environ["SLACK_BOT_TOKEN"] = TOKEN
    compile_all()
    measure_starts()
    measure_posting()


def measure_posting() -> None:
    with example("usage-limits") as plain, example("usage-limits") as secure:
        files = certificate(secure)
        with stand_in() as url, stand_in(*files) as secure_url:
            commands: dict[str, Iterator[list[str]]] = {"python -c pass": repeat([sys.executable, "-c", "pass"])}
            commands |= posting(plain, url)
            if files:
                commands |= posting(secure, secure_url)
            say(interleaved(commands, RUNS))


def measure_starts() -> None:
    with example("usage-limits") as folder:
        project = str(folder)
        pipeline = folder / "pipelines" / "usage-limit-hits.toml"
        head, first, rest = pipeline.read_text().partition("# A blocking limit")
        pipeline.write_text(head + STEPS + first + rest)
        time.sleep(0.1)  # a file that was just written is not cached
        commands: dict[str, Iterator[list[str]]] = {
            "python -c pass": repeat([sys.executable, "-c", "pass"]),
            "python -c 'import typer'": repeat([sys.executable, "-c", "import typer"]),
            "emit --no-deliver --json": emits(project, ["--no-deliver", "--json"]),
            "preview --json": repeat([SCRIPT, "-C", project, "preview", "usage.limit_reached", "--json"]),
            "preview": repeat([SCRIPT, "-C", project, "preview", "usage.limit_reached"]),
            "events list": repeat([SCRIPT, "-C", project, "events", "list"]),
            "--help": repeat([SCRIPT, "--help"]),
        }
        say(interleaved(commands, RUNS))


def say(medians: dict[str, float]) -> None:
    reference = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:34} {median * 1000:7.1f} ms  {median / reference:5.2f}×")


if __name__ == "__main__":
    main()
