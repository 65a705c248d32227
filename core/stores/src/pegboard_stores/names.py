"""Names and ids for runs that were not given one."""

from __future__ import annotations

import os

_FIRST = (
    "amber apt airy bold brave breezy bright brisk calm candid cheery chirpy civil clever cosy "
    "crisp curious dapper daring deft eager early fair fleet fond frank fresh gentle giddy glad "
    "golden grand handy happy hardy honest humble jolly keen kind lively lofty loyal lucky mellow "
    "merry mild neat nimble noble patient placid plucky polite proud quick quiet rapid ready "
    "rustic serene sharp silent sleek snug spry stable steady sturdy sunny swift tidy tranquil "
    "trusty upbeat valiant vivid warm wise witty zesty"
)

_SECOND = (
    "acorn adder alder alpaca anchor aspen badger banjo beaver birch bison brook canyon cedar "
    "comet condor coral crane cricket daisy dolphin dune eagle egret elm falcon fern finch fjord "
    "fox gecko glacier goose grove harbor hare hawk heron hickory ibex iris island jay juniper "
    "kestrel kite koala lagoon lark laurel lemur lily linden lynx magpie maple marten meadow "
    "minnow moth newt oak oasis ocelot orca osprey otter owl panda pebble pelican pine plover "
    "poppy puffin quail raven reef robin sable salmon seal sparrow spruce stork swan tapir thrush "
    "trout tulip tundra turtle vole walnut walrus willow wren yak"
)


def random_name() -> str:
    """Return a name that is easy to say and remember, such as ``calm-otter-417``.

    A script that seeds ``random`` still gets another name for each run.
    """
    return f"{_one_of(_FIRST)}-{_one_of(_SECOND)}-{_below(1000)}"


def new_run_id() -> str:
    """Return 32 random hex digits."""
    return os.urandom(16).hex()


def _one_of(words: str) -> str:
    known = words.split()
    return known[_below(len(known))]


def _below(limit: int) -> int:
    # The modules random, secrets and uuid take longer to import than a run to start.
    return int.from_bytes(os.urandom(8), "little") % limit
