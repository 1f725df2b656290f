import pickle
from typing import Any
from typing import NamedTuple as Theirs

import pytest

from ingestlayer_cli.system.typed import NamedTuple


class Place(NamedTuple):
    """Where."""

    row: int
    column: int = 1
    note: str | None = None

    @property
    def is_first(self) -> bool:
        return self.row == 1


class Same(Theirs):
    """What typing makes of it."""

    row: int
    column: int = 1
    note: str | None = None


class Nothing(NamedTuple):
    pass


def test_a_record_is_a_tuple_whose_fields_have_names() -> None:
    place = Place(1, note="here")
    assert tuple(place) == (1, 1, "here")
    assert hash(place) == hash((1, 1, "here"))
    row, *_ = place
    assert (row, place.column, place[2]) == (1, 1, "here")
    assert place.is_first
    assert repr(place) == "Place(row=1, column=1, note='here')"
    assert not Nothing()


def test_a_record_has_what_typing_gives_it() -> None:
    ours, theirs = (told(kind) for kind in (Place, Same))
    assert ours == theirs


def told(kind: Any) -> list[Any]:
    about = [kind._fields, kind.__match_args__, kind._field_defaults, kind(1)._asdict()]
    made = [kind._make([1, 2, "x"]), kind(1)._replace(column=3), pickle.loads(pickle.dumps(kind(2)))]
    return [*about, *made, kind(1) == (1, 1, None), kind(1) < kind(2)]


@pytest.mark.parametrize("kind", [Place, Same])
def test_a_record_takes_its_fields_alone(kind: Any) -> None:
    for values in ((), (1, 2, "x", 4)):
        with pytest.raises(TypeError, match="argument"):
            kind(*values)
    with pytest.raises(ValueError, match="field"):
        kind(1)._replace(other=2)


def test_a_kind_of_record_stands_beside_another() -> None:
    class Further(Place):
        pass

    assert Further(1).is_first
    assert type(Further(1)) is Further
    assert type(Place(1)) is Place
