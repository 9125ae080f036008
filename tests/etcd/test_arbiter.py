"""What the core asks of etcd comes back as what is in force, whichever answers were lost."""

import asyncio

from hafailover.arbiter.answers import Applied, Refused, Standing, Unknown
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding
from hafailover.group.events import ArbiterAnswered, Event
from hafailover.system.etcd_arbiter import EtcdArbiter, ask_etcd
from hafailover.units import seconds
from tests.etcd.conftest import client_of, play
from tests.etcd.servers import Cluster
from tests.etcd.swallowing import SwallowingProxy

PATIENT = 5.0
FOUND = ChangeStanding(
    purpose=Purpose.FOUND, record_before=None, record_after="r1", holder_before=None, holder_after=None
)  # fmt: skip
TAKE = ChangeStanding(
    purpose=Purpose.TAKE, record_before="r1", record_after="r2", holder_before=None,
    holder_after="A1", lease_s=7,
)  # fmt: skip
RENEW = ChangeStanding(
    purpose=Purpose.RENEW, record_before="r2", record_after="r2", holder_before="A1",
    holder_after="A2", lease_s=7,
)  # fmt: skip
OTHER = ChangeStanding(
    purpose=Purpose.TAKE, record_before="r2", record_after="r3", holder_before=None,
    holder_after="B1", lease_s=7,
)  # fmt: skip
RELEASE = ChangeStanding(
    purpose=Purpose.RELEASE, record_before="r2", record_after="r4", holder_before="A2", holder_after=None
)  # fmt: skip


def test_a_grant_from_its_founding_to_its_release(server: Cluster) -> None:
    async def story() -> None:
        client = client_of(*server.urls)

        async def ask(request: ReadStanding | ChangeStanding) -> Applied | Refused | Unknown:
            return await ask_etcd(client, "/life", "web", request, PATIENT)

        assert await ask(ReadStanding()) == Applied(standing=Standing())
        assert await ask(FOUND) == Applied(standing=Standing(record="r1"))
        assert await ask(TAKE) == Applied(
            standing=Standing(record="r2", holder="A1"), lease_ns=seconds(7)
        )
        assert await ask(OTHER) == Refused(standing=Standing(record="r2", holder="A1"))
        assert await ask(RENEW) == Applied(
            standing=Standing(record="r2", holder="A2"), lease_ns=seconds(7)
        )
        assert await ask(ReadStanding()) == Applied(standing=Standing(record="r2", holder="A2"))
        assert await ask(RELEASE) == Applied(standing=Standing(record="r4"))
        assert await ask(RENEW) == Refused(standing=Standing(record="r4"))
        client.gateway.close()

    play(story())


def test_a_change_whose_answer_was_lost_is_recognised(server: Cluster) -> None:
    async def story() -> None:
        proxy = SwallowingProxy(server.ports[0])
        await proxy.start()
        lossy = client_of(f"http://127.0.0.1:{proxy.port}", *server.urls)
        proxy.swallows = True
        found = await ask_etcd(lossy, "/lost", "web", FOUND, PATIENT)
        assert found == Applied(standing=Standing(record="r1"))
        assert proxy.swallowed == 1
        # The grant of the lease meets the proxy again, the transaction the server.
        lossy.gateway._first = 0
        taken = await ask_etcd(lossy, "/lost", "web", TAKE, PATIENT)
        assert taken == Applied(standing=Standing(record="r2", holder="A1"), lease_ns=seconds(7))
        lossy.gateway.close()
        await proxy.stop()

    play(story())


def test_the_port_answers_each_question_once_and_within_its_deadline(three: Cluster) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
        port = EtcdArbiter(
            loop,
            client_of(*three.urls),
            prefix="/port",
            deadline=seconds(1),
            feed=lambda group, event: heard.put_nowait((group, event)),
        )
        port.ask("web", 3, FOUND)
        port.ask("mail", 4, ReadStanding())
        answers = dict([await heard.get(), await heard.get()])
        assert answers == {
            "web": ArbiterAnswered(id=3, answer=Applied(standing=Standing(record="r1"))),
            "mail": ArbiterAnswered(id=4, answer=Applied(standing=Standing())),
        }
        three.freeze(0, 1, 2)
        begun = loop.time()
        port.ask("web", 5, TAKE)
        group, event = await heard.get()
        assert loop.time() - begun < 1.3
        assert isinstance(event, ArbiterAnswered)
        assert (group, event.id) == ("web", 5)
        assert isinstance(event.answer, Unknown)
        port.ask("web", 6, TAKE)
        await asyncio.sleep(0.05)
        await port.close()
        three.thaw(0, 1, 2)
        assert heard.empty()

    play(story())
