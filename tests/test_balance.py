"""Is the game fair, and is it fun? Three programs of different skill play a simulated hour against each other."""
import heapq
import itertools
import math
import random

import pytest
from conftest import Inside, also

import mocean

NOON = 1_800_000_000.0                                    # some noon, seconds since 1970
CALL_S = 0.05                                             # what a call takes over a good network
SIDE = mocean.SECTOR_CELLS


class Race:
    """An ocean in which time passes as fast as the programs can think.

    A program is a generator. It yields a path, and gets the answer; or it yields a number, and sleeps so many seconds.
    """

    def __init__(self, folder, seed):
        self.now, self.order = NOON, itertools.count()
        self.say = Inside('mocean', folder, clock=lambda: self.now, dice=random.Random(seed))
        self.due = []                                     # (when, number, path, id, program), the next one first

    def enter(self, name, program):
        id, _, x, y, _ = self.say(f'/join?name={name}').split(',')
        self.go_on(0, id, program(self, int(x), int(y)))

    def go_on(self, seconds, id, program, answer=None):
        """Let a program think, and note what it wants and when."""
        try:
            wish = program.send(answer)
        except StopIteration:
            return
        later = seconds + wish if isinstance(wish, (int, float)) else seconds
        path = wish if isinstance(wish, str) else None
        heapq.heappush(self.due, (self.now + later, next(self.order), path, id, program))

    def run(self, seconds):
        end = self.now + seconds
        while self.due and self.due[0][0] < end:
            self.now, _, path, id, program = heapq.heappop(self.due)
            if path:
                answer = self.say(path if path.startswith('/chart') else also(path, f'id={id}'))
                self.go_on(CALL_S, id, program, answer)
            else:
                self.go_on(0, id, program)
        self.now = end
        return self.scores()

    def scores(self):
        return {name: int(score) for _, name, score in (line.split(',') for line in self.say('/score').lines)}


# --- three programs --------------------------------------------------------------------------------------------------

def random_walker(race, x, y):
    """The first loop that one writes: anywhere, with a second of sleep."""
    dice = random.Random('walker')
    while True:
        yield f'/move?heading={dice.choice(list(mocean.HEADINGS))}&steps=20'
        yield '/ping'
        yield 1


def surveyor(race, x, y):
    """Lane by lane, north all the way round and then a step to the east, until the ocean is full of lanes."""
    for _ in range(mocean.COLUMNS):
        for _ in range(mocean.ROWS):
            yield f'/move?heading=north&steps={SIDE}'
            yield '/ping'
            yield 0.21
        yield f'/move?heading=east&steps={SIDE}'
        yield 0.21


NEAREST_FIRST = sorted(((column, row) for column in range(-30, 30) for row in range(-20, 20)),
                       key=lambda way: (max(map(abs, way)), abs(way[0])))


