"""Is the game fair, and does it last? A club evening of 90 minutes, played in seconds by programs of every wit.

    python benchmarks/balance.py [--seeds 3]                the club: who earned what from what, and the five targets
    python benchmarks/balance.py --besides quitter          one more boat joins it, which tries something else
    python benchmarks/balance.py --alone navigator          one boat has the ocean to itself
    python benchmarks/balance.py --race 20                  what a better program is worth in so many races

The real rules decide: each call goes through `mocean.play`, with a clock that stands still while a program thinks. A
program is a generator. It yields a call, ('move', {'heading': 'north'}), and gets the answer, or None if it was
refused; or it yields a number, and pauses so many seconds. It knows what the replies have told it, and nothing else.
"""
import argparse
import collections
import contextlib
import heapq
import io
import itertools
import math
import os
import pathlib
import random
import re
import statistics
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import mocean  # noqa: E402
from mocean import COLUMNS, HEIGHT_CELLS, ROWS, SECTOR_CELLS, WIDTH_CELLS  # noqa: E402

MINUTES = 90
CALL_S = 0.03                            # what a call takes over a good network
PATIENCE_S = 5                           # a program that is told to wait longer does something else
NOON = 1_800_000_000.0                   # some noon, seconds since 1970
USUAL = {route.name: {name: value for name, value in route.defaults.items() if name not in ('n', 'format')}
         for route in mocean.ROUTES}     # the parameters that a call need not give


# --- an evening ------------------------------------------------------------------------------------------------------

class Evening:
    """An ocean in which time passes as fast as the programs can think."""

    def __init__(self, seed, folder):
        self.now, self.waited_s = 0.0, 0.0
        self.order, self.due, self.bots = itertools.count(), [], []
        self.seed = seed
        self.sea = mocean.Sea(folder, lambda: self.now, random.Random(seed), lambda: NOON + self.now, self.wait)
        self.sea.closing.set()           # no thread tends the sea, the calls themselves do: no chance in it
        self.sea.open()
        self.sea.state_at = math.inf     # a state file each minute would be a fifth of the work
        self.ocean = self.sea.ocean

    def wait(self, seconds):
        """In the place of time.sleep: whoever calls gets the answer so much later."""
        self.waited_s = seconds

    def enter(self, kind, name, minute=0, player=None):
        """Somebody begins at this minute."""
        name = re.sub('[^a-z0-9]', '', name)
        bot = PROGRAMS[kind](self, kind, name, minute * 60, player or name)
        self.bots.append(bot)
        self.wake(bot, bot.began)
        return bot

    def wake(self, bot, when, again=None):
        heapq.heappush(self.due, (when, next(self.order), bot, again))

    def run(self, minutes=MINUTES):
        """Play. Each boat's score is noted once a minute."""
        for minute in range(1, minutes + 1):
            while self.due and self.due[0][0] < minute * 60:
                self.now, _, bot, again = heapq.heappop(self.due)
                self.step(bot, again)
            self.now = minute * 60
            self.note_earnings()
        return self

    def note_earnings(self):
        entered = first_ones(self.ocean, self.ocean.sectors)
        sounded = first_ones(self.ocean, self.ocean.depths)
        for bot in self.bots:
            boat = self.ocean.boats.get(bot.key)
            name = boat.name if boat else ''
            bot.earned.append(earnings(boat, entered[name], sounded[name]) if boat else dict.fromkeys(SOURCES, 0))

    def give(self, bot, item):
        """A treasure falls from the sky."""
        boat = self.ocean.boats[bot.key]
        mocean.merge(self.ocean, {'boats': {bot.key: boat.but(items=(*boat.items, item))},
                                  'finds': {item: mocean.Find(boat.name, NOON)}})

    def step(self, bot, wish):
        """Let a program think; do what it wants, and note when it gets the answer."""
        try:
            wish = wish or bot.program.send(bot.answer)
        except StopIteration:
            return
        bot.answer = None
        if isinstance(wish, tuple):
            self.call(bot, *wish)
        else:
            self.wake(bot, self.now + wish)

    def call(self, bot, name, values):
        """One call. Who is too early waits as long as told, and asks again."""
        route = mocean.BY_NAME[name]
        call = mocean.Call(route, {**USUAL[name], **values}, bot.id if route.mine else '', '', 'json')
        self.waited_s, bot.calls = 0.0, bot.calls + 1
        try:
            bot.answer = mocean.play(self.sea, call)
        except mocean.Refusal as refusal:
            mocean.note_call(self.sea, route, [('id', bot.id)], '', refusal.status, '')
            wait_s = refusal.numbers.get('wait_s')
            if wait_s and wait_s < PATIENCE_S:
                self.wake(bot, self.now + CALL_S + wait_s, (name, values))
                return
            bot.refused += 1
        self.wake(bot, self.now + CALL_S + self.waited_s)


