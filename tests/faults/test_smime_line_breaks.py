"""CR, LF and their like in a title, a name or a file name: one mail with the expected headers, or none."""

from __future__ import annotations

import email
from dataclasses import replace

import pytest

from schemas.errors import Refused
from schemas.mail_settings import MaterialMail
from tests.rigs.mail_channels import MailBench, opened, send

BREAKS = ["\r\nBcc: tyv@andet.example", "\nSubject: nyt", "\r\n\r\nHej", "\u2028Bcc: x", "\x00", "\u202efdp"]
OUTSIDE = {
    "Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "Content-Disposition",
}  # fmt: skip


def _assert_as_expected(bench: MailBench) -> None:
    (mail,) = bench.world.servers[0].mails
    found = opened(mail.content, bench.people.bob.identity)
    assert set(found.outer.headers) == OUTSIDE
    assert found.outer.headers["Subject"] == "Sikker post"
    assert "Bcc" not in dict(found.headers)
    assert found.intact


@pytest.mark.parametrize("text", BREAKS)
def test_in_a_title_that_names_the_document(bench: MailBench, text: str) -> None:
    with pytest.raises(Refused) as caught:
        send(bench.smime, bench.letter(title=f"Løn{text}"))
    assert caught.value.code == "mail.header_unfit"
    assert bench.world.servers[0].talks == []


@pytest.mark.parametrize("text", BREAKS)
def test_in_a_subject_that_names_the_title(bench: MailBench, text: str) -> None:
    bench.materials["loenseddel"] = MaterialMail(protected_subject="{titel}")
    with pytest.raises(Refused):
        send(bench.smime, bench.letter(title=f"Løn{text}"))
    assert bench.world.servers[0].talks == []


@pytest.mark.parametrize("text", BREAKS)
def test_in_the_name_of_the_recipient(bench: MailBench, text: str) -> None:
    letter = bench.letter()
    send(bench.smime, replace(letter, recipient=replace(letter.recipient, name=f"Bo{text}")))
    _assert_as_expected(bench)


@pytest.mark.parametrize("text", BREAKS)
def test_in_the_name_of_a_file(bench: MailBench, text: str) -> None:
    letter = bench.letter()
    extra = replace(bench.papers.keep(b"%PDF-1.7 bilag", ordinal=1), name=f"bilag{text}.pdf")
    with pytest.raises(Refused):
        send(bench.smime, replace(letter, documents=(*letter.documents, extra)))
    # The main document is shown by its title; its own name is nobody's business.
    main = replace(letter.documents[0], name=f"0101700000{text}.pdf")
    send(bench.smime, replace(letter, documents=(main,)))
    _assert_as_expected(bench)


@pytest.mark.parametrize("text", BREAKS)
def test_in_the_address(bench: MailBench, text: str) -> None:
    with pytest.raises(Exception) as caught:
        send(bench.smime, bench.letter(to=f"bob@modtager.example{text}"))
    assert getattr(caught.value, "code", "").startswith("mail.address_")
    assert bench.world.servers[0].talks == []


def test_paths_and_equal_names_of_files_are_told_apart(bench: MailBench) -> None:
    letter = bench.letter(title="Løn 1/2026: november")
    extras = [
        replace(bench.papers.keep(b"bilag %d" % n, ordinal=n), name=name)
        for n, name in ((1, "dir/a.pdf"), (2, "andet\\A.PDF"))
    ]
    send(bench.smime, replace(letter, documents=(*letter.documents, *extras)))
    found = opened(bench.world.servers[0].mails[0].content, bench.people.bob.identity)
    names = [part.get_filename() for part in email.message_from_bytes(found.entity.raw).walk()]
    assert [name for name in names if name] == ["Løn 1-2026- november.pdf", "a.pdf", "2-A.PDF"]
