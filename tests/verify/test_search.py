from __future__ import annotations

import random
import time

import pytest

from dicomanon.errors import LeakError
from dicomanon.identifying import Form
from dicomanon.verify import search as module
from dicomanon.verify.search import Search, find_everywhere

NAME = Form(b"canaryname", "letter")
WORD = Form(b"brown", "word")
UID = Form(b"1.2.826.0.1.77", "digit")
DATE = Form(b"2021-03-17", "date")
WIDE = Form("canarywide".encode("utf-16-le")[:-1], "letter")


def places(data: bytes, *forms: Form) -> list[tuple[bytes, int]]:
    (hits,) = Search().find(forms, data)
    return sorted((hit.form.needle, hit.at) for hit in hits)


def everywhere(data: bytes, *forms: Form, window: int = 64) -> list[tuple[bytes, int]]:
    windows = (data[at : at + window] for at in range(0, len(data), window))
    return sorted((hit.form.needle, hit.at) for hit in find_everywhere(forms, windows))


@pytest.mark.parametrize("look", [places, everywhere])
@pytest.mark.parametrize(
    ("data", "form", "found"),
    [
        (b"xx CanaryName xx", NAME, True),
        (b"CANARYNAME", NAME, True),
        (b"xCANARYNAME", NAME, False),
        (b"CANARYNAME9", NAME, False),
        (b"(1.2.826.0.1.77)", UID, True),
        (b"1.2.826.0.1.778", UID, False),
        (b"71.2.826.0.1.77", UID, False),
        (b"1.2.826.0.1.77.5", UID, True),
        (b"on 2021-03-17T09:17", DATE, True),
        (b"12021-03-17", DATE, False),
        (b"\0" + "CanaryWide".encode("utf-16-le") + b"\0\0", WIDE, True),
        (b"\0" + "CANARYWIDE".encode("utf-16-be") + b"\0\0", WIDE, True),
    ],
)
def test_a_form_counts_where_it_stands_by_itself(look: object, data: bytes, form: Form, found: bool) -> None:  # noqa: FBT001
    assert callable(look)
    assert bool(look(data, form)) is found


def test_every_occurrence_is_found_by_the_automaton_and_by_the_plain_search_alike() -> None:
    data = b"Brown, CANARYNAME; " * 50
    one = Search()
    (plain,) = one.find([NAME, WORD], data)
    (compiled,) = one.find([NAME, WORD], data)

    assert sorted(plain) == sorted(compiled)
    assert len(plain) == 100


def test_what_one_instance_had_is_not_looked_for_in_the_next() -> None:
    search = Search()
    data = b"CANARYNAME and Brown"
    for _ in range(3):
        search.find([NAME, WORD], data)

    (hits,) = search.find([WORD], data)

    assert [hit.form for hit in hits] == [WORD]


def test_many_patients_in_a_row_are_each_searched_for_their_own() -> None:
    search = Search()
    for number in range(300):
        forms = [Form(b"patient%05d" % (number * 20 + each), "letter") for each in range(20)]
        hits = search.find(forms, b"of PATIENT%05d;" % (number * 20 + 3), b"of nobody")
        assert [[hit.form.needle for hit in each] for each in hits] == [
            [b"patient%05d" % (number * 20 + 3)],
            [],
        ]


def test_a_value_over_the_edge_of_two_windows_is_found() -> None:
    for shift in range(70):
        data = b"." * shift + b"CANARYNAME" + b"." * 70
        assert everywhere(data, NAME, window=32) == [(b"canaryname", shift)], shift


def test_a_value_at_the_very_end_is_found() -> None:
    assert everywhere(b"..CANARYNAME", NAME, window=12) == [(b"canaryname", 2)]
    assert places(b"..CANARYNAME", NAME) == [(b"canaryname", 2)]


def test_a_search_that_cannot_find_its_control_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes searched are not those that were meant: what a broken library or a wrong buffer looks like."""
    monkeypatch.setattr(module, "_CONTROL_TEXT", b"something else")

    with pytest.raises(LeakError, match="control value"):
        Search().find([NAME], b"data")
    with pytest.raises(LeakError, match="control value"):
        find_everywhere([NAME], [b"data"])


def test_an_automaton_that_misses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Automaton, "matches", lambda _self, _data: [])

    with pytest.raises(LeakError, match="control value"):
        Search().find([NAME], b"CANARYNAME")


def test_a_plain_search_that_misses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_few", lambda _forms, _text: iter(()))

    with pytest.raises(LeakError, match="control value"):
        Search().find([NAME], b"CANARYNAME")


def test_a_deep_search_for_500_values_makes_300_megabytes_a_second() -> None:
    generator = random.Random(7)
    forms = [Form(b"patient%07d" % generator.randrange(10**7), "letter") for _ in range(500)]
    window = generator.randbytes(1 << 20)
    count = 200
    last = window[:-40] + b" " + forms[7].needle.upper() + b" " + window[-38 + len(forms[7].needle) :]
    speeds = []
    for _ in range(3):
        started = time.perf_counter()
        hits = find_everywhere(forms, (window if at < count - 1 else last for at in range(count)))
        speeds.append(count / (time.perf_counter() - started))
        assert [hit.form for hit in hits] == [forms[7]]
    assert max(speeds) * 1.048576 >= 300, f"{max(speeds):.0f} MB/s"
