"""The address of the proxy, which carries the user's own."""

from __future__ import annotations

from pipeline.local.egress.proxy_address import address_of, upstream_of


def test_the_users_own_proxy_is_found_again_in_the_address() -> None:
    own = "http://me:pass%40word@proxy.example:3128"
    address = address_of(1, "secret", own)
    assert upstream_of(address) == own
    assert upstream_of(address_of(2, "another")) == ""
    assert upstream_of(own) == own and upstream_of("proxy.example:3128") == "proxy.example:3128"
