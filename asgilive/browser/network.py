"""The network of one page: TCP sockets in memory, between programs of the same interpreter.

A page has no sockets. These stand in for them on the loopback addresses, below asyncio, so that
its own transports, and all that is built on them, run as they are.

Rules, as Linux has them on loopback: bytes keep their order, not their pieces; the buffer's size
limits what is on its way; a close is FIN, or RST where bytes lie unread or SO_LINGER says so; what
came before RST can still be read; nobody listening means refused. Other addresses are not there,
and a call that would have to wait raises: both say so in one sentence (`guard`).
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import selectors
import socket as _socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asgilive.browser import guard

Address = tuple[Any, ...]

BUFFER = 256 * 1024  # bytes on their way in one direction, unless SO_RCVBUF says otherwise
HOSTS = frozenset({"127.0.0.1", "localhost", "0.0.0.0", "", "::1", "::"})
FIRST_PORT = 49152  # of those that the system chooses

# Linux' numbers, for an interpreter that was built without them.
CONSTANTS = {
    "AF_INET": 2,
    "AF_INET6": 10,
    "SOCK_STREAM": 1,
    "SOCK_DGRAM": 2,
    "IPPROTO_TCP": 6,
    "SOL_SOCKET": 1,
    "SO_REUSEADDR": 2,
    "SO_ERROR": 4,
    "SO_SNDBUF": 7,
    "SO_RCVBUF": 8,
    "SO_KEEPALIVE": 9,
    "SO_LINGER": 13,
    "SO_REUSEPORT": 15,
    "TCP_NODELAY": 1,
    "SHUT_RD": 0,
    "SHUT_WR": 1,
    "SHUT_RDWR": 2,
    "SOMAXCONN": 4096,
    "EAI_NONAME": -2,
}

_numbers = itertools.count(1000)  # file descriptors that no file of the page's file system has


class _Waiting(io.RawIOBase):
    """What a blocking client reads from."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise guard.WouldWait(guard.WAITING)


class Network:
    """Who listens where, and which sockets there are."""

    def __init__(self) -> None:
        self.listening: dict[int, Socket] = {}
        self.sockets: dict[int, Socket] = {}
        self._ports = itertools.cycle(range(FIRST_PORT, 65536))

    def free_port(self) -> int:
        """A port that nobody listens at, and no connection has had for long."""
        return next(port for port in self._ports if port not in self.listening)


NETWORK = Network()


def error(number: int, kind: type[OSError] = OSError) -> OSError:
    """The error of the system with this number."""
    return kind(number, os.strerror(number))


