"""Sockets in memory, against the words and numbers of the real ones."""

import errno
import os
import select
import selectors
import socket
import struct

import pytest

from asgilive.browser import guard, network
from asgilive.browser.network import BUFFER, NETWORK, Selector, Socket, getaddrinfo, socketpair

RESET = struct.pack("ii", 1, 0)


@pytest.fixture(params=["page", "machine"])
def make(request):
    """A maker of sockets: what the page's do, the machine's do too."""
    made = []

    def new():
        sock = (Socket if request.param == "page" else socket.socket)()
        sock.setblocking(False)
        made.append(sock)
        return sock

    new.kind = request.param
    yield new
    for sock in made:
        sock.close()
    assert request.param == "machine" or not NETWORK.sockets


def listener(make):
    sock = make()
    sock.bind(("127.0.0.1", 0))
    sock.listen(5)
    return sock


def pair(make):
    """Two connected ends: the client's, the server's."""
    sock, client = listener(make), make()
    client.setblocking(True)
    client.connect(sock.getsockname())
    client.setblocking(False)
    server, address = sock.accept()
    server.setblocking(False)
    assert address == client.getsockname() == server.getpeername()
    assert client.getpeername() == server.getsockname() == sock.getsockname()
    sock.close()
    return client, server


def test_bytes_go_both_ways_in_order(make):
    client, server = pair(make)
    with server:
        assert (client.send(b"ab"), client.send(b"cd")) == (2, 2)
        assert (server.recv(3), server.recv(10)) == (b"abc", b"d")
        server.sendall(b"xy")
        buffer = bytearray(10)
        assert (client.recv_into(buffer), buffer[:2]) == (2, b"xy")
        assert client.sendmsg([b"1", b"2"]) == 2
        assert server.recv(10) == b"12"


def test_what_is_not_there_yet(make):
    client, server = pair(make)
    with server, pytest.raises(BlockingIOError):
        client.recv(1)
    with pytest.raises(BlockingIOError):
        listener(make).accept()


def test_an_end_is_read_behind_the_bytes(make):
    client, server = pair(make)
    with server:
        client.send(b"last")
        client.shutdown(socket.SHUT_WR)
        assert (server.recv(10), server.recv(10), server.recv(10)) == (b"last", b"", b"")
        server.send(b"answer")
        assert client.recv(10) == b"answer"
        with pytest.raises(BrokenPipeError):
            client.send(b"more")


def test_a_close_ends_both_ways(make):
    client, server = pair(make)
    server.close()
    server.close()
    assert client.recv(10) == b""
    assert client.send(b"to nobody") == 9  # it goes out, and RST comes back
    with pytest.raises(BrokenPipeError):
        client.send(b"again")
    assert server.fileno() == -1


def test_a_close_over_unread_bytes_is_a_reset(make):
    client, server = pair(make)
    client.send(b"unread")
    server.close()
    with pytest.raises(ConnectionResetError):
        client.recv(10)


def test_without_lingering_it_is_a_reset(make):
    client, server = pair(make)
    server.send(b"first")
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.close()
    if make.kind == "page":  # Linux tells either, by its version
        assert client.recv(10) == b"first"
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def test_nobody_listens(make):
    sock = listener(make)
    address = sock.getsockname()
    sock.close()
    client = make()
    client.setblocking(True)
    with pytest.raises(ConnectionRefusedError):
        client.connect(address)
    assert client.connect_ex(address) == errno.ECONNREFUSED


def test_nobody_listens_and_nobody_waits(make):
    """As asyncio asks: the error comes when the socket is ready."""
    sock = listener(make)
    address = sock.getsockname()
    sock.close()
    client = make()
    with pytest.raises(BlockingIOError):
        client.connect(address)
    if make.kind == "page":
        assert client.ready() == selectors.EVENT_READ | selectors.EVENT_WRITE
    else:
        select.select([], [client], [], 1)
    errors = [client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]
    assert errors == [errno.ECONNREFUSED, 0]


def test_who_waits_to_be_accepted_hears_of_the_end(make):
    sock, client = listener(make), make()
    client.setblocking(True)
    client.connect(sock.getsockname())
    sock.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_port_is_taken_once(make):
    sock, other = listener(make), make()
    with pytest.raises(OSError, match=r"in use") as caught:
        other.bind(sock.getsockname())
    assert caught.value.errno == errno.EADDRINUSE


def test_two_that_bound_and_one_that_listens(make):
    one, other = make(), make()
    for sock in (one, other):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    one.bind(("127.0.0.1", 0))
    other.bind(one.getsockname())
    one.listen()
    with pytest.raises(OSError, match="in use"):
        other.listen()


def test_listening_takes_a_port(make):
    sock = make()
    sock.listen()
    sock.listen(7)
    assert sock.getsockname()[1] > 0


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (lambda s: s.getpeername(), errno.ENOTCONN),
        (lambda s: s.recv(1), errno.ENOTCONN),
        (lambda s: s.shutdown(socket.SHUT_WR), errno.ENOTCONN),
        (lambda s: s.accept(), errno.EINVAL),
    ],
)
def test_not_connected(make, step, number):
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        step(make())
    assert caught.value.errno == number


