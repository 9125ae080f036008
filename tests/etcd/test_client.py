"""Real etcd servers give the answers that the decisions are built on, and nothing else counts as one."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hafailover.arbiter.transaction import Compare, Delete, Get, Outcome, Put, Transaction
from hafailover.system.etcd_client import EtcdClient
from hafailover.system.etcd_connection import parse_endpoint
from hafailover.system.etcd_gateway import (
    Credentials,
    EtcdGateway,
    EtcdRefusedError,
    EtcdUnknownError,
    Refusal,
)
from hafailover.system.etcd_place import Place, tls_context
from tests.etcd.conftest import client_of, play
from tests.etcd.servers import Certificates, Cluster
from tests.etcd.swallowing import SlowProxy, SwallowingProxy

PATIENT = 5.0

HA = Credentials(user="ha", password="secret-word")  # noqa: S106
WRONG = Credentials(user="ha", password="not-it")  # noqa: S106
STRANGER = Credentials(user="nobody", password="not-it")  # noqa: S106


def create(key: str, value: str, *, has_lease: bool = False) -> Transaction:
    """Write a key that is not there yet; otherwise say what is."""
    return Transaction(
        compare=(Compare(key=key, value=None),),
        success=(Put(key=key, value=value, has_lease=has_lease),),
        failure=(Get(key=key),),
    )


def read(key: str) -> Transaction:
    return Transaction(compare=(), success=(Get(key=key),), failure=())


def is_there(outcome: Outcome, key: str, value: str) -> bool:
    """Whether a key was created: what is asked again, since no answer came, may find that it was done."""
    return outcome.succeeded or outcome.found == ((key, value),)


def test_a_transaction_happens_once_and_tells_the_second_why_not(server: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*server.urls)
        assert await etcd.commit(create("/once", "ä\n"), 0, PATIENT) == Outcome(succeeded=True)
        second = await etcd.commit(create("/once", "b"), 0, PATIENT)
        assert second == Outcome(succeeded=False, found=(("/once", "ä\n"),))
        same = Transaction(
            compare=(Compare(key="/once", value="ä\n"),), success=(Delete(key="/once"),), failure=()
        )
        assert (await etcd.commit(same, 0, PATIENT)).succeeded
        assert (await etcd.commit(read("/once"), 0, PATIENT)).found == ()
        etcd.gateway.close()

    play(story())


def test_a_key_with_a_lease_is_gone_with_the_lease(server: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*server.urls)
        lease = await etcd.grant(1, PATIENT)
        assert lease.ttl_ns >= 1_000_000_000
        assert (
            await etcd.commit(create("/leased", "x", has_lease=True), lease.id, PATIENT)
        ).succeeded
        await etcd.revoke(lease.id, PATIENT)
        await etcd.revoke(lease.id, PATIENT)
        assert (await etcd.commit(read("/leased"), 0, PATIENT)).found == ()
        with pytest.raises(EtcdRefusedError) as refused:
            await etcd.commit(create("/leased", "x", has_lease=True), lease.id, PATIENT)
        assert refused.value.kind is Refusal.ABSENT
        etcd.gateway.close()

    play(story())


def test_a_lease_runs_out_by_itself(server: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*server.urls)
        lease = await etcd.grant(1, PATIENT)
        await etcd.commit(create("/expires", "x", has_lease=True), lease.id, PATIENT)
        begun = time.monotonic()
        while (await etcd.commit(read("/expires"), 0, PATIENT)).found:
            assert time.monotonic() < begun + 20
            await asyncio.sleep(0.05)
        assert time.monotonic() - begun >= lease.ttl_ns / 1e9 - 0.1
        etcd.gateway.close()

    play(story())


def test_connections_are_used_again_and_calls_may_overlap(server: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*server.urls)
        many = [etcd.commit(read(f"/k{number}"), 0, PATIENT) for number in range(20)]
        assert len(await asyncio.gather(*many)) == 20
        before = len(etcd.gateway._members[0].idle)
        for _ in range(5):
            await etcd.commit(read("/k"), 0, PATIENT)
        assert len(etcd.gateway._members[0].idle) == before == 4
        etcd.gateway.close()

    play(story())


def test_an_answer_lost_on_the_way_is_unknown_and_the_work_is_found_done(server: Cluster) -> None:
    async def story() -> None:
        proxy = SwallowingProxy(server.ports[0])
        await proxy.start()
        etcd = client_of(f"http://127.0.0.1:{proxy.port}")
        proxy.swallows = True
        with pytest.raises(EtcdUnknownError):
            await etcd.commit(create("/swallowed", "mine"), 0, 0.4)
        assert proxy.swallowed > 1
        proxy.swallows = False
        again = await etcd.commit(create("/swallowed", "mine"), 0, PATIENT)
        assert again == Outcome(succeeded=False, found=(("/swallowed", "mine"),))
        etcd.gateway.close()
        await proxy.stop()

    play(story())


def test_a_lost_answer_is_asked_for_again_elsewhere(server: Cluster) -> None:
    async def story() -> None:
        proxy = SwallowingProxy(server.ports[0])
        await proxy.start()
        proxy.swallows = True
        etcd = client_of(f"http://127.0.0.1:{proxy.port}", *server.urls)
        lease = await etcd.grant(7, PATIENT)
        assert lease.ttl_ns == 7_000_000_000
        found = await etcd.commit(create("/elsewhere", "mine"), 0, PATIENT)
        # The first member is not asked again while the second one answers.
        assert found == Outcome(succeeded=True)
        assert proxy.swallowed == 1
        etcd.gateway.close()
        await proxy.stop()

    play(story())


def test_nobody_there_is_unknown_within_the_deadline() -> None:
    async def story() -> None:
        etcd = client_of("http://127.0.0.1:1", "http://[::1]:1")
        begun = time.monotonic()
        with pytest.raises(EtcdUnknownError, match=r"127\.0\.0\.1:1"):
            await etcd.commit(read("/k"), 0, 0.3)
        assert 0.25 < time.monotonic() - begun < 2

    play(story())


def test_a_name_that_is_not_found_is_said() -> None:
    async def story() -> None:
        etcd = client_of("http://etcd.invalid:2379")
        with pytest.raises(EtcdUnknownError, match=r"etcd.invalid:2379: .*name|no answer"):
            await etcd.commit(read("/k"), 0, 0.5)

    play(story())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not an object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "without JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"[" * 99999, "without JSON"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}", "HTTP 503"),
        (b"nonsense\r\n\r\n", "illegal"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "closed|received"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000_000, "longer than"),
        (b"", "closed|disconnect"),
    ],
)
def test_what_is_no_answer_of_etcd_is_unknown(answer: bytes, words: str) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1000)
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()

    async def story() -> None:
        stranger = await asyncio.start_server(meet, "127.0.0.1", 0)
        port = stranger.sockets[0].getsockname()[1]
        etcd = client_of(f"http://127.0.0.1:{port}")
        with pytest.raises(EtcdUnknownError, match=f"(?i){words}"):
            await etcd.commit(read("/k"), 0, 0.3)
        etcd.gateway.close()
        stranger.close()

    play(story())


def test_a_member_that_dies_is_passed_over(three: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*three.urls)
        for member in range(2):
            three.kill(member)
            # An election may be under way; a deadline that spans it is kept all the same.
            key = f"/dead/{member}"
            assert is_there(await etcd.commit(create(key, "x"), 0, PATIENT), key, "x")
            three.start(member)
        etcd.gateway.close()

    play(story())


def test_a_member_that_stands_still_is_passed_over(three: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*three.urls)
        assert (await etcd.commit(create("/still/0", "x"), 0, PATIENT)).succeeded
        asked = etcd.gateway._first
        three.freeze(asked)
        try:
            assert is_there(await etcd.commit(create("/still/1", "x"), 0, 3.0), "/still/1", "x")
            assert etcd.gateway._first != asked
        finally:
            three.thaw(asked)
        etcd.gateway.close()

    play(story())


def test_slow_members_are_not_given_up_for_being_slow(server: Cluster) -> None:
    """Whichever answers first counts, also when every one takes longer than its share."""

    async def story() -> None:
        slow = [SlowProxy(server.ports[0], 0.7) for _ in range(3)]
        for proxy in slow:
            await proxy.start()
        etcd = client_of(*(f"http://127.0.0.1:{proxy.port}" for proxy in slow))
        lease = await etcd.grant(5, 1.5)
        assert lease.ttl_ns == 5_000_000_000
        etcd.gateway.close()
        for proxy in slow:
            await proxy.stop()

    play(story())


def test_without_a_majority_nothing_is_granted_and_nothing_is_sure(three: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*three.urls)
        await etcd.commit(read("/k"), 0, PATIENT)
        three.freeze(0, 1)
        begun = time.monotonic()
        with pytest.raises(EtcdUnknownError):
            await etcd.commit(create("/minority", "x"), 0, 1.0)
        assert time.monotonic() - begun < 2
        with pytest.raises(EtcdUnknownError):
            await etcd.grant(5, 0.5)
        three.thaw(0, 1)
        # Whichever way it went: the same request settles it.
        settled = await etcd.commit(create("/minority", "x"), 0, 20.0)
        assert settled in {
            Outcome(succeeded=True),
            Outcome(succeeded=False, found=(("/minority", "x"),)),
        }
        etcd.gateway.close()

    play(story())


def test_a_cluster_that_was_restarted_is_found_again(three: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*three.urls)
        assert (await etcd.commit(create("/restarted", "x"), 0, PATIENT)).succeeded
        three.kill(0, 1, 2)
        with pytest.raises(EtcdUnknownError):
            await etcd.commit(read("/restarted"), 0, 0.3)
        three.start()
        found = await etcd.commit(read("/restarted"), 0, PATIENT)
        assert found.found == (("/restarted", "x"),)
        etcd.gateway.close()

    play(story())


def secured_client(cluster: Cluster, certificates: Certificates, *, own: bool) -> EtcdClient:
    pair = certificates.pair("client") if own else (None, None)
    tls = tls_context(ca_file=certificates.ca, cert_file=pair[0], key_file=pair[1])
    return EtcdClient(EtcdGateway(tuple(Place(parse_endpoint(url), tls) for url in cluster.urls)))


def test_both_sides_show_certificates(secured: Cluster, certificates: Certificates) -> None:
    async def story() -> None:
        etcd = secured_client(secured, certificates, own=True)
        assert (await etcd.commit(create("/secured", "x"), 0, PATIENT)).succeeded
        assert (await etcd.status(PATIENT)).has_leader
        etcd.gateway.close()

        stranger = secured_client(secured, certificates, own=False)
        with pytest.raises(EtcdUnknownError, match=r"(?i)certificate|ssl|closed|reset|pipe"):
            await stranger.commit(read("/secured"), 0, 1.5)

    play(story())


def test_a_member_of_another_authority_is_not_asked(secured: Cluster) -> None:
    async def story() -> None:
        tls = tls_context(ca_file=None, cert_file=None, key_file=None)
        gateway = EtcdGateway((Place(parse_endpoint(secured.urls[0]), tls),))
        with pytest.raises(EtcdUnknownError, match=r"(?i)certificate verify failed"):
            await EtcdClient(gateway).commit(read("/secured"), 0, 1.5)

    play(story())


@pytest.fixture
def guarded(directory: Path) -> Iterator[Cluster]:
    """A server that wants to know who asks."""
    cluster = Cluster(directory)
    cluster.start()
    for words in (
        "user add root:rootpass",
        "user grant-role root root",
        "role add ha",
        "role grant-permission ha readwrite --prefix=true /hafailover/",
        "user add ha:secret-word",
        "user grant-role ha ha",
        "auth enable",
    ):
        cluster.etcdctl(*words.split())
    yield cluster
    cluster.stop()


def test_users_are_authenticated_and_tokens_renewed(guarded: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*guarded.urls, credentials=HA)
        key = "/hafailover/web/record"
        assert (await etcd.commit(create(key, "x"), 0, PATIENT)).succeeded
        with pytest.raises(EtcdRefusedError, match="permission denied") as refused:
            await etcd.commit(create("/other", "x"), 0, PATIENT)
        assert refused.value.kind is Refusal.FORBIDDEN
        # The server forgets its tokens when it starts again.
        guarded.kill(0)
        guarded.start_listening(0)
        assert (await etcd.commit(read(key), 0, PATIENT)).found == ((key, "x"),)
        # A change of the users' rights makes older tokens old.
        guarded.etcdctl("user", "add", "third:word", user="root:rootpass")
        assert (await etcd.commit(read(key), 0, PATIENT)).found == ((key, "x"),)
        etcd.gateway._token = f"x{etcd.gateway._token}"
        assert (await etcd.commit(read(key), 0, PATIENT)).found == ((key, "x"),)
        etcd.gateway.close()

    play(story())


@pytest.mark.parametrize(
    "credentials",
    [None, WRONG, STRANGER],
)
def test_who_may_not_ask_is_told_so_without_his_password(
    guarded: Cluster, credentials: Credentials | None
) -> None:
    async def story() -> None:
        etcd = client_of(*guarded.urls, credentials=credentials)
        with pytest.raises(EtcdRefusedError) as refused:
            await etcd.commit(read("/hafailover/web/record"), 0, PATIENT)
        assert refused.value.kind is Refusal.FORBIDDEN
        assert WRONG.password not in repr(refused.value)
        assert WRONG.password not in repr(credentials)
        etcd.gateway.close()

    play(story())


def test_a_user_for_a_cluster_without_users_is_no_obstacle(server: Cluster) -> None:
    async def story() -> None:
        etcd = client_of(*server.urls, credentials=HA)
        assert (await etcd.commit(read("/k"), 0, PATIENT)).found == ()
        assert etcd.gateway.is_open_to_all
        etcd.gateway.close()

    play(story())


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "https://host/path", "http://user@host:1", "host:2379"]
)
def test_what_is_no_client_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="client URL"):
        parse_endpoint(url)


def test_ports_and_addresses_are_read() -> None:
    assert parse_endpoint("https://[fd00::1]").authority == "[fd00::1]:2379"
    assert parse_endpoint("http://etcd1:4001/").port == 4001


def test_an_answer_that_tells_of_no_key_is_not_the_news_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy on the way may say 200 and {}; each range request has an answer of its own, found or not."""

    async def call(*_: object) -> dict[str, Any]:
        return {}

    async def story() -> None:
        etcd = client_of("http://127.0.0.1:1")
        monkeypatch.setattr(etcd.gateway, "call", call)
        asked = replace(read("/k"), failure=read("/k").success)
        with pytest.raises(EtcdUnknownError, match="what became of each"):
            await etcd.commit(asked, 0, 0.3)

    play(story())
