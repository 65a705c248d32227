"""Docker on a machine without it: the commands that the runner uses, strict about their options.

Installed as ``docker`` or ``podman``. A container is a process of this machine whose folder is what
is mounted where projects lie. ``images/`` holds those that are here, ``registry`` names those that
can be pulled; the words of each call are kept in ``calls``.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(sys.argv[0]).resolve().parent.parent
MARK = "STAND_IN_CONTAINER"
CODE = "/mlflow/projects/code"
VALUED = {
    "run": {"name", "workdir", "volume", "env", "network", "memory", "shm-size", "v", "e"},
    "build": {"tag", "file"},
    "kill": {"signal"},
    "version": {"format"},
}
FLAGS = {"run": {"detach", "init", "P"}, "logs": {"follow"}, "rm": {"force", "volumes"}}


def fail(text, code=1):
    sys.stderr.write(f"Error: {text}\n")
    sys.exit(code)


def parsed(command, words):
    """Return the options, and what follows the first word that is none."""
    given = []
    for place, word in enumerate(words):
        if not word.startswith("-"):
            return given, words[place:]
        name, equals, value = word.lstrip("-").partition("=")
        if name not in (VALUED if equals else FLAGS).get(command, ()):
            fail(f"unknown flag: {word}", 125)
        if (len(name) == 1) == word.startswith("--"):
            fail(f"unknown flag: {word}", 125)
        given.append((name, value))
    return given, []


def values(given, *names):
    return [value for name, value in given if name in names]


def image_file(name):
    return ROOT / "images" / name.replace("/", "%")


def add_image(name, project=None, digests=()):
    identity = f"sha256:{abs(hash((name, project))):064x}"
    facts = json.dumps({"Id": identity, "RepoDigests": list(digests), "project": project})
    for each in (name, identity):
        image_file(each).write_text(facts)


def record(container, **state):
    new = container / "new"
    new.write_text(json.dumps(state))
    new.rename(container / "state")


def processes(container):
    mark = f"\0{MARK}={container.name}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and mark in b"\0" + (entry / "environ").read_bytes():
                yield int(entry.name)


def kill_all(container):
    while found := list(processes(container)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def run(given, rest):
    (name,) = values(given, "name")
    container = ROOT / "containers" / name
    if container.exists():
        fail(f'Conflict. The container name "/{name}" is already in use', 125)
    if not image_file(rest[0]).exists():
        fail(f"Unable to find image '{rest[0]}' locally", 125)
    folder = json.loads(image_file(rest[0]).read_text())["project"]
    for volume in values(given, "volume", "v"):
        source, target = volume.split(":")[:2]
        folder = source if target == CODE else folder
    assert values(given, "workdir") == [CODE]
    variables = {"PATH": os.environ["PATH"], MARK: name}
    for each in values(given, "env", "e"):
        key, equals, value = each.partition("=")
        if equals or key in os.environ:
            variables[key] = value if equals else os.environ[key]
    container.mkdir()
    record(container, Status="running", ExitCode=0, OOMKilled=False, Error="")
    print(f"{abs(hash(name)):064x}", flush=True)
    if os.fork():
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(container / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    pid = os.fork()
    if not pid:
        for descriptor, source in enumerate((null, log, log)):
            os.dup2(source, descriptor)
        os.chdir(folder)
        os.execvpe(rest[1], rest[1:], variables)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    (container / "pid").write_text(str(pid))
    _, status = os.waitpid(pid, 0)
    kill_all(container)
    code = os.waitstatus_to_exitcode(status)
    oom = (ROOT / "no_memory").exists()
    record(
        container,
        Status="exited",
        ExitCode=128 - code if code < 0 else code,
        OOMKilled=oom,
        Error="",
    )


def container_of(rest):
    found = ROOT / "containers" / rest[0]
    if not found.exists():
        fail(f"No such container: {rest[0]}")
    return found


def main(words):
    with (ROOT / "calls").open("a") as file:
        file.write(json.dumps(words) + "\n")
    command = " ".join(words[:2]) if words[0] in ("container", "image") else words[0]
    given, rest = parsed(command, words[len(command.split()) :])
    if command == "run":
        assert ("detach", "") in given
        run(given, rest)
    elif command == "container inspect":
        state = json.loads((container_of(rest) / "state").read_text())
        print(json.dumps([{"Name": rest[0], "State": state}]))
    elif command == "image inspect":
        if not image_file(rest[0]).exists():
            fail(f"No such image: {rest[0]}")
        print(json.dumps([json.loads(image_file(rest[0]).read_text())]))
    elif command == "version":
        print("1.0")
        if (ROOT / "down").exists():
            fail("Cannot connect to the Docker daemon. Is the docker daemon running?")
    elif command == "pull":
        if rest[0] not in (ROOT / "registry").read_text().split():
            fail(f"pull access denied for {rest[0]}, repository does not exist")
        print(f"Pulling {rest[0]}")
        add_image(rest[0], digests=[f"{rest[0]}@sha256:abc"])
    elif command == "build":
        (tag,), (file,) = values(given, "tag"), values(given, "file")
        base = Path(file).read_text().splitlines()[0].removeprefix("FROM ")
        if not image_file(base).exists() or tag != tag.lower() or " " in tag:
            fail("invalid reference format")
        add_image(tag, project=rest[0])
    elif command == "logs":
        container = container_of(rest)
        with (container / "log").open("rb") as file:
            while True:
                over = json.loads((container / "state").read_text())["Status"] == "exited"
                sys.stdout.buffer.write(file.read())
                sys.stdout.buffer.flush()
                if over:
                    return
                time.sleep(0.02)
    elif command == "kill":
        container = container_of(rest)
        if values(given, "signal") == ["KILL"]:
            kill_all(container)
        else:
            os.kill(int((container / "pid").read_text()), signal.SIGTERM)
    elif command == "rm":
        container = container_of(rest)
        kill_all(container)
        for each in container.iterdir():
            each.unlink()
        container.rmdir()
    else:
        fail(f"unknown command {command!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
