"""What webhooks may call, and what nobody can have the server call."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from pegboard.errors import InvalidValue, Refused
from pegboard_registry.webhooks.guard import Guard, is_public
from pegboard_registry.webhooks.sending import Sender

NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.10",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "64:ff9b::a9fe:a9fe",
    "2001:0:1:1:1:1:f5ff:fffe",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_is_not_public(address) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused, match="not on the public internet"):
        Guard().check_url(f"https://{host}/hook")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"])
def test_an_address_is_public(address) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "https://",
        "https:///path",
        "https://user:secret@example.com",
        "https://example.com@evil.com",
        "https://example.com\\@evil.com",
        "https://example.com/#fragment",
        "https://exa mple.com",
        "https://example.com/\r\nX: y",
        "https://example.com:0",
        "https://example.com:99999",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1",
        "https://example.com/" + "x" * 3000,
    ],
)
def test_what_could_be_read_in_two_ways_is_no_url(url) -> None:
    with pytest.raises(InvalidValue):
        Guard().check_url(url)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost"])
def test_this_machine_is_not_called_by_its_name(host) -> None:
    with pytest.raises(Refused):
        Guard().check_url(f"http://{host}:5000/")


def test_a_url_is_sent_as_it_was_meant() -> None:
    target = Guard().check_url("https://Example.com/a b?x=ü&y=%20".replace(" b", "%20b"))
    assert (target.host, target.port, target.path) == (
        "example.com",
        443,
        "/a%20b?x=%C3%BC&y=%20",
    )
    assert Guard().check_url("http://example.com:8080").authority == "example.com:8080"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.1:8000", " 127.0.0.1:8000 "])
def test_the_owner_can_allow_an_address(allowed) -> None:
    assert Guard([allowed]).check_url("http://127.0.0.1:8000/").port == 8000


def test_what_is_allowed_for_a_port_is_not_for_others() -> None:
    with pytest.raises(Refused):
        Guard(["127.0.0.1:8000"]).check_url("http://127.0.0.1:8001/")
    with pytest.raises(Refused):
        Guard(["example.com"]).check_url("http://127.0.0.1:8001/")


def resolving(monkeypatch, *answers):
    """Have names looked up with one answer after the other, and count how often."""
    asked = []

    def look_up(host, port, *args, **more):
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"]])
def test_a_name_of_which_an_address_is_private_is_not_called(monkeypatch, addresses) -> None:
    resolving(monkeypatch, addresses)
    outcome = Sender(Guard(), 5.0).send("http://rebind.example/", None, "id", "{}")
    assert not outcome.success
    assert not outcome.passing
    assert "not on the public internet" in (outcome.error or "")


def test_a_name_that_changes_its_address_is_connected_to_at_the_checked_one(
    monkeypatch, receiver
) -> None:
    # The second look-up, if there were one, would lead to the receiver.
    asked = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    connected = []

    def connect(address, *args, **more):
        connected.append(address)
        raise ConnectionRefusedError("not there")

    monkeypatch.setattr(socket, "create_connection", connect)
    url = f"http://rebind.example:{receiver.port}/"
    outcome = Sender(Guard(), 5.0).send(url, None, "id", "{}")
    assert asked == ["rebind.example"]
    assert connected == [("93.184.216.34", receiver.port)]
    assert outcome.passing
    assert receiver.received == []


def test_an_address_that_is_allowed_may_have_any_name(monkeypatch, receiver) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    guard = Guard([f"127.0.0.1:{receiver.port}"])
    outcome = Sender(guard, 30.0).send(f"http://hooks.example:{receiver.port}/", None, "id", "{}")
    assert outcome.success
    assert receiver.received[0].headers["Host"] == f"hooks.example:{receiver.port}"
