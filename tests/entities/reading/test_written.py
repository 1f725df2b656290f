"""Numbers and dates as `format` says that they are written, and what is proposed where it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestlayer_cli.entities.reading.written import Proposal, dates_of, numbers_of


@pytest.mark.parametrize(
    ("format", "text", "plain"),
    [
        ({"thousands": ","}, "10,250", "10250"),
        ({"thousands": ","}, "1,00,000", "100000"),
        ({"thousands": ","}, "9,1", None),
        ({"thousands": ","}, "12.5", "12.5"),
        ({"decimal": ",", "thousands": "."}, "9.100,50", "9100.50"),
        ({"decimal": ",", "thousands": "."}, "9.10", None),
        ({"decimal": ","}, "85,5", "85.5"),
        ({"decimal": ","}, "85.5", None),
        ({"thousands": " "}, "9\u202f100", "9100"),
        ({"thousands": "'"}, "9’100.5", "9100.5"),
        ({"percent": True}, "85%", "0.85"),
        ({"percent": True}, "12,5 %", None),
        ({"percent": True}, "85", "85"),
        ({"currency": True, "thousands": ","}, "$1,900.00", "1900.00"),
        ({"currency": True, "decimal": ",", "thousands": "."}, "1.900,00 €", "1900.00"),
        ({"currency": True}, "-£5", "-5"),
        ({"currency": True}, "USD 5", "5"),
        ({"currency": True}, "many", None),
    ],
)
def test_a_number_is_read_as_it_is_written(format: dict[str, Any], text: str, plain: str | None) -> None:
    read = numbers_of(format)
    assert read is not None
    assert read(text) == plain


@given(st.integers(-(10**12), 10**12), st.integers(0, 99), st.sampled_from([(".", ","), (",", "."), (",", " ")]))
def test_any_number_in_any_writing(whole: int, part: int, way: tuple[str, str]) -> None:
    decimal, thousands = way
    written = f"{whole:,}".replace(",", thousands) + f"{decimal}{part:02}"
    read = numbers_of({"decimal": decimal, "thousands": thousands})
    assert read is not None
    assert read(written) == f"{whole}.{part:02}"


def test_without_a_setting_there_is_nothing_to_read() -> None:
    assert numbers_of({"delimiter": ";", "currency": False}) is None
    assert dates_of({}) is None


@pytest.mark.parametrize(
    ("form", "text", "plain"),
    [
        ("%m/%d/%Y", "01/31/2027", "2027-01-31"),
        ("%d.%m.%Y", "31.1.2027", "2027-01-31"),
        ("%d.%m.%Y", "2027-01-31", "2027-01-31"),
        ("%d.%m.%Y", "soon", "soon"),
        ("%d.%m.%Y %H:%M", "31.01.2027 09:30", "2027-01-31T09:30:00+00:00"),
    ],
)
def test_a_date_is_read_as_it_is_written(form: str, text: str, plain: str) -> None:
    read = dates_of({"dates": form})
    assert read is not None
    assert read(text) == plain


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["10,250", "9,100"], 'format = { thousands = "," } would read 2 of 2'),
        (["9.100,50", "1,5"], 'format = { decimal = ",", thousands = "." } would read 2 of 2'),
        (["9,5", "10,25"], 'format = { decimal = "," } would read 2 of 2'),
        (["85%", "many"], "format = { percent = true } would read 1 of 2"),
        (["$1,900.00"], 'format = { thousands = ",", currency = true } would read 1 of 1'),
        (["many"], ""),
    ],
)
def test_the_setting_that_reads_the_most_cells_is_proposed(cells: list[str], words: str) -> None:
    proposal = Proposal({})
    for cell in cells:
        proposal.unread(cell)
    assert proposal.words() == words


def test_what_a_setting_reads_already_counts_and_stays_said() -> None:
    proposal = Proposal({"delimiter": ";", "thousands": None})
    proposal.read("12")
    proposal.unread("1,250")
    assert proposal.words() == 'format = { delimiter = ";", thousands = "," } would read 2 of 2'


def test_a_date_that_two_forms_read_has_both_proposed() -> None:
    proposal = Proposal({})
    proposal.unread_date("01/02/2027")
    assert proposal.words() == 'format = { dates = "%m/%d/%Y" } (or dates = "%d/%m/%Y") would read 1 of 1'


def test_what_would_be_lost_counts_against_a_setting() -> None:
    proposal = Proposal({})
    for cell in ("2.55", "3.75"):
        proposal.read(cell)
    proposal.unread("1,5")
    assert proposal.words() == ""
    assert proposal.settings() == {}


def test_a_point_between_thousands_is_no_loss_to_a_decimal_comma() -> None:
    proposal = Proposal({})
    proposal.read("9.100")
    proposal.unread("9.100,50")
    assert proposal.words() == 'format = { decimal = ",", thousands = "." } would read 2 of 2'