class Hunter:
    """Goes where nobody has been, and takes what it sees on the way."""

    def __init__(self, race, x, y):
        self.race, self.x, self.y, self.z = race, x, y, 0
        self.speed, self.ready, self.items, self.had = 40, race.now, set(), set()
        self.left = {(column, row) for column in range(mocean.COLUMNS) for row in range(mocean.ROWS)}

    def play(self):
        while self.left:
            yield from self.read_the_chart()
            for _ in range(min(20, len(self.left))):
                yield from self.explore()
                yield from self.take_what_is_near()
        while True:                                       # all is charted: live on fish, go round once more
            if 'fishing net' in self.items:
                yield '/use?item=fishing net'
            for _ in range(30):
                yield from self.row('east', 40)
                yield 1

    def read_the_chart(self):
        chart = (yield f'/chart?since={int(self.race.now - 60)}').json()
        self.left -= {(column, row) for column, row, *_ in chart['sectors']}

    def explore(self):
        """Row to the nearest sector that nobody has entered, straight on if there are two; sound it."""
        column, row = int(self.x) // mocean.SECTOR_CELLS, int(self.y) // mocean.SECTOR_CELLS
        near = (((column + c) % mocean.COLUMNS, (row + r) % mocean.ROWS) for c, r in NEAREST_FIRST)
        there = next(sector for sector in near if sector in self.left)
        self.left.discard(there)
        yield from self.go(there[0] * SIDE + SIDE // 2, there[1] * SIDE + SIDE // 2)
        yield '/ping'

    def go(self, x, y):
        while (self.x, self.y) != (x, y):
            heading = mocean.bearing(self.x, self.y, x, y)
            east = abs(mocean.gap(self.x, x, mocean.WIDTH_CELLS))
            north = abs(mocean.gap(self.y, y, mocean.HEIGHT_CELLS))
            straight = max(east, north) if heading in ('north', 'east', 'south', 'west') else min(east, north)
            yield from self.row(heading, max(1, min(int(straight), 20)))

    def row(self, heading, steps):
        yield max(self.ready - self.race.now, 0)
        answer = yield f'/move?heading={heading}&steps={steps}'
        if answer.status == 200:
            self.x, self.y, self.z = map(float, answer.split(','))
            self.ready = self.race.now - CALL_S + steps / self.speed + 0.001
        else:
            self.speed = 40                               # the ride is over
            yield 1

    def take_what_is_near(self):
        for line in (yield '/look').lines:
            kind, name, x, y, z, _ = line.split(',') if line else [''] * 6
            if kind == 'treasure' and name not in self.had:
                yield from self.take(name, float(x), float(y), float(z))
            if kind == 'whale' and 'iron dust' in self.items:
                yield from self.ride(round(float(x)) % mocean.WIDTH_CELLS, round(float(y)) % mocean.HEIGHT_CELLS)

    def take(self, name, x, y, z):
        yield from self.go(x, y)
        yield from self.dive('down', z - 5)
        if (yield '/get?item=treasure').status == 200:
            self.items.add(name)
            self.had.add(name)
        yield from self.dive('up', 0)

    def dive(self, direction, depth):
        while self.z < depth if direction == 'down' else self.z > depth:
            yield 0.05
            self.speed = 40                               # whales do not dive
            answer = yield f'/dive?direction={direction}'
            if answer.status == 200:
                self.z = float(answer.split(',')[2])

    def ride(self, x, y):
        yield from self.go(x, y)
        yield '/use?item=iron dust'
        self.items.discard('iron dust')
        if (yield '/get?item=whale').status == 200:
            self.speed = 80


def hunter(race, x, y):
    return Hunter(race, x, y).play()


# --- the races -------------------------------------------------------------------------------------------------------

@pytest.fixture
def race(request, tmp_path):
    race = Race(tmp_path, request.param)
    yield race
    race.say.close()


@pytest.mark.parametrize('race', [1, 2, 3], indirect=True)
def test_the_better_program_wins_and_nobody_is_shut_out(race):
    for name, program in (('walker', random_walker), ('surveyor', surveyor), ('hunter', hunter)):
        race.enter(name, program)
    first, last = race.run(60), race.run(59 * 60)
    assert last['hunter'] > 1.5 * last['surveyor'] and last['surveyor'] > 1.2 * last['walker'], last
    assert last['walker'] > last['hunter'] / 20, last     # nobody is shut out,
    assert min(first.values()) > 25, first                # and all of them find something in the first minute


def beginner(race, x, y):
    """Types one call every five seconds: look, go there, dive, get."""
    while not (treasures := [line for line in (yield '/look').lines if line.startswith('treasure')]):
        yield 5
    _, _, there_x, there_y, depth, away = treasures[0].split(',')
    yield 5
    if float(away) > mocean.REACH_CELLS:
        yield f'/move?heading={mocean.bearing(x, y, float(there_x), float(there_y))}&steps=5'
        yield 5
    for _ in range(5, math.ceil(float(depth)), 5):
        yield '/dive?direction=down'
        yield 5
    yield '/get?item=treasure'


@pytest.mark.parametrize('race', range(5), indirect=True)
def test_a_class_of_beginners_finds_something_within_the_first_minute(race):
    for number in range(30):
        race.enter(f'beginner{number}', beginner)
    scores = race.run(60)
    assert len(scores) == 30 and min(scores.values()) >= mocean.TREASURE_POINTS, scores
