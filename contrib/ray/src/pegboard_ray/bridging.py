"""The process that is connected to Ray in place of ours: ``python -m pegboard_ray.bridging``.

Ray ends a process whose cluster is lost, whatever that is doing, takes its signals, and connects it
to one cluster only. So it is connected here, and what we ask comes through a pipe. The process ends
when the pipe does.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from pegboard_ray.loopback import LOCAL, ONLY_HERE, is_only_here, listens

LOST, REFUSED = "lost", "refused"
NOT_BY_UV = ("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
"""Else under ``uv run``, which may be far above, Ray begins each worker by the same words in a copy
of this folder, where they mean another environment, or none that has Ray."""


def main(descriptor: int, address: str) -> int:
    """Connect, say so, and pass on what is asked until the pipe ends."""
    # What Ray prints must not reach what it says to us; it is read if this process fails.
    pipe: Connection[Any, Any] = Connection(descriptor)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(*NOT_BY_UV)
    address = address or begun_here() or LOCAL
    if is_only_here(address):
        os.environ.setdefault(*ONLY_HERE)
    try:
        import ray

        connect(ray, address)
        supervisor = supervisor_of(ray)
    except Exception as error:
        pipe.send((REFUSED, f"{type(error).__name__}: {error}"))
        return 1
    here = ray.util.get_node_ip_address()
    pipe.send(
        (
            "ready",
            {
                "address": ray.get_runtime_context().gcs_address,
                "started": address == LOCAL,
                "here": here,
            },
        )
    )
    serve(pipe, ray, supervisor)
    ray.shutdown()
    return 0


def begun_here() -> str:
    """Return the address of the cluster that ``ray start`` began on this machine; "" if none.

    Ray itself takes any of this machine, such as one that ends with another command.
    """
    usual = "/tmp" if sys.platform == "darwin" else gettempdir()  # noqa: S108 (Ray's)
    folder = os.environ.get("RAY_TMPDIR") or usual
    try:
        address = (Path(folder) / "ray" / "ray_current_cluster").read_text("utf-8").strip()
    except OSError:
        return ""
    host, _, port = address.rpartition(":")
    return address if port.isdecimal() and listens(host, int(port)) else ""


def connect(ray: Any, address: str) -> None:
    """Connect to a cluster, or start one for the time of this process."""
    options = {"log_to_driver": False, "configure_logging": False, "namespace": "pegboard"}
    if address == LOCAL:
        options["include_dashboard"] = False
    ray.init(address=address, **options)


def supervisor_of(ray: Any) -> Any:
    """Return the supervisor of the cluster, begun if there is none; one that answers."""
    from pegboard_ray.supervising import NAMESPACE, Supervisor

    version = metadata.version("pegboard-ray")
    made = ray.remote(Supervisor).options(
        name=f"runs-{version}",
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_concurrency=10_000,
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},
    ).remote()  # fmt: skip
    ray.get(made.look.remote("", 0, 0.0), timeout=120)
    return made


def serve(pipe: Connection[Any, Any], ray: Any, supervisor: Any) -> None:
    """Answer what is asked: (number, name, arguments, keywords); None ends it."""
    lock = threading.Lock()
    kept: dict[str, Any] = {}

    def answer(number: int, kind: str, value: Any) -> None:
        with lock:
            try:
                pipe.send((number, kind, value))
            except OSError:
                # Nobody reads it any more.
                os._exit(0)

    local: Mapping[str, Callable[..., Any]] = {"nodes": lambda: ray.nodes()}
    while True:
        try:
            asked = pipe.recv()
        except (EOFError, OSError):
            return
        if asked is None:
            return
        number, name, given, keywords = asked
        try:
            if name in local:
                answer(number, "", local[name](*given, **keywords))
                continue
            if name == "call":
                from pegboard_ray import calling

                reference = calling.begin(ray, kept, *given, **keywords)
            else:
                reference = getattr(supervisor, name).remote(*given, **keywords)
            reference.future().add_done_callback(_passing(answer, number))
        except Exception as error:
            answer(number, LOST, f"{type(error).__name__}: {error}")


def _passing(answer: Callable[[int, str, Any], None], number: int) -> Callable[[Any], None]:
    def done(future: Any) -> None:
        error = future.exception()
        if error is None:
            answer(number, "", future.result())
        else:
            answer(number, LOST, f"{type(error).__name__}: {error}")

    return done


if __name__ == "__main__":
    # As a module of its name, which Ray's workers can import, too.
    from pegboard_ray import bridging

    sys.exit(bridging.main(int(sys.argv[1]), sys.argv[2]))
