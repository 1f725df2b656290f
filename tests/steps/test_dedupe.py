"""`dedupe`: one message for a key inside a window of the events' own time."""

from tests.support.pipe import START, Pipe

DEDUPE = "[[steps]]\nuse = 'dedupe'\nkey = '$event.customer_id'\nwindow = '24h'\n"


def test_the_second_event_of_a_key_inside_the_window_is_dropped(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    first = pipe.emit(customer_id="acme")
    pipe.clock.passes("23h")
    (run,) = pipe.emit(customer_id="acme").runs
    assert (run.outcome, run.dropped_by) == ("dropped", "dedupe")
    assert first.event.id in run.reason
    assert "2026-11-04T09:30:00.000Z" in run.reason
    assert pipe.messages() == ["acme"]


def test_after_the_window_the_key_goes_through_again(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    pipe.emit(customer_id="acme")
    pipe.clock.passes("24h")
    assert pipe.outcome(customer_id="acme") == "queued"


def test_one_millisecond_before_its_end_the_window_still_holds(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    pipe.emit(customer_id="acme")
    pipe.clock.passes("24h")
    pipe.clock.at -= 1
    assert pipe.outcome(customer_id="acme") == "dropped"


def test_a_dropped_event_does_not_lengthen_the_window(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    outcomes = []
    for _ in range(4):
        outcomes.append(pipe.outcome(customer_id="acme"))
        pipe.clock.passes("12h")
    assert outcomes == ["queued", "dropped", "queued", "dropped"]


def test_another_key_is_not_held_up(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    assert pipe.outcome(customer_id="acme") == "queued"
    assert pipe.outcome(customer_id="globex") == "queued"


def test_a_key_of_several_parts_tells_their_borders_apart(pipe: Pipe) -> None:
    pipe.steps(DEDUPE.replace("$event.customer_id", "$event.customer_id:$event.metric"))
    assert pipe.outcome(customer_id="a", metric="b:c") == "queued"
    assert pipe.outcome(customer_id="a", metric="b") == "queued"
    assert pipe.outcome(customer_id="a", metric="b") == "dropped"


def test_a_key_with_a_null_in_it_is_not_deduplicated_and_says_so(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    assert [pipe.outcome(metric="seats") for _ in range(2)] == ["queued", "queued"]
    assert "null" in pipe.traced(metric="seats")["note"]


def test_the_window_runs_on_the_events_own_time_in_a_backfill(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    assert pipe.outcome("2026-01-01T00:00:00Z", customer_id="acme") == "queued"
    assert pipe.outcome("2026-01-01T23:59:59Z", customer_id="acme") == "dropped"
    assert pipe.outcome("2026-01-02T00:00:00Z", customer_id="acme") == "queued"
    assert pipe.outcome(customer_id="acme") == "queued"


def test_an_older_event_that_comes_late_is_held_up_by_the_newer_one(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    assert pipe.outcome(START, customer_id="acme") == "queued"
    assert pipe.outcome("2026-11-03T08:00:00Z", customer_id="acme") == "dropped"
    assert pipe.outcome("2026-11-02T09:30:00Z", customer_id="acme") == "queued"


def test_a_key_is_remembered_only_when_a_message_was_queued(pipe: Pipe) -> None:
    pipe.steps(DEDUPE, destination='when = "$event.used > 5"')
    assert pipe.outcome(customer_id="acme", used=1) == "dropped"
    assert pipe.outcome(customer_id="acme", used=9) == "queued"
    assert pipe.outcome(customer_id="acme", used=9) == "dropped"


def test_a_drop_by_a_later_step_leaves_no_memory(pipe: Pipe) -> None:
    pipe.steps(DEDUPE + "[[steps]]\nuse = 'filter'\nwhen = '$event.used > 5'")
    assert pipe.outcome(customer_id="acme", used=1) == "dropped"
    assert pipe.outcome(customer_id="acme", used=9) == "queued"


def test_pipelines_remember_for_themselves(pipe: Pipe) -> None:
    pipe.steps(DEDUPE, "one")
    pipe.emit(customer_id="acme")
    pipe.steps(DEDUPE, "two")
    assert [run.outcome for run in pipe.emit(customer_id="acme").runs] == ["dropped", "queued"]


def test_a_preview_reads_the_memory_and_writes_none(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    assert pipe.preview(customer_id="acme")["outcome"] == "queued"
    assert pipe.outcome(customer_id="acme") == "queued"
    assert pipe.preview(customer_id="acme")["dropped_by"] == "dedupe"


def test_the_note_of_a_new_key_names_key_and_window(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    note = pipe.traced(customer_id="acme")["note"]
    assert "acme" in note
    assert "1d" in note


def test_two_dedupes_of_one_pipeline_keep_their_keys_apart(pipe: Pipe) -> None:
    pipe.steps(DEDUPE + DEDUPE.replace("customer_id", "metric"))
    assert pipe.outcome(customer_id="x", metric="y") == "queued"
    assert pipe.outcome(customer_id="y", metric="x") == "queued"
    assert pipe.outcome(customer_id="x", metric="z") == "dropped"