def test_not_connected_cannot_send():
    with Socket() as sock, pytest.raises(OSError, match=r"\[Errno") as caught:
        sock.send(b"x")
    assert caught.value.errno == errno.ENOTCONN


def test_connected_once(make):
    client, server = pair(make)
    sock = listener(make)
    with server, pytest.raises(OSError, match=r"\[Errno") as caught:
        client.connect(sock.getsockname())
    assert caught.value.errno == errno.EISCONN


def test_closed_is_closed(make):
    sock = make()
    sock.close()
    for step in (sock.getsockname, sock.listen, lambda: sock.send(b"x"), lambda: sock.recv(1)):
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            step()
        assert caught.value.errno == errno.EBADF


def test_timeouts_are_kept(make):
    sock = make()
    assert (sock.gettimeout(), sock.getblocking()) == (0.0, False)
    sock.settimeout(2.5)
    assert (sock.gettimeout(), sock.getblocking()) == (2.5, True)
    sock.setblocking(True)
    assert sock.gettimeout() is None


# -- what is the page's own


def test_a_buffer_is_a_limit():
    one, two = socketpair()
    one.setblocking(False)
    with one, two:
        assert one.send(b"x" * (BUFFER + 5)) == BUFFER
        with pytest.raises(BlockingIOError):
            one.send(b"x")
        with pytest.raises(guard.WouldWait, match="one thread"):
            two.sendall(b"x" * (BUFFER + 1))
        two.recv(10)
        assert one.send(b"x" * 20) == 10


def test_a_receiver_may_ask_for_a_small_one():
    one, two = socketpair()
    with one, two:
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100)
        assert one.send(b"x" * 1000) == 100
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10)
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.send(b"x")


def test_a_call_that_would_wait_says_so():
    one, two = socketpair()
    with one, two, pytest.raises(guard.WouldWait, match="await"):
        one.recv(1)


@pytest.mark.parametrize("address", [("93.184.216.34", 80), ("example.org", 443)])
def test_the_world_is_not_there(address):
    with Socket() as sock, pytest.raises(guard.NoSuchSocket, match=address[0]) as caught:
        sock.connect(address)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.ENETUNREACH
    with pytest.raises(socket.gaierror, match="example"):
        getaddrinfo("example.org", 80)


def test_names_of_the_page():
    (found,) = getaddrinfo(b"localhost", "80")
    assert found == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    assert getaddrinfo("127.0.0.3", None)[0][-1] == ("127.0.0.3", 0)


@pytest.mark.parametrize(
    "arguments",
    [(socket.AF_UNIX,), (socket.AF_INET, socket.SOCK_DGRAM), (-1, -1, -1, 7)],
)
def test_other_kinds_are_not_there(arguments):
    with pytest.raises(guard.NoSuchSocket, match="JupyterLab"):
        Socket(*arguments)


def test_a_number_is_nothing_without_its_socket():
    with Socket() as sock, pytest.raises(guard.NoSuchSocket):
        sock.detach()


def test_constants_that_an_interpreter_lacks(page, monkeypatch):
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    network.install()
    assert network.CONSTANTS["SO_REUSEPORT"] == socket.SO_REUSEPORT
    if os.uname().sysname == "Linux":
        assert {name: getattr(socket, name) for name in network.CONSTANTS} == network.CONSTANTS


def test_how_it_looks():
    one, two = socketpair()
    with one, two:
        assert "raddr=('127.0.0.1', " in repr(one)
    with Socket() as sock:
        assert "laddr=('0.0.0.0', 0)>" in repr(sock)


# -- the selector


def test_what_is_ready():
    one, two = socketpair()
    selector = Selector()
    with one, two:
        key = selector.register(one, selectors.EVENT_READ, "data")
        assert (selector.select(), selector.waiting) == ([], False)
        two.send(b"x")
        assert selector.select() == [(key, selectors.EVENT_READ)]
        assert selector.select(), "as long as it is there"
        one.recv(1)
        assert selector.select() == []
        key = selector.modify(one, selectors.EVENT_READ | selectors.EVENT_WRITE)
        assert selector.select() == [(key, selectors.EVENT_WRITE)]
        assert selector.get_map() == {one.fileno(): key}
        one.send(b"x" * BUFFER)
        assert selector.select() == []
        two.recv(100)
        assert selector.select() == [], "a drop of room is none"
        two.recv(BUFFER // 2)
        assert selector.select() == [(key, selectors.EVENT_WRITE)]
        two.close()
        assert selector.select() == [(key, selectors.EVENT_READ | selectors.EVENT_WRITE)]


def test_it_forgets():
    one, two = socketpair()
    selector = Selector()
    selector.register(one, selectors.EVENT_READ)
    with pytest.raises(KeyError):
        selector.register(one.fileno(), selectors.EVENT_READ)
    two.send(b"x")
    one.close()
    two.close()
    assert selector.select() == []
    assert selector.unregister(one).fileobj is one
    with pytest.raises(KeyError):
        selector.unregister(one)
    with pytest.raises(ValueError, match="-1"):
        selector.register(one, selectors.EVENT_READ)
    three, four = socketpair()
    selector.register(three.fileno(), selectors.EVENT_READ)
    selector.close()
    assert not selector.get_map()
    four.send(b"x")
    assert not selector.waiting
    three.close()
    four.close()