class Socket:
    """A TCP socket, non-blocking in all but name: what would have to wait raises.

    Raises OSError for what is no TCP socket, and where Linux does.
    """

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        self.family = _socket.AF_INET if family == -1 else family
        self.type = _socket.SOCK_STREAM if type == -1 else type
        self.proto = 0 if proto == -1 else proto
        if self.family not in (_socket.AF_INET, _socket.AF_INET6) or fileno is not None:
            raise guard.NoSuchSocket(errno.EAFNOSUPPORT, guard.SOCKETS)
        if self.type != _socket.SOCK_STREAM:
            raise guard.NoSuchSocket(errno.EPROTONOSUPPORT, guard.SOCKETS)
        self._number = next(_numbers)
        self._timeout: float | None = None
        self._options: dict[tuple[int, int], Any] = {}
        self._name: Address = ("0.0.0.0", 0)
        self._peer: Address | None = None
        self._other: Socket | None = None  # the other end, until it is closed
        self._waiting: deque[Socket] | None = None  # accepted by nobody yet: this one listens
        self._inbox = bytearray()
        self._ended = self._reset = self._said_all = False  # FIN came, RST came, FIN went
        self._refused = False  # the connection that was asked for
        self._watch: Callable[[int], None] | None = None
        NETWORK.sockets[self._number] = self

    # -- what it is

    def fileno(self) -> int:
        """Its number; -1 once it is closed."""
        return self._number

    def getsockname(self) -> Address:
        """Host and port of this end."""
        self._check()
        return self._name

    def getpeername(self) -> Address:
        """Host and port of the other end."""
        self._check()
        if self._peer is None:
            raise error(errno.ENOTCONN)
        return self._peer

    def setblocking(self, flag: bool) -> None:
        """As `settimeout(None)` or `settimeout(0.0)`."""
        self._timeout = None if flag else 0.0

    def settimeout(self, value: float | None) -> None:
        """In seconds; whatever it is, nothing here waits."""
        self._timeout = value

    def gettimeout(self) -> float | None:
        """What `settimeout` was given."""
        return self._timeout

    def getblocking(self) -> bool:
        """Whether it would wait, had it a thread to wait in."""
        return self._timeout != 0.0

    def setsockopt(self, level: int, option: int, value: Any, *size: int) -> None:
        """Kept; SO_LINGER and SO_RCVBUF have their effect."""
        self._check()
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        """What `setsockopt` was given, 0 by default; SO_ERROR is the pending error."""
        self._check()
        if (level, option) == (_socket.SOL_SOCKET, _socket.SO_ERROR):
            refused, self._refused = self._refused, False
            return errno.ECONNREFUSED if refused else errno.ECONNRESET if self._reset else 0
        return self._options.get((level, option), 0)

    # -- listening

    def bind(self, address: Address) -> None:
        """Take an address of this page; port 0 is any free one."""
        self._check()
        host, port = _loopback(address)
        if port in NETWORK.listening:
            raise error(errno.EADDRINUSE)
        self._name = (host, port or NETWORK.free_port(), *address[2:])

    def listen(self, backlog: int = 128) -> None:
        """Let others connect."""
        self._check()
        if self._name[1] == 0:
            self.bind(("0.0.0.0", 0))
        if NETWORK.listening.setdefault(self._name[1], self) is not self:
            raise error(errno.EADDRINUSE)
        self._waiting = deque() if self._waiting is None else self._waiting

    def accept(self) -> tuple[Socket, Address]:
        """The next connection, and the address of its other end."""
        self._check()
        if self._waiting is None:
            raise error(errno.EINVAL)
        if not self._waiting:
            raise self._would_wait()
        accepted = self._waiting.popleft()
        return accepted, accepted.getpeername()

    # -- connecting

    def connect(self, address: Address) -> None:
        """Connect to whoever listens there: at once, or refused; that is told a step later."""
        self._check()
        host, port = _loopback(address)
        if self._peer is not None:
            raise error(errno.EISCONN)
        listener = NETWORK.listening.get(port)
        if listener is None or listener._waiting is None:
            self._refused = self._timeout == 0.0
            if self._refused:
                raise error(errno.EINPROGRESS, BlockingIOError)
            raise error(errno.ECONNREFUSED, ConnectionRefusedError)
        if self._name[1] == 0:
            self._name = ("127.0.0.1", NETWORK.free_port())
        accepted = Socket(self.family, self.type, listener.proto)
        accepted._options = dict(listener._options)
        accepted._name = ("127.0.0.1" if host == "localhost" else host, port)
        self._join(accepted)
        listener._waiting.append(accepted)
        listener._tell()

    def connect_ex(self, address: Address) -> int:
        """As `connect`; the error's number, 0 for none."""
        try:
            self.connect(address)
        except OSError as trouble:
            return trouble.errno or errno.EIO
        return 0

    def _join(self, other: Socket) -> None:
        """Two ends of one connection."""
        self._other, other._other = other, self
        self._peer, other._peer = other._name, self._name

    # -- bytes

    def send(self, data: Any, flags: int = 0) -> int:
        """Hand over what the other end has room for; how many bytes that were."""
        self._check()
        if self._peer is None:
            raise error(errno.ENOTCONN)
        if self._said_all or self._reset:
            raise error(errno.EPIPE, BrokenPipeError)
        whole = bytes(data)
        other = self._other
        if other is None:  # it was closed: RST comes back
            self._reset = self._ended = True
            self._tell()
            return len(whole)
        piece = whole[: other._room()]
        if whole and not piece:
            raise self._would_wait()
        other._inbox += piece
        other._tell()
        return len(piece)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Hand over everything. Raises where there is no room for it."""
        if self.send(data) < len(data):
            raise guard.WouldWait(guard.WAITING)

    def sendmsg(self, buffers: Iterable[Any], *rest: Any) -> int:
        """As `send`, from several pieces."""
        return self.send(b"".join(buffers))

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Up to `size` bytes; b"" once the other end has said all."""
        self._check()
        if not self._inbox:
            if self._reset:
                raise error(errno.ECONNRESET, ConnectionResetError)
            if self._ended:
                return b""
            if self._peer is None:
                raise error(errno.ENOTCONN)
            raise self._would_wait()
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        if self._other is not None:
            self._other._tell()
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As `recv`, into a buffer; how many bytes came."""
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def makefile(self, *_: Any, **__: Any) -> Any:
        """A file that says, when it is read, that it would wait."""
        return io.BufferedReader(_Waiting())

    def _room(self) -> int:
        """How many bytes may still come."""
        size = self._options.get((_socket.SOL_SOCKET, _socket.SO_RCVBUF), BUFFER)
        return max(0, int(size) - len(self._inbox))

    # -- the end

    def shutdown(self, how: int) -> None:
        """Say that no more will be sent; reading goes on, whatever `how` says of it."""
        self._check()
        if self._peer is None:
            raise error(errno.ENOTCONN)
        if how != _socket.SHUT_RD and not self._said_all:
            self._said_all = True
            if self._other is not None:
                self._other._end()

    def close(self) -> None:
        """End both ways; again is harmless."""
        if self._number == -1:
            return
        if self._waiting is not None:
            del NETWORK.listening[self._name[1]]
            for accepted in self._waiting:
                accepted._inbox += b"unread"
                accepted.close()
        if self._other is not None:
            self._other._end(reset=bool(self._inbox) or self._lingers_not())
            self._other._other = None
            self._other = None
        del NETWORK.sockets[self._number]
        self._number = -1

    def detach(self) -> int:
        """Not here: a number means nothing without its socket."""
        raise guard.NoSuchSocket(errno.EOPNOTSUPP, guard.SOCKETS)

    def _end(self, reset: bool = False) -> None:
        """FIN or RST came."""
        self._ended = True
        self._reset = self._reset or reset
        self._tell()

    def _lingers_not(self) -> bool:
        """Whether SO_LINGER is on with no time: the connection is dropped, not ended."""
        value = self._options.get((_socket.SOL_SOCKET, _socket.SO_LINGER))
        return isinstance(value, bytes) and struct.unpack("ii", value) == (1, 0)

    # -- readiness

    def ready(self) -> int:
        """What would not wait now: EVENT_READ, EVENT_WRITE, both or 0."""
        comes = bool(self._inbox or self._ended or self._waiting or self._refused)
        there = self._peer is not None
        goes = self._refused or (there and (self._other is None or self._other._takes()))
        return selectors.EVENT_READ * comes | selectors.EVENT_WRITE * goes

    def _takes(self) -> bool:
        """Whether there is room for more than a drop: a quarter of the buffer."""
        room = self._room()
        return room > 0 and 4 * room >= min(BUFFER, room + len(self._inbox))

    def _tell(self) -> None:
        if self._watch is not None:
            self._watch(self._number)

    def _would_wait(self) -> Exception:
        if self._timeout == 0.0:
            return error(errno.EAGAIN, BlockingIOError)
        return guard.WouldWait(guard.WAITING)

    def _check(self) -> None:
        if self._number == -1:
            raise error(errno.EBADF)

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        ends = f"laddr={self._name}" + (f", raddr={self._peer}" if self._peer else "")
        return f"<socket of this page fd={self._number}, {ends}>"


def _loopback(address: Address) -> tuple[str, int]:
    """Host and port. Raises the sentence for a host that is not this page."""
    host, port = str(address[0]), int(address[1])
    if host not in HOSTS and not host.startswith("127."):
        raise guard.NoSuchSocket(errno.ENETUNREACH, guard.sockets_of(host))
    return host, port


def install() -> None:
    """Put the page's network where the standard library looks for one."""
    for name, number in CONSTANTS.items():
        if not hasattr(_socket, name):
            setattr(_socket, name, number)
    for function in (socketpair, getaddrinfo):
        setattr(_socket, function.__name__, function)
    _socket.socket = Socket  # type: ignore[misc,assignment]


