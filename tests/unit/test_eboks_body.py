"""The body of a dispatch, looked at by an independent XML parser."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from eboks.dispatch_body import build_dispatch
from eboks.enclosures import Enclosure, latin1_html
from schemas.errors import Refused
from tests.rigs.channels import recipient_of

IN = "{urn:eboks:en:3.0.0}"
PAPER = Enclosure(b"%PDF-1.7 a payslip", "pdf")


def body(title="Lønseddel", main=PAPER, attachments=(), word="valid"):
    return build_dispatch(recipient_of(word), 179343, title, main, attachments)


def parsed(*args, **change):
    return etree.fromstring(body(*args, **change))


def coded(data):
    return base64.b64encode(data).decode()


def leaves(root):
    """Returns (path, text) of every leaf, in the order of the document."""
    tree = root.getroottree()
    return [
        (tree.getelementpath(one).replace(IN, ""), one.text)
        for one in root.iter()
        if isinstance(one.tag, str) and not len(one)
    ]


def test_the_elements_stand_in_the_order_e_boks_knows():
    assert leaves(parsed()) == [
        ("DispatchRecipient/Id", recipient_of().number.digits),
        ("DispatchRecipient/Type", "P"),
        ("DispatchRecipient/Nationality", "DK"),
        ("ContentTypeId", "179343"),
        ("Title", "Lønseddel"),
        ("Content/Data", coded(PAPER.data)),
        ("Content/FileExtension", "pdf"),
    ]


def test_a_company_is_of_type_v():
    found = dict(leaves(parsed(word="company")))
    assert (found["DispatchRecipient/Id"], found["DispatchRecipient/Type"]) == ("13748136", "V")


def test_attachments_follow_the_content():
    more = Enclosure(b"more", "TXT", "Bilag & andet.txt")
    root = parsed(attachments=[more, more])
    assert [child.tag.removeprefix(IN) for child in root][-2:] == ["Content", "Attachments"]
    assert [child.tag.removeprefix(IN) for child in root[-1][1]] == ["Name", "FileExtension", "Data"]
    assert [one.text for one in root[-1][1]] == [
        "Bilag & andet.txt",
        "txt",
        base64.b64encode(b"more").decode(),
    ]


@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
        min_size=1,
        max_size=50,
    )
)
def test_any_title_that_is_taken_arrives_as_it_was(title):
    if title.strip():
        assert dict(leaves(parsed(title)))["Title"] == title


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("x" * 51, "eboks.title_too_long"),
        (" ", "eboks.title_empty"),
        ("", "eboks.title_empty"),
        ("Løn\x00", "eboks.title_unfit"),
        ("Løn\x1b[2J", "eboks.title_unfit"),
        ("Løn\nseddel", "eboks.title_unfit"),
        ("Løn\ud800", "eboks.title_unfit"),
        ("Løn\uffff", "eboks.title_unfit"),
    ],
)
def test_a_title_that_can_not_be_sent_is_refused(title, code):
    with pytest.raises(Refused) as caught:
        body(title)
    assert caught.value.code == code


@pytest.mark.parametrize("extension", ["", "p df", "pdf<", "elevenchars", "æ"])
def test_an_extension_that_can_not_be_sent_is_refused(extension):
    with pytest.raises(Refused):
        body(main=Enclosure(b"x", extension))


@pytest.mark.parametrize("name", ["", " ", "a\x00b"])
def test_an_attachment_without_a_good_name_is_refused(name):
    with pytest.raises(Refused):
        body(attachments=[Enclosure(b"x", "pdf", name)])


def test_the_same_letter_always_gives_the_same_bytes():
    assert body() == body()


@pytest.mark.parametrize(
    ("page", "sent"),
    [
        ("<p>løn</p>".encode(), "<p>løn</p>".encode("latin-1")),
        ("\ufeff<p>løn</p>".encode(), "<p>løn</p>".encode("latin-1")),
        ("<p>løn</p>".encode("latin-1"), "<p>løn</p>".encode("latin-1")),
        ("<p>5 €</p>".encode(), b"<p>5 &#8364;</p>"),
        (b'<meta charset="utf-8"><p>a</p>', b'<meta charset="iso-8859-1"><p>a</p>'),
        (b"<meta content='text/html; charset=UTF-8'>", b"<meta content='text/html; charset=iso-8859-1'>"),
    ],
)
def test_html_goes_out_in_latin_1_and_says_so(page, sent):
    assert latin1_html(page) == sent
    assert dict(leaves(parsed(main=Enclosure(page, "HTML"))))["Content/Data"] == coded(sent)


def test_nothing_but_html_is_recoded():
    text = "løn".encode()
    assert dict(leaves(parsed(main=Enclosure(text, "txt"))))["Content/Data"] == coded(text)


def test_an_enclosure_shows_nothing_of_itself():
    assert "payslip" not in repr(PAPER) and "hemmelig" not in repr(Enclosure(b"", "pdf", "hemmelig"))
