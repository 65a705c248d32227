"""A real cluster of two nodes on this machine, one for all tests of the process."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_ray import bridge
from pegboard_ray.loopback import ONLY_HERE
from pegboard_ray.settings import Settings

os.environ |= [ONLY_HERE]
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    # Ray's own has workers give way to all others, and the machine may be busy.
    "RAY_worker_niceness": "0",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}

from ray.cluster_utils import Cluster

STORE_BYTES = 80_000_000


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    node = {"num_cpus": 4, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield made
    finally:
        for each in bridge._bridges.values():
            each.close()
        made.shutdown()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    return Settings(address=cluster.address, cpus=0.1)
