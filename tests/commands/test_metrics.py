"""`metrics` as cron calls it."""

import os
from concurrent.futures import ThreadPoolExecutor

from prometheus_client.parser import text_string_to_metric_families

from tests.support.folder import ACME, Folder


def names(text: str) -> set[str]:
    return {family.name for family in text_string_to_metric_families(text)}


def test_it_prints_what_prometheus_reads_and_leaves_no_file(shared: Folder) -> None:
    before = sorted(shared.root.rglob("*"))
    result = shared.run("metrics")
    assert (result.code, result.err) == (0, "")
    assert "ingestlayer_build_info" in names(result.out)
    assert sorted(shared.root.rglob("*")) == before


def test_a_file_is_written_at_once_and_readable_for_others(project: Folder) -> None:
    project.emit(*ACME, "--no-deliver")
    out = project.write("textfile/ingestlayer.prom", "before\n")
    result = project.run("metrics", "--out", "textfile/ingestlayer.prom")
    assert (result.code, result.said) == (0, "")
    assert "ingestlayer_deliveries" in names(out.read_text())
    assert os.listdir(out.parent) == [out.name]  # where a collector would find what is half written
    assert out.stat().st_mode & 0o444 == 0o444


def test_a_file_that_cannot_be_written_is_said_and_what_is_there_stays(shared: Folder) -> None:
    result = shared.run("metrics", "--out", "gone/x.prom")
    assert result.code == 2
    assert result.err.startswith("error: gone/x.prom cannot be written: No such file or directory\nhint: ")


def test_what_is_no_file_is_written_to_and_not_replaced(shared: Folder) -> None:
    os.mkfifo(pipe := shared.root / "pipe")
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(pipe.read_text)
        shared.run("metrics", "--out", "pipe")
        assert "ingestlayer_up" in names(read.result())
    assert pipe.is_fifo()
    pipe.unlink()


def test_json_has_the_same_numbers(project: Folder) -> None:
    project.emit(*ACME, "--no-deliver")
    found = {metric["name"]: metric for metric in project.run("metrics", "--json").json["metrics"]}
    assert set(found) == names(project.run("metrics").out)
    (sample,) = found["ingestlayer_events"]["samples"]
    assert sample == {"labels": {"project": str(project.root), "type": "usage.limit_reached"}, "value": 1}


def test_a_store_that_cannot_be_read_is_down_and_an_error(project: Folder) -> None:
    project.write(".ingestlayer/store.db", "no store")
    result = project.run("metrics", "--out", "x.prom")
    assert result.code == 78
    assert "is not a SQLite database" in result.err
    assert 'ingestlayer_up{project="' in (project.root / "x.prom").read_text()
    assert "} 0\n" in (project.root / "x.prom").read_text()


def test_a_project_whose_files_are_broken_has_numbers_all_the_same(project: Folder) -> None:
    project.edit("ingestlayer.toml", "[slack]", "[slak]")
    result = project.run("metrics")
    assert result.code == 0
    assert 'ingestlayer_project_valid{project="' + str(project.root) + '"} 0' in result.out
    assert "slak" in result.err
    assert project.run("metrics", "-q").err == ""
