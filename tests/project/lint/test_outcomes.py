"""What conditions can come to: what is called impossible never comes about."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.language.expressions import Node, evaluator, truth
from ingestlayer_cli.language.parser import parse
from ingestlayer_cli.project.lint.outcomes import can_hold, domain_of, is_always_null

FIELDS: list[list[Any]] = [
    ["n", "number", False, None, "", None],
    ["m", "number", True, None, "", None],
    ["s", "string", True, None, "", None],
    ["d", "date", False, None, "", None],
    ["b", "boolean", False, None, "", None],
    ["e", "string", False, ["x", "y", "5"], "", None],
    ["o", "object", True, None, "", None],
]
DECLARED = {"type": "t", "fields": FIELDS}
DOMAIN = domain_of(DECLARED)

_numbers = st.sampled_from([0, 1, 5, -2, 2.5])
_texts = st.sampled_from(["x", "y", "5", "", "2026-11-03", "abc"])
_payloads = st.fixed_dictionaries(
    {
        "n": _numbers,
        "d": st.sampled_from(["2026-11-03", "2025-01-01"]),
        "b": st.booleans(),
        "e": st.sampled_from(["x", "y", "5"]),
    },
    optional={"m": _numbers, "s": _texts, "o": st.sampled_from([{}, {"in": 5}, {"in": "x"}])},
)
_paths = st.sampled_from(["n", "m", "s", "d", "b", "e", "o", "o.in", "gone", "payload.e", "type", "id"])
_leaves: st.SearchStrategy[Node] = st.one_of(
    _paths.map(lambda path: ["ref", ["event", *path.split(".")]]),
    st.one_of(_numbers, _texts, st.none(), st.booleans()).map(lambda value: ["lit", value]),
)
_BINARY = ["and", "or", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "contains"]


def _larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.tuples(st.sampled_from(_BINARY), inner, inner).map(list),
        st.tuples(st.sampled_from(["not", "neg"]), inner).map(list),
        st.lists(inner, max_size=3).map(lambda items: ["list", items]),
    )


_nodes = st.recursive(_leaves, _larger, max_leaves=8)


def _scope(payload: dict[str, Any]) -> dict[str, Any]:
    envelope = {"id": "evt_1", "type": "t", "payload": payload}
    return {"event": {**payload, **envelope}, "entity": {}}


@settings(max_examples=400, deadline=None)
@given(st.lists(_nodes, min_size=1, max_size=3), _payloads)
def test_conditions_that_hold_together_were_not_called_impossible(nodes: list[Node], payload: dict[str, Any]) -> None:
    if all(truth(evaluator(node)(_scope(payload))) for node in nodes):
        assert can_hold(nodes, DOMAIN)
        assert can_hold(nodes, domain_of(None))


@settings(max_examples=400, deadline=None)
@given(_nodes, _payloads)
def test_a_node_that_comes_to_something_was_not_called_null(node: Node, payload: dict[str, Any]) -> None:
    if evaluator(node)(_scope(payload)) is not None:
        assert not is_always_null(node, DOMAIN)


def test_many_values_and_comparisons_are_looked_at_in_bounded_time() -> None:
    fields = [[f"f{n}", "string", False, [f"v{i}" for i in range(50)], "", None] for n in range(20)]
    text = " and ".join(f"$event.f{n} == 'v{n}' and $event.u{n} > {n}" for n in range(20))
    assert can_hold(
        [parse(text)], domain_of({"type": "t", "fields": fields + [[f"u{n}", "number"] for n in range(20)]})
    )
