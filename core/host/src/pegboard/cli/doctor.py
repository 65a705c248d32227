"""``pegboard doctor``: what is wrong, from the interpreter to the store, and what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pegboard import builtin, distributions, plugin_calls
from pegboard.cli import output
from pegboard.cli.faults import Review, explained, review
from pegboard.cli.opening import configuration, open_host
from pegboard.errors import NoStore, PegboardError, StoreFull, StoreReadOnly, UnknownScheme
from pegboard.hookspecs import FAIL, OK, SKIP, WARN, Finding

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard.plugin_calls import Plugin

_COLORS = {OK: "green", WARN: "yellow", FAIL: "red", SKIP: "cyan"}
_FAILED = "pegboard.doctor.failed"
_NOT_CHECKED = "not checked, because of the fault above"
_LEAVE_OUT_ONE = "name {!r} in [pegboard] disabled, in pegboard.toml."


@click.command(epilog=output.examples("pegboard doctor"))
@output.json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the installation, the plugins, the configuration and the store.

    Nothing is changed. The exit code is 1 if something has failed; warnings do not count.
    """
    findings = []
    for finding in run_all(ctx):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        output.print_json(findings)
    if any(finding.state == FAIL for finding in findings):
        ctx.exit(1)


def _print(finding: Finding) -> None:
    click.secho(f"{finding.state:<4}", fg=_COLORS[finding.state], nl=False)
    click.echo(f"  {finding.check}: {finding.found}")
    if finding.advice:
        click.echo(f"      → {finding.advice}")


def run_all(ctx: click.Context) -> Iterator[Finding]:
    """Yield the findings of every check; one that breaks is a finding too."""
    said: set[str] = set()
    for check in (_python, _config, _environment, _plugins, _surroundings, _store):
        name = check.__name__.strip("_")
        try:
            for finding in check(ctx):
                said.add(finding.found)
                yield finding
        except PegboardError as error:
            # What is wrong with the configuration keeps every later check from its work.
            again = error.message in said
            said.add(error.message)
            yield Finding(name, SKIP, _NOT_CHECKED) if again else _failed(name, error)
        except Exception as error:
            # A doctor that stops at the first surprise is of no use.
            yield Finding(name, FAIL, f"{type(error).__name__}: {error}")


def _failed(check: str, error: PegboardError) -> Finding:
    return Finding(check, FAIL, error.message, error.hint)


def _python(_: click.Context) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", OK, f"{version} at {sys.executable}")


def _config(ctx: click.Context) -> Iterator[Finding]:
    file = configuration(ctx).file
    yield Finding("config", OK, str(file) if file else "no file; the defaults hold")


def _environment(ctx: click.Context) -> Iterator[Finding]:
    from pegboard.cli import variables

    for found, advice in variables.unread(open_host(ctx), os.environ):
        yield Finding("environment", WARN, found, advice)


def _plugins(ctx: click.Context) -> Iterator[Finding]:
    host = open_host(ctx)
    if host.plugins.keys() <= {builtin.NAME}:
        yield Finding("plugins", WARN, "none is installed", distributions.first_step())
    reviewed = review(host)
    for name, plugin in host.plugins.items():
        yield _plugin(f"plugin {name}", plugin, reviewed)
    for (kind, key), names in reviewed.conflicts.items():
        one = "Name one of them in [pegboard] disabled, in pegboard.toml."
        yield Finding("plugins", FAIL, explained(kind, key, names), one)


def _plugin(check: str, plugin: Plugin, reviewed: Review) -> Finding:
    label = f"{plugin.distribution} {plugin.version}".strip() or "not installed"
    if plugin.disabled:
        return Finding(check, OK, f"{label}, disabled in the configuration")
    leave_out = _LEAVE_OUT_ONE.format(plugin.name)
    if plugin.error:
        return Finding(
            check, FAIL, f"{label} does not load: {plugin.error}", f"Reinstall it, or {leave_out}"
        )
    if fault := reviewed.refused.get(plugin.name):
        return Finding(check, FAIL, f"{label}: {fault}", f"Update it, or {leave_out}")
    if plugin.slow:
        slow = ", ".join(f"{what} {taken * 1000:.0f} ms" for what, taken in plugin.slow.items())
        return Finding(
            check, WARN, f"{label} is slow: {slow}", f"If you can do without: {leave_out}"
        )
    return Finding(check, OK, label)


def _surroundings(ctx: click.Context) -> Iterator[Finding]:
    """Let plugins check what they need besides themselves; one that fails is a finding too."""
    host = open_host(ctx)
    for implementation in host.manager.hook.pegboard_checks.get_hookimpls():
        name = implementation.plugin_name
        try:
            for finding in plugin_calls.asked(implementation, {"host": host}):
                if finding.state == FAIL:
                    ctx.meta[_FAILED] = True
                yield finding
        except BaseException as error:
            if plugin_calls.is_fatal(error):
                raise
            said = f"pegboard_checks failed: {plugin_calls.described(error)}"
            yield Finding(
                f"plugin {name}", FAIL, said, f"To do without: {_LEAVE_OUT_ONE.format(name)}"
            )


# -- the store ---------------------------------------------------------------------------------


def _store(ctx: click.Context) -> Iterator[Finding]:
    host = open_host(ctx)
    skipped = Finding("store", SKIP, _NOT_CHECKED)
    try:
        yield from _contents(host, host.config.pegboard.tracking_uri)
    except (StoreFull, StoreReadOnly) as error:
        # Perhaps a plugin said already, and better, what its disk is like.
        yield skipped if ctx.meta.get(_FAILED) else _failed("store", error)
    except UnknownScheme as error:
        broken = any(plugin.error for plugin in host.plugins.values())
        yield skipped if broken else _failed("store", error)


def _contents(host: Host, uri: str) -> Iterator[Finding]:
    from pegboard.entities import ViewType

    try:
        store = host.tracking_store(uri)
    except NoStore as error:
        yield Finding("store", OK, f"{uri}: not there yet; made on first use at {error.place}")
        return
    store.search_experiments(view=ViewType.ALL, max_results=1)
    yield Finding("store", OK, f"{uri} opens and can be read")
    for found, advice in store.faults():
        yield Finding("store", WARN, found, advice)
