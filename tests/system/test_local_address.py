"""Whether an address is on an interface of this host is asked of the kernel, without a command."""

from hafailover.config.identity import is_local


def test_the_loopback_address_is_here() -> None:
    assert is_local("127.0.0.1")


def test_an_address_of_documentation_is_not() -> None:
    assert not is_local("192.0.2.77")
    assert not is_local("2001:db8::77")
