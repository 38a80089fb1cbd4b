"""The portal's tables in the settings: what may stand in them, and what is refused before anything runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.portal_settings import (
    MaterialPortal,
    PortalBrand,
    PortalChannel,
    PortalRates,
    PortalServer,
    contrast_with_white,
)

GOOD = {"kind": "portal", "url": "https://post.eksempel.dk"}


@pytest.mark.parametrize(
    ("colour", "ratio"), [("#000000", 21.0), ("#ffffff", 1.0), ("#767676", 4.54), ("#777777", 4.48)]
)
def test_contrast_is_that_of_wcag(colour, ratio):
    assert contrast_with_white(colour) == pytest.approx(ratio, abs=0.01)


def test_a_colour_on_which_white_cannot_be_read_is_refused():
    assert PortalBrand(name="A", colour="#767676").colour == "#767676"
    with pytest.raises(ValidationError, match="contrast"):
        PortalBrand(name="A", colour="#ffcc00")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://post.eksempel.dk"}, "url"),
        ({"url": "https://post.eksempel.dk/portal"}, "url"),
        ({"scanner": "http://clamd"}, "scanner"),
        ({"brands": {"loen": {"name": "A"}}}, "default"),
        ({"brands": {"default": {"name": "A", "logo": "logo.svg"}}}, "logo"),
        ({"expiry_days": 0}, "expiry_days"),
        ({"rates": {"misses": "many"}}, "misses"),
        ({"server": {"certificate": "a.pem"}}, "give both or none"),
        ({"server": {"trusted_proxies": ["*"]}}, "trusted_proxies"),
        ({"server": {"trusted_proxies": ["proxy.example"]}}, "trusted_proxies"),
        ({"server": {"trusted_proxies": ["10.0.0.1", "::/0"]}}, "trusted_proxies"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_fault_is_told(change, said):
    assert PortalChannel.model_validate(GOOD).expiry_days == 30
    with pytest.raises(ValidationError, match=said):
        PortalChannel.model_validate(GOOD | change)


def test_every_rate_is_one_that_is_understood():
    from limits import parse

    for name in PortalRates.model_fields:
        assert parse(getattr(PortalRates(), name)).amount > 0


def test_a_secret_needs_its_column_and_a_material_one_method():
    with pytest.raises(ValidationError, match="secret_column"):
        MaterialPortal(identity=("shared_secret",))
    with pytest.raises(ValidationError):
        MaterialPortal(identity=())
    assert MaterialPortal().identity == ("mitid", "sms")


def test_a_source_looks_like_itself_or_like_the_default():
    channel = PortalChannel.model_validate(
        GOOD | {"brands": {"default": {"name": "A"}, "loen": {"name": "B"}}}
    )
    assert (channel.brand("loen").name, channel.brand("andet").name) == ("B", "A")
    assert PortalServer().trusted_proxies == ()


def test_a_class_of_data_narrows_what_a_material_may_be_opened_by():
    material = MaterialPortal(identity=("sms", "mitid", "shared_secret"), secret_column="kode")
    channel = PortalChannel(
        kind="portal", url="https://post.example", identity={"criminal": ("mitid", "sms"), "ordinary": ()}
    )
    assert channel.narrowed(material, "criminal").identity == ("sms", "mitid")
    assert channel.narrowed(material, "criminal").secret_column == "kode"
    assert channel.narrowed(material, "ordinary").identity == ()
    assert channel.narrowed(material, "cpr") is material


@pytest.mark.parametrize("data_class", ["special_category", "criminal", "cpr", "confidential"])
def test_a_code_by_mail_opens_no_class_but_the_ordinary(data_class):
    with pytest.raises(ValidationError, match="mail_code is for the class ordinary"):
        PortalChannel.model_validate(GOOD | {"identity": {data_class: ("mitid", "mail_code")}})
    mild = PortalChannel.model_validate(GOOD | {"identity": {"ordinary": ("mail_code",)}})
    assert mild.identity == {"ordinary": ("mail_code",)}
