"""The pages of docs are topics, and so are their sections."""

from ingestlayer_cli.reference import every, matching, named
from tests.support import DOCS


def test_every_page_is_a_topic_and_leads_to_its_sections() -> None:
    topics = every()
    assert {it.name for it in topics if it.kind == "page"} == {f"docs/{path.stem}" for path in DOCS.glob("*.md")}
    (slack,) = named(topics, "docs/slack")
    assert "docs/slack#what-may-go-wrong-on-the-way-to-slack" in slack.keys
    assert {name for it in topics if it.kind == "page" for name in it.keys} == {
        it.name for it in topics if it.kind == "section"
    }


def test_a_word_of_a_page_finds_its_section() -> None:
    found = [it.name for it in matching(every(), "spreadsheet spoilt")]
    assert found == ["docs/checks#exports-as-they-are"]


def test_a_table_of_a_name_comes_before_a_page_about_it() -> None:
    assert named(every(), "slack")[0].kind == "table"
