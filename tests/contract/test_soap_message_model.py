"""The message model of OIO v1 and the two fault details: facts/eboks a.3, a.5 and b.2."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.rigs.soap import ADIR, DKAL, PLATFORM_FAULT, SERVICE_UUID, schema

UUID = SERVICE_UUID


def holds(text: str, name: str) -> bool:
    return schema(name).validate(etree.fromstring(text))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<FejlKode>1000</FejlKode><FejlTekst>t</FejlTekst>", True),
        ("{k}<FejlTekst>t</FejlTekst><FejlIdentifikator>{26}</FejlIdentifikator>", True),
        ("{k}<FejlTekst>t</FejlTekst><FejlIdentifikator>{27}</FejlIdentifikator>", False),
        ("<FejlKode>9020</FejlKode><FejlTekst>{2048}</FejlTekst>", True),
        ("<FejlKode>9020</FejlKode><FejlTekst>{2049}</FejlTekst>", False),
        ("<FejlKode>999</FejlKode><FejlTekst>t</FejlTekst>", False),
        ("<FejlKode>10000</FejlKode><FejlTekst>t</FejlTekst>", False),
        ("<FejlTekst>t</FejlTekst>", False),
        ("<FejlKode>9020</FejlKode>", False),
        ("<FejlIdentifikator>i</FejlIdentifikator><FejlKode>3000</FejlKode><FejlTekst>t</FejlTekst>", False),
    ],
)  # fmt: skip
def test_a_fejl_keeps_its_row(content: str, expected: bool):
    content = content.replace("{k}", "<FejlKode>9999</FejlKode>")
    for size in (26, 27, 2048, 2049):
        content = content.replace(f"{{{size}}}", "x" * size)
    assert holds(f'<Fejl xmlns="{DKAL}">{content}</Fejl>', "dkal.xsd") is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", True),
        ("<ErrorList/>", False),
        ("<ErrorList>{e}</ErrorList>", True),
        ("<ErrorList>{e}{e}</ErrorList>", True),
        ("<ErrorList><Error><ErrorCode>c</ErrorCode></Error></ErrorList>", False),
        ("<ErrorList><Error><ErrorText>t</ErrorText><ErrorCode>c</ErrorCode></Error></ErrorList>", False),
        ("{e}", False),
    ],
)
def test_the_platforms_fault_keeps_its_row(content: str, expected: bool):
    error = "<Error><ErrorCode>c</ErrorCode><ErrorText>t</ErrorText></Error>"
    content = content.replace("{e}", error)
    fault = f'<ServiceplatformFault xmlns="{PLATFORM_FAULT}">{content}</ServiceplatformFault>'
    assert holds(fault, "serviceplatform_fault.xsd") is expected


ATTACHED = (
    f"<Vedhaeftning><VedhaeftningNavn>{'x' * 254}</VedhaeftningNavn><FilformatNavn>pdf</FilformatNavn>"
    "<IndholdStoerrelseMaal>1</IndholdStoerrelseMaal><VedhaeftningIndholdData>JVBERg==</VedhaeftningIndholdData>"
    "<MIMEcontentIdentifikator>m</MIMEcontentIdentifikator></Vedhaeftning>"
)
FORWARDED = (
    f"<Vedhaeftning><VedhaeftningIndholdIdentifikator>{'x' * 26}</VedhaeftningIndholdIdentifikator>"
    "<VedhaeftningOprindeligModtagetDatoTid>2026-11-24T12:00:00Z</VedhaeftningOprindeligModtagetDatoTid>"
    "<VedhaeftningOprindeligAfsenderCVRnummerIdentifikator>13748136"
    "</VedhaeftningOprindeligAfsenderCVRnummerIdentifikator>"
    f"<VedhaeftningOprindeligAfsenderNavn>{'x' * 50}</VedhaeftningOprindeligAfsenderNavn></Vedhaeftning>"
)
AFSENDELSE = [
    ("MeddelelseIdentifikator", "001234-._~abc"),
    ("AfsendelseTilstandNavn", "planlagt"),
    ("AfsendelseDatoTid", "2026-11-24T12:00:00Z"),
    ("AfsendelseModtager", f'<CPRnummerIdentifikator xmlns="{ADIR}">1408683994</CPRnummerIdentifikator>'),
    ("MeddelelseTypeNavn", "meddelelse"),
    ("MeddelelseIndholdstypeIdentifikator", "179343"),
    ("IndholdStoerrelseMaal", "75"),
    ("MeddelelseTitelTekst", "x" * 50),
    ("MeddelelseIndholdData", "JVBERg=="),
    ("FilformatNavn", "pdf"),
    ("MeddelelseSvarTypeNavn", "standard"),
    ("MeddelelseSvarPostkasseIdentifikator", "1"),
    ("MeddelelseSvarEmneIdentifikator", "1"),
    ("MeddelelseTraadIdentifikator", "urn:traad"),
    ("MeddelelseTidsfristDato", "2026-12-01"),
    ("MeddelelseTidsfristTekst", "x" * 254),
    ("MeddelelseFESDmetadata", f"<FESDsagIdentifikator>{UUID}</FESDsagIdentifikator>"),
    ("VedhaeftningSamlingKvantitet", "1"),
    ("VedhaeftningSamling", "<Vedhaeftning><BilagIdentifikator>1</BilagIdentifikator></Vedhaeftning>"),
]


def afsendelse(rows: list[tuple[str, str]]) -> str:
    return f'<Afsendelse xmlns="{DKAL}">{"".join(f"<{n}>{v}</{n}>" for n, v in rows)}</Afsendelse>'


def test_the_message_of_a3_holds_in_its_order_and_in_no_other():
    assert holds(afsendelse(AFSENDELSE), "dkal.xsd")
    assert holds(afsendelse([]), "dkal.xsd")
    for place in range(len(AFSENDELSE) - 1):
        swapped = AFSENDELSE.copy()
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        assert not holds(afsendelse(swapped), "dkal.xsd"), swapped[place][0]


# What else falls when one row of a.3 is left out: the second of a pair needs its first.
NEEDED = {
    "MeddelelseTitelTekst", "MeddelelseIndholdData", "FilformatNavn", "MeddelelseSvarPostkasseIdentifikator",
    "MeddelelseTidsfristDato",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, _ in AFSENDELSE])
def test_a_row_of_a3_may_be_left_out_or_not(name: str):
    rows = [row for row in AFSENDELSE if row[0] != name]
    assert holds(afsendelse(rows), "dkal.xsd") is (name not in NEEDED)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("MeddelelseIdentifikator", ["x" * 30, "-._~09azAZ"], ["x" * 31, "a b", "æ", ""]),
        ("AfsendelseTilstandNavn", ["afventer", "fremsendt", "planlagt"], ["sendt"]),
        ("MeddelelseTypeNavn", ["meddelelse", "serviceBesked"], ["servicebesked"]),
        ("MeddelelseIndholdstypeIdentifikator", ["0"], ["-1"]),
        ("IndholdStoerrelseMaal", ["0"], ["-1", "1.5"]),
        ("MeddelelseTitelTekst", ["x" * 50], ["x" * 51]),
        ("FilformatNavn", ["x" * 10], ["x" * 11]),
        ("MeddelelseSvarTypeNavn", ["angivet", "ikkeMuligt", "standard"], ["x"]),
        ("MeddelelseTidsfristDato", ["2026-12-01"], ["1/12"]),
        ("MeddelelseTidsfristTekst", ["x" * 254], ["x" * 255]),
        ("VedhaeftningSamlingKvantitet", ["0"], ["-1"]),
        (
            "VedhaeftningSamling",
            [
                ATTACHED * 2,
                FORWARDED,
            ],
            [
                "",
                "<Vedhaeftning><VedhaeftningNavn>" + "x" * 255 + "</VedhaeftningNavn></Vedhaeftning>",
                "<Vedhaeftning><BilagIdentifikator>" + "x" * 11 + "</BilagIdentifikator></Vedhaeftning>",
                "<Vedhaeftning><VedhaeftningIndholdIdentifikator>" + "x" * 27
                + "</VedhaeftningIndholdIdentifikator></Vedhaeftning>",
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_value_of_a3_keeps_its_limits(name: str, good: list[str], bad: list[str]):
    for value, expected in [(one, True) for one in good] + [(one, False) for one in bad]:
        rows = [(row, value if row == name else old) for row, old in AFSENDELSE]
        assert holds(afsendelse(rows), "dkal.xsd") is expected, repr(value[:60])


def test_the_choices_of_a3_exclude_each_other():
    url = [("AfsendelseURLreference", "https://a/")]
    sms = [("MeddelelseServicebeskedTekst", "x" * 160)]
    assert holds(afsendelse(url + AFSENDELSE[1:]), "dkal.xsd")
    assert not holds(afsendelse(url + AFSENDELSE), "dkal.xsd")
    assert holds(afsendelse(AFSENDELSE[:7] + sms), "dkal.xsd")
    assert not holds(afsendelse([("MeddelelseServicebeskedTekst", "x" * 161)]), "dkal.xsd")
    assert not holds(afsendelse(sms + AFSENDELSE[7:]), "dkal.xsd")
    by_reference = [("MeddelelseIndholdURLreference", "https://a/")]
    assert holds(afsendelse(AFSENDELSE[7:8] + by_reference + AFSENDELSE[9:]), "dkal.xsd")