SOURCES = ('sectors', 'soundings', 'treasures', 'whales', 'voyages', 'net', 'quests', 'regatta')


def first_ones(ocean, table):
    """How many sectors are each player's, home waters aside: those pay everybody."""
    return collections.Counter(record.name for sector, record in table.items() if sector not in ocean.home)


def earnings(boat, entered, sounded):
    """What a boat's points come from, worked out from the records. That the sum is the score is tested."""
    home, home_pings = (bin(int(bits or '0', 16)).count('1') for bits in (boat.home, boat.home_pings))
    treasures = sum(name in mocean.TREASURES for name in boat.finds)
    voyages = sum(name in ('east-west', 'north-south') for name in boat.finds)
    return {'sectors': (entered + home) * mocean.SECTOR_POINTS,
            'soundings': (sounded + home_pings) * mocean.SOUNDING_POINTS,
            'treasures': treasures * mocean.TREASURE_POINTS,
            'whales': ('whale ride' in boat.finds) * mocean.WHALE_POINTS,
            'voyages': voyages * mocean.VOYAGE_POINTS, 'net': boat.net_points,
            'quests': boat.quest * mocean.QUEST_POINTS, 'regatta': sum(points for _, points in boat.laurels)}


# --- programs --------------------------------------------------------------------------------------------------------

