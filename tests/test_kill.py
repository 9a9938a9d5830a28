"""kill -9 at random moments under load: what was answered is there afterwards, all of it."""
import contextlib
import http.client
import os
import random
import signal
import threading
import time

import pytest
from conftest import ROOT, Server, join, poll

KILLS = int(os.environ.get('MOCEAN_KILLS', '20'))


class Player(threading.Thread):
    """A client that rows, dives and sounds for ever, repeats with the same n what was not answered, and keeps count."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.name, self.id = server, name, None
        self.answers, self.wrong, self.ended = 0, [], False
        self.place, self.pings = None, 0
        self.start()

    def ask(self, path):
        """The answer; whoever hangs up is asked again."""
        while not self.ended:
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = self.server.say(path, timeout=5)
                if reply.status == 200:
                    self.answers += 1
                    return reply
                if reply.status == 429:
                    time.sleep(0.05)
                elif reply.status == 409 and path.startswith('/join'):
                    path = '/' + reply.lines[1].split('/')[-1]       # the answer to the first one was lost
                else:
                    self.wrong.append(f'{path}: {reply}')
                    return reply
            time.sleep(0.002)

    def run(self):
        joined = self.ask(f'/join?name={self.name}')
        if joined:
            self.id, _, x, y, _ = joined.split(',')
            self.place = (int(x), int(y))
        for number in range(1_000_000):
            if self.ended:
                return
            if number % 3:
                self.row(number)
            elif self.ask(f'/ping?id={self.id}&n={number}'):
                self.pings += 1

    def row(self, number):
        """One cell to the east: never none, never two, however often it was asked."""
        x, y = self.place
        reply = self.ask(f'/move?id={self.id}&heading=east&n={number}')
        if reply:
            self.place = ((x + 1) % 600, y)
            if reply.rsplit(',', 1)[0] != f'{self.place[0]},{y}':
                self.wrong.append(f'{self.name} was at {x},{y}, rowed east and is at {reply}')


def worker_of(server):
    """The process that plays: the master's first child."""
    return server.children()[0]


@pytest.mark.parametrize('victim', ['everything', 'the worker'])
def test_kill_9_at_random_moments_under_load_loses_nothing(tmp_path, victim):
    server, dice = Server('mocean', tmp_path).start(), random.Random(9)
    players = [Player(server, f'ada{letter}') for letter in 'abcdef']
    try:
        for _ in range(KILLS if victim == 'everything' else KILLS // 4):
            before = sum(player.answers for player in players)
            poll(lambda before=before: sum(player.answers for player in players) > before + 20, 30)
            time.sleep(dice.uniform(0, 0.2))                     # the random moment
            if victim == 'everything':
                server.kill()
                server.start()
            else:
                os.kill(worker_of(server), signal.SIGKILL)
                poll(server.up)
            assert not [wrong for player in players for wrong in player.wrong]
    finally:
        for player in players:
            player.ended = True
        for player in players:
            player.join(10)
    try:
        assert not [wrong for player in players for wrong in player.wrong]
        for player in players:
            x, y, *_ = server.say(f'/location?id={player.id}').split(',')
            behind = (int(x) - player.place[0]) % 600
            assert int(y) == player.place[1] and behind in (0, 1)         # 1: the last call, whose answer nobody heard
        assert len({player.id for player in players}) == len(players)
        assert len(server.say('/who').lines) == len({line.split(',')[0] for line in server.say('/who').lines})
        assert not list(tmp_path.glob('mocean.*-2*'))                     # no file had to be set aside
        assert 'Traceback' not in server.log()
    finally:
        server.kill()


BUGS = {'the process ends': 'os._exit(3)', 'Python ends': 'sys.exit(3)', 'C code crashes': 'ctypes.string_at(0)'}


@pytest.mark.parametrize('bug', BUGS)
def test_a_route_that_ends_the_worker_hurts_nobody_else(tmp_path, bug):
    line = "    return {'name': turn.boat.name}\n"
    program = (ROOT / 'mocean.py').read_text(encoding='utf-8')
    (tmp_path / 'mocean.py').write_text(program.replace(line, f'    {BUGS[bug]}\n{line}'), encoding='utf-8')
    server = Server(str(tmp_path / 'mocean'), tmp_path).start()
    try:
        id = join(server)
        moved = server.say(f'/move?id={id}&heading=n')
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert server.say(f'/name?id={id}').status >= 500
        poll(server.up)
        assert server.say(f'/location?id={id}').startswith(moved)
        assert server.say(f'/move?id={id}&heading=n').status == 200
    finally:
        server.kill()


def test_two_clients_of_one_boat_are_both_served(server):
    """Reading one's log while another call of one's own comes in."""
    id = join(server)
    statuses, ended = set(), threading.Event()

    def ask(path):
        while not ended.is_set():
            statuses.add(server.say(path).status)
    clients = [threading.Thread(target=ask, args=(f'/{route}?id={id}',))
               for route in ('log', 'log', 'name', 'inventory')]
    for client in clients:
        client.start()
    ended.wait(1.5)
    ended.set()
    for client in clients:
        client.join()
    assert statuses == {200}
