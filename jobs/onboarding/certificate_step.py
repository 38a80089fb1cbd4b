"""The step of the certificate: orders one, or takes one in, judges it and puts it in use.

Relies on the desk, and on the certificates' own modules. A certificate with anything wrong is never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from jobs.onboarding.answers import CertificateAnswers
from jobs.onboarding.certificate_checks import check_identity
from jobs.onboarding.certificate_request import REQUEST_FILE, make_request, read_request_key
from jobs.onboarding.certificates import (
    Identity,
    PrivateKey,
    facts_of,
    holds_key,
    join,
    read_certificates,
    read_file,
    read_key,
    read_pkcs12,
    with_colons,
)
from jobs.onboarding.checks import Check, faults, note
from jobs.onboarding.desk import Desk
from jobs.onboarding.questions import Question
from jobs.onboarding.state import StepResult
from schemas.errors import BadInput, ConfigurationError

WAYS = ("request", "p12", "pem", "keep", "later")


def take_certificate_step(desk: Desk) -> StepResult:
    """Returns how the step ended; raises ConfigurationError for files that can't be read."""
    way = _way(desk)
    if way == "later":
        return StepResult("open", (note("certificate", "own_certificate.none_yet"),))
    if way == "request":
        return _order(desk)
    identity = _kept(desk) if way == "keep" else _brought(desk, way)
    checks = judge(identity, read_roots(desk.certificate_answers.roots), desk.answers["cvr"], desk.now())
    if faults(checks):
        return StepResult("failed", tuple(checks))
    if way != "keep":
        desk.store.install(identity)
    return StepResult("done", tuple(checks))


def judge(identity: Identity, roots: Sequence[x509.Certificate], cvr: str, now: datetime) -> list[Check]:
    """Returns the verdicts on a certificate, and last what e-Boks must be told of it."""
    facts = facts_of(identity.certificate)
    told = {
        "sha256": with_colons(facts.sha256),
        "sha1": with_colons(facts.sha1),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "until": facts.until_at.isoformat(),
    }
    return [*check_identity(identity, roots, cvr, now), Check("certificate.fingerprint", facts=told)]


def read_roots(path: Path | None) -> list[x509.Certificate]:
    """Returns the authorities that the operator trusts; none without a file."""
    return read_certificates(read_file(path)) if path is not None else []


def _way(desk: Desk) -> str:
    told = desk.certificate_answers
    if "certificate" in desk.given and told.way:
        return told.way
    proposed = _proposed(desk)
    if desk.dialogue is None:
        return told.way if told.way and proposed == "later" else proposed
    if proposed == "keep" and "certificate" not in desk.wishes.again:
        return proposed
    question = Question((), "way", _read_way, proposed, choices=WAYS)
    return str(desk.dialogue.ask(question))


def _proposed(desk: Desk) -> str:
    """Returns the way that fits how things stand: a pair in use, a request on its way, or neither."""
    planned = desk.planned()
    channels = [planned.mailboxes[name] for name in desk.eboks_channels(planned)]
    if channels and all(one.certificate.exists() and one.key.exists() for one in channels):
        return "keep"
    if (desk.store.requests / REQUEST_FILE).exists():
        return "pem" if desk.dialogue else "request"
    return "request" if desk.dialogue else "later"


def _read_way(text: str) -> str:
    chosen = WAYS[int(text) - 1] if text.isdigit() and 1 <= int(text) <= len(WAYS) else text
    if chosen not in WAYS:
        raise BadInput("onboarding.no_such_choice", choices=", ".join(WAYS))
    return chosen


def _order(desk: Desk) -> StepResult:
    """Makes key and request once; asked again, it says that the certificate is still awaited."""
    told, folder = desk.certificate_answers, desk.store.requests
    path = folder / REQUEST_FILE
    if not path.exists():
        name = str(desk.answers["name"])
        common_name = f"{name} - {desk.sender}"[:64]
        password = desk.password() if told.password_file or told.password_env else ""
        make_request(folder, desk.answers["cvr"], name[:64], common_name, told.bits, password)
    return StepResult("open", (note("certificate", "own_certificate.awaited", file=path),))


def _kept(desk: Desk) -> Identity:
    """Returns the pair that the sender's first channel uses already."""
    planned = desk.planned()
    channels = desk.eboks_channels(planned)
    if not channels:
        raise ConfigurationError("own_certificate.none_yet")
    first = planned.mailboxes[channels[0]]
    return join(read_certificates(read_file(first.certificate)), read_key(read_file(first.key)))


def _brought(desk: Desk, way: str) -> Identity:
    told = desk.certificate_answers
    if told.file is None and desk.dialogue is None:
        raise ConfigurationError("own_certificate.none_yet")
    told = _asked(desk, told)
    assert told.file is not None
    data = read_file(told.file)
    if way == "p12":
        return read_pkcs12(data, desk.password())
    return _from_pem(desk, data, told)


def _asked(desk: Desk, told: CertificateAnswers) -> CertificateAnswers:
    """Asks for the files that were not named; keeps only the authorities' for next time."""
    if desk.dialogue is None or ("certificate" in desk.given and told.file is not None):
        return told
    file = Path(str(desk.dialogue.ask(Question((), "file", _read_path))))
    roots = str(told.roots or "")
    answer = str(desk.dialogue.ask(Question((), "roots", _read_path_or_none, roots, optional=True)))
    update = {"file": file, "roots": Path(answer).absolute() if answer else None}
    if answer:
        desk.answers.setdefault("certificate", {})["roots"] = str(Path(answer).absolute())
    return told.model_copy(update=update)


def _read_path(text: str) -> str:
    if not Path(text).expanduser().is_file():
        raise BadInput("onboarding.no_such_file")
    return str(Path(text).expanduser())


def _read_path_or_none(text: str) -> str:
    return _read_path(text) if text else ""


def _from_pem(desk: Desk, data: bytes, told: CertificateAnswers) -> Identity:
    """Finds the key: in the file itself, in the one named, or the one that waits for its certificate."""
    certificates = read_certificates(data)
    if told.key is not None or holds_key(data):
        source = read_file(told.key) if told.key is not None else data
        return join(certificates, _unlocked(desk, lambda password: read_key(source, password)))
    return join(
        certificates, _unlocked(desk, lambda password: read_request_key(desk.store.requests, password))
    )


def _unlocked(desk: Desk, read: Callable[[str], PrivateKey | None]) -> PrivateKey | None:
    """Reads a key, with the password only where it needs one."""
    try:
        return read("")
    except ConfigurationError as error:
        if error.code != "own_certificate.key_locked":
            raise
    return read(desk.password())
