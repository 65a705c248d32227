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
from typing import Any

LOCAL, AUTO = "local", "auto"
LOST, REFUSED = "lost", "refused"


def main(descriptor: int, address: str) -> int:
    """Connect, say so, and pass on what is asked until the pipe ends."""
    # What Ray prints must not reach what it says to us; it is read if this process fails.
    pipe: Connection[Any, Any] = Connection(descriptor)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray

        started = connect(ray, address)
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
                "started": started,
                "here": here,
            },
        )
    )
    serve(pipe, ray, supervisor)
    ray.shutdown()
    return 0


def connect(ray: Any, address: str) -> bool:
    """Connect to a cluster; return whether it was started for that."""
    options = {"log_to_driver": False, "configure_logging": False, "namespace": "pegboard"}
    if address not in ("", LOCAL):
        ray.init(address=address, **options)
        return False
    if not address:
        try:
            ray.init(address=AUTO, **options)
        except ConnectionError:
            pass
        else:
            return False
    ray.init(address=LOCAL, include_dashboard=False, **options)
    return True


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
    """Answer what is asked: (number, name, arguments, keywords)."""
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
            number, name, given, keywords = pipe.recv()
        except (EOFError, OSError):
            return
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
