"""A file of masks says what to cover in whose pictures, as it does to CTP, and what is not understood is refused."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.pixels.box import Box
from dicomanon.pixels.masks import boxes_for, read_masks

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = """Known regions, collected by many users
see http://example.org/?title=masks

**************
     US
**************
First of them // not a comment to anybody but the reader

  { Modality.equals("US") *
    [0008,0070].containsIgnoreCase("acme") * // a comment "in" a signature
    (ManufacturerModelName.startsWith("Echo") + [00081090].endsWithIgnoreCase("SCAN")) *
    !Rows.isLessThan("480") }
  (0,0,640,40) ( 240, 400,
                 190, 16 )

  Everything else of theirs
  { Manufacturer . containsIgnoreCase ("ACME") }
  (1,2,3,4)
"""


def of(**values: str) -> Callable[[int], str]:
    """Return the text of elements by tag, as of an instance that has these."""
    by_tag = {standard.tag_of(keyword): value for keyword, value in values.items()}
    return lambda tag: by_tag.get(tag, "")


def applies(signature: str, **values: str) -> bool:
    (mask,) = read_masks(f"{{ {signature} }} (0,0,1,1)")
    return mask.applies(of(**values))


def refusal(text: str) -> str:
    with pytest.raises(ProfileError) as refused:
        read_masks(text, "masks.script")
    return str(refused.value)


def test_a_mask_applies_where_maker_and_model_match() -> None:
    first, _ = read_masks(FILE)
    acme = {"Modality": "US", "Manufacturer": "ACME Inc.", "Rows": "480"}
    assert first.applies(of(**acme, ManufacturerModelName="Echo 5"))
    assert first.applies(of(**acme, ManufacturerModelName="Megascan"))
    assert not first.applies(of(**acme, ManufacturerModelName="Other"))
    assert not first.applies(of(**{**acme, "Rows": "479"}, ManufacturerModelName="Echo 5"))
    assert not first.applies(of(**{**acme, "Manufacturer": "Somebody"}, ManufacturerModelName="Echo 5"))


def test_regions_are_left_top_width_and_height_over_several_lines() -> None:
    first, second = read_masks(FILE)
    assert first.boxes == (Box(0, 0, 640, 40), Box(240, 400, 430, 416))
    assert second.boxes == (Box(1, 2, 4, 6),)


def test_a_mask_knows_the_line_it_begins_in() -> None:
    assert [mask.line for mask in read_masks(FILE)] == [9, 17]
    assert [mask.line for mask in read_masks(FILE.replace("\n", "\r\n"))] == [9, 17]


def test_the_first_mask_that_applies_is_the_only_one() -> None:
    masks = read_masks(FILE)
    echo = {"Modality": "US", "Manufacturer": "Acme", "ManufacturerModelName": "Echo"}
    assert boxes_for(masks, of(**echo, Rows="600")) == masks[0].boxes
    assert boxes_for(masks, of(Manufacturer="Acme")) == masks[1].boxes
    assert boxes_for(masks, of(Manufacturer="Somebody")) == ()


def test_masks_go_to_another_process_and_stay_the_same() -> None:
    masks = read_masks(FILE)
    assert pickle.loads(pickle.dumps(masks)) == masks  # noqa: S301 - what was just written


@pytest.mark.parametrize(
    ("method", "yes", "no"),
    [
        ('equals("Ab.c")', "Ab.c", "ab.c"),
        ('equals("")', "", "x"),
        ('equalsIgnoreCase("Ab.c")', "aB.C", "ab.cd"),
        ('contains("Ab.c")', "xAb.cx", "xab.cx"),
        ('containsIgnoreCase("Ab.c")', "xaB.Cx", "xabxcx"),
        ('startsWith("Ab")', "Abc", "abc"),
        ('startsWithIgnoreCase("Ab")', "aBc", "xab"),
        ('endsWith("Ab")', "xAb", "xab"),
        ('endsWithIgnoreCase("Ab")', "xaB", "abx"),
        ('matches("A[bc]+|x")', "Abcb", "zAbcb"),
        ('matches("A\\d")', "A5", "A\u0665"),
        ('matches("A[bc]+|x")', "x", "xAbcb"),
        ('isLessThan("10.5")', "9.75", "10.5"),
        ('isGreaterThan("10.5")', "11", "10.5"),
        ('isGreaterThan("5 mm")', "6 mm", ""),
        ('isLessThan("5")', "4", ""),
        ('isLessThan("5")', "4", "1.2.3"),
        ('contains("//")', "a//b", "a/b"),
        ('contains("(+*!)[")', "(+*!)[", "+"),
    ],
)
def test_a_method_compares_as_it_does_in_ctp(method: str, yes: str, no: str) -> None:
    assert applies(f"SeriesDescription.{method}", SeriesDescription=yes)
    assert not applies(f"SeriesDescription.{method}", SeriesDescription=no)
    assert applies(f"!SeriesDescription.{method}", SeriesDescription=no)


@pytest.mark.parametrize("written", ["SeriesDescription", "[0008,103E]", "[0008,103e]", "[0008103e]"])
def test_an_element_is_named_by_keyword_or_by_tag(written: str) -> None:
    assert applies(f'{written}.contains("Dose")', SeriesDescription="A Dose Report")
    assert not applies(f'{written}.contains("Dose")', StudyDescription="A Dose Report")


def test_masks_may_ask_for_overlays_and_file_meta_information() -> None:
    assert applies('[6000,0022].contains("graphics")', OverlayDescription="some graphics")
    assert applies('ImplementationVersionName.contains("ACME")', ImplementationVersionName="ACME_1")


def test_padding_is_no_part_of_a_value() -> None:
    assert applies('Modality.equals("US")', Modality="US ")
    assert applies('ManufacturerModelName.endsWith("5")', ManufacturerModelName="Echo 5\0")


def test_true_and_false_stand_for_themselves() -> None:
    assert applies("true.")
    assert applies("!false. * true.")
    assert not applies("false. + !true.")


KEYWORDS = ("Modality", "Manufacturer", "SeriesDescription", "StationName")
LEAF = st.sampled_from(KEYWORDS)
TREES = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("in parentheses"), inner),
        st.tuples(st.sampled_from(("and", "or")), inner, inner),
    ),
    max_leaves=12,
)


def written(tree: str | tuple[str, ...], *, python: bool) -> str:
    """Write a tree with no more parentheses than it has itself, and round what is denied."""
    if isinstance(tree, str):
        return tree if python else f'{tree}.equals("yes")'
    word, *inner = tree
    parts = [written(part, python=python) for part in inner]
    if word == "in parentheses":
        return f"({parts[0]})"
    if word == "not":
        denied = parts[0] if isinstance(inner[0], str) else f"({parts[0]})"
        return f"not {denied}" if python else f"!{denied}"
    mark = word if python else {"and": "*", "or": "+"}[word]
    return f"{parts[0]} {mark} {parts[1]}"


@given(tree=TREES, true=st.sets(LEAF))
def test_not_binds_before_and_and_before_or_as_in_python(tree: str | tuple[str, ...], true: set[str]) -> None:
    said = eval(written(tree, python=True), {word: word in true for word in KEYWORDS})  # noqa: S307 - just written
    assert applies(written(tree, python=False), **dict.fromkeys(true, "yes")) is said


@given(signature=st.text('{}()[]"+*!./:,\n \\ABCDEFrowsRows0189', max_size=40))
def test_whatever_is_written_is_read_or_refused(signature: str) -> None:
    try:
        masks = read_masks(signature + '{Rows.equals("1")}(0,0,1,1)')
    except ProfileError:
        return
    boxes_for(masks, of())


GOOD = 'Comment\n\n{ Modality.equals("US") }\n(0,0,1,1)\n'


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ('Modalty.equals("US")', "did you mean 'Modality'?"),
        ('SoftwareVersion.equals("1")', "did you mean 'SoftwareVersions'?"),
        ('Modality.equal("US")', "there is no method 'equal'; did you mean 'equals'?"),
        ('Modality.EQUALS("US")', "there is no method 'EQUALS'"),
        ('Modality.matches("US(")', "a regular expression is not understood"),
        ('Modality.matches("[a-z&&[^b]]")', "a regular expression is not understood"),
        ('Modality.matches("(?u)a")', "a regular expression is not understood"),
        (f'Modality.matches("{"a" * 501}")', "longer than 500 characters"),
        ('Modality.matches("[A-Z]{2}")', "a string is not closed in its line"),
        ('Modality.equals("US)', "a string is not closed in its line"),
        ("Modality.equals(US)", "expected a string in quotation marks before 'US'"),
        ('Modality.equals("US"', "expected ) after the string before the end of the signature"),
        ('Modality.equals("US", "CT")', "',' has no meaning in a signature"),
        ("Modality.", "expected a method after the point"),
        ("Modality", "expected a point after 'Modality'"),
        ("true", "expected a point after 'true'"),
        ('Rows.isLessThan("many")', '"many" is no number to compare with'),
        ("", "a condition is missing before the end of the signature"),
        ("// all of it", "a condition is missing before the end of the signature"),
        ("true. *", "a condition is missing before the end of the signature"),
        ("true. * + true.", "a condition is missing before '+'"),
        ("true. true.", "expected +, * or the end of the signature before 'true'"),
        ("(true.", "expected +, * or ) before the end of the signature"),
        ("true.)", "expected +, * or the end of the signature before ')'"),
        ("!!true.", "!! means one thing to CTP"),
        ("true. & true.", "'&' has no meaning in a signature"),
        ("{ true.", "a { stands in a signature"),
        ("(" * 51 + "true." + ")" * 51, "more than 50 parentheses"),
        ('(0008,0060).equals("US")', "a tag is written [gggg,eeee], in square brackets"),
        ('[8,60].equals("US")', "a tag is written [gggg,eeee]"),
        ('[0008, 0060].equals("US")', "a tag is written [gggg,eeee]"),
        ('[0019[GEMS 1.0]10].equals("US")', "private elements are not read"),
        ('[0019,1010].equals("US")', "private elements are not read"),
        ('[1018,1018].equals("US")', "is no tag of PS3.6"),
        ('[0018,6011].equals("US")', "has no text to compare"),
        ('PixelData.equals("US")', "has no text to compare"),
        ('SequenceOfUltrasoundRegions::Rows.equals("1")', "elements within sequences (::) are not read"),
    ],
)
def test_what_is_wrong_with_a_signature_is_said_with_its_line(signature: str, said: str) -> None:
    found = refusal(f"{GOOD}{{{signature}}}(0,0,1,1)")
    assert found.startswith("masks.script:5: ")
    assert said in found


def test_the_line_is_that_of_the_word_and_not_of_the_signature() -> None:
    assert refusal('{ Modality.equals("US") *\n\n  Rws.equals("5") }\n(0,0,1,1)').startswith(
        "masks.script:3: "
    )


def test_without_a_name_the_line_alone_is_said() -> None:
    with pytest.raises(ProfileError, match=r"^line 2: a signature has no region$"):
        read_masks("\n{ true. }")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("{ true. } (0,0,1)", 1, "'(0,0,1)' is no region"),
        ("{ true. }\n(0,0,1,1,1)", 2, "is no region"),
        ("{ true. }\n(0,0,1,)", 2, "is no region"),
        ("{ true. }\n(0,0,1.5,1)", 2, "is no region"),
        ("{ true. }\n(-10,0,10,1)", 2, "none negative"),
        ("{ true. }\n(0,0,1,\u0661)", 2, "is no region"),
        ("{ true. }\n(0,0,0,5)", 2, "covers nothing"),
        ("{ true. }\n(0,0,1,1) a comment (here)", 2, "comments have no parentheses"),
        ("{ true. }\n(0,0,1,1\n", 2, "a region is not closed"),
        ("{ true. }\n(0,0,1 (0,0,1,1)\n", 2, "a region is not closed"),
        ("{ true. }\n0,0,1,1)\n", 2, "')' closes nothing"),
        ("{ true. } }\n(0,0,1,1)\n", 1, "'}' closes nothing"),
        ("\n{ true. \n(0,0,1,1)\n", 2, "a signature is not closed"),
        ("\n{ true. \n(0,0,1,1)\n{ true. }", 3, "'0' has no meaning in a signature; is it closed with }?"),
        ("{ true. }\n{ true. }\n(0,0,1,1)\n", 1, "a signature has no region"),
        ("(0,0,1,1)\n{ true. }\n(0,0,1,1)\n", 1, "a region stands before the first signature"),
        ("nothing but comments", 1, "there is no mask in the file"),
        ("", 1, "there is no mask in the file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(text: str, line: int, said: str) -> None:
    found = refusal(text)
    assert found.startswith(f"masks.script:{line}: ")
    assert said in found
