"""The console's door: one jar of cookies for all ports of a host, and so a name of its own for each service's."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pipeline.local.console.access import Sessions, entry_path


def entered(sessions: Sessions, secret: str) -> str:
    token = parse_qs(urlsplit(entry_path(secret, 10.0)).query)["token"][0]
    value = sessions.enter(token, 10.0)
    assert value is not None
    return f"{sessions.cookie}={value}"


def test_two_services_of_one_host_leave_each_others_cookies_alone() -> None:
    first, second = Sessions("one", 4000, 1.0), Sessions("two", 5000, 1.0)
    jar = dict(cookie.split("=") for cookie in (entered(first, "one"), entered(second, "two")))
    assert len(jar) == 2, "the second cookie took the place of the first"
    sent = "; ".join(f"{name}={value}" for name, value in jar.items())
    assert first.known(sent) and second.known(sent)
    assert not second.known(f"{second.cookie}={jar[first.cookie]}"), "a service knows only its own"
