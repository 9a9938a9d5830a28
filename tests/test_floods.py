"""One boat does a thing over and over, as fast as it can: files, log, news, map, memory and the next start stay small.

Through a real uWSGI, in an ocean of 2,000 boats. CI floods for 3 s a route; by hand: MOCEAN_FLOOD_S=15 pytest ...
"""
import contextlib
import itertools
import json
import os
import re
import select
import socket
import threading
import time
from pathlib import Path

import pytest
from conftest import Server, crowd

import mocean

FLOOD_S = float(os.environ.get('MOCEAN_FLOOD_S', 3))
PLAYERS, HANDS = 2000, 8                         # boats; connections of the one who floods
OTHERS_NEWS = 900
# What one boat may cause, however fast it calls, for each second of the flood (and a second before and after):
WRITTEN_BYTES_PER_S, CHART_BYTES_PER_S, MEMORY_BYTES = 40_000, 3_000, 20_000_000
FIRST_BYTES = 200_000                      # the tables that data.py lays when the first row comes
LOG_LINES_PER_S = 2 * mocean.LOG_LINES_OF_ONE_PER_S + mocean.JOINS_PER_S + 1     # its own, nobody's, new boats

FLOODS = {        # the calls that are made in turn; {n} counts up
    'join': ['/join?name=new{n}'],
    'join again': ['/join?name=boat0&id={id}'],
    'quit and join': ['/quit?id={id}&sure=yes', '/join?name=boat0&id={id}'],
    'quit without sure': ['/quit?id={id}'],
    'move': ['/move?id={id}&heading=ne'],
    'move with n': ['/move?id={id}&heading=e&steps=2&n={n}'],
    'move, refused': ['/move?id={id}&heading=nroth'],
    'move and sail': ['/move?id={id}&heading=e', '/accel?id={id}&ctrl=w'],
    'look and sail': ['/accel?id={id}&ctrl=w', '/look?id={id}', '/location?id={id}'],
    'accel': ['/accel?id={id}&ctrl=w', '/accel?id={id}&ctrl=a'],
    'stop': ['/stop?id={id}'],
    'dive': ['/dive?id={id}&ctrl=f', '/dive?id={id}&ctrl=r'],
    'ping': ['/ping?id={id}'],
    'get and use': ['/get?id={id}&item=treasure', '/use?id={id}&item=iron dust'],
    'use': [f'/use?id={{id}}&item={item}' for item in ('fishing net', 'crash alert', 'ROV', 'infundibulum')],
    'teleport': ['/teleport?id={id}&x={n}&y=0'],
    'sendchat to all': ['/sendchat?id={id}&name=all&message=' + '🐳' * 200],
    'sendchat to one': ['/sendchat?id={id}&name=boat1&message=' + '🐳' * 200],
    'sendchat and popchat': ['/sendchat?id={id}&name=boat0&message=hi', '/popchat?id={id}'],
    'popchat': ['/popchat?id={id}'],
    'popchat with n': ['/popchat?id={id}&n={n}'],
    'race': ['/race?id={id}'],
    'race anew': ['/race?id={id}&anew=yes'],
    'many mistakes': ['/mvoe?id={id}', '/move?id={id}&heading=' + 'x' * 500, '/look?id=zzz', '/x{n}'],
}


class Flood(threading.Thread):
    """One of the hands of a player who calls without a pause, until it is told to stop."""

    def __init__(self, server, calls, count, stop):
        super().__init__()
        self.server, self.calls, self.count, self.stop, self.statuses = server, calls, count, stop, set()
        self.start()

    def run(self):
        while not self.stop.is_set():
            n = next(self.count)
            call = self.calls[n % len(self.calls)].format(id=self.server.ids[0], n=n % 400)
            self.statuses.add(self.server.say(call).status)


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """A state folder with a crowd, whose news are old: made once."""
    folder = tmp_path_factory.mktemp('floods') / 'state'
    return folder, crowd(folder, PLAYERS)


@pytest.fixture
def ocean(prepared, tmp_path):
    """A real server with the crowd in it. boat0 has all that can be used, and lies where iron dust is."""
    folder, ids = prepared
    document = json.loads((folder / 'mocean.json').read_text())
    floor = mocean.Seafloor(document['planet']['mocean']['seed'])
    _, x, y, z = floor.treasures[1]
    mark = mocean.course_marks(document['planet']['mocean']['seed'], 0)[0]
    document['boats']['boat0'].update(x=x, y=y, z=z, net_at=-60, leap_at=-60, items=[
        'fishing net', 'crash alert', 'ROV', 'infundibulum', 'teleport crystal', 'imaging sonar', 'submarine'])
    document['boats']['boat1'].update(x=mark[0], y=mark[1])
    document['news'] = {str(number): {'at': 1.7e9, 'text': f'old news {number}', 'key': f'boat{number}'}
                        for number in range(1, OTHERS_NEWS + 1)}
    (tmp_path / 'state').mkdir()
    (tmp_path / 'state/mocean.json').write_text(json.dumps(document))
    server = Server('mocean', tmp_path / 'state').start()
    server.ids = ids
    yield server
    server.kill()


