"""Which proxy of the environment a channel goes through, and whether only a mirror can answer."""

from __future__ import annotations

import pytest
from builders import FakeClock

from hashpact.errors import ConfigError
from hashpact.keys.certificates import Tls, are_mirrors, make_authority
from hashpact.wire.client.endpoint import Endpoint, Proxy, proxy_for

HUB, MIRROR = (make_authority("example.org/log", FakeClock(), mirror=one) for one in (False, True))
AT = "http://user:secret@proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, None),
        ({"https_proxy": AT}, "https_proxy"),
        ({"http_proxy": AT}, "http_proxy"),
        ({"http_proxy": AT, "grpc_proxy": AT, "https_proxy": AT}, "grpc_proxy"),
        ({"https_proxy": "", "http_proxy": AT}, None),
        ({"HTTPS_PROXY": AT}, None),
        ({"https_proxy": "https://proxy.example"}, None),
        ({"https_proxy": "proxy.example:3128"}, None),
        ({"https_proxy": "http://proxy.example:no"}, None),
        ({"https_proxy": AT, "no_proxy": "other, hub.example"}, None),
        ({"https_proxy": AT, "no_proxy": ".EXAMPLE"}, None),
        ({"https_proxy": AT, "no_grpc_proxy": "other", "no_proxy": "*"}, "https_proxy"),
        ({"https_proxy": AT, "no_proxy": "*"}, None),
        ({"https_proxy": AT, "NO_PROXY": "hub.example"}, None),
        ({"https_proxy": AT, "no_proxy": ", 10.0.0.0/8,"}, "https_proxy"),
    ],
)
def test_a_proxy_is_what_the_environment_names(environ: dict[str, str], variable: str | None) -> None:
    expected = None if variable is None else Proxy("proxy.example", 3128, variable)
    assert proxy_for("hub.example", environ) == expected


def test_addresses_are_excepted_by_range() -> None:
    environ = {"https_proxy": "http://[::1]", "no_proxy": "10.0.0.0/8,fd00::/8"}
    assert proxy_for("10.1.2.3", environ) is None
    assert proxy_for("fd00::1", environ) is None
    assert proxy_for("11.1.2.3", environ) == Proxy("::1", 80, "https_proxy")


@pytest.mark.parametrize(
    ("address", "authorities", "expected"),
    [
        ("hub.example:8443", HUB.certificate, False),
        ("mirror.lan:8444", MIRROR.certificate, True),
        ("mirror.lan:8444", MIRROR.certificate + HUB.certificate, False),
        ("unix:/srv/mirror/socket", HUB.certificate, True),
    ],
)
def test_only_a_mirror_has_a_certificate_of_a_mirrors_authority(
    address: str, authorities: bytes, *, expected: bool
) -> None:
    endpoint = Endpoint.at(address, Tls(b"", HUB.certificate, authorities))
    assert endpoint.is_mirror is expected


def test_a_file_that_is_no_certificate_is_refused() -> None:
    with pytest.raises(ConfigError, match="not the certificate of an authority"):
        are_mirrors(b"nothing")