def socketpair(*_: int) -> tuple[Socket, Socket]:
    """Two sockets that are connected to each other."""
    one, two = Socket(), Socket()
    one._name, two._name = ("127.0.0.1", NETWORK.free_port()), ("127.0.0.1", NETWORK.free_port())
    one._join(two)
    return one, two


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, Address]]:
    """The one address that names of this page have. Raises socket.gaierror for other names."""
    name = host.decode() if isinstance(host, bytes) else host or ""
    if name not in HOSTS and not name.startswith("127."):
        raise _socket.gaierror(_socket.EAI_NONAME, guard.sockets_of(name))
    address = name if name.startswith("127.") else "127.0.0.1"
    kind = type or _socket.SOCK_STREAM
    return [(_socket.AF_INET, kind, _socket.IPPROTO_TCP, "", (address, int(port or 0)))]


class Selector(selectors.BaseSelector):
    """Which of the registered sockets are ready. It never waits: the page's own events do that.

    A socket tells when something changed; only those that told are looked at, until they are
    found not ready, so that a silent crowd costs nothing.
    """

    def __init__(self) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._changed: dict[int, None] = {}  # a set that keeps its order

    @property
    def waiting(self) -> bool:
        """Whether some socket may be ready."""
        return bool(self._changed)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a socket, given as itself or as its number."""
        number = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
        if number in self._keys:
            raise KeyError(f"{fileobj!r} is already registered")
        if number not in NETWORK.sockets:
            raise ValueError(f"Invalid file descriptor: {number}")
        key = self._keys[number] = selectors.SelectorKey(fileobj, number, events, data)
        NETWORK.sockets[number]._watch = self._note
        self._note(number)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Stop watching. Raises KeyError for what is not watched."""
        key = self._keys.pop(self._number(fileobj))
        self._changed.pop(key.fd, None)
        if key.fd in NETWORK.sockets:
            NETWORK.sockets[key.fd]._watch = None
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch for something else."""
        old = self._keys[self._number(fileobj)]
        key = self._keys[old.fd] = selectors.SelectorKey(old.fileobj, old.fd, events, data)
        self._note(old.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now, whatever the timeout."""
        found = []
        for number in list(self._changed):
            key, sock = self._keys.get(number), NETWORK.sockets.get(number)
            ready = key.events & sock.ready() if key and sock else 0
            if key and ready:
                found.append((key, ready))
            else:
                del self._changed[number]
        return found

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """The registered sockets by their number."""
        return self._keys

    def close(self) -> None:
        """Forget all."""
        for number in list(self._keys):
            self.unregister(number)

    def _number(self, fileobj: Any) -> int:
        """The number of a watched socket, also of one that is closed by now."""
        if isinstance(fileobj, int):
            return fileobj
        found = [key.fd for key in self._keys.values() if key.fileobj is fileobj]
        if not found:
            raise KeyError(f"{fileobj!r} is not registered")
        return found[0]

    def _note(self, number: int) -> None:
        self._changed[number] = None
