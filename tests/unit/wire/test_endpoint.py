"""Which proxy a channel goes through, as the environment says it and gRPC reads it."""

from __future__ import annotations

import pytest

from hashpact.wire.client.endpoint import Proxy, proxy_for

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
