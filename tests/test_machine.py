"""Any calls, in any order, at any time: what must be true after each of them. Hypothesis plays, on a clock that jumps.

CI plays some 5,000 steps, always the same. More, and others: MOCEAN_STEPS=200000 pytest tests/test_machine.py
"""
import collections
import contextlib
import io
import math
import os
import shutil
import tempfile
import urllib.parse
from pathlib import Path

from conftest import Clock, Inside, as_killed
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import mocean

STEPS = int(os.environ.get('MOCEAN_STEPS', 5_000))
MEMORY = '/dev/shm' if os.path.isdir('/dev/shm') else None       # no disk need be waited for
A_GAME = 100                                     # steps
PHASES = set(Phase) - ({Phase.shrink} if 'CI' in os.environ else set())      # a failure is told at once
NAMES = ['ada', 'Ada', 'bob', 'zoé', '李雷', 'eve7', 'all', 'a b', '']
LATE_S = 0.3                                     # a boat may be ahead of its time by a cell: under water, diagonally

# What a call may say, by the name of the parameter: mostly what works, sometimes what does not.
VALUES = {
    'name': st.sampled_from(NAMES),
    'heading': st.sampled_from([*mocean.HEADINGS, 'ne', 'nroth', '']),
    'steps': st.sampled_from(['1', '2', '5', '7', '10', '14', '20', '40', '0', 'x']),
    'ctrl': st.sampled_from(['w', 'w', 's', 'a', 'd', 'f', 'r', 'q']),
    'direction': st.sampled_from(['down', 'down', 'up', 'dwon']),
    'item': st.sampled_from(['treasure', 'whale', 'treasures', *mocean.TREASURES]),
    'x': st.sampled_from(['0', '-1', '599', '300', '1000000', '1.5']),
    'y': st.sampled_from(['0', '-1', '399', '200', '-1000000', '']),
    'message': st.sampled_from(['ahoy', 'x' * 200, 'x' * 201, '{message}']),
    'n': st.sampled_from(['1', '2', '3']),
    'sure': st.sampled_from(['yes', 'no']),
    'anew': st.sampled_from(['yes', 'no']),
    'course': st.sampled_from(['0', '1', '7', '99999']),
    'since': st.sampled_from(['0', '12', '1e9', '-1']),
    'usage': st.sampled_from(['brief', 'long', 'b']),
    'client': st.sampled_from(['browser', 'text']),
    'level': st.sampled_from(['1', '2', '3', '4']),
    'format': st.sampled_from(['json', 'text', 'xml']),
    'view': st.sampled_from(['planet', 'chart', 'x']),           # of the map
    'follow': st.sampled_from(NAMES),
    'theme': st.sampled_from(['light', 'x']),
    'director': st.sampled_from(['off', 'on']),
    'server': st.sampled_from(['http://localhost:8080', '<b>']),
}
ROUTES = st.sampled_from([route.name for route in mocean.ROUTES] + ['move'] * 12 + ['accel', 'dive', 'get', 'use'] * 4
                         + ['mvoe', 'helth'])
PAUSES = st.sampled_from([0, 0, 0.02, 0.1, 0.5, 1, 2])           # seconds before a call
OWN = {name for name in VALUES if name not in ('name', 'n', 'format')}      # what is nearly always given


def quiet():
    """The game's log is not read here."""
    return contextlib.redirect_stderr(io.StringIO())


class Book:
    """What the test itself knows of a boat: its points, and how far it may have gone."""

    def __init__(self, boat, now):
        self.score, self.saved_s = boat.score, mocean.SAVED_S
        self.at, self.leap_at = now, boat.leap_at
        self.place = mocean.place(boat, now)