def gap(start, end, size):
    """The short way round, as every client has it."""
    return (end - start + size // 2) % size - size // 2


def flat_gap(start, end, size):
    """The way of a program that does not know that the ocean has no edge."""
    return end - start


HEADING = {way: heading for heading, way in mocean.HEADINGS.items()}


def first_leg(dx, dy, most_straight, most_diagonal):
    """The heading and the steps that begin a way: diagonally as far as that helps, then straight."""
    east, north = (dx > 0) - (dx < 0), (dy > 0) - (dy < 0)
    if east and north:
        return HEADING[east, north], min(abs(dx), abs(dy), most_diagonal)
    return HEADING[east, north], min(max(abs(dx), abs(dy)), most_straight)


class Bot:
    """A player. `play` is the program; it keeps in `self` what it has been told."""

    def __init__(self, evening, kind, name, began, player):
        self.evening, self.kind, self.name, self.player = evening, kind, name, player
        self.began, self.key, self.id = began, mocean.key_of(name), ''
        self.program, self.answer = self.run(), None
        self.dice = random.Random(f'{name} {evening.seed}')
        self.earned = []                                 # at the end of each minute: source -> points
        self.calls = self.refused = 0
        self.x = self.y = self.z = 0

    def run(self):
        boat = yield 'join', {'name': self.name}
        self.id = boat['id']
        self.here(boat)
        yield from self.play()

    def here(self, told):
        """Remember where the boat is. Refused: it is where it was."""
        if told:
            self.x, self.y, self.z = told['x'], told['y'], told['z']

    def do(self, route, **values):
        """Ask; None if refused."""
        return (yield route, values)

    def move(self, heading, steps=1):
        self.here((yield 'move', {'heading': heading, 'steps': steps}))

    def dive(self, direction):
        self.here((yield 'dive', {'direction': direction}))

    def now(self):
        """A clock on the wall of the club."""
        return self.evening.now


class Typist(Bot):
    """Types one call after the other, and looks at the answers."""

    def think(self, least=6, most=20):
        return self.dice.uniform(least, most)

    def play(self):
        yield from self.type_until(math.inf)

    def type_until(self, minute):
        heading = self.dice.choice(list(HEADING.values()))
        had = set()
        while self.now() < minute * 60:
            yield self.think()
            things = (yield from self.do('look'))['things']
            lying = [thing for thing in things if thing['kind'] == 'treasure' and thing['name'] not in had]
            if lying:
                yield from self.take(lying[0])
                had.add(lying[0]['name'])
            for _ in range(self.dice.randrange(1, 6)):
                yield self.think()
                yield from self.move(heading, self.dice.choice((1, 1, 1, 5, 10)))
            yield self.think()
            yield from self.do('ping')
            if self.dice.random() < 0.3:
                heading = self.dice.choice(list(HEADING.values()))
                yield self.think()
                yield from self.do('move', heading=heading, steps=50)          # a mistake: too many at once

    def take(self, thing):
        """Row to a treasure, dive to it, get it, come up."""
        while (way := self.way_to(thing)) != (0, 0):
            yield self.think()
            yield from self.move(*first_leg(*way, 5, 5))
        for _ in range(12):
            yield self.think()
            if (yield from self.do('get', item='treasure')):
                break
            yield from self.dive('down')
        while self.z:
            yield self.think(2, 5)
            yield from self.dive('up')

    def way_to(self, thing):
        return gap(self.x, thing['x'], WIDTH_CELLS), gap(self.y, thing['y'], HEIGHT_CELLS)


class Looper(Typist):
    """Types for ten minutes; then it is a loop: a cell, a sounding, a cell, ... And it is changed, and runs again."""

    def play(self):
        yield from self.type_until(10)
        while True:
            heading = self.dice.choice(list(HEADING.values()))
            for _ in range(50):
                yield from self.move(heading)
                yield from self.do('ping')
            yield self.think(20, 60)


class Surveyor(Typist):
    """From minute 20 on the survey robot of clients/: sector by sector, row by row, whatever others have done."""

    def play(self):
        yield from self.type_until(20)
        for number in itertools.count(1):
            yield from self.do('ping')
            yield from self.move('east', 10)
            if number % 60 == 0:
                yield from self.move('north', 10)
            if number % 20 == 0:
                yield self.think(20, 60)               # what has it found? Once more, and further


class Idler(Bot):
    """Looks about, rows a little, and talks to the neighbour."""

    def play(self):
        for _ in range(3):
            yield 60
            yield from self.move('north', 5)
            yield from self.do('look')


class NetSleeper(Bot):
    """A loop that is left alone: cast the net, row to other waters. (It is given the net at once.)"""

    def play(self):
        self.evening.give(self, 'fishing net')
        while True:
            yield from self.do('use', item='fishing net')
            yield from self.move('east', 10)
            yield mocean.NET_S


class StraightSleeper(Bot):
    """A loop that is left alone: straight on."""

    def play(self):
        while True:
            yield from self.move('east', 10)
            yield 1


NEAREST_FIRST = sorted(((column, row) for column in range(-30, 30) for row in range(-20, 20)),
                       key=lambda way: mocean.rowing_cells(0, 0, *way))
SECTORS = frozenset((column, row) for column in range(COLUMNS) for row in range(ROWS))


def into(at, sector):
    """The nearest number inside a sector, along one axis."""
    low = sector * SECTOR_CELLS
    return min(max(at, low), low + SECTOR_CELLS - 1)


class Hunter(Bot):
    """Sounds the nearest sector that nobody has, by the chart, and takes what it sees on the way."""
    hunts = True              # follows the crash alert from seamount to seamount
    expects = False           # says where each move will end
    gap = staticmethod(gap)   # how it finds the way

    def play(self):
        self.prepare()
        yield from self.make_a_mistake()
        while True:
            yield from self.read_chart()
            yield from self.race_if_new()
            yield from self.go_round_if_not()
            sounded = yield from self.sound_nearest()
            if not sounded:
                yield from self.while_nothing_is_left()

    def prepare(self):
        self.paid = self.now() - mocean.SAVED_S           # until when its time is used up, as far as it knows
        self.hull, self.fast_until = mocean.HULL_CELLS_PER_S, 0
        self.left, self.home = set(SECTORS), set()        # sectors to sound: for all the first; for itself
        self.done, self.had, self.hills = set(), set(), set()
        self.chart_at, self.since = -math.inf, 0
        self.items, self.cast_at, self.course, self.round = set(), -math.inf, -1, False

    def make_a_mistake(self):
        """Everybody makes some. Then the call again, mended."""
        yield from self.do('move', heading='east', steps=99)
        yield from self.row('east', 1)
        yield from self.look()

    # rowing

    def limit(self):
        if self.z and 'submarine' not in self.items:
            return mocean.SUBMERGED_CELLS_PER_S
        return mocean.WHALE_CELLS_PER_S if self.now() < self.fast_until else mocean.HULL_CELLS_PER_S

    def row(self, heading, steps):
        """Not before its time: a program that counts along is never refused."""
        east, north = mocean.HEADINGS[heading]
        cell_s = math.hypot(east, north) / self.limit()
        price, values = steps * cell_s, {'heading': heading, 'steps': steps}
        if self.expects:
            price *= mocean.EXPECT_PRICE
            values['expect'] = (self.x + east * steps) % WIDTH_CELLS, (self.y + north * steps) % HEIGHT_CELLS
        yield from self.pay(price, cell_s)
        self.here((yield 'move', values))

    def pay(self, price, patience):
        early = self.paid + price - patience - self.now()
        if early > 0:
            yield early
        self.paid = max(self.paid, self.now() - mocean.SAVED_S) + price

    def go(self, x, y):
        while (way := (self.gap(self.x, x, WIDTH_CELLS), self.gap(self.y, y, HEIGHT_CELLS))) != (0, 0):
            most = self.limit() * mocean.SAVED_S
            yield from self.row(*first_leg(*way, int(most), int(most / math.sqrt(2))))

    def act(self, route, **values):
        """A call that costs the time of a cell."""
        yield from self.pay(1 / self.limit(), 1 / self.limit())
        return (yield route, values)

    # exploring

    def read_chart(self):
        """Every now and then: what have others sounded, what have they found?"""
        if self.now() < self.chart_at + 20 or not self.left:
            return
        chart = yield from self.do('chart', since=self.since)
        self.chart_at, self.since = self.now(), chart['next']
        self.left.difference_update((column, row) for column, row, *_ in chart['depths'])

    def sound_nearest(self):
        """Row to the nearest sector that is worth it, and sound it. False if there is none."""
        if not (self.left or self.home):
            return False
        column, row = self.x // SECTOR_CELLS, self.y // SECTOR_CELLS
        near = (((column + across) % COLUMNS, (row + up) % ROWS) for across, up in NEAREST_FIRST)
        there = next(sector for sector in near if sector in self.left or sector in self.home)
        yield from self.go(*self.nearest_cell(there))
        yield from self.sound()
        yield from self.look()
        return True

    def nearest_cell(self, sector):
        dx = gap(self.x // SECTOR_CELLS, sector[0], COLUMNS)
        dy = gap(self.y // SECTOR_CELLS, sector[1], ROWS)
        x = into(self.x, self.x // SECTOR_CELLS + dx) % WIDTH_CELLS
        y = into(self.y, self.y // SECTOR_CELLS + dy) % HEIGHT_CELLS
        return x, y

    def sound(self):
        sector = self.x // SECTOR_CELLS, self.y // SECTOR_CELLS
        yield from self.pay(mocean.PING_S, mocean.PING_S)
        yield from self.do('ping')
        self.left.discard(sector)
        self.home.discard(sector)
        self.done.add(sector)

    def look(self):
        for thing in (yield from self.do('look'))['things']:
            if thing['kind'] == 'treasure' and thing['name'] not in self.had:
                yield from self.take(thing)
            elif thing['kind'] == 'whale' and 'iron dust' in self.items and self.now() > self.fast_until:
                yield from self.ride(thing)
        yield from self.use_things()

    def take(self, thing):
        self.had.add(thing['name'])
        yield from self.go(thing['x'], thing['y'])
        while self.z < thing['z'] - mocean.REACH_M:
            yield from self.dive('down')
        if (yield from self.act('get', item='treasure')):
            self.items.add(thing['name'])
        while self.z:
            yield from self.dive('up')
        if thing['name'] in ('crash alert', 'iron dust'):        # these lie in home waters
            self.remember_home(thing)

    def dive(self, direction):
        self.here((yield from self.act('dive', direction=direction)))
        self.fast_until = 0                               # whales do not dive

    def remember_home(self, thing):
        """Home waters pay to every boat: these sectors are worth it, whoever has been there."""
        span = range(-mocean.HOME_SECTORS, mocean.HOME_SECTORS + 1)
        column, row = thing['x'] // SECTOR_CELLS, thing['y'] // SECTOR_CELLS
        self.home |= {((column + across) % COLUMNS, (row + up) % ROWS) for across in span for up in span} - self.done

    def ride(self, whale):
        """To the whale, make the plankton bloom, and up."""
        yield from self.go(round(whale['x']) % WIDTH_CELLS, round(whale['y']) % HEIGHT_CELLS)
        yield from self.act('use', item='iron dust')
        self.items.discard('iron dust')
        if (yield from self.act('get', item='whale')):
            self.fast_until = self.now() + mocean.BLOOM_S - 2

    def use_things(self):
        if 'fishing net' in self.items and self.now() > self.cast_at + mocean.NET_S:
            self.cast_at = self.now()
            yield from self.act('use', item='fishing net')
        if self.hunts and 'crash alert' in self.items:
            yield from self.chase((yield from self.act('use', item='crash alert')))

    def chase(self, hint):
        """The crash alert names a seamount: is something on it?"""
        if hint['seamount'] in self.hills:
            return
        self.hills.add(hint['seamount'])
        for _ in range(20):
            if hint['distance'] < 10:
                break
            yield from self.row(hint['heading'], max(1, min(7, int(hint['distance'] * 0.7))))
            hint = yield from self.act('use', item='crash alert')
            if hint['seamount'] not in self.hills:
                return
        yield from self.look()

    def while_nothing_is_left(self):
        yield 5

    # what a hunter has not thought of

    def race_if_new(self):
        return
        yield

    def go_round_if_not(self):
        return
        yield


class Planner(Hunter):
    """It reads the rules: it sails each new course once, goes all the way round, both ways, and sounds the rest."""
    hunts = False

    def order(self, marks):
        return nearest(marks, gap)

    def race_if_new(self):
        told = yield from self.do('course')
        if told['course'] == self.course:
            return
        self.course = told['course']
        yield from self.race([(mark['x'], mark['y']) for mark in told['marks']])

    def race(self, marks):
        if self.now() < self.fast_until:                 # down from the whale
            yield from self.dive('down')
            yield from self.dive('up')
        yield from self.go(*marks[0])
        if not (yield from self.act('race')):
            return
        self.paid = max(self.paid, self.now())
        for mark in [*self.order(marks)[1:], 0]:
            yield from self.go(*marks[mark])

    def go_round_if_not(self):
        """East until it is where it was, sounding what nobody has; then north."""
        if self.round:
            return
        self.round = True
        for heading, size in (('east', WIDTH_CELLS), ('north', HEIGHT_CELLS)):
            for _ in range(size // SECTOR_CELLS):
                yield from self.row(heading, SECTOR_CELLS)
                if (self.x // SECTOR_CELLS, self.y // SECTOR_CELLS) in self.left:
                    yield from self.sound()


class Navigator(Planner):
    """A planner that foresees where each move ends, and untangles its way round the marks."""
    expects = True

    def order(self, marks):
        return untangled(marks, gap)


def given(marks, gap):
    return list(range(len(marks)))


def nearest(marks, gap):
    """From mark 0 always on to the nearest one left: the numbers of the marks."""
    order, left = [0], set(range(1, len(marks)))
    while left:
        order.append(min(left, key=lambda mark: (cells(marks[order[-1]], marks[mark], gap), mark)))
        left.remove(order[-1])
    return order


def untangled(marks, gap):
    """The same, and then 2-opt: as long as turning a part round makes it shorter."""
    best = nearest(marks, gap)
    shorter = True
    while shorter:
        shorter = False
        for first, last in itertools.combinations(range(1, len(marks) + 1), 2):
            turned = best[:first] + best[first:last][::-1] + best[last:]
            if tour_cells(marks, turned, gap) < tour_cells(marks, best, gap) - 1e-9:
                best, shorter = turned, True
    return best


def tour_cells(marks, order, gap):
    return sum(cells(marks[order[number - 1]], marks[mark], gap) for number, mark in enumerate(order))


def cells(here, there, gap):
    dx, dy = abs(gap(here[0], there[0], WIDTH_CELLS)), abs(gap(here[1], there[1], HEIGHT_CELLS))
    return max(dx, dy) + (math.sqrt(2) - 1) * min(dx, dy)


# --- whoever tries something else ------------------------------------------------------------------------------------

class Master(Navigator):
    """All of it in one: a navigator that also hunts."""
    hunts = True


class Racer(Planner):
    """Sails each course once, and does nothing else."""

    def play(self):
        self.prepare()
        while True:
            yield from self.race_if_new()
            yield 5


class GivenRacer(Racer):
    def order(self, marks):
        return given(marks, self.gap)


class FlatRacer(Racer):
    """The nearest mark, on a chart with edges."""
    gap = staticmethod(flat_gap)

    def order(self, marks):
        return nearest(marks, flat_gap)


class TwoOptRacer(Racer):
    def order(self, marks):
        return untangled(marks, self.gap)


class BestRacer(TwoOptRacer):
    expects = True


class Restless(BestRacer):
    """Sails each course again and again."""

    def race_if_new(self):
        self.course = -1
        yield from super().race_if_new()


class Diagonal(Hunter):
    """Northeast for ever, and a sounding in each new sector."""

    def play(self):
        self.prepare()
        while True:
            yield from self.row('northeast', 7)
            yield from self.sound()


class Quitter(Hunter):
    """Takes what a new boat finds in its first two minutes, quits, comes back, quits, and joins under a new name."""

    def play(self):
        for number in itertools.count(2):
            self.prepare()
            until = self.now() + 120
            while self.now() < until and (yield from self.sound_nearest()):
                pass
            yield from self.do('quit', sure='yes')
            yield from self.do('join', name=self.name, id=self.id)
            yield from self.do('quit', sure='yes')
            boat = yield from self.do('join', name=f'{self.name}{number}', id=None)
            self.name, self.key, self.id = boat['name'], mocean.key_of(boat['name']), boat['id']
            self.here(boat)


class Farmer(Bot):
    """Calls again and again whatever costs no time, and what needs no rowing."""

    def play(self):
        while True:
            for route in mocean.ROUTES:
                if route.rule and route.name not in ('join', 'quit') and \
                        all(not parameter.required or parameter is mocean.ID for parameter in route.parameters):
                    yield route.name, {}
            yield 'accel', {'ctrl': 'a'}
            yield 'dive', {'direction': 'up'}
            yield 1


PROGRAMS = {
    'typist': Typist, 'looper': Looper, 'surveyor': Surveyor, 'hunter': Hunter, 'planner': Planner,
    'navigator': Navigator, 'idler': Idler, 'net sleeper': NetSleeper, 'straight sleeper': StraightSleeper,
    'given': GivenRacer, 'flat nearest': FlatRacer, 'nearest': Racer, 'two-opt': TwoOptRacer, 'best': BestRacer,
    'restless': Restless, 'master': Master, 'diagonal': Diagonal, 'quitter': Quitter, 'farmer': Farmer}
CLUB = [('typist', 4, 0), ('looper', 4, 0), ('surveyor', 3, 0), ('hunter', 2, 0), ('planner', 2, 0),
        ('navigator', 1, 0), ('idler', 1, 0), ('net sleeper', 1, 0), ('straight sleeper', 1, 0),
        ('planner', 1, 30), ('planner', 1, 60), ('navigator', 1, 60)]        # program, how many, from which minute
FLEET = 5                                                                    # boats of one player, all of them planners


# --- what came of it -------------------------------------------------------------------------------------------------

class Played(NamedTuple):
    """One boat's evening."""
    kind: str                 # which program
    player: str               # whose boat
    began: int                # at this minute
    earned: list              # at the end of each minute: source -> points, all in all
    points: int               # its score, as the game has it

    def score(self, minute=MINUTES):
        """Points by this minute of the evening."""
        return sum(self.earned[minute - 1].values()) if minute else 0

    def first_ten(self):
        """Points by the end of its first ten minutes."""
        return self.score(min(self.began + 10, len(self.earned)))


def play_club(seed, besides='', boats=1):
    """A club evening, perhaps with somebody besides who tries something else: [Played, ...]"""
    def settle(evening):
        for kind, many, minute in CLUB:
            for number in range(many):
                evening.enter(kind, f'{kind}{minute or ""}{"abcd"[number]}', minute)
        for number in range(FLEET):
            evening.enter('planner', f'fleet{number}', player='fleet')
        for number in range(boats if besides else 0):
            evening.enter(besides, f'besides{number}', player='besides')
    return play(seed, settle)


def play_alone(seed, kind='navigator'):
    """An evening of one boat that has the ocean to itself: [Played]"""
    return play(seed, lambda evening: evening.enter(kind, 'alone'))


def play(seed, settle, minutes=MINUTES):
    with evening_of(seed) as evening:
        settle(evening)
        evening.run(minutes)
        scores = {key: boat.score for key, boat in evening.ocean.boats.items()}
    return [Played(bot.kind, bot.player, bot.began // 60, bot.earned, scores.get(bot.key, 0)) for bot in evening.bots]


@contextlib.contextmanager
def evening_of(seed):
    """An evening in a folder of its own, in memory where that can be; nothing is said to the log."""
    memory = '/dev/shm' if os.path.isdir('/dev/shm') else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, contextlib.redirect_stderr(io.StringIO()):
        evening = Evening(seed, folder)
        try:
            yield evening
        finally:
            evening.sea.close()


def mean(played, kind, began=0, points=Played.score):
    """What the boats of a kind earn on average, those of the fleet left aside."""
    return statistics.mean(points(boat) for boat in played
                           if (boat.kind, boat.began) == (kind, began) and boat.player not in ('fleet', 'besides'))


class Targets(NamedTuple):
    """What must hold of an evening."""
    first_ten_club: float     # 1. the most that a boat has after its first ten minutes, of all that one boat could
    first_ten_alone: float    #    earn: what the navigator earns in an evening that has the ocean to itself
    late_rank: float          # 2. the rank of the planner who comes at minute 60, of all players
    sleeper: float            # 3. the better sleeper's points, of the planner's
    step: float               # 4. the least ratio of a program to the one before: typist, looper and surveyor, ...
    lasting: float            # 5. a planner's minutes 80 to 90, of its minutes 20 to 30


MOST = Targets(0.2, 0.2, 0.5, 0.1, math.inf, math.inf)
LEAST = Targets(0, 0, 0, 0, 1.2, 0.75)


def targets_of(club, alone):
    """How an evening in the club, and one alone, have come out."""
    best = collections.Counter()
    for boat in club:
        best[boat.player] = max(boat.score(), best[boat.player])
    late = best['planner60a']
    sleepers = [boat.score() for boat in club if boat.kind.endswith('sleeper')]
    learners = mean(club, 'looper'), mean(club, 'surveyor')
    ladder = [mean(club, kind) for kind in ('hunter', 'planner', 'navigator')]
    steps = [min(learners) / mean(club, 'typist'), ladder[0] / max(learners),
             *[later / earlier for earlier, later in itertools.pairwise(ladder)]]
    last_ten = mean(club, 'planner', points=lambda boat: boat.score(90) - boat.score(80))
    early_ten = mean(club, 'planner', points=lambda boat: boat.score(30) - boat.score(20))
    return Targets(max(boat.first_ten() for boat in club) / alone[0].score(),
                   alone[0].first_ten() / alone[0].score(),
                   (1 + sum(score > late for score in best.values())) / len(best),
                   max(sleepers) / mean(club, 'planner'), min(steps), last_ten / early_ten)


def average(rows):
    return Targets(*map(statistics.mean, zip(*rows, strict=True)))


# --- told ------------------------------------------------------------------------------------------------------------

def print_club(evenings):
    """Who earned what from what, on average."""
    kinds = {}
    for boat in itertools.chain(*evenings):
        name = boat.player if boat.player in ('fleet', 'besides') else boat.kind
        kinds.setdefault((name, boat.began), []).append(boat)
    print(f'{"":26}{"boats":>6}{"points":>7}{"least":>6}{"most":>6}{"first ten":>11}',
          ''.join(f'{source:>10}' for source in SOURCES))
    for (name, began), boats in sorted(kinds.items(), key=lambda row: statistics.mean(map(Played.score, row[1]))):
        scores = [boat.score() for boat in boats]
        sources = [f'{statistics.mean(boat.earned[-1][source] for boat in boats):10.0f}' for source in SOURCES]
        since = f', from minute {began}' if began else ''
        print(f'{name + since:26}{len(boats) // len(evenings):6}{statistics.mean(scores):7.0f}{min(scores):6}'
              f'{max(scores):6}{statistics.mean(map(Played.first_ten, boats)):11.0f}', ''.join(sources))


def print_targets(rows):
    print(f'\n{"":>18}{"first ten minutes":>20}{"late":>8}{"sleeper":>9}{"least":>7}{"last /":>8}')
    print(f'{"":18}{"in the club":>12}{"alone":>8}{"rank":>8}{"":9}{"step":>7}{"early":>8}')
    bounds = [most if most < math.inf else least for most, least in zip(MOST, LEAST, strict=True)]
    named = {f'seed {seed}': row for seed, row in rows.items()}
    for name, row in {**named, 'mean': average(rows.values()), 'must be': bounds}.items():
        cells = [f'{value:{width}.2f}' for value, width in zip(row, (12, 8, 8, 9, 7, 8), strict=True)]
        print(f'{name:18}' + ''.join(cells))


def print_alone(kind, seeds):
    for seed in seeds:
        boat, = play_alone(seed, kind)
        print(f'seed {seed}: {boat.score()} points, {boat.first_ten()} in the first ten minutes '
              f'({boat.first_ten() / boat.score():.2f}); by minute',
              ', '.join(f'{minute}: {boat.score(minute)}' for minute in range(10, MINUTES + 1, 10)))


RACERS = ('given', 'flat nearest', 'nearest', 'two-opt', 'best')


def race(courses, seed=1):
    """Programs of growing wit sail the same courses: kind -> [(seconds, points), ...]"""
    with evening_of(seed) as evening:
        bots = [evening.enter(kind, kind) for kind in RACERS]
        evening.run(courses * mocean.COURSE_S // 60)
        laps = evening.ocean.laps
    return {bot.kind: [(lap.seconds, lap.points) for number in range(courses)
                       if (lap := laps.get(f'{number} {bot.key}'))] for bot in bots}


def print_race(courses):
    raced = race(courses)
    best_s = statistics.mean(seconds for seconds, _ in raced['best'])
    print(f'{"":16}{"finished":>10}{"seconds":>9}{"of the best":>13}{"points":>8}')
    for kind, laps in raced.items():
        seconds, points = (statistics.mean(values) for values in zip(*laps, strict=True))
        print(f'{kind:16}{len(laps):10}{seconds:9.1f}{seconds / best_s:13.2f}{points:8.0f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seeds', type=int, default=3, help='how many evenings')
    parser.add_argument('--besides', choices=PROGRAMS, default='', help='one more boat that does this')
    parser.add_argument('--boats', type=int, default=1, help='so many more boats')
    parser.add_argument('--alone', choices=PROGRAMS, help='this one has the ocean to itself')
    parser.add_argument('--race', type=int, metavar='COURSES', help='programs of growing wit sail the same courses')
    chosen = parser.parse_args()
    seeds = range(1, chosen.seeds + 1)
    if chosen.race:
        print_race(chosen.race)
    elif chosen.alone:
        print_alone(chosen.alone, seeds)
    else:
        evenings = {seed: play_club(seed, chosen.besides, chosen.boats) for seed in seeds}
        print_club(evenings.values())
        print_targets({seed: targets_of(club, play_alone(seed)) for seed, club in evenings.items()})


if __name__ == '__main__':
    main()
