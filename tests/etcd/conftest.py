"""Clusters that the tests share: they take a while to start."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from hafailover.system.etcd_client import EtcdClient
from hafailover.system.etcd_connection import parse_endpoint
from hafailover.system.etcd_gateway import Credentials, EtcdGateway
from hafailover.system.etcd_place import Place
from tests.etcd.servers import Certificates, Cluster, needs_etcd


def client_of(*urls: str, credentials: Credentials | None = None) -> EtcdClient:
    places = tuple(Place(parse_endpoint(url), None) for url in urls)
    return EtcdClient(EtcdGateway(places, credentials))


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run one story with real time, and leave nothing open."""
    asyncio.run(asyncio.wait_for(story, 60))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    needs_etcd()
    cluster = Cluster(tmp_path_factory.mktemp("etcd"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members; each test leaves all of them running."""
    needs_etcd()
    cluster = Cluster(tmp_path_factory.mktemp("etcd3"), size=3)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    needs_etcd()
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make()
    return made


@pytest.fixture(scope="session")
def secured(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("etcds"), certificates=certificates)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    needs_etcd()
    return tmp_path