class Players(RuleBasedStateMachine):
    """A few players, one ocean. Time passes when a rule says so, and while an answer waits."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.clock, self.calendar, self.folders = Clock(), Clock(1.7e9), 0
        self.books, self.ids, self.patient = {}, [], True
        self.wake(self.folder / 'first')

    def wake(self, folder):
        """The game, started on a folder. Nobody tends the sea but a rule of this machine."""
        folder.mkdir(exist_ok=True)
        with quiet():
            self.say = Inside('mocean', folder, clock=self.clock, calendar=self.calendar)
            self.sea = self.say.app.sea
            self.sea.sleep = self.let_time_pass
            self.sea.closing.set()                                     # no thread of its own
            self.sea.open()

    def let_time_pass(self, seconds):
        """Others may call while an answer waits: then the clock stands where it was."""
        if self.patient:
            self.clock.now += seconds

    def teardown(self):
        try:
            self.replay_equals_live()
        finally:
            self.sea.close()
            shutil.rmtree(self.folder)

    # --- what may happen

    @initialize()
    def two_boats(self):
        for name in ('ada', 'bob'):
            self.ask('join', {'name': name})

    @rule(name=VALUES['name'])
    def join(self, name):
        self.ask('join', {'name': name})

    @rule(route=ROUTES, who=st.integers(0, 5), patient=st.booleans(), pause_s=PAUSES, data=st.data())
    def call(self, route, who, patient, pause_s, data):
        self.patient = patient
        self.clock.now += pause_s
        declared = self.sea.routes.get(route)
        texts = {}
        if declared and declared.mine and self.ids:
            texts['id'] = self.ids[who % len(self.ids)]
        for parameter in declared.parameters if declared else ():
            given = parameter.name in VALUES and data.draw(
                st.integers(0, 9)) < (9 if parameter.required else 5 if parameter.name in OWN else 2)
            if given:
                texts[parameter.name] = data.draw(VALUES[parameter.name])
        self.ask(route, texts)

    another_call, one_more_call = call, call         # the commonest of all rules

    @rule(heading=st.sampled_from(list(mocean.HEADINGS)), cells=st.integers(1, 10), right=st.booleans(),
          who=st.integers(0, 5), patient=st.booleans())
    def foresee(self, heading, cells, right, who, patient):
        """Row on, and say where that will end."""
        boat = self.boat(who)
        if boat:
            self.patient = patient
            dx, dy = mocean.HEADINGS[heading]
            x, y = round(boat.x) + dx * cells + (not right), round(boat.y) + dy * cells
            self.ask('move', {'id': boat.id, 'heading': heading, 'steps': str(cells), 'expect': f'{x},{y}'})

    @rule(heading=VALUES['heading'], steps=VALUES['steps'], who=st.integers(0, 5), patient=st.booleans(),
          pause_s=PAUSES)
    def row(self, heading, steps, who, patient, pause_s):
        self.clock.now += pause_s
        boat = self.boat(who)
        if boat:
            self.patient = patient
            self.ask('move', {'id': boat.id, 'heading': heading, 'steps': steps})

    @rule(ctrl=VALUES['ctrl'], who=st.integers(0, 5), seconds=st.sampled_from([0, 0.3, 2, 70]))
    def sail(self, ctrl, who, seconds):
        boat = self.boat(who)
        if boat:
            self.ask('accel', {'id': boat.id, 'ctrl': ctrl})
            self.clock.now += seconds

    @rule(who=st.integers(0, 5), lying=st.integers(0, 11))
    def find(self, who, lying):
        """A current carries a boat to a treasure: nobody would come there by chance."""
        _, x, y, z = self.sea.ocean.floor.treasures[lying]
        boat = self.drift(who, x, y, max(z - mocean.REACH_M, 0))
        if boat:
            self.ask('get', {'id': boat.id, 'item': 'treasure'})

    @rule(who=st.integers(0, 5), name=st.sampled_from(mocean.WHALE_NAMES[:3]))
    def ride(self, who, name):
        ocean = self.sea.ocean
        boat = self.drift(who, *mocean.whale_place(ocean, ocean.whales[name], self.sea.clock()), 0)
        if boat:
            if 'iron dust' in boat.items:
                self.ask('use', {'id': boat.id, 'item': 'iron dust'})
            self.ask('get', {'id': boat.id, 'item': 'whale'})

    @rule(who=st.integers(0, 5), number=st.integers(0, 11))
    def use_what_one_has(self, who, number):
        boat = self.boat(who)
        if boat and boat.items:
            self.ask('use', {'id': boat.id, 'item': boat.items[number % len(boat.items)]})

    @rule(who=st.integers(0, 5), mark=st.integers(0, mocean.MARKS - 1))
    def pass_a_mark(self, who, mark):
        """A boat is carried to a mark, calls race there, and rows on."""
        x, y = mocean.course_of(self.sea.ocean, int(self.sea.clock() // mocean.COURSE_S)).marks[mark]
        boat = self.drift(who, x - 4, y, 0)
        if boat:
            self.ask('move', {'id': boat.id, 'heading': 'east', 'steps': '4'})
            self.ask('race', {'id': boat.id})

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.1, 0.5, 1, 3, 10, 61, 300, 601, 1e5]))
    def time_passes(self, seconds):
        self.clock.now += seconds
        self.calendar.now += seconds

    @rule(seconds=st.sampled_from([-1e8, -86_400, -30, 30, 86_400, 1e8]), tended=st.booleans())
    def somebody_sets_the_clock(self, seconds, tended):
        self.calendar.now += seconds
        with quiet():
            mocean.tend(self.sea) if tended else mocean.save(self.sea)

    @rule(killed=st.booleans(), who=st.integers(0, 5))
    def start_again(self, killed, who):
        """In good order, or after a kill -9."""
        self.folders += 1
        folder = self.folder / str(self.folders) if killed else self.say.folder
        if killed:
            as_killed(self.say, folder)
        with quiet():
            self.sea.close()
        self.wake(folder)
        for key, boat in self.sea.ocean.boats.items():
            book = self.books.setdefault(key, Book(boat, self.sea.clock()))
            book.at, book.place = self.sea.clock(), mocean.place(boat, self.sea.clock())

    # --- what is true of each answer

    def drift(self, who, x, y, z):
        """The boat is somewhere else, as if it had rowed there for long."""
        boat, ocean, now = self.boat(who), self.sea.ocean, self.sea.clock()
        if boat:
            turn = mocean.Turn(ocean, now, self.calendar.now, key=mocean.key_of(boat.name), calls=self.sea.calls)
            mocean.arrive(turn)
            if turn.boat.riding:
                mocean.dismount(turn)
            mocean.end_race(turn, 'a current carried it away')
            turn.steer(x=round(x) % mocean.WIDTH_CELLS, y=round(y) % mocean.HEIGHT_CELLS, z=z, speed=0)
            self.sea.journal.write(ocean, mocean.patch_of(ocean, turn.change), 'a current', now)
            mocean.merge(ocean, turn.change)
            self.books[turn.key].place = (turn.boat.x, turn.boat.y)
            self.books[turn.key].score = turn.boat.score
        return self.boat(who)

    def boat(self, who):
        ids = [boat.id for boat in self.sea.ocean.boats.values()]
        return self.sea.ocean.boats[self.sea.ocean.keys[ids[who % len(ids)]]] if ids else None

    def ask(self, route, texts):
        """One call; if it is refused, the call that is offered, too."""
        reply = self.heard(f'/{route}?{urllib.parse.urlencode(texts)}', texts)
        if reply.status != 200:
            offer = reply.json()['try'] if reply.startswith('{') else reply.lines[1].removeprefix('try: ')
            url = urllib.parse.urlsplit(offer)
            followed = self.heard(f'{url.path}?{url.query}', dict(urllib.parse.parse_qsl(url.query)))
            said = f'{route} {texts}\n{reply}\n{followed}'
            assert followed.status in (200, 409, 429, 503), said
            assert followed.status in (200, 429) or self.has_reason(reply, followed), said

    def has_reason(self, reply, followed):
        """A rule may have the last word; but what it says is new."""
        return reply.status != followed.status or reply.lines[0] != followed.lines[0] or reply.status == 503

    def heard(self, path, texts):
        with quiet() as log:
            reply = self.say(path)
        assert reply.status in (200, 400, 404, 409, 429, 503), f'{path}\n{reply}\n{log.getvalue()}'
        if reply.status == 200 and path.startswith('/join'):
            facts = reply.json() if reply.startswith('{') else dict(zip(('id', 'name'), reply.split(','), strict=False))
            texts = {**texts, 'id': facts['id']}
            if facts['id'] not in self.ids:
                self.ids = self.ids[-5:] + [facts['id']]
        own = texts.get('id')
        for id in self.sea.ocean.keys:
            assert id == own or id not in reply, f'{path} tells the id {id}:\n{reply}'
        return reply

    # --- what is true of the ocean, always

    @invariant()
    def every_boat_is_on_the_torus(self):
        for boat in self.sea.ocean.boats.values():
            x, y = mocean.place(boat, self.sea.clock())
            assert 0 <= x < mocean.WIDTH_CELLS and 0 <= y < mocean.HEIGHT_CELLS, boat
            assert 0 <= boat.z <= max(self.sea.ocean.floor(boat.x, boat.y) + 0.1, 0), boat

    @invariant()
    def a_treasure_has_one_owner(self):
        boats = [*self.sea.ocean.boats.values(), *self.sea.ocean.ashore.values()]
        for name, treasure in mocean.TREASURES.items():
            owners = [boat.name for boat in boats if name in boat.items]
            assert len(owners) <= 1 or treasure.evergreen, (name, owners)
            for boat in boats:
                assert boat.items.count(name) <= 1, boat

    @invariant()
    def a_whale_has_one_rider(self):
        ocean = self.sea.ocean
        riders = [whale.rider for whale in ocean.whales.values() if whale.rider]
        assert len(riders) == len(set(riders)), riders
        for name, whale in ocean.whales.items():
            if whale.rider:
                assert ocean.boats[whale.rider].riding == name
        assert ocean.ridden == {name for name, whale in ocean.whales.items() if whale.rider}

    @invariant()
    def what_can_be_found_is_where_it_is(self):
        """The ways to find a boat agree with the boats."""
        ocean = self.sea.ocean
        assert ocean.keys == {boat.id: key for boats in (ocean.ashore, ocean.boats) for key, boat in boats.items()}
        assert {key for key, boat in ocean.boats.items() if boat.speed} >= ocean.sailing
        assert set(ocean.boats_near.square_of) == set(ocean.boats)
        for key, (column, row) in ocean.boats_near.square_of.items():
            boat = ocean.boats[key]
            assert key in ocean.boats_near.squares[column, row]
            if not boat.speed:
                assert (column, row) == (int(boat.x) // ocean.boats_near.cells, int(boat.y) // ocean.boats_near.cells)
                assert ocean.boats_near.squares[column, row][key] == (boat.x, boat.y)
        assert sum(map(len, ocean.boats_near.squares.values())) == len(ocean.boats)
        lying, swimming = set(ocean.floor.treasures), set(ocean.whales) - ocean.ridden
        assert lying <= set(ocean.things_near.square_of) <= lying | swimming
        assert ocean.whales_swept < 0 or swimming <= set(ocean.things_near.square_of)
        assert sum(map(len, ocean.things_near.squares.values())) == len(ocean.things_near.square_of)
        assert ocean.news_shares == collections.Counter(news.share() for news in ocean.news.values())

    @invariant()
    def nobody_loses_points_or_is_faster_than_the_hull(self):
        """A purse of seconds, filled by the clock, at most the saved one: a way costs its time at full speed."""
        now = self.sea.clock()
        for key, boat in self.sea.ocean.boats.items():
            book = self.books.get(key)
            place = mocean.place(boat, now)
            if not book or boat.score < book.score and not boat.acted:
                self.books[key] = Book(boat, now)
                continue
            assert boat.score >= book.score, boat
            cells = mocean.distance(*book.place, *place)
            if boat.leap_at != book.leap_at:
                cells = 0                                              # by crystal or infundibulum
            top = 2 * mocean.WHALE_CELLS_PER_S if boat.fast_until or boat.riding else mocean.HULL_CELLS_PER_S
            way_s = cells / (top / mocean.EXPECT_PRICE)
            book.saved_s = min(book.saved_s + now - book.at - way_s, mocean.SAVED_S)
            assert book.saved_s >= -LATE_S - mocean.GRACE_S, (boat, cells)
            book.score, book.at, book.place, book.leap_at = boat.score, now, place, boat.leap_at
        for key in [key for key in self.books if key not in self.sea.ocean.boats]:
            del self.books[key]

    def replay_equals_live(self):
        """Killed now, and started again: the same ocean, to the last field."""
        copy = as_killed(self.say, self.folder / 'copy')
        with quiet():
            journal = mocean.Journal(copy)
            again = journal.load()
            journal.close()
        for table in mocean.TABLES:
            live, replayed = getattr(self.sea.ocean, table), getattr(again, table)
            assert replayed == live, table
        assert again.number == self.sea.ocean.number
        for sounding in self.sea.ocean.soundings:                      # the data service may have some of them already
            assert sounding in again.soundings


def test_whatever_is_played_the_ocean_stays_whole():
    games = math.ceil(STEPS / A_GAME)
    run_state_machine_as_test(Players, settings=settings(
        max_examples=games, stateful_step_count=A_GAME, deadline=None, derandomize=STEPS == 5_000, database=None,
        phases=PHASES, print_blob=True, suppress_health_check=list(HealthCheck)),
        _min_steps=A_GAME)


def test_no_mix_of_calls_is_left_out():
    """A parameter that is new needs its values here."""
    names = {parameter.name for route in mocean.ROUTES for parameter in route.parameters}
    assert names - {'id', 'expect'} == set(VALUES)
