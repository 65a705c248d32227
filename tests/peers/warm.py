"""A peer's interpreter that has imported the peer already, as that takes seconds.

``warm(python, module)`` yields an executable to be used as that Python. What it runs is a fork of
a process that did the import: with the arguments, environment, directory and streams that it was
called with, and with its exit code. Where it could differ from a new interpreter (options of
Python, variables that Python itself reads, packages put in place of what was imported) it is one.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CALLER = """#!{python} -IS
import json, os, socket, sys
words = sys.argv[1:]
changes_python = any(n.startswith("PYTHON") and n not in {harmless!r} for n in os.environ)
if words and (words[0] == "-c" or not words[0].startswith("-")) and not changes_python:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect({address!r})
        call = json.dumps([words, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(connection, [len(call).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(call)
        if said := connection.recv(4):
            code = int.from_bytes(said, "big", signed=True)
            if code < 0:
                os.kill(os.getpid(), -code)
            os._exit(code)
os.execv({python!r}, [{python!r}, *words])
"""
_HARMLESS = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH")

_KEEPER = """
import atexit, importlib, json, os, select, signal, socket, sys, threading, traceback, types
importlib.import_module(sys.argv[1])


def receive(connection):
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as file:
        words, place, environment = json.loads(file.read(int.from_bytes(size, "big")))
    return words, place, environment, streams


def replaces(environment):
    for folder in environment.get("PYTHONPATH", "").split(os.pathsep):
        for name in os.listdir(folder) if folder else ():
            if name.partition(".")[0] in sys.modules:
                return True
    return False


def run(words, place, environment, streams):
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    more = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    if words[0] == "-c":
        code, name, first = words[1], "<string>", ""
        sys.argv = ["-c", *words[2:]]
    else:
        with open(words[0], "rb") as file:
            code = file.read()
        name, first = words[0], os.path.dirname(os.path.abspath(words[0]))
        main.__file__ = name
        sys.argv = words
    sys.path[:1] = [first, *more]
    importlib.invalidate_caches()
    exec(compile(code, name, "exec"), main.__dict__)


def child(call):
    code = 0
    try:
        run(*call)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if code and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    os._exit(code)


def attend(connection, call):
    # Whoever called may be killed; what runs for it is not to outlive it.
    process = os.fork()
    if not process:
        connection.close()
        child(call)
    for stream in call[3]:
        os.close(stream)
    over = os.pidfd_open(process)
    if connection in select.select([connection, over], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        connection.sendall(code.to_bytes(4, "big", signed=True))
    except OSError:
        pass
    os._exit(0)


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def serve(listener):
    signal.signal(signal.SIGCHLD, reap)
    while True:
        connection, _ = listener.accept()
        with connection:
            call = receive(connection)
            if not replaces(call[2]) and not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                attend(connection, call)
            for stream in call[3]:
                os.close(stream)


serve(socket.socket(fileno=int(sys.argv[2])))
"""


@contextmanager
def warm(python: Path, module: str, place: Path, **environment: str) -> Iterator[Path]:
    """Yield the Python of a peer, whose module is imported under an environment just once."""
    address = place / "calls"
    caller = place / "python"
    # Its folder on PATH leads to the peer's other programs, as that of any interpreter does.
    for program in python.parent.iterdir():
        if program.name != caller.name:
            (place / program.name).symlink_to(program)
    text = _CALLER.format(python=str(python), address=str(address), harmless=_HARMLESS)
    caller.write_text(text)
    caller.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        # What calls before the import is done waits.
        listener.listen(8)
        process = subprocess.Popen(
            [str(python), "-c", _KEEPER, module, str(listener.fileno())],
            env=os.environ | environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        listener.close()
        try:
            yield caller
        finally:
            process.terminate()
            process.wait(60)
