"""Fixtures that speak the domain: say('/move?...') asks, the answer is a string.

Every conversation written with `say` runs twice: inside this process (WebTest) and through a
real uWSGI on a free port. A test file about another program overrides the fixture `program`.
"""
import contextlib
import datetime
import functools
import http.client
import importlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:       # started behind `&` in a script: so would our servers be
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine is no fault. CI tries the same examples each time; who tests by hand tries others.
hypothesis.settings.register_profile('mocean', deadline=None, derandomize='CI' in os.environ)
hypothesis.settings.load_profile('mocean')
# A browser; a real systemd; nginx in it; an ocean with the clock in the hand; a screen.
pytest_plugins = ['browser', 'lab', 'front', 'game', 'student']

UWSGI = shutil.which('uwsgi', path=os.path.dirname(sys.executable)) or shutil.which('uwsgi')


def unit_options(unit='mocean.service', without=('--http', '--wsgi-file', '--master-fifo')):
    """uWSGI's options as the unit has them, but for those that a test chooses itself."""
    command = re.search(r'^ExecStart=((?:.*\\\n)*.*)', (ROOT / unit).read_text(), re.MULTILINE)[1]
    words = iter(shlex.split(command.replace('\\\n', ' ')))
    kept = []
    for word in words:
        if word in without:
            next(words)
        else:
            kept.append(word)
    return kept[kept.index('uwsgi') + 1:]


UWSGI_OPTIONS = unit_options()
CHEAP_ROUTE = {'mocean': '/health', 'fast_sea': '/health', 'steps': '/steps', 'data': '/erddap/index.html'}


class Answer(str):
    """The text of a reply; its status and headers hang on it."""
    status: int
    headers: dict

    @classmethod
    def of(cls, status, headers, body):
        self = cls(body.decode('utf-8'))
        self.status, self.headers = status, {name.title(): value for name, value in dict(headers).items()}
        return self

    def json(self):
        return json.loads(self)

    @property
    def lines(self):
        return self.split('\n')


def free_port():
    """A port that is free now, and that no outgoing connection will be given meanwhile: those begin at 32768."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(('127.0.0.1', port))
            return port


def poll(question, seconds=10, pause=0.02):
    """Ask until the answer is true, and return it; fail loudly after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, f'waited {seconds} s in vain for {question}'
        time.sleep(pause)
    return answer


@pytest.fixture
def one_second(monkeypatch):
    """The calendar stands still: all that is dated has the same date, 20261126-120000."""
    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, zone):
            return cls(2026, 11, 26, 12, 0, 0, tzinfo=zone)
    monkeypatch.setattr(datetime, 'datetime', Stopped)


def wait_for_room():
    """Wait until Linux has forgotten enough of the connections that are closed. Where a firewall runs, it remembers
    each for two minutes, and drops new ones as long as its table is full: that is no fault of a server's."""
    table = pathlib.Path('/proc/sys/net/netfilter')

    def is_full():
        count, most = (int((table / f'nf_conntrack_{what}').read_text()) for what in ('count', 'max'))
        return most and count > 0.6 * most                # 0: as many as there are
    end = time.monotonic() + 150                          # what is in it then is of somebody else
    while (table / 'nf_conntrack_count').exists() and is_full() and time.monotonic() < end:
        time.sleep(0.5)


class Server:
    """One program under a real uWSGI, in a folder of its own, on a free port."""

    def __init__(self, program, folder, options=UWSGI_OPTIONS, port=None, extra=(), env=None):
        self.program, self.folder = program, pathlib.Path(folder)
        self.options, self.port = [*options, *extra], port or free_port()
        self.env = {**os.environ, 'STATE_DIRECTORY': str(folder), 'PYTHONUNBUFFERED': '1', **(env or {})}
        self.log_file = self.folder / 'server.log'
        self.process = None

    def start(self, wait=True):
        wait_for_room()
        command = [UWSGI, '--http', f'127.0.0.1:{self.port}', '--wsgi-file', str(ROOT / f'{self.program}.py'),
                   '--chdir', str(ROOT), '--home', sys.prefix, *self.options]
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env, start_new_session=True)
        if wait:
            poll(lambda: self.process.poll() is not None or self.up(), 15)
            assert self.process.poll() is None, self.log()
        return self

    def up(self):
        try:
            return self.say(CHEAP_ROUTE[pathlib.Path(self.program).name]).status == 200
        except OSError:
            return False
        except http.client.HTTPException:
            return False

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def say(self, path, method='GET', headers=None, timeout=30):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            connection.request(method, readable(path), headers=headers or {})
            reply = connection.getresponse()
            return Answer.of(reply.status, reply.getheaders(), reply.read())
        finally:
            connection.close()

    __call__ = say

    def raw(self, request, timeout=5):
        """What comes back when these very bytes are sent. (Whoever hangs up on what it has not read has answered.)"""
        reply = []
        with socket.create_connection(('127.0.0.1', self.port), timeout) as line:
            line.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                reply.extend(iter(lambda: line.recv(65536), b''))
        return b''.join(reply)

    def log(self):
        return self.log_file.read_text(errors='replace') if self.log_file.exists() else ''

    def children(self):
        """The process ids of the worker and the router, in the order in which they were born."""
        task = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        return [int(pid) for pid in task.read_text().split()]

    def kill(self):
        """kill -9 of all that this server started, as a power switch would."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            poll(self.gone)

    def gone(self):
        """True when the last of the killed ones has let go of the port: the master may be gone before its children."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)      # old connections do not count
            try:
                probe.bind(('127.0.0.1', self.port))
            except OSError:
                return False
            return True

    def stop(self):
        """The polite way; kill where it is not heard."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Inside:
    """The same conversation without a network: WebTest around a fresh app."""

    def __init__(self, program, folder, **options):
        from webtest import TestApp
        self.program, self.folder, self.options = program, folder, options
        module = importlib.import_module(program)
        self.app = module.make_app(folder, **options)
        self.web = TestApp(module.wsgi(self.app))

    def close(self):
        """Let go of the state folder, as the end of a server does."""
        for what in ('sea', 'board'):
            if hasattr(self.app, what):
                getattr(self.app, what).close()

    def say(self, path, method='GET', headers=None):
        reply = self.web.request(readable(path), method=method, headers=headers or {}, expect_errors=True)
        return Answer.of(reply.status_int, reply.headers, reply.body)

    __call__ = say


def readable(path):
    """Spaces and letters of any script as a browser sends them; what is encoded already stays."""
    return urllib.parse.quote(path, safe="/?&=%:+,;@$!*'()-._~[]<>\"#")


def join(say, name='ada'):
    """A new boat: its id. `say` is whoever asks: inside, a server, or the VM."""
    reply = say(f'/join?name={name}')
    id = reply.split(',')[0]
    assert re.fullmatch('[a-z0-9]{8}', id), reply
    return id


def place(say, id):
    """Where a boat is: x, y, z, as the game says them."""
    reply = say(f'/location?id={id}')
    assert reply.count(',') >= 5, reply
    return reply.split(',')[:3]


class Clock:
    """A clock that the test winds on by hand."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@contextlib.contextmanager