def memory(server):
    """Of the worker, in bytes."""
    return int(Path(f'/proc/{server.children()[0]}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def written(server):
    """Bytes in the state folder, less the log, and less SQLite's own journal, which it begins anew at 4 MB."""
    return sum(file.stat().st_size for file in server.folder.iterdir()
               if not file.name.startswith('server.log') and not file.name.endswith('-wal'))


def chart(server, since):
    return len(server.say(f'/chart?since={since}').encode())


def others_news(server):
    return sum('old news' in line for line in server.say('/news').lines)


def test_each_call_that_changes_something_is_flooded():
    flooded = {re.match(r'/(\w+)', call)[1] for calls in FLOODS.values() for call in calls}
    assert flooded >= {route.name for route in mocean.ROUTES if route.changes}


@pytest.mark.parametrize('name', FLOODS)
def test_a_flood_of_one_boat_spoils_nothing(ocean, name):
    calls = [call.replace('{id}', ocean.ids[1]) for call in FLOODS[name]] if 'race' in name else FLOODS[name]
    since = time.time()
    before = memory(ocean), written(ocean), len(ocean.log().splitlines()), chart(ocean, since)
    stop, count = threading.Event(), itertools.count()
    began = time.monotonic()
    hands = [Flood(ocean, calls, count, stop) for _ in range(HANDS)]
    other = ocean.say(f'/move?id={ocean.ids[2]}&heading=north')           # somebody else plays on meanwhile
    stop.wait(FLOOD_S)
    stop.set()
    for hand in hands:
        hand.join()
    seconds = time.monotonic() - began + 2
    statuses = set().union(*(hand.statuses for hand in hands))
    assert other.status == 200 and statuses <= {200, 400, 404, 409, 429}, statuses
    assert next(count) > 20 * len(calls) or 429 not in statuses
    assert written(ocean) - before[1] < WRITTEN_BYTES_PER_S * seconds + FIRST_BYTES
    assert len(ocean.log().splitlines()) - before[2] < LOG_LINES_PER_S * seconds + mocean.JOINS_AT_ONCE
    assert chart(ocean, since) - before[3] < CHART_BYTES_PER_S * seconds + mocean.JOINS_AT_ONCE * 250
    assert memory(ocean) - before[0] < MEMORY_BYTES
    assert others_news(ocean) == OTHERS_NEWS
    ocean.kill()
    ocean.start()                                                          # within the 15 s that it has for that
    assert ocean.say('/health').status == 200


def test_twenty_messages_to_two_thousand_are_twenty_lines(ocean):
    """And each is read in its turn, between the letters that came to oneself."""
    me, whale = ocean.ids[5], '🐳' * 195
    before = written(ocean)
    for number in range(10):
        for sender in (10, 11):
            assert ocean.say(f'/sendchat?id={ocean.ids[sender]}&name=all&message={number}:{sender}{whale}') == \
                f'sent to {PLAYERS - 1} players'
        if number == 4:
            assert ocean.say(f'/sendchat?id={ocean.ids[12]}&name=boat5&message=for you').status == 200
    assert written(ocean) - before < 20 * 3_000
    ocean.kill()
    ocean.start()
    heard = list(iter(lambda: ocean.say(f'/popchat?id={me}'), ''))
    told = [line.split(',')[1].replace('🐳', '') for line in heard]
    common = [f'{number}:{sender}' for number in range(10) for sender in (10, 11)]
    assert told == common[:10] + ['for you'] + common[10:]
    assert written(ocean) - before < 20 * 3_000 + 21 * 500


def test_eighty_who_wait_keep_nobody_else_waiting(prepared, tmp_path):
    """Eighty boats wait for half a second, each on a thread of its own: /health is answered before any of them."""
    crowd(tmp_path / 'state', 80)
    server = Server('mocean', tmp_path / 'state').start()
    ids = prepared[1][:80]
    try:
        end = time.monotonic() + 30
        while (waiting := waiting_after_health(server, ids)) < 72:
            assert time.monotonic() < end, f'only {waiting} were still waiting when /health was answered'
    finally:
        server.kill()


def waiting_after_health(server, ids):
    """How many of eighty soundings are not answered yet, when /health, which was asked last, is answered."""
    with contextlib.ExitStack() as stack:
        def asked(path):
            line = stack.enter_context(socket.create_connection(('127.0.0.1', server.port), 20))
            line.sendall(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
            return line
        for _ in range(2):                                   # the second that each has saved up
            for line in [asked(f'/ping?id={id}') for id in ids]:
                assert line.recv(65_536)
        lines = [asked(f'/ping?id={id}') for id in ids]
        assert b'200 OK' in asked('/health').recv(65_536)
        return len(lines) - len(select.select(lines, [], [], 0)[0])
