"""Slurm on one machine: sbatch, squeue, sacct and scancel, strict about what they document.

Installed under these names. The state lies beside: ``jobs/N/`` for each job; in ``down`` lies that
the controller is not to be reached, in ``no_accounts`` that there is no accounting, in ``forgets``
that the queue forgets jobs as they end; ``fate`` holds how the next job ends: a state and an exit
code, or "REQUEUE", after which it runs once more.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(sys.argv[0]).resolve().parent.parent
NAME = Path(sys.argv[0]).name
MARK = "STAND_IN_JOB"
OPTIONS = {
    "sbatch": {
        "parsable": None, "job-name": "", "chdir": "", "output": "", "open-mode": "", "export": "",
        "partition": "", "account": "", "qos": "", "time": "", "mem": "", "cpus-per-task": "",
        "gpus": "", "constraint": "",
    },
    "squeue": {"noheader": None, "states": "", "format": "", "jobs": ""},
    "sacct": {"noheader": None, "parsable2": None, "format": "", "jobs": ""},
    "scancel": {"signal": "", "full": None},
}  # fmt: skip


def fail(text):
    sys.stderr.write(f"{NAME}: error: {text}\n")
    sys.exit(1)


def parsed(words):
    known, given, rest = OPTIONS[NAME], {}, []
    for word in words:
        if not word.startswith("--"):
            rest.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name not in known or (known[name] is None) == bool(equals) or rest:
            fail(f"unrecognized option '{word}'")
        given[name] = value
    return given, rest


def flag(name):
    return (ROOT / name).exists()


def processes(number):
    """The processes of a job, as a control group knows them."""
    mark = f"\0{MARK}={ROOT}/{number}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in b"\0" + (entry / "environ").read_bytes():
                yield int(entry.name)


def send(number, signum):
    found = [pid for pid in processes(number) if pid != os.getpid()]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def record(job, state, exits=None):
    """Write a state in one move."""
    file = job / "new"
    file.write_text(f"{state}\n{exits or ''}")
    file.rename(job / "state")


def node(job, given, script):
    """Run a job, and clean up behind it."""
    fate = ROOT / "fate"
    words = fate.read_text().split() if fate.exists() else []
    for file in [fate] if words else []:
        file.unlink()
    output = given["output"].replace("%%", "%")
    while True:
        record(job, "RUNNING")
        pid = os.fork()
        if not pid:
            os.setsid()
            os.chdir(given["chdir"])
            out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.environ.update({MARK: f"{ROOT}/{job.name}", "SLURM_JOB_ID": job.name})
            os.execv(script, [script])
        _, status = os.waitpid(pid, 0)
        while any(map(alive, send(job.name, signal.SIGKILL))):
            time.sleep(0.01)
        if words != ["REQUEUE"]:
            break
        words = []
        record(job, "PENDING")
    code = os.waitstatus_to_exitcode(status)
    exits = f"0:{-code}" if code < 0 else f"{code}:0"
    state = "FAILED" if code else "COMPLETED"
    if (job / "cancelled").exists():
        state = "CANCELLED"
    if words:
        state, exits = words
        (Path(script).parent / "exit_code").unlink(missing_ok=True)
    record(job, state, exits)


def sbatch(given, rest):
    if len(rest) != 1 or not Path(rest[0]).read_text().startswith("#!"):
        fail("This does not look like a batch script.")
    if given.get("partition") not in (None, "debug"):
        fail("invalid partition specified: " + given["partition"])
    number = len(list((ROOT / "jobs").iterdir())) + 1
    job = ROOT / "jobs" / str(number)
    job.mkdir()
    (job / "words").write_text("\n".join(sys.argv[1:]))
    record(job, "PENDING")
    # Slurm keeps a copy, and runs that.
    script = rest[0]
    Path(script).chmod(0o700)
    print(number)
    sys.stdout.flush()
    if os.fork():
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    node(job, given, script)


def squeue(given, rest):
    job = ROOT / "jobs" / given["jobs"]
    if not job.exists():
        fail("Invalid job id specified")
    state, _, exits = (job / "state").read_text().partition("\n")
    if exits and flag("forgets"):
        fail("Invalid job id specified")
    assert given["format"] == "%T"
    print(state)


def sacct(given, rest):
    if flag("no_accounts"):
        fail("Slurm accounting storage is disabled")
    number = given["jobs"]
    state, _, exits = (ROOT / "jobs" / number / "state").read_text().partition("\n")
    said = "CANCELLED by 1000" if state == "CANCELLED" else state
    values = {"JobIDRaw": number, "State": said, "ExitCode": exits or "0:0"}
    fields = given["format"].split(",")
    rows = [
        {**values, "TotalCPU": "01:02.500"},
        {**values, "JobIDRaw": f"{number}.batch", "State": state, "MaxRSS": "2048K"},
    ]
    for row in rows:
        print("|".join(row.get(name, "") for name in fields))


def scancel(given, rest):
    job = ROOT / "jobs" / rest[0]
    if not job.exists():
        fail(f"Kill job error on job id {rest[0]}: Invalid job id specified")
    (job / "cancelled").touch()
    send(rest[0], getattr(signal, f"SIG{given.get('signal', 'TERM')}"))


if __name__ == "__main__":
    if flag("down"):
        fail("Unable to contact slurm controller (connect failure)")
    globals()[NAME](*parsed(sys.argv[1:]))
