"""The README is followed by a newcomer who types each command as written; what it shows is what comes out.

UPDATE_README=1 writes the outputs anew.
"""

import os
import re
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path

from tests import recording
from tests.newcomer import README, Newcomer
from tests.support import ROOT
from tests.support.standin import SlackStandin


def test_a_newcomer_comes_from_the_clone_to_slack_and_to_cron_by_its_words_alone(tmp_path: Path) -> None:
    with SlackStandin() as slack:
        newcomer = Newcomer(tmp_path.resolve(), slack, installed=True)
        shutil.copytree(ROOT / "examples", newcomer.clone / "examples", ignore=shutil.ignore_patterns(".ingestlayer"))
        assert "#alerts shown" in newcomer.set_up().said
        now = newcomer.reads()
        titles = [str(message.body["text"]) for message in slack.messages]
    if os.environ.get("UPDATE_README"):
        README.write_text(now, encoding="utf-8")
    assert now == README.read_text(encoding="utf-8")
    assert titles == [
        "Acme Inc is out of api-calls: 10,250 of 10,000 used (102.5%)",
        "Globex GmbH nears the limit of seats: 46 of 50 used (92%)",
        "Acme Inc is at 102.5% of api-calls: 10,250 of 10,000 used",
        "Globex GmbH is at 92% of seats: 46 of 50 used",
    ]


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 250


def test_the_recording_at_its_top_is_what_the_commands_print() -> None:
    drawn = recording.draw()
    assert recording.FILE.read_text(encoding="utf-8") == drawn
    assert "Acme Inc is out of api-calls" in recording.words(drawn)


def test_the_recording_stands_alone_and_stands_still_for_who_wants_that() -> None:
    text = recording.FILE.read_text(encoding="utf-8")
    assert xml.fromstring(text).tag.endswith("svg")
    assert re.search("<script|<image|@import|url\\((?!#window)", text) is None
    assert "@media (prefers-reduced-motion: reduce) { * { animation: none !important } }" in text