def woken(folder, program='mocean', **options):
    """The game, started inside this process on a state folder."""
    folder.mkdir(exist_ok=True)
    say = Inside(program, folder, **options)
    try:
        yield say
    finally:
        say.close()


def crowd(folder, players, over=None, **changes):
    """A state folder with so many boats, where they would have joined, or scattered over so many cells, east and north:
    their ids, in order."""
    import mocean
    with woken(folder) as say:
        sea = say.app.sea
        sea.open()
        letters, ids, dice = mocean.ID_LETTERS, [], random.Random(1)
        for number in range(players):
            id = 'crew' + ''.join(letters[number // len(letters) ** power % len(letters)] for power in range(4))
            x, y = mocean.berth(sea.ocean.floor, number)
            if over:
                x, y = map(dice.randrange, over)
            boat = {'x': x, 'y': y, 'from_x': x, 'from_y': y, 'talk': -60, **changes}
            mocean.merge(sea.ocean, {'boats': {f'boat{number}': mocean.Boat(name=f'boat{number}', id=id, **boat)}})
            ids.append(id)
        mocean.save(sea)
    return ids


STATE_FILES = ('mocean.json', 'mocean.journal', 'mocean.turned.journal', 'mocean.last.json', 'mocean.last.journal')


def as_killed(say, folder):
    """A copy of the state folder, as a kill -9 at this moment would leave it."""
    folder.mkdir()
    for file in STATE_FILES:
        if (say.folder / file).exists():
            shutil.copy(say.folder / file, folder)
    return folder


@contextlib.contextmanager
def mounted(folder, size):
    """A disk of so many bytes ('512k'), mounted here; it takes root, and CI has it."""
    folder.mkdir()
    mount = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder],
                           capture_output=True, text=True)
    if mount.returncode:
        assert 'CI' not in os.environ, mount.stderr
        pytest.skip(f'needs the right to mount a small disk: {mount.stderr.strip()}')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', folder], check=True)


def iso(seconds):
    """Seconds since 1970, as the data service writes a time."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def also(path, query):
    """'/look' and 'id=7' are /look?id=7; '/look?id=7' and 'n=1' are /look?id=7&n=1."""
    return path + ('&' if '?' in path else '?') + query


@pytest.fixture
def program():
    """The program that `say` talks to."""
    return 'mocean'


@pytest.fixture
def server(program, tmp_path):
    """A real uWSGI, started."""
    server = Server(program, tmp_path)
    yield server.start()
    server.kill()


@pytest.fixture(params=['inside', 'uwsgi'])
def say(request, program, tmp_path):
    """say('/join?name=ada'): the answer, as text; .status, .headers and .json() hang on it."""
    if request.param == 'inside':
        inside = Inside(program, tmp_path)
        yield inside
        inside.close()
    else:
        yield request.getfixturevalue('server')


def begin_ocean(folder, seed=7, **tables):
    """A state folder with a fresh ocean of this seed; in it, these records are set: whales={'Quincy': ...}."""
    mocean = importlib.import_module('mocean')
    folder.mkdir(exist_ok=True)
    ocean = mocean.Ocean()
    mocean.merge(ocean, mocean.new_planet(seed, time.time()))
    mocean.merge(ocean, tables)
    (folder / 'mocean.json').write_text(mocean.readable({**mocean.document_of(ocean), 'now': 0}))
    return folder


def crew_id(number):
    """An id for the boat with this number, of letters that an id has."""
    return f'crew{number:04}'.translate(str.maketrans('01', 'ab'))


@contextlib.contextmanager
def a_server_for_each(prepare, tmp_path_factory, **options):
    """start(30): a server on the ocean of 30 boats that prepare(folder, 30) makes; the same for all who ask."""
    servers = []

    @functools.cache
    def start(boats, another=0):
        folder = prepare(tmp_path_factory.mktemp('sea') / 'state', boats)
        servers.append(Server('mocean', folder, **options).start())
        return servers[-1]
    try:
        yield start
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def fast_sea(tmp_path):
    """A real uWSGI on a clock that nobody has to wait for: see fast_sea.py."""
    server = Server('tests/fast_sea', begin_ocean(tmp_path / 'fast'))
    yield server.start()
    server.kill()
