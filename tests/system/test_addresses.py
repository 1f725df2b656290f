"""Addresses: what may be shown of one."""

import pytest

from ingestlayer_cli.system.addresses import without_password


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cret@db.example/app",
        "postgresql://db.example/app?user=me&password=s3cret",
        "host=db.example password=s3cret",
        "host=db.example password = s3cret",
        "host=db.example password='s3cret' user=me",
    ],
)
def test_a_password_of_a_database_is_taken_out_however_its_address_is_written(address: str) -> None:
    said = without_password(f'cannot use "{address}": the password "s3cret" is wrong', address)
    assert "s3cret" not in said
    assert said.startswith('cannot use "[address]"')


def test_a_password_is_taken_out_as_it_is_and_as_a_url_has_it() -> None:
    said = without_password("no: a%20b, a b", "postgresql://me:a%20b@db.example/app")
    assert said == "no: [secret], [secret]"


def test_without_an_address_nothing_is_taken_out() -> None:
    assert without_password("it is down", "") == "it is down"
