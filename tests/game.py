"""One ocean with the clock in the hand. The fixtures `game`, `ada`, `bob`: ada('/move?heading=north') asks in her name.

Time passes only when the test says so, or while an answer takes its time; nobody tends the sea but the test.
"""
import json
import random
import shutil

import pytest
from conftest import Inside, also, join

import mocean

WIDTH, HEIGHT = mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS
NOON = 1_800_000_000.0                                     # some noon, seconds since 1970
EVERYWHERE = [f'{column},{row}' for column in range(mocean.COLUMNS) for row in range(mocean.ROWS)]
ALL_HOME = f'{(1 << 75) - 1:x}'                            # three home waters of 25 sectors, a bit for each
ALL_MET = {'badges': mocean.QUEST_NAMES, 'quest': len(mocean.QUESTS)}


class Game:
    """One ocean of a known seed."""

    def __init__(self, folder, seed=1):
        self.seconds, self.seed = 0.0, seed
        self.open(folder)

    def open(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.say = Inside('mocean', folder, clock=lambda: self.seconds, dice=random.Random(self.seed),
                          calendar=lambda: NOON + self.seconds)
        self.sea = self.say.app.sea
        self.sea.sleep = self.wait
        self.sea.open()

    @property
    def ocean(self):
        return self.sea.ocean

    @property
    def now(self):
        """Sea time."""
        return self.sea.clock()

    def wait(self, seconds):
        self.seconds += seconds

    def join(self, name):
        return Player(self, name, join(self.say, name))

    def happen(self, **patch):
        """Let a change happen, written down like any other."""
        faults = []
        change = mocean.change_of(self.ocean, patch, None, faults)
        assert faults == []
        self.sea.journal.write(self.ocean, patch, 'a test called', self.now)
        mocean.merge(self.ocean, change)

    def restart(self):
        """The server stops in good order, and starts."""
        self.sea.close()
        self.open(self.folder)

    def crash(self):
        """The server ends without a goodbye; another one starts on what lies on the disk at this moment."""
        self.sea.called = True                              # somebody asked in the last second
        mocean.tend(self.sea)
        with self.sea.tending:                              # no file is half written just now
            copy = shutil.copytree(self.folder, self.folder.with_name(self.folder.name + '+'))
        self.sea.close()
        self.open(copy)

    def news(self):
        return [line.split(',', 2)[2] for line in self.say('/news').lines if line]

    def document(self):
        """All that is written down, but for the runs of the server."""
        return {table: rows for table, rows in json.loads(json.dumps(mocean.document_of(self.ocean))).items()
                if table in mocean.TABLES and table != 'runs'}

    def hill(self, treasure):
        """The place of the treasure: x, y, z."""
        return next(place for name, *place in self.ocean.floor.treasures if name == treasure)

    def plain(self):
        """A place where the sea floor is flat, far from everything."""
        floor = self.ocean.floor
        return next((x, y) for x in range(20, WIDTH, 10) for y in range(20, HEIGHT, 10) if floor.off_trench(x, y) > 60
                    and all(mocean.distance(x, y, hill.x, hill.y) > 105 for hill in floor.seamounts))


class Player:
    """ada('/move?heading=north') asks in the name of ada."""

    def __init__(self, game, name, id):
        self.game, self.name, self.id, self.key = game, name, id, name.casefold()

    def __call__(self, path):
        return self.game.say(also(path, f'id={self.id}'))

    def json(self, path):
        return self(also(path, 'format=json')).json()

    @property
    def boat(self):
        return self.game.ocean.boats[self.key]

    def put(self, **fields):
        """The boat as the test needs it: elsewhere (a new voyage begins there), with treasures, ..."""
        begins = {f'from_{axis}': fields[axis] for axis in 'xy' if axis in fields}
        begins |= {f'seams_{axis}': 0 for axis in 'xy' if axis in fields}
        self.game.happen(boats={self.key: {**begins, **fields}})

    def numbers(self, path):
        return [float(number) for number in self(path).split(',')]

    def place(self):
        return tuple(self.numbers('/location')[:3])

    def score(self):
        return int(self.game.say(f'/score?name={self.name}').split(',')[2])

    def items(self, kind='treasure'):
        return [line.split(',')[1] for line in self('/inventory').lines if line.startswith(kind)]

    def sees(self, path='/look'):
        return [line.split(',')[1] for line in self(path).lines if line]


def off(start, east, north):
    return (start[0] + east) % WIDTH, (start[1] + north) % HEIGHT


def row(player, heading, cells, at_once=7):
    """Row so many cells, a second's worth in one call."""
    for start in range(0, cells, at_once):
        player.game.wait(1)
        reply = player(f'/move?heading={heading}&steps={min(at_once, cells - start)}')
        assert reply.status == 200, reply


def way_to(player, x, y):
    """The heading to row now, and for how many cells: diagonally as far as that helps."""
    dx = int(mocean.gap(player.boat.x, x, WIDTH))
    dy = int(mocean.gap(player.boat.y, y, HEIGHT))
    way = (dx > 0) - (dx < 0), (dy > 0) - (dy < 0)
    heading = next((name for name, step in mocean.HEADINGS.items() if step == way), '')
    return heading, min(abs(dx) or abs(dy), abs(dy) or abs(dx))


def row_to(player, x, y, expect=False, at_once=7):
    """Row to a place as fast as the hull allows. The last answer, or the one that told of the end of a race."""
    last = {}
    while (player.boat.x, player.boat.y) != (x, y):
        heading, cells = way_to(player, x, y)
        steps = min(cells, at_once)
        dx, dy = mocean.HEADINGS[heading]
        end = off((player.boat.x, player.boat.y), dx * steps, dy * steps)
        told = '&expect={},{}'.format(*end) if expect else ''
        reply = player.json(f'/move?heading={heading}&steps={steps}{told}')
        if 'wait_s' in reply:
            player.game.wait(reply['wait_s'])
        else:
            assert 'error' not in reply, reply
            assert reply.get('expected', True) is True
            last = last if 'race' in last else reply
    return last


def begin_race(player, number=None):
    """Bring the player to the start, and begin: the marks of the course."""
    now = int(player.game.now // mocean.COURSE_S)
    marks = mocean.course_of(player.game.ocean, now if number is None else number).marks
    player.put(x=marks[0][0], y=marks[0][1], z=0, speed=0)
    assert player('/race').status == 200
    return marks


def sail_course(player, order=None, expect=False):
    """A whole race, the marks in this order (else the server's own): the last answer."""
    marks = begin_race(player)
    for mark in [*(order or mocean.reference_tour(marks)[0])[1:], 0]:
        reply = row_to(player, *marks[mark], expect)
    return reply


def fetch(player, treasure):
    """Bring the player to the treasure, and get it."""
    x, y, z = player.game.hill(treasure)
    player.put(x=x, y=y, z=z)
    return player('/get?item=treasure')


@pytest.fixture
def game(tmp_path, monkeypatch):
    monkeypatch.setattr(mocean, 'keep_tending', lambda sea: None)
    game = Game(tmp_path / 'ocean')
    yield game
    game.say.close()


@pytest.fixture
def ada(game):
    """A boat far from everything, on ground where everything near is charted: no point comes by chance. Her quests are
    met, her home waters known, her rations whole."""
    ada = game.join('ada')
    x, y = game.plain()
    game.happen(sectors={key: {'name': 'somebody', 'at': NOON} for key in EVERYWHERE},
                depths={key: {'name': 'somebody', 'at': NOON, 'total': 30, 'count': 1} for key in EVERYWHERE},
                whales={name: {'x': (x + 300) % WIDTH, 'y': (y + 100) % HEIGHT, 'vx': 0, 'vy': 0}
                        for name in mocean.WHALE_NAMES})
    ada.put(x=x, y=y, score=0, charted=0, talk=-60, home=ALL_HOME, home_pings=ALL_HOME, **ALL_MET)
    game.wait(2)
    return ada


@pytest.fixture
def bob(game, ada):
    bob = game.join('bob')
    bob.put(x=(ada.boat.x + 300) % WIDTH, y=ada.boat.y, score=0, home=ALL_HOME, home_pings=ALL_HOME, **ALL_MET)
    return bob


@pytest.fixture(params=['restart', 'crash'])
def again(request, game):
    """The server ends, in good order or not, and starts again."""
    return getattr(game, request.param)
