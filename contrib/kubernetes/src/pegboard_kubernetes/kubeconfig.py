"""Where a cluster is, and what opens it: the kubeconfig, or the account of the pod we run in."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen
from pegboard.errors import ConfigError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SECONDS = 120
_UNSUPPORTED = ("auth-provider", "username", "as", "impersonate")


@frozen(kw_only=True)
class Access:
    """A cluster: certificates and keys are PEM, or "" for none."""

    server: str
    namespace: str = "default"
    authority: str = ""
    verify: bool = True
    certificate: str = ""
    key: str = field(default="", repr=False)
    _token: str = field(default="", repr=False)
    _token_file: str = ""
    _command: Mapping[str, Any] = field(factory=dict)

    def token(self) -> str:
        """Return the token that opens it now, "" for none; some run out and are had anew."""
        if self._command:
            return _of_command(self._command)
        return _text(Path(self._token_file)) if self._token_file else self._token


def find(context: str) -> Access:
    """Return the access by a context, "" for the current one; ConfigError says what is wrong."""
    named = os.environ.get("KUBECONFIG", "")
    files = [Path(each) for each in named.split(os.pathsep) if each] or [
        Path.home() / ".kube" / "config"
    ]
    found = [file for file in files if file.is_file()]
    if found:
        return _of_file(found[0], context)
    if "KUBERNETES_SERVICE_HOST" in os.environ and not context:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        return Access(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            namespace=_text(_ACCOUNT / "namespace"),
            authority=_text(_ACCOUNT / "ca.crt"),
            token_file=str(_ACCOUNT / "token"),
        )
    raise ConfigError(
        f"There is no kubeconfig at {files[0]}.",
        hint="Set KUBECONFIG to the file that 'kubectl config view' shows.",
    )


def _of_file(file: Path, context: str) -> Access:
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"The kubeconfig {file} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"The kubeconfig {file} is not one.")
    name = context or document.get("current-context") or ""
    chosen = _named(document, "contexts", "context", name, file)
    cluster = _named(document, "clusters", "cluster", chosen.get("cluster", ""), file)
    user = _named(document, "users", "user", chosen["user"], file) if chosen.get("user") else {}
    refused = [key for key in _UNSUPPORTED if user.get(key)]
    if refused:
        raise ConfigError(f"The kubeconfig {file} uses {refused[0]!r}, which is not supported.")
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("https://", "http://")):
        raise ConfigError(f"The kubeconfig {file} names no server for the context {name!r}.")
    return Access(
        server=server.rstrip("/"),
        namespace=chosen.get("namespace") or "default",
        authority=_data(cluster, "certificate-authority", file),
        verify=not cluster.get("insecure-skip-tls-verify"),
        certificate=_data(user, "client-certificate", file),
        key=_data(user, "client-key", file),
        token=user.get("token") or "",
        token_file=str(file.parent / user["tokenFile"]) if user.get("tokenFile") else "",
        command=user.get("exec") or {},
    )


def _named(document: Mapping[str, Any], kind: str, one: str, name: str, file: Path) -> Any:
    entries = document.get(kind) or []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("name") == name and name:
            return entry.get(one) or {}
    known = ", ".join(str(entry.get("name")) for entry in entries if isinstance(entry, dict))
    raise ConfigError(f"The kubeconfig {file} has no {one} {name!r}. It has: {known or 'none'}.")


def _data(table: Mapping[str, Any], key: str, file: Path) -> str:
    """Return what stands in the file itself, or in another that it names."""
    if inline := table.get(f"{key}-data"):
        return base64.b64decode(inline).decode()
    return _text(file.parent / table[key]) if table.get(key) else ""


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error


def _of_command(command: Mapping[str, Any]) -> str:
    """Return the token that a credential plugin prints.

    Source: kubernetes.io, "client-go credential plugins", client.authentication.k8s.io/v1.
    """
    words = [str(command.get("command")), *map(str, command.get("args") or [])]
    version = str(command.get("apiVersion"))
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    given = {str(each["name"]): str(each["value"]) for each in command.get("env") or []}
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        token = json.loads(done.stdout)["status"]["token"]
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip()
        raise ConfigError(f"{words[0]}, which opens the cluster, failed: {said}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{words[0]}, which opens the cluster, gave no token.",
            hint="Credential plugins that give certificates are not supported.",
        ) from error
    return str(token)
