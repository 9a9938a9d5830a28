"""MOCEAN - an ocean planet in the shape of a torus, explored by many players over plain HTTP GET.

    python mocean.py              then open http://localhost:8080/ in a browser

THE WORLD   x grows to the east, 0 to 599; y grows to the north, 0 to 399; both wrap around, so the
            ocean has no edge. One cell is one kilometre. z is the depth in metres: 0 at the
            surface, growing downward.

THE PICTURE How a request travels down this file, and where to look for what:

  PART 1  THE OCEAN   what there is
      SETTINGS        all the numbers that one may change, on one screen
      TYPES           the records: a boat, a whale, ... (they never change; new ones replace them)
      TORUS           distances and directions in a world without an edge
      NEAR            what lies near a place, found without measuring the way to everything
      THINGS          treasures, whales, how far a boat sees
      SEAFLOOR        how deep it is, made from a seed
      COURSES         the regatta: twelve marks, a good way round them, what a time is worth
  PART 2  A TURN      what happens, in the order in which a request meets it
      READ            text from the web -> values, or a Refusal that teaches
      TELL            what a player may know: ocean -> facts
      RULES           what a player may do: a rule writes on its turn what shall be, or refuses
      QUESTS          what a program can newly do, seen from its calls and what comes of them
      CHANGE          merge, the only function that alters the tables; records <-> JSON
      JOURNAL         the ocean's files: only here they are read and written
      PLAY            the keystone: rule decides -> journal is written -> merge lets it happen
      RUNS            each start and end of the server, remembered: why did it halt?
  PART 3  THE DOORS   HTTP, and only here
      COMMON          what steps.py and data.py have too, word for word
      ROUTES          every route, declared once
      HELP            the usage page and openapi.json, written from ROUTES
      WIRE            a request in, an answer out: text, JSON or a page, one form for every error
      PAGES           what a browser is shown: usage, join, map, code; a program to start with
      SHELVES         the files of /map and /code, and lines on their way to a program there
      START           the app with its routes, and who rides along
      SERVERS         uWSGI on the VM, Python's own server on a laptop, and a watch over both

WORDS       Sea time: seconds since the ocean began, while the server was up and the sea not
            frozen; all clocks of the game run on it. True time: seconds since 1970, for news and
            data. A boat's key: its name without regard to case or script. A sector: a square of 10
            by 10 cells of the chart; other squares only help to search. A course: twelve marks to
            sail round, or (a boat's own) which way it points, in sixteenths of a circle; a heading
            is one of eight words for that, or radians. A turn: one call, and the sheet on which
            its rule writes. A change: whole new records; a patch: the same for the journal. A
            rider: the boat on a whale's back, or a file that rides along. To note a call: to keep
            it for `log` and the quests.

HINTS       What goes into a function and what comes out of it is said all through PART 1, and
            behind that where another file calls it: `def play(sea: Sea, call: Call) -> dict`.
"""
import atexit
import collections
import contextlib
import datetime
import difflib
import errno
import faulthandler
import functools
import gzip
import html
import importlib.util
import itertools
import json
import math
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
import urllib.parse
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from typing import NamedTuple

if sys.version_info < (3, 10):          # noqa: UP036 (whoever has an older one shall read it)
    sys.exit(f'Mocean needs Python 3.10 or newer; this is Python {sys.version.split()[0]}')

import bottle

# =================================================================================================
# PART 1  THE OCEAN
# =================================================================================================

# --- SETTINGS ------------------------------------------------------------------------------------

WIDTH_CELLS, HEIGHT_CELLS = 600, 400    # once around the planet, east and north: in fifties
SECTOR_CELLS = 10                       # the chart is made of squares of this size
COLUMNS, ROWS = WIDTH_CELLS // SECTOR_CELLS, HEIGHT_CELLS // SECTOR_CELLS

HULL_CELLS_PER_S = 10                   # speed limits: a boat at the surface,
SUBMERGED_CELLS_PER_S = 5               # under water,
WHALE_CELLS_PER_S = 20                  # on the back of a whale
LEAST_SWIM_CELLS_PER_S, MOST_SWIM_CELLS_PER_S = 0.1, 0.5    # a whale by itself
SAVED_S = 1.0                           # a boat at rest saves up at most so much of its time
GRACE_S = 0.010                         # a call may be early by its own price and this: it waits
PING_S = 0.5                            # what a sounding costs
EXPECT_PRICE = 0.8                      # of a move whose end was foreseen by expect=x,y
ACCEL_CELLS_PER_S = 2                   # what one `w` or `s` changes
SAIL_S = 60                             # a boat that nobody speaks to drops its sails then
SWEEP_S, WHALE_SWEEP_S = 0.1, 10        # how often what moves is put into another square

FLOOR_M, TRENCH_M, SUMMIT_M = 30, 50, 5     # depth of the plain, the trench, the highest summit
DIVE_M = 5                              # one `dive`
SIGHT_CELLS, LEAST_SIGHT_CELLS = 20, 5  # how far one sees at the surface, and anywhere
BINOCULARS_CELLS, ROV_CELLS = 100, 50   # how far these see
REACH_CELLS, HOOK_CELLS, REACH_M = 10, 35, 5    # how far one can take things: bare, by hook, down
SEAMOUNTS = 12                          # each with a treasure on its summit
SONAR_CELLS = 5                         # the sonar's patch reaches this far to each side
BLOOM_CELLS, BLOOM_S = 30, 600          # a plankton bloom: how wide, how long
SANDWICH_S, NET_S = 60, 60              # how long it works; how long until the net's next catch
LEAP_S, CRYSTAL_S = 60, 10              # until the infundibulum, or the crystal, works again
FISHED_S = 600                          # so long a sector is fished out, for everybody

SECTOR_POINTS, SOUNDING_POINTS, NET_POINTS, MOST_NET_POINTS = 1, 1, 2, 40
TREASURE_POINTS, WHALE_POINTS, VOYAGE_POINTS, QUEST_POINTS = 40, 10, 50, 10
HOMES, HOME_SECTORS = 3, 2              # home waters: so many sectors round so many seamounts

COURSE_S, FINISH_S = 600, 600           # a course is the newest so long; a race may take so long
MARKS, MARK_CELLS, MARK_GAP_CELLS = 12, 3, 20   # of a course; near enough to pass; between two
COURSE_POINTS, MOST_COURSE_POINTS = 500, 550    # for sailing as well as the server; at most
COURSES_KEPT, LAURELS_KEPT = 144, 9     # tables of times; a boat's courses that count

MOST_BOATS, MOST_SEEN = 20_000, 8       # boats on the planet; other boats in one `look`
JOINS_AT_ONCE, JOINS_PER_S = 60, 5      # for the whole ocean; who comes back is not counted
CROWD_BOATS, IDLE_S = 200, 600          # over so many, one that only joined leaves after so long
ASHORE_S, ASHORE_KEPT = 600, 2000       # who quit can come back so long; boats that wait for that
LETTERS_KEPT, LETTER_LENGTH, LETTERS_PER_MINUTE = 20, 200, 10
BOARD_KEPT, TALK_KEPT = 200, 500        # messages to all; of all kinds, for the captain
NEWS_KEPT, NEWS_OF_ONE_KEPT = 1000, 50
NEWS_SECTORS = 100, 250, 500, 1000      # so many sectors charted by one boat are news
LOG_KEPT, REPLIES_KEPT, REPLY_S = 20, 100, 60   # `log`; replies stored for `n=`, and how long
SOUNDINGS_KEPT, RUNS_KEPT = 100_000, 20 # that wait for the data service; of the server
JOURNAL_LINES, STATE_S, SYNC_S = 10_000, 60, 1.0    # a fresh state file after so many; sync to disk
TIME_S = 10                             # so often sea time is written down where nothing happens
STUCK_S = 10                            # who holds the ocean longer is a bug: see keep_watch
ENDLESS_S = 30                          # so is a request that takes longer, with or without it
LOG_LINES_PER_S, LOG_LINES_OF_ONE_PER_S = 100, 20   # journald drops what comes too fast

HERE = pathlib.Path(__file__).resolve().parent
LOG_ALL = os.environ.get('MOCEAN_LOG') == 'debug'


# --- TYPES ---------------------------------------------------------------------------------------
# What a field may hold is its type here; it is looked at where a change is written and where it is
# read. To add a field: give it a default, and older state files load.

class Record:
    """A row of the ocean's tables. It never changes: `but` makes a new one."""

    def but(self, **changes: object) -> 'Record':
        """The same record with some fields changed: dataclasses.replace, but nine times as fast."""
        new = object.__new__(type(self))
        object.__setattr__(new, '__dict__', self.__dict__ | changes)
        return new


def is_number(value: object) -> bool:
    """No bool, no infinity, and no nan, of which no comparison is true."""
    return value.__class__ in (int, float) and abs(value) < 1e15


def kind(fits: Callable) -> Callable:
    """A type for fields: the values for which this is true."""
    fits.is_kind = True
    return fits


@kind
def Text(value: object) -> bool:
    """Without half a letter in it (JSON can have one: "\\ud800"), which no file could hold."""
    return isinstance(value, str) and not re.search('[\ud800-\udfff]', value)


Flag = kind(lambda value: isinstance(value, bool))
Whole = kind(lambda value: value.__class__ is int)
Count = kind(lambda value: value.__class__ is int and 0 <= value < 1e15)
Some = kind(lambda value: Count(value) and value > 0)
East = kind(lambda value: is_number(value) and 0 <= value < WIDTH_CELLS)       # cells, x
North = kind(lambda value: is_number(value) and 0 <= value < HEIGHT_CELLS)     # cells, y
Metres = kind(lambda value: is_number(value) and value >= 0)                   # below the surface
Speed = kind(lambda value: is_number(value) and abs(value) <= 2 * WHALE_CELLS_PER_S)
Seconds = kind(lambda value: is_number(value) and value >= 0)                  # how long
Moment = kind(lambda value: is_number(value))                                  # sea time, seconds
Date = kind(lambda value: is_number(value) and 0 <= value < 1e11)              # seconds since 1970
Words = kind(lambda value: isinstance(value, tuple) and all(map(Text, value)))
Counts = kind(lambda value: isinstance(value, tuple) and all(map(Count, value)))
Marks = kind(lambda value: Counts(value) and all(mark < MARKS for mark in value))
Hills = kind(lambda value: Counts(value) and all(hill < SEAMOUNTS for hill in value))
Bits = kind(lambda value: isinstance(value, str) and bool(re.fullmatch('[0-9a-f]{0,40}', value)))


@kind
def Laurels(value: object) -> bool:
    """((course, points), ...)"""
    return isinstance(value, tuple) and all(Counts(pair) and len(pair) == 2 for pair in value)


@kind
def Letters(value: object) -> bool:
    """((sea time, sender, text), ...), oldest first"""
    return isinstance(value, tuple) and all(
        isinstance(letter, tuple) and len(letter) == 3 and is_number(letter[0])
        and Text(letter[1]) and Text(letter[2]) for letter in value)


@dataclass(frozen=True)
class Planet(Record):
    seed: Whole               # the same seed makes the same ocean, always
    began: Date               # when this game began
    joins: Moment = 0         # until when the ration of joins is used up
    frozen: Flag = False      # the captain has stopped the sea
    quiet: Flag = False       # and the chat


@dataclass(frozen=True)
class Boat(Record):
    name: Text                # as the player wrote it
    id: Text                  # the player's secret
    x: East
    y: North
    z: Metres = 0
    course: Count = 4         # 0 is east, 4 north, 8 west, 12 south
    speed: Speed = 0          # under sail; 0 is at rest or rowed
    at: Moment = 0            # under sail: when the boat was at x, y
    paid: Moment = 0          # until when the boat has used up its time
    pennant: Count = 0        # the number of its colours on the wall
    joined: Moment = 0        # when it came aboard
    acted: Flag = True        # has done more than join
    left: Moment = 0          # when it went ashore
    enlisted: Flag = False    # by the captain
    muted: Flag = False       # by the captain: it may not send messages
    from_x: East = 0          # where the voyage began, at join or after a leap
    from_y: North = 0
    seams_x: Whole = 0        # how often it crossed the seam since then, eastward less westward
    seams_y: Whole = 0        # likewise, northward less southward
    wrapped: Flag = False     # has crossed a seam since `location` last said so
    score: Count = 0          # points
    charted: Count = 0        # sectors entered first
    pings: Count = 0          # soundings taken
    home: Bits = ''           # home sectors entered, a bit for each, as hexadecimal digits
    home_pings: Bits = ''     # home sectors sounded, likewise
    items: Words = ()         # names of the treasures on board
    finds: Words = ()         # names of the treasures, rides and voyages that have been paid for
    badges: Words = ()        # names of the quests met (badges, before there were quests)
    quest: Count = 0          # how many quests, in their order, have been paid for
    riding: Text = ''         # the whale under the boat
    ride_until: Moment = 0    # the ride ends
    fast_until: Moment = 0    # the sandwich's effect ends
    net_at: Moment = 0        # the fishing net was last cast
    net_points: Count = 0     # what it has earned
    leap_at: Moment = 0       # the last leap by crystal or infundibulum
    talk: Moment = 0          # until when the ration of messages is used up
    heard: Count = 0          # the last message to all that it has read
    replies: Count = 0        # how many replies have been kept for `n=`
    laurels: Laurels = ()     # its best courses in the regatta


@dataclass(frozen=True)
class Whale(Record):
    x: East                   # where it was at the time `at`
    y: North
    vx: Speed                 # eastward
    vy: Speed                 # northward
    at: Moment
    rider: Text = ''          # key of the boat on its back
    seen: Text = ''           # name of the player who saw it first


@dataclass(frozen=True)
class First(Record):
    """Who entered this sector first."""
    name: Text                # the player
    at: Date
    fished: Moment = -FISHED_S    # when a net was last cast in this sector


@dataclass(frozen=True)
class Find(Record):
    """Who found this treasure first."""
    name: Text                # the player
    at: Date
    places: Hills = ()        # where it was found: numbers in the sea floor's list; () is the first


@dataclass(frozen=True)
class Depth(Record):
    """What has been sounded in a sector."""
    total: Metres             # sum of all soundings
    count: Some               # how many
    name: Text                # the player who sounded it first
    at: Date                  # the latest
    first: Date = 0           # the first


@dataclass(frozen=True)
class Bloom(Record):
    x: East
    y: North
    until: Moment
    key: Text = ''            # of the boat that made it: one bloom a boat


@dataclass(frozen=True)
class News(Record):
    at: Date
    text: Text
    key: Text = ''            # of the boat that it is about
    kind: Text = ''           # in a word: find, ride, voyage, ...; '' is anything
    name: Text = ''           # of the boat, and where it was then
    x: East = 0
    y: North = 0

    def share(self) -> str:
        """Who has too many news pushes out its own: a boat; or, together, all who join."""
        return 'all who join' if self.kind == 'join' else self.key


@dataclass(frozen=True)
class Mail(Record):
    letters: Letters = ()


@dataclass(frozen=True)
class Notice(Record):
    """A message to all."""
    at: Moment
    name: Text                # of the sender
    text: Text


@dataclass(frozen=True)
class Said(Record):
    """A message, as the captain reads it."""
    at: Date
    name: Text                # of the sender
    to: Text                  # a player, or 'all'
    text: Text


@dataclass(frozen=True)
class Reply(Record):
    route: Text
    n: Text                   # the player's own name for the call
    facts: Text               # what was answered, as JSON
    besides: Text = '{}'      # what JSON told besides
    asked: Text = ''          # its other parameters, as JSON
    at: Moment = -REPLY_S


@dataclass(frozen=True)
class Race(Record):
    """A boat's race, or its last one."""
    course: Count             # its number
    start: Moment
    left: Marks               # not yet passed
    seconds: Seconds = 0      # how long it took; 0: it is not finished
    end: Text = ''            # why it ended before


@dataclass(frozen=True)
class Lap(Record):
    """The best time of a boat in a course of the regatta."""
    name: Text
    seconds: Seconds
    points: Count
    at: Date


@dataclass(frozen=True)
class Round(Record):
    """A race of the whole class in an ocean of its own: see captain.py."""
    name: Text
    seconds: Count            # how long it is, whole
    state: Text               # 'prepared', 'running', 'ending' (for a moment) or 'over'
    until: Moment = 0         # its end, once it runs


@dataclass(frozen=True)
class Run(Record):
    began: Date
    ended: Date = 0           # 0: it never said goodbye
    how: Text = ''            # in plain words


TABLES = {'planet': Planet, 'boats': Boat, 'ashore': Boat, 'whales': Whale, 'sectors': First,
          'depths': Depth, 'finds': Find, 'blooms': Bloom, 'news': News, 'mail': Mail,
          'board': Notice, 'talk': Said, 'replies': Reply, 'races': Race, 'laps': Lap,
          'rounds': Round, 'runs': Run}
NUMBERED = ('blooms', 'news', 'board', 'talk', 'runs')           # tables whose keys are numbers


class Ocean:
    """All that is known at one moment: tables of records, and what follows from them."""

    def __init__(self):
        for table in TABLES:
            setattr(self, table, {})
        self.number = 0           # of the last journal line that has happened
        self.last = ''            # the last call that changed something: 'ada called move'
        self.now = None           # sea time when that happened
        self.soundings = collections.deque(maxlen=SOUNDINGS_KEPT)     # for the data service
        self.keys = {}            # id -> key of the boat, aboard or ashore
        self.sailing = set()      # keys of the boats under sail
        self.ridden = set()       # names of the whales that somebody rides
        self.boats_near = Near(10)      # many, and looked for within REACH_CELLS with each location
        self.things_near = Near(50)     # few, and looked for as far as binoculars go
        self.news_shares = collections.Counter()        # see News.share -> how many news
        self.swept = self.whales_swept = -math.inf      # when what moves was last put into squares
        self.floor = None         # the sea floor, as soon as there is a planet
        self.home = {}            # key of a sector of the home waters -> its bit
        self.courses = {}         # number -> Course, those asked for lately
        self.faults = []          # what its state file held, and no field can hold
        self.season = {}          # id -> {name, points, rounds, last}: it outlives every ocean


class Turn:
    """One call of one player: what a rule may look at, and the sheet on which it writes what shall
    be. If the rule refuses in the end, only what was written before `keep` happens."""

    def __init__(self, ocean, now, true_time, dice=None, key='', calls=None, feed=None):
        self.ocean, self.dice = ocean, dice
        self.now = now            # sea time
        self.true_time = true_time
        self.key, self.boat = key, ocean.boats.get(key)    # who calls, as this turn leaves it
        self.calls = calls        # key -> Traffic: what is remembered of the calls of each boat
        self.feed = feed          # what is remembered of the charts that were told
        self.traffic = calls[key] if key else None
        self.change = {}          # table -> {key: the new record, or None for gone}
        self.kept = {}            # the same, as far as it will happen in any case
        self.frozen = False       # nobody may act, nothing is earned: a frozen sea, a round's end
        self.wait_s = 0           # how long the answer takes
        self.has_paid = False     # the call's price in time
        self.besides = {}         # facts that JSON tells besides: expected, race, quest, patch
        self.story = ''           # for the log: what the boat did
        self.soundings = []       # [x, y, depth] measured, for the data service

    def row(self, table: str, key: str) -> Record | None:
        """The record as this turn leaves it, or None."""
        rows = self.change.get(table, ())
        return rows[key] if key in rows else getattr(self.ocean, table).get(key)

    def put(self, table: str, key: str, /, **changes: object) -> Record:
        """Shall be: the record with these fields changed, or a new one. Returns it."""
        old = self.row(table, key)
        new = old.but(**changes) if old else TABLES[table](**changes)
        self.change.setdefault(table, {})[key] = new
        return new

    def drop(self, table: str, key: str) -> None:
        """Shall be gone."""
        self.change.setdefault(table, {})[key] = None

    def steer(self, **changes: object) -> None:
        """Shall be: the boat with these fields changed."""
        self.boat = self.put('boats', self.key, **changes)

    def meets(self, quest: str) -> None:
        """The boat has met a quest; it counts when its turn comes."""
        if quest not in self.boat.badges:
            self.steer(badges=(*self.boat.badges, quest))

    def keep(self) -> None:
        """Whatever comes now: what has been written so far shall happen."""
        self.kept = {table: dict(rows) for table, rows in self.change.items()}

    def next_number(self, table: str) -> int:
        """The number after the highest one, in a table whose keys are numbers: the last one, since
        they are put in order when they are loaded."""
        last = next(reversed(getattr(self.ocean, table)), 0)
        new = self.change.get(table, ())
        return max(map(int, [last, *new])) + 1

    def append(self, table: str, kept: int, **fields: object) -> None:
        """Shall be: a new row under the next number. Of more than are kept, the oldest is gone."""
        self.put(table, str(self.next_number(table)), **fields)
        rows = getattr(self.ocean, table)
        self.drop_first(table, rows, len(rows) + len(self.added(table)) - kept)

    def added(self, table: str) -> list:
        """The rows that this turn adds to a table."""
        rows = getattr(self.ocean, table)
        return [new for key, new in self.change[table].items() if new and key not in rows]

    def drop_first(self, table: str, keys: Iterable, count: int) -> None:
        """Shall be gone: the first ones of these, so many."""
        for key in itertools.islice(keys, max(count, 0)):
            self.drop(table, key)

    def news(self, text: str, kind: str = '') -> None:
        """Shall be known to all. The oldest news make room: those of this share, if it has many."""
        rows, boat, where = self.ocean.news, self.boat, {}
        if boat:
            where = {'name': boat.name, 'x': int(boat.x), 'y': int(boat.y)}
        share = self.put('news', str(self.next_number('news')), at=self.true_time, text=text,
                         key=self.key, kind=kind, **where).share()
        new = self.added('news')
        own = self.ocean.news_shares[share] + sum(row.share() == share for row in new)
        if share and own > NEWS_OF_ONE_KEPT:
            numbers = (number for number, row in rows.items() if row.share() == share)
            self.drop_first('news', numbers, own - NEWS_OF_ONE_KEPT)
        else:
            self.drop_first('news', rows, len(rows) + len(new) - NEWS_KEPT)


# --- TORUS ---------------------------------------------------------------------------------------

HEADINGS = {'east': (1, 0), 'northeast': (1, 1), 'north': (0, 1), 'northwest': (-1, 1),
            'west': (-1, 0), 'southwest': (-1, -1), 'south': (0, -1), 'southeast': (1, -1)}
CIRCLE = 2 * len(HEADINGS)       # so many courses: the headings, and one between each two of them
COURSE_OF = {heading: 2 * number for number, heading in enumerate(HEADINGS)}
SHORT = {'e': 'east', 'ne': 'northeast', 'n': 'north', 'nw': 'northwest',
         'w': 'west', 'sw': 'southwest', 's': 'south', 'se': 'southeast'}


def wrap(value: float, size: int) -> float:
    """The same place, counted from 0 up to (never including) size."""
    value %= size
    return value if value < size else 0   # -1e-17 % 600 is 600.0


def gap(start: float, end: float, size: int) -> float:
    """The signed shortest way from start to end around a ring of this size."""
    return (end - start + size / 2) % size - size / 2


def distance(x: float, y: float, there_x: float, there_y: float) -> float:
    """Cells between two places, the shortest way across the seams."""
    return math.hypot(gap(x, there_x, WIDTH_CELLS), gap(y, there_y, HEIGHT_CELLS))


def bearing(x: float, y: float, there_x: float, there_y: float) -> str:
    """The heading, in words, that leads from one place to the other."""
    radians = math.atan2(gap(y, there_y, HEIGHT_CELLS), gap(x, there_x, WIDTH_CELLS))
    return list(HEADINGS)[round(radians / (math.pi / 4)) % 8]


def sector_key(x: float, y: float) -> str:
    return f'{int(x) // SECTOR_CELLS},{int(y) // SECTOR_CELLS}'


def radians_of(boat: Boat) -> float:
    """The heading in radians: 0 is east, counter-clockwise."""
    return boat.course * 2 * math.pi / CIRCLE


def velocity(boat: Boat) -> tuple:
    """Cells a second eastward and northward."""
    vx, vy = boat.speed * math.cos(radians_of(boat)), boat.speed * math.sin(radians_of(boat))
    return round(vx, 9), round(vy, 9)     # due south is due south: cos(3 / 2 * pi) is not quite 0


def place(boat: Boat, now: float) -> tuple:
    """Where a boat is: x, y. Nothing ticks; the position under sail follows from the time."""
    if not boat.speed:
        return boat.x, boat.y
    vx, vy = velocity(boat)
    seconds = min(max(now - boat.at, 0), SAIL_S)
    return wrap(boat.x + vx * seconds, WIDTH_CELLS), wrap(boat.y + vy * seconds, HEIGHT_CELLS)


def tidy(number: float, size: float = math.inf) -> float:
    """A number as people write it: at most two decimals, none that are 0, and never up to size."""
    if number.__class__ is int:
        return number
    rounded = round(number, 2)
    if rounded >= size:
        return 0
    return int(rounded) if rounded == int(rounded) else rounded


# --- NEAR ----------------------------------------------------------------------------------------

class Near:
    """What lies near a place. Everything is kept in the square where it was last put; what moves is
    put anew now and then, so whoever looks for it also looks some cells further.

    >>> near = Near(10)
    >>> near.put('ada', 598, 3)
    >>> list(near.within(1, 3, cells=5))
    [(3.0, 'ada', (598, 3))]
    """

    def __init__(self, cells):
        self.cells = cells        # a square is so many cells wide: a divisor of both sizes
        self.squares = {}         # (column, row) -> {key: (x, y)} of what is in that square
        self.square_of = {}       # key -> (column, row): the same, the other way round

    def put(self, key: object, x: float, y: float) -> None:
        """The thing with this key is at x, y now."""
        here = int(x) // self.cells, int(y) // self.cells
        if self.square_of.get(key) != here:
            self.drop(key)
            self.square_of[key] = here
        self.squares.setdefault(here, {})[key] = x, y

    def drop(self, key: object) -> None:
        """The thing with this key is in no square any more."""
        there = self.square_of.pop(key, None)
        if there:
            del self.squares[there][key]
            if not self.squares[there]:
                del self.squares[there]

    def within(self, x: float, y: float, cells: float) -> Iterable:
        """What is within so many cells of x, y: (cells away, key, (its x, its y)), ..."""
        if 2 * cells + self.cells > min(WIDTH_CELLS, HEIGHT_CELLS):
            yield from self.all_round(x, y, cells)
            return
        rows = self.strips(y - cells, y + cells, HEIGHT_CELLS)
        for column, over_x in self.strips(x - cells, x + cells, WIDTH_CELLS):
            for row, over_y in rows:
                here = x - over_x, y - over_y
                for key, there in self.squares.get((column, row), {}).items():
                    away = math.dist(here, there)
                    if away <= cells:
                        yield away, key, there

    def strips(self, start: float, end: float, size: int) -> list:
        """The columns between two x (or rows, between two y): [(number, offset), ...]. Beyond a
        seam the numbers begin again, and offset is once around, plus or minus `size`; else 0."""
        count = size // self.cells
        numbers = range(int(start // self.cells), int(end // self.cells) + 1)
        return [(number % count, number // count * size) for number in numbers]

    def all_round(self, x: float, y: float, cells: float) -> Iterable:
        """The same for whoever looks so far that a square would lie on both sides. (With SETTINGS
        as they are nobody does.)"""
        for square in self.squares.values():
            for key, there in square.items():
                away = distance(x, y, *there)
                if away <= cells:
                    yield away, key, there


# --- THINGS --------------------------------------------------------------------------------------

SEAMOUNT_NAMES = ('Old Molar', 'Grumble', 'The Thimble', 'Kettle Top', 'Sleeping Giant', 'Snowdrop',
                  'Barnacle Hill', 'Twelve Bells', 'The Anvil', 'Lantern Peak', 'Whisker',
                  'Duchess')
WHALE_NAMES = ('Ambrose', 'Bubbles', 'Clementine', 'Dumpling', 'Esmeralda', 'Fitz', 'Gulliver',
               'Hiccup', 'Isolde', 'Jellybean', 'Krakatoa', 'Lullaby', 'Mumbles', 'Nettle',
               'Odysseus', 'Pudding', 'Quincy')


class Rest(NamedTuple):
    """After its use a treasure does not work for a while: see must_rest."""
    seconds: float
    since: str                    # the field of a boat that says when it was used last
    why: str


class Treasure(NamedTuple):
    """What a treasure is. To add one: a line in TREASURES (in RULES, where `use` is), and a
    seamount for it to lie on."""
    name: str
    does: str                     # for its owner, in words
    use: object = None            # the rule of `use`; None: it works all the time
    evergreen: bool = False       # stays available; every other one has one owner
    rest: Rest = None             # None: it can be used again at once


def new_planet(seed: int, true_time: float) -> dict:
    """The rows that begin a game: a planet and its whales."""
    dice = random.Random(f'whales {seed}')
    whales = {}
    for name in WHALE_NAMES:
        way = dice.uniform(0, 2 * math.pi)
        speed = dice.uniform(LEAST_SWIM_CELLS_PER_S, MOST_SWIM_CELLS_PER_S)
        whales[name] = Whale(dice.randrange(WIDTH_CELLS), dice.randrange(HEIGHT_CELLS),
                             round(speed * math.cos(way), 3), round(speed * math.sin(way), 3), at=0)
    return {'planet': {'mocean': Planet(seed, true_time)}, 'whales': whales}


def is_left(ocean: Ocean, name: str) -> bool:
    """True if this treasure still lies on the sea floor."""
    return name not in ocean.finds or TREASURES[name].evergreen


def found_at(ocean: Ocean, name: str) -> tuple:
    """Where a treasure was found: numbers of places in the sea floor's list."""
    first = next(number for number, lying in enumerate(ocean.floor.treasures)
                 if lying.name == name)
    return ocean.finds[name].places or (first,)


def rider_of(ocean: Ocean, whale: Whale, now: float) -> Boat | None:
    """The boat on the back of a whale, or None."""
    rider = ocean.boats.get(whale.rider)
    return rider if rider and now < rider.ride_until else None


def whale_place(ocean: Ocean, whale: Whale, now: float) -> tuple:
    """Where a whale is: x, y. It goes where its rider goes; then it swims on by itself."""
    x, y, at = whale.x, whale.y, whale.at
    rider = ocean.boats.get(whale.rider) if whale.rider else None
    if rider:
        at = min(now, rider.ride_until)
        x, y = place(rider, at)
    swum_s = now - at
    return wrap(x + whale.vx * swum_s, WIDTH_CELLS), wrap(y + whale.vy * swum_s, HEIGHT_CELLS)


def sight(boat: Boat) -> float:
    """Cells that a boat can see."""
    far = BINOCULARS_CELLS if 'binoculars' in boat.items and not boat.z else SIGHT_CELLS
    return max(far - boat.z / 2, LEAST_SIGHT_CELLS)


def reach(boat: Boat) -> float:
    """Cells that a boat can reach."""
    return HOOK_CELLS if 'boat hook' in boat.items else REACH_CELLS


def deepest(boat: Boat) -> float:
    """Metres that a boat can dive, where the sea floor lets it."""
    return TRENCH_M if 'submarine' in boat.items else FLOOR_M


def hull_speed(boat: Boat) -> float:
    """Cells a second that the boat makes by itself, at its depth."""
    return SUBMERGED_CELLS_PER_S if boat.z and 'submarine' not in boat.items else HULL_CELLS_PER_S


def speed_limit(boat: Boat, now: float) -> float:
    """Cells a second that the boat makes now: with a whale under it, a sandwich in its crew."""
    limit = WHALE_CELLS_PER_S if boat.riding and now < boat.ride_until else hull_speed(boat)
    return limit * 2 if now < boat.fast_until else limit


# --- SEAFLOOR ------------------------------------------------------------------------------------

class Seamount(NamedTuple):
    name: str
    x: int                    # of the summit, cells east
    y: int                    # cells north
    sigma: float              # width of the bell, cells
    height: float             # above the plain, metres


class Lying(NamedTuple):
    """A treasure where it lies, or lay before it was found."""
    name: str
    x: int
    y: int
    z: float


class Seafloor:
    """A plain with one winding trench and twelve seamounts, all of them periodic. Call it with x, y
    for the depth in metres."""

    def __init__(self, seed):
        dice = random.Random(f'seafloor {seed}')
        self.trench_y = dice.uniform(0, HEIGHT_CELLS)
        # The trench's bends: how many round the planet, how far they swing (cells), the phase.
        self.waves = [(wave, dice.uniform(10, 40) / wave, dice.uniform(0, 2 * math.pi))
                      for wave in (1, 2, 3)]
        self.seamounts = []
        while len(self.seamounts) < SEAMOUNTS:   # clear of the trench, and of each other
            x, y = dice.randrange(WIDTH_CELLS), dice.randrange(HEIGHT_CELLS)
            if self.off_trench(x, y) > 25 and self.off_seamounts(x, y) > 85:
                self.seamounts.append(Seamount(SEAMOUNT_NAMES[len(self.seamounts)], x, y,
                                               dice.uniform(10, 30), dice.uniform(10, 25)))
        self.treasures = [Lying(name, hill.x, hill.y, self(hill.x, hill.y))
                          for name, hill in zip(LIE_ON_SEAMOUNTS, self.seamounts, strict=True)]

    def off_seamounts(self, x: float, y: float) -> float:
        """Cells to the nearest summit so far."""
        return min((distance(x, y, hill.x, hill.y) for hill in self.seamounts), default=math.inf)

    def off_trench(self, x: float, y: float) -> float:
        """Cells from the middle line of the trench, measured along y."""
        angle = 2 * math.pi * x / WIDTH_CELLS
        bends = [swing * math.sin(wave * angle + phase) for wave, swing, phase in self.waves]
        return abs(gap(self.trench_y + sum(bends), y, HEIGHT_CELLS))

    def __call__(self, x: float, y: float) -> float:
        cut = math.exp(-(self.off_trench(x, y) / 6) ** 4)     # 1 in the trench, 0 ten cells off
        hills = 0
        for hill in self.seamounts:
            away = gap(hill.x, x, WIDTH_CELLS) ** 2 + gap(hill.y, y, HEIGHT_CELLS) ** 2
            hills += hill.height * math.exp(-away / (2 * hill.sigma ** 2))
        depth = FLOOR_M + (TRENCH_M - FLOOR_M) * cut - hills * (1 - cut)   # it cuts through hills
        return round(max(depth, SUMMIT_M), 1)

    def home_bits(self) -> dict:
        """The home waters: key of a sector -> a bit of its own."""
        keys = {}
        span = range(-HOME_SECTORS, HOME_SECTORS + 1)
        for hill in self.seamounts[:HOMES]:
            column, row = hill.x // SECTOR_CELLS, hill.y // SECTOR_CELLS
            for across, up in itertools.product(span, span):
                key = f'{(column + across) % COLUMNS},{(row + up) % ROWS}'
                keys.setdefault(key, 1 << len(keys))
        return keys


# --- COURSES -------------------------------------------------------------------------------------
# A mark is a place (x, y); its number is its position in the course; mark 0 is start and finish. A
# leg is a straight piece of a boat's way: x0, y0, x1, y1.

DIAGONAL = math.sqrt(2)                  # a diagonal cell costs its length, 1.41
THROWN_TOURS = 50                        # beside those that go on to the nearest mark
NEAR_BEST, A_FIFTH_FASTER = 0.85, 0.8    # of the server's own speed; of one's own time
TOO_LONG = f'its {FINISH_S} seconds were over'      # why a race ended


class Course(NamedTuple):
    number: int
    marks: tuple
    seconds: float            # what the server's own tour takes: it sets the points


def newest_course(now: float) -> int:
    """The number of the course that has begun last."""
    return int(now // COURSE_S)


def course_of(ocean: Ocean, number: int) -> Course:
    """The course with this number. Nothing is stored: it follows from the ocean's secret seed."""
    course = ocean.courses.get(number)
    if not course:
        marks = course_marks(ocean.planet['mocean'].seed, number)
        _, cells = reference_tour(marks)
        seconds = EXPECT_PRICE * cells / HULL_CELLS_PER_S
        course = Course(number, marks, seconds)
        while len(ocean.courses) > 20:        # a tour takes long: remember the latest
            ocean.courses.pop(next(iter(ocean.courses)))
        ocean.courses[number] = course
    return course


def course_marks(seed: int, number: int) -> tuple:
    """The twelve marks of a course. From them nobody can work out the seed or the next course."""
    dice = random.Random(f'course {number} {seed}')
    marks = []
    while len(marks) < MARKS:
        mark = dice.randrange(WIDTH_CELLS), dice.randrange(HEIGHT_CELLS)
        if all(distance(*mark, *other) >= MARK_GAP_CELLS for other in marks):
            marks.append(mark)
    return tuple(marks)


def rowing_cells(x: float, y: float, there_x: float, there_y: float) -> float:
    """What the shortest way costs a boat, in cells: it rows diagonally as far as that helps."""
    dx, dy = abs(gap(x, there_x, WIDTH_CELLS)), abs(gap(y, there_y, HEIGHT_CELLS))
    return DIAGONAL * min(dx, dy) + abs(dx - dy)


def reference_tour(marks: tuple) -> tuple:
    """The server's own tour: the order of the marks, from mark 0, and its length in cells. Twelve
    tours that go on to the nearest mark, one from each, and fifty from the dice; each is untangled;
    the shortest of them is nearly always the shortest there is."""
    ways = [[rowing_cells(*here, *there) for there in marks] for here in marks]
    dice = random.Random('tour')
    tours = [nearest_tour(start, ways) for start in range(MARKS)]
    tours += [dice.sample(range(MARKS), MARKS) for _ in range(THROWN_TOURS)]
    best = min((untangle(tour, ways) for tour in tours), key=lambda tour: tour_cells(tour, ways))
    home = best.index(0)
    return tuple(best[home:] + best[:home]), tour_cells(best, ways)


def nearest_tour(start: int, ways: list) -> list:
    """From this mark always on to the nearest one left. `ways` are cells from mark to mark."""
    tour = [start]
    left = [mark for mark in range(len(ways)) if mark != start]
    while left:
        here = ways[tour[-1]]
        nearest = min(left, key=lambda mark: here[mark])
        tour.append(nearest)
        left.remove(nearest)
    return tour


def untangle(tour: list, ways: list) -> list:
    """2-opt: as long as sailing a stretch of the tour backwards makes it shorter, do so."""
    shorter = True
    while shorter:
        shorter = False
        for first in range(len(tour) - 2):
            for last in range(first + 2, len(tour)):
                if turning_gains(tour, first, last, ways):
                    tour[first + 1:last + 1] = reversed(tour[first + 1:last + 1])
                    shorter = True
    return tour


def turning_gains(tour: list, first: int, last: int, ways: list) -> bool:
    """Would it be shorter to sail what lies behind `first`, up to `last`, the other way round?"""
    a, b = tour[first], tour[first + 1]
    c, d = tour[last], tour[(last + 1) % len(tour)]
    return ways[a][c] + ways[b][d] < ways[a][b] + ways[c][d] - 1e-9    # a tie gains nothing


def tour_cells(tour: list, ways: list) -> float:
    """The length of a tour, back to where it began, in cells."""
    return sum(ways[tour[number - 1]][mark] for number, mark in enumerate(tour))


def race_after(race: Race, marks: tuple, leg: tuple, began: float, ended: float) -> Race:
    """The race after a leg that the boat began and ended at these moments. Marks count wherever the
    leg passes them; the clock stops where the boat comes within reach of mark 0 again, which may
    be on the leg on which it passed the last of the others."""
    if began > race.start + FINISH_S:
        return race.but(end=TOO_LONG)
    passed = {mark: passes_at(*leg, *marks[mark]) for mark in race.left}
    passed = {mark: part for mark, part in passed.items() if part is not None}
    if passed:
        race = race.but(left=tuple(mark for mark in race.left if mark not in passed))
    if race.left:
        return race
    home = passes_later_at(max(passed.values(), default=0), leg, marks[0])
    if home is None:
        return race
    seconds = round(began + home * (ended - began) - race.start, 2)
    if seconds > FINISH_S:
        return race.but(end=TOO_LONG)
    return race.but(seconds=max(seconds, 0.01))      # 0 would mean: not finished


def passes_at(x0: float, y0: float, x1: float, y1: float,
              mark_x: float, mark_y: float) -> float | None:
    """How far along a leg, 0 to 1, the boat is first within reach of a mark; None if it never is.

    Seen from the mark, the boat goes from p to p + d; after a part t of the leg it is at p + t * d.
    It comes within reach where (p + t * d)**2 = MARK_CELLS**2: an equation for t, with d**2, -p * d
    and p**2 - MARK_CELLS**2 in it, of which the smaller solution is the answer. (A leg is a cell or
    so: of one halfway round the planet nobody could say which way it went.)
    """
    px, py = gap(mark_x, x0, WIDTH_CELLS), gap(mark_y, y0, HEIGHT_CELLS)
    dx, dy = gap(x0, x1, WIDTH_CELLS), gap(y0, y1, HEIGHT_CELLS)
    outside = px * px + py * py - MARK_CELLS * MARK_CELLS
    towards = -(px * dx + py * dy)
    if outside <= 0:
        return 0.0                       # within reach from the beginning
    if towards <= 0:
        return None                      # it goes away from the mark, or stays where it is
    square = dx * dx + dy * dy
    under_the_root = towards * towards - square * outside
    if under_the_root < 0:
        return None                      # it would go past the mark, too far off
    part = (towards - math.sqrt(under_the_root)) / square
    return part if part <= 1 else None   # beyond 1 the leg ends before


def passes_later_at(part: float, leg: tuple, mark: tuple) -> float | None:
    """The same, but only what lies behind this part of the leg counts."""
    x0, y0, x1, y1 = leg
    x = x0 + part * gap(x0, x1, WIDTH_CELLS)
    y = y0 + part * gap(y0, y1, HEIGHT_CELLS)
    rest = passes_at(x, y, x1, y1, *mark)
    return None if rest is None else part + rest * (1 - part)


def course_points(reference_s: float, seconds: float) -> int:
    """For a course in so many seconds, of which the server's own tour takes reference_s."""
    return min(MOST_COURSE_POINTS, round(COURSE_POINTS * (reference_s / seconds) ** 2))


# =================================================================================================
# PART 2  A TURN
# =================================================================================================

# --- READ ----------------------------------------------------------------------------------------

class Fault(ValueError):
    """One parameter that cannot be read: what works, and perhaps what was meant."""

    def __init__(self, works, meant=None):
        super().__init__(works)
        self.works, self.meant = works, meant


@dataclass(frozen=True, eq=False)
class Parameter:
    """What a route may be told. `read` makes a value of a text, or raises Fault."""
    name: str
    meaning: str
    read: Callable
    example: str
    required: bool = True
    default: object = None


class Call(NamedTuple):
    """One call, read."""
    route: object
    values: dict              # for the rule, by name
    id: str = ''              # whose boat; '' where the route does not need one
    n: str = ''               # the player's own name for this call, so that it happens once
    form: str = 'text'        # 'text', 'json' or 'html'


def choose(text, words, works):
    """The one of `words` that the text says; the case and the spaces around do not matter."""
    plain = re.sub(r'[\s_-]+', ' ', text).strip().casefold()
    by_plain = {word.casefold(): word for word in words}
    if plain in by_plain:
        return by_plain[plain]
    close = closest(plain, by_plain)
    if close:
        raise Fault(f'did you mean {by_plain[close]}?', by_plain[close])
    raise Fault(works)


def closest(plain, words):
    """The word that a misspelt one means, or None. 'est' begins as east does, and not as west; of
    'fishing net', 'net' is enough."""
    near = difflib.get_close_matches(plain, words, 3, 0.6)
    near = near or [word for word in words if set(word.split()) & set(plain.split())]

    def likeness(word):
        return difflib.SequenceMatcher(None, word, plain).ratio(), word[0] == plain[0]
    return max(near, key=likeness, default=None)


def read_heading(text):
    """Reads one of the eight headings, long or short."""
    if text in HEADINGS:                                   # nearly every call
        return text
    plain = re.sub(r'[\s_-]+', '', text).casefold()
    heading = SHORT.get(plain, plain)
    return choose(heading, HEADINGS, f'headings are {", ".join(HEADINGS)} (or e, ne, n, ...)')


read_heading.schema = {'type': 'string', 'enum': [*HEADINGS, *SHORT]}


def read_word(*words: str) -> Callable:
    """A reader of one of these words."""
    works = 'it is ' + (' or '.join(words) if len(words) < 3 else f'one of {", ".join(words)}')

    def read(text):
        return choose(text, words, works)
    read.schema = {'type': 'string', 'enum': list(words)}
    return read


GREATEST = 999_999_999                            # whole numbers have nine digits


def read_whole(low: int, high: int = GREATEST) -> Callable:
    """A reader of whole numbers from low to high."""
    works = f'it is a whole number from {low} to {high}'
    if high == GREATEST:
        works = f'it is a whole number, {low} or more'

    def read(text):
        found = re.fullmatch(r'\s*([+-]?[0-9]{1,9})(\.0*)?\s*', text)
        if not found:
            raise Fault(works)
        number = int(found[1])
        if not low <= number <= high:
            raise Fault(works, str(min(max(number, low), high)))
        return number
    read.schema = {'type': 'integer', 'minimum': low, 'maximum': high}
    return read


LATEST = 999_999_999_999                          # seconds since 1970: long after everything


def read_seconds(text):
    """Reads a time in seconds since 1970."""
    found = re.fullmatch(r'\s*[0-9]{1,12}(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?\s*', text)
    if not found or float(found[0]) > LATEST:
        raise Fault('it is a number, 0 or more')
    return float(found[0])


read_seconds.schema = {'type': 'number', 'minimum': 0, 'maximum': LATEST}


def read_cell(text):
    """Reads a cell of the ocean as x,y; -1 and 600 are 599 and 0, and 5.0 is 5."""
    whole = r'([+-]?[0-9]{1,6})(?:\.0*)?'
    found = re.fullmatch(rf'[\s(]*{whole}\s*,\s*{whole}[\s)]*', text)
    if not found:
        raise Fault('it is where you will be, as x,y: two whole numbers')
    return int(found[1]) % WIDTH_CELLS, int(found[2]) % HEIGHT_CELLS


read_cell.schema = {'type': 'string', 'pattern': '^[+-]?[0-9]{1,6},[+-]?[0-9]{1,6}$'}


def read_name(text):
    """Reads the name of a boat: see NAME_RULE."""
    name = unicodedata.normalize('NFKC', text.strip())
    kept = tidy_name(text)
    if name != kept or not name:
        raise Fault(f'a name is {NAME_RULE}', kept or None)
    return name


read_name.schema = {'type': 'string', 'pattern': '^[0-9A-Za-z]{1,20}$'}


def read_text(longest: int) -> Callable:
    """A reader of any text in one line."""
    def read(text):
        line = ' '.join(''.join(map(printable, text)).split())
        if not 1 <= len(line) <= longest:
            meant = line[:longest].strip()
            raise Fault(f'it is a text of 1 to {longest} characters', meant or None)
        return line
    read.schema = {'type': 'string', 'minLength': 1, 'maxLength': longest, 'pattern': '[!-~]'}
    return read


def printable(letter):
    """The letter, or a space for one that cannot be shown. (One joins the parts of an emoji.)"""
    unseen = unicodedata.category(letter)[0] == 'C' and letter != '\u200d'
    return ' ' if unseen else letter


ID_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'    # no look-alikes: 0 and o, 1 and i and l
ID_LENGTH = 8
NO_ID = f'every boat has a secret id of {ID_LENGTH} letters and digits; join gives you one'
QUOTES = ' \t\r\n"\'`<>()[]{}'
BRACES = 'the braces came through: in Python, write an f before the quote'


def looks_like_id(text):
    return len(text) == ID_LENGTH and set(text.lower()) <= set(ID_LETTERS)


def read_id(text):
    """Reads an id, or what somebody pastes who means one: in quotes, in a URL, join's answer."""
    if text.isalnum():
        return text.lower() if text.isascii() else text
    if re.fullmatch(r'\s*\{.+\}\s*', text):
        inside = text.strip(QUOTES)
        raise Fault(BRACES, inside if looks_like_id(inside) else '')
    inside = re.search(r'[?&]id=([0-9A-Za-z]+)', text)
    if inside:
        return inside[1].lower()
    plain = text.strip(QUOTES)
    answered = re.fullmatch(rf'([0-9A-Za-z]{{{ID_LENGTH}}}),.*', plain, re.DOTALL)
    return (answered[1] if answered else plain).lower()


def read_any_id(text):
    """Reads an id, for pages that are there without one, too."""
    try:
        return read_id(text)
    except Fault:
        return ''


read_any_id.schema = {'type': 'string'}
read_id.schema = {'type': 'string', 'pattern': f'^[{ID_LETTERS}]{{{ID_LENGTH}}}$'}


def read_call(route, pairs, form):
    """What came with a request -> a Call, or a Refusal whose fix makes the whole call work."""
    if 'id' not in route.known:       # it does no harm: programs send theirs with every call
        pairs = [pair for pair in pairs if pair[0] != 'id']
    texts = dict(pairs)
    values = dict(route.defaults)
    try:
        for name, text in texts.items():
            values[name] = route.known[name].read(text)
    except (Fault, KeyError):
        raise misread(route, pairs) from None
    if len(values) != len(route.known) or len(texts) != len(pairs):
        raise misread(route, pairs)
    values.pop('format', None)
    n = values.pop('n', None) or ''
    id = values.pop('id') if route.mine else ''
    if route.mine and not id:
        raise no_id(texts)
    return Call(route, values, id, n, form)


def misread(route, pairs):
    """The Refusal for texts that cannot be read: it names the first fault and corrects them all."""
    texts, faults, fix = dict(pairs), [], {}
    for name, times in collections.Counter(name for name, _ in pairs).items():
        if times > 1:
            faults.append(f'{bare(name)} came more than once; once is enough')
    while take_apart(route, {**texts, **fix}, faults, fix):
        pass
    correct_unknown(route, texts, faults, fix)
    if route.mine and not fix.get('id', texts.get('id', '')).strip(QUOTES):
        return no_id(texts)
    for name, parameter in route.known.items():
        correct_unreadable(parameter, fix.get(name, texts.get(name)), faults, fix)
    return Refusal(faults[0], fix=fix)


def take_apart(route, texts, faults, fix):
    """Somebody forgot the & before a parameter, or wrote ; , or ? for it: take the text apart.
    True if one was found: there may be more of them."""
    absent = [name for name in route.known if name not in texts]
    for name, other in itertools.product(texts, absent):
        before, found, after = texts[name].partition(f'{other}=')
        if found and name in route.known and cannot_be(route.known[name], texts[name]):
            faults.append(f'& is missing before {other}')
            fix[name], fix[other] = before.rstrip(';,? \t\r\n'), after
            return True
    return False


def cannot_be(parameter, text):
    """True if a text is no value of this parameter."""
    if parameter.read is read_id:         # it reads whatever could be meant for an id
        return not text.isalnum()
    try:
        parameter.read(text)
    except Fault:
        return True
    return False


def correct_unknown(route, texts, faults, fix):
    """Parameters that the route does not have: a slip of the finger, or something else."""
    for name, text in texts.items():
        if name in route.known:
            continue
        free = [other for other in route.known if other not in texts and other not in fix]
        meant = meant_parameter(name, text, free)
        if not meant:
            text = text or name                        # ?south is ?heading=south
            meant = only_one(route, text, free)
        said = f'did you mean {meant}?' if meant else f'it knows {", ".join(route.known) or "none"}'
        faults.append(f'{route.name} has no parameter {bare(name)}; {said}')
        fix[name] = None
        if meant:
            fix[meant] = text


def meant_parameter(name, text, free):
    """The parameter, of those not given yet, that a wrong name stands for; or None."""
    plain = name.strip().casefold()[:40]
    if 'id' in free and (plain.endswith('id') or plain in ('di', 'token', 'key', 'secret')):
        return 'id'
    close = difflib.get_close_matches(plain, free[:20], 1, 0.7)
    if not close and 'id' in free and looks_like_id(text):
        return 'id'
    close = close or difflib.get_close_matches(plain, free[:20], 1, 0.6)
    return close[0] if close else None


def only_one(route, text, free):
    """The one parameter that must come and is missing, if the text can be its value; or None."""
    absent = [route.known[name] for name in free if route.known[name].required and name != 'id']
    if len(absent) == 1 and not cannot_be(absent[0], text):
        return absent[0].name
    return None


def correct_unreadable(parameter, text, faults, fix):
    """A parameter that is missing, or that cannot be read."""
    if text is None and parameter.required:
        faults.append(f'{parameter.name} is missing: {parameter.meaning}')
        fix[parameter.name] = parameter.example
    elif text is not None:
        try:
            parameter.read(text)
        except Fault as fault:
            if re.fullmatch(r'\s*\{.+\}\s*', text) and fault.works != BRACES:
                fault = Fault(BRACES)
            faults.append(f'{parameter.name} was {shown(text)}; {fault.works}')
            fix[parameter.name] = parameter.example if fault.meant is None else fault.meant


def no_id(texts):
    """The Refusal for a call without an id. A name that came along is kept."""
    name = tidy_name(texts.get('name', '')) or 'ada'
    return Refusal(f'id is missing: {NO_ID}', WRONG, 'join', {'id': None, 'name': name})


# --- TELL ----------------------------------------------------------------------------------------

def tell_call(route_name: str, texts: dict) -> str:
    """A call as `log` shows it: one short printable line, without the id."""
    pairs = [f'{name}={text}' for name, text in texts.items() if name != 'id' and text is not None]
    query = '?' + brief('&'.join(pairs)) if pairs else ''
    return f'/{route_name}{query}'


def brief(text: str, most: int = 200) -> str:
    """The beginning of a text, printable, in one line."""
    text = text if len(text) <= most else text[:most] + '...'
    return text if text.isprintable() else repr(text)[1:-1]


def tell_boat(boat):
    """x, y, z of a boat that is where it was last put."""
    return tell_place(boat.x, boat.y, boat.z)


def tell_place(x, y, z):
    return {'x': tidy(x, WIDTH_CELLS), 'y': tidy(y, HEIGHT_CELLS), 'z': tidy(z)}


def tell_velocity(boat):
    vx, vy = velocity(boat)
    return {'vx': tidy(vx), 'vy': tidy(vy), 'heading': round(radians_of(boat), 4)}


def tell_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601, UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')


def tell_ranks(ocean):
    """rank, name, score of everybody, best first; equal scores share a rank."""
    rows, rank = [], 0
    boats = sorted(ocean.boats.values(), key=lambda boat: (-boat.score, boat.name))
    for number, boat in enumerate(boats, 1):
        if not rows or boat.score != rows[-1]['score']:
            rank = number
        rows.append({'rank': rank, 'name': boat.name, 'score': boat.score})
    return rows


class Seen(NamedTuple):
    """Something near a boat. In this order, so that the nearest come first."""
    cells: float              # how far away
    kind: str                 # 'player', 'treasure' or 'whale'
    name: str
    x: float
    y: float
    z: float


def near_boats(turn, cells):
    """The other boats within so many cells: (cells away, key, (x, y)), ..."""
    ocean, x, y = turn.ocean, turn.boat.x, turn.boat.y
    sailed = HULL_CELLS_PER_S * SWEEP_S if ocean.sailing else 0
    for away, key, there in ocean.boats_near.within(x, y, cells + sailed):
        if ocean.sailing:                  # it may not be where it was put
            there = place(ocean.boats[key], turn.now)
            away = distance(x, y, *there)
        if away <= cells and key != turn.key:
            yield away, key, there


def nearest_boats(turn, cells):
    """The nearest other boats within so many cells, at most MOST_SEEN: [Seen, ...]"""
    near = list(near_boats(turn, min(cells, REACH_CELLS)))      # in a crowd these are enough
    if len(near) < MOST_SEEN and cells > REACH_CELLS:
        near = list(near_boats(turn, cells))
    boats = turn.ocean.boats
    return [Seen(away, 'player', boats[key].name, *there, boats[key].z)
            for away, key, there in sorted(near)[:MOST_SEEN]]


def near_things(turn, cells):
    """The treasures and whales within so many cells: [Seen, ...]"""
    ocean, now, x, y = turn.ocean, turn.now, turn.boat.x, turn.boat.y
    seen = []
    whales = list(ocean.ridden)            # these are in no square: see index_whale
    swum = WHALE_SWEEP_S * MOST_SWIM_CELLS_PER_S
    for away, thing, _ in ocean.things_near.within(x, y, cells + swum):
        if not isinstance(thing, Lying):
            whales.append(thing)
        elif is_left(ocean, thing.name):
            seen.append(Seen(away, 'treasure', *thing))
    for name in whales:
        there = whale_place(ocean, ocean.whales[name], now)
        seen.append(Seen(distance(x, y, *there), 'whale', name, *there, 0))
    return [thing for thing in seen if thing.cells <= cells]


def tell_near(seen):
    """What lies or swims near a boat, nearest first."""
    return [{'kind': thing.kind, 'name': thing.name, **tell_place(thing.x, thing.y, thing.z),
             'distance': tidy(thing.cells)} for thing in sorted(seen)]


def anything_near(turn, cells):
    """True if there is, within so many cells, another boat, a treasure that one does not have, or a
    whale that one does not ride."""
    own = *turn.boat.items, turn.boat.riding
    if any(thing.name not in own for thing in near_things(turn, cells)):
        return True
    return any(near_boats(turn, cells))


def tell_laps(ocean, number):
    """The table of a course: rank, name, seconds, points, best first; ties go to who was first."""
    laps = [lap for key, lap in ocean.laps.items() if key.startswith(f'{number} ')]
    laps.sort(key=lambda lap: (lap.seconds, lap.at))
    return [{'rank': rank, 'name': lap.name, 'seconds': lap.seconds, 'points': lap.points}
            for rank, lap in enumerate(laps, 1)]


class Told(NamedTuple):
    """A part of the chart."""
    source: object            # what it was made from
    row: object               # what is told
    at: float                 # since when it is so, on the feed's clock


class Feed:
    """What the charts have told, and since when it is so: each tells only what is new to whoever
    asks, and nothing is kept of any screen. Its clock begins with the true time, never runs
    backward, and no two charts have the same `next`."""

    def __init__(self, true_time, ticks):
        self.ticks = ticks        # seconds that pass, counted from anywhere
        self.base = self.offset = true_time - ticks()      # of this clock, and of the true time
        self.start = self.now = true_time     # who was told by then is told everything
        self.parts, self.boats = {}, {}       # name, or key of a boat -> Told

    def forget(self) -> None:
        """Everything is new: another ocean, another name."""
        self.parts, self.boats = {}, {}
        self.start = self.now

    def begin(self, true_time, since):
        """A chart begins. Returns since when it tells; 0: everything, as also after the computer's
        clock was put forward or back."""
        ticks = self.ticks()
        if abs(true_time - ticks - self.offset) > 0.5:
            self.offset = true_time - ticks
            self.forget()
        self.now = round(max(ticks + self.base, self.now + 0.001), 3)
        return since if self.start < since <= self.now else 0

    def true_time(self, moment):
        """A second early: better told twice than never."""
        return moment - self.base + self.offset - 1

    def told(self, parts, key, source, tell=None):
        """The Told of a part. It is made anew only where its source is another one."""
        old = parts.get(key)
        if old and old.source == source:
            return old
        row = tell() if tell else source
        parts[key] = Told(source, row, old.at if old and old.row == row else self.now)
        return parts[key]


def tell_chart(turn, since):
    """What the live map needs, and does not have yet. Never what nobody has found, never an id."""
    ocean, feed = turn.ocean, turn.feed
    planet, since = ocean.planet['mocean'], feed.begin(turn.true_time, since)
    chart = {'now': turn.true_time, 'next': feed.now, 'since': since,
             'sea_time': round(turn.now, 3), 'began': planet.began, 'frozen': planet.frozen}
    if not since:
        chart |= {'width': WIDTH_CELLS, 'height': HEIGHT_CELLS, 'sector': SECTOR_CELLS,
                  'treasure_places': len(ocean.floor.treasures)}
    parts = {'names': [boat.name for boat in ocean.boats.values()],
             'treasures': chart_treasures(ocean), 'blooms': chart_blooms(turn),
             'course': chart_course(turn), 'round': chart_round(ocean)}
    chart |= {name: part for name, part in parts.items()
              if feed.told(feed.parts, name, part).at > since}
    chart |= {'boats': chart_boats(turn, since), 'whales': chart_whales(turn, since)}
    span = (feed.true_time(since), turn.true_time) if since else (0, math.inf)
    return chart | chart_rows(ocean, *span)


def chart_rows(ocean, since, until):
    """What was charted, sounded and told in the news between these true times. (What is dated later
    than now is from before a clock was put back, and has been told.) Seconds are whole, and rounded
    up: nothing was there before it came."""
    return {
        'sectors': [[*map(int, key.split(',')), first.name, math.ceil(first.at)]
                    for key, first in fresh(ocean.sectors, since, until)],
        'depths': [[*map(int, key.split(',')), round(depth.total / depth.count, 1),
                    math.ceil(depth.first or depth.at), math.ceil(depth.at)]
                   for key, depth in fresh(ocean.depths, since, until)],
        'news': [[int(number), round(news.at, 1), news.text, news.kind, news.name,
                  tidy(news.x, WIDTH_CELLS), tidy(news.y, HEIGHT_CELLS)]
                 for number, news in fresh(ocean.news, since, until)]}


def fresh(table, since, until):
    """The rows of a table that are from this time, or later, up to that one."""
    return [(key, row) for key, row in table.items() if since <= row.at <= until]


def chart_boats(turn, since):
    """The boats that have moved, or changed in another way. Of those that are gone nothing is
    remembered: should they come back, they are new."""
    feed, boats, rows = turn.feed, turn.ocean.boats, []
    for key, boat in boats.items():
        traffic = turn.calls.get(key)
        moves = boat.speed or boat.riding
        told = feed.told(feed.boats, key, (boat, traffic and traffic.at, moves and turn.now),
                         functools.partial(chart_boat, turn, boat, traffic))
        if told.at > since:
            rows.append(told.row)
    if len(feed.boats) > len(boats):
        feed.boats = {key: told for key, told in feed.boats.items() if key in boats}
    return rows


def chart_boat(turn, boat, traffic):
    now = turn.now
    x, y = place(boat, now)
    idle_s = max(now - max(boat.at, boat.paid), 0)        # where its calls are forgotten
    last = traffic.at if traffic else turn.true_time - idle_s
    return {'name': boat.name, 'x': tenths(x, WIDTH_CELLS), 'y': tenths(y, HEIGHT_CELLS),
            'z': tenths(boat.z), 'heading': round(radians_of(boat), 2), 'score': boat.score,
            'quests': boat.quest, 'riding': boat.riding if now < boat.ride_until else '',
            'last': int(last), 'pennant': boat.pennant}


def tenths(number, size=math.inf):
    """A number with one decimal at most: a tenth of a cell is less than one sees."""
    return tidy(round(number, 1), size)


def chart_treasures(ocean):
    """The places where treasure was found, and by whom first."""
    rows = []
    for name, find in ocean.finds.items():
        for number in found_at(ocean, name):
            _, x, y, z = ocean.floor.treasures[number]
            rows.append({'name': name, 'x': x, 'y': y, 'z': z, 'owner': find.name,
                         'at': math.ceil(find.at)})
    return rows


def chart_whales(turn, since):
    """The whales that somebody has seen, and that swim in another way now. One that is ridden goes
    with the boat."""
    feed, whales = turn.feed, turn.ocean.whales
    rows = [chart_whale(turn.ocean, name, whale, turn.now) for name, whale in whales.items()
            if whale.seen]
    return [row for row in rows
            if feed.told(feed.parts, f'whale {row["name"]}', row).at > since]


def chart_whale(ocean, name, whale, now):
    """Where a whale was at the sea time `at`, and how it swims on."""
    rider, vx, vy, at = rider_of(ocean, whale, now), whale.vx, whale.vy, whale.at
    if ocean.boats.get(whale.rider):
        at = min(now, ocean.boats[whale.rider].ride_until)
    x, y = whale_place(ocean, whale, at)
    if rider:
        vx, vy, at = 0, 0, 0
    return {'name': name, 'x': tenths(x, WIDTH_CELLS), 'y': tenths(y, HEIGHT_CELLS), 'vx': vx,
            'vy': vy, 'at': round(at, 2), 'rider': rider.name if rider else ''}


def chart_blooms(turn):
    return [{'x': tenths(bloom.x, WIDTH_CELLS), 'y': tenths(bloom.y, HEIGHT_CELLS),
             'until': round(bloom.until, 2)}
            for bloom in turn.ocean.blooms.values() if bloom.until > turn.now]


def chart_course(turn):
    course = course_of(turn.ocean, newest_course(turn.now))
    return {'number': course.number, 'until': (course.number + 1) * COURSE_S,
            'marks': course.marks, 'times': tell_laps(turn.ocean, course.number)[:10]}


def chart_round(ocean):
    """The captain's round, how long it is, and its end (0 as long as it is only prepared); None if
    there is none."""
    current = ocean.rounds.get('now')
    if not current:
        return None
    return {'name': current.name, 'state': current.state, 'seconds': current.seconds,
            'until': round(current.until, 2),
            'podium': tell_podium(ocean) if current.state == 'over' else []}


def tell_podium(ocean: Ocean) -> list:
    """The first ten places of a round. Where the captain has enlisted players, only they take
    places; and nobody does without a point."""
    boats = ocean.boats.values()
    enlisted = [boat for boat in boats if boat.enlisted]
    ranked = {boat.name for boat in enlisted or boats}
    rows = [row for row in tell_ranks(ocean) if row['name'] in ranked and row['score']]
    for row in rows:
        row['rank'] = 1 + sum(other['score'] > row['score'] for other in rows)
    return [row for row in rows if row['rank'] <= 10]


# --- RULES ---------------------------------------------------------------------------------------
# A rule takes a turn and values, writes on the turn what shall be, and returns the facts to tell,
# or raises a Refusal. It never alters the ocean, and asks for the time and for chance only through
# its turn. It asks first and writes then; what it writes before `turn.keep()` happens in any case.

def arrive(turn: Turn) -> None:
    """Before any rule: the sails have carried the boat to where it is now; a ride may be over."""
    boat = turn.boat
    if boat.speed and turn.now > boat.at:
        seconds = min(turn.now - boat.at, SAIL_S)
        until = boat.at + seconds
        vx, vy = velocity(boat)
        legs = max(1, math.ceil(boat.speed * seconds))
        speed = boat.speed if seconds < SAIL_S else 0
        travel(turn, vx * seconds / legs, vy * seconds / legs, legs, boat.at, until,
               at=turn.now, paid=max(boat.paid, until), speed=speed)
    if turn.boat.riding and turn.now >= turn.boat.ride_until:
        dismount(turn)
    if turn.change:
        turn.keep()


def travel(turn, dx, dy, legs, began, ended, **changes):
    """The boat goes so many legs of (dx, dy) cells, between these moments: a rising floor lifts it,
    new sectors, marks of a race and going round count."""
    boat, z = turn.boat, turn.boat.z
    path = [(boat.x, boat.y)]
    sectors = {}                          # keys of the sectors on the way, in order, each once
    for leg in range(1, legs + 1):
        x, y = wrap(boat.x + dx * leg, WIDTH_CELLS), wrap(boat.y + dy * leg, HEIGHT_CELLS)
        path.append((x, y))
        sectors[sector_key(x, y)] = True
        if z:
            z = min(z, turn.ocean.floor(x, y))
    over_x = round((boat.x + dx * legs - x) / WIDTH_CELLS)        # seams crossed, eastward
    over_y = round((boat.y + dy * legs - y) / HEIGHT_CELLS)
    if over_x or over_y:
        changes.update(wrapped=True, seams_x=boat.seams_x + over_x, seams_y=boat.seams_y + over_y)
        turn.meets('Over the seam')
    turn.steer(x=x, y=y, z=z, **changes)
    enter(turn, sectors)
    go_round(turn)
    pass_marks(turn, path, began, ended)


def go_round(turn):
    """Points for the first time all the way round, in each of the two ways."""
    boat = turn.boat
    east = boat.seams_x * WIDTH_CELLS + boat.x - boat.from_x       # since the voyage began
    north = boat.seams_y * HEIGHT_CELLS + boat.y - boat.from_y
    if boat.seams_x and abs(east) >= WIDTH_CELLS and reward(turn, 'east-west', VOYAGE_POINTS):
        turn.news(f'{boat.name} went all the way round, east-west', 'voyage')
    if boat.seams_y and abs(north) >= HEIGHT_CELLS and reward(turn, 'north-south', VOYAGE_POINTS):
        turn.news(f'{boat.name} went all the way round, north-south', 'voyage')


def reward(turn, name, points):
    """Points for a first time; how many."""
    if name in turn.boat.finds:
        return 0
    turn.steer(score=turn.boat.score + points, finds=(*turn.boat.finds, name))
    if {'east-west', 'north-south'} <= set(turn.boat.finds):
        turn.meets('Magellan')
    return points


def enter(turn, keys):
    """Points for sectors: in the home waters once to every boat, elsewhere to the first; some are
    news."""
    new = [key for key in keys if not turn.row('sectors', key)]
    points, home = 0, int(turn.boat.home or '0', 16)
    for key in keys:
        bit = turn.ocean.home.get(key, 0)
        is_first = not home & bit if bit else key in new
        points += is_first
        home |= bit
    for key in new:
        turn.put('sectors', key, name=turn.boat.name, at=turn.true_time)
    if points:
        turn.steer(score=turn.boat.score + SECTOR_POINTS * points, home=f'{home:x}')
    if new:
        before, charted = turn.boat.charted, turn.boat.charted + len(new)
        for number in NEWS_SECTORS:
            if before < number <= charted:
                turn.news(f'{turn.boat.name} has charted {number} sectors', 'chart')
        turn.steer(charted=charted)
        if len(turn.ocean.sectors) + len(turn.change['sectors']) == COLUMNS * ROWS:
            turn.news('the whole ocean is charted', 'chart')


def dismount(turn: Turn) -> None:
    """The whale under the boat swims on by itself, unless somebody else rides it already."""
    whale = turn.ocean.whales.get(turn.boat.riding)
    if whale and whale.rider == turn.key:
        x, y = whale_place(turn.ocean, whale, turn.now)
        turn.put('whales', turn.boat.riding, x=x, y=y, at=turn.now, rider='')
    turn.steer(riding='', ride_until=0)


def pay(turn, seconds, patience_s=None):
    """The price of a call, in seconds. A call that is early by no more than patience_s (its price,
    if nothing else is said) waits; one that is earlier is refused. Returns until when the boat has
    used up its time."""
    patience_s = (seconds if patience_s is None else patience_s) + GRACE_S
    paid = max(turn.boat.paid, turn.now - SAVED_S) + seconds
    wait_s = paid - turn.now
    if wait_s > patience_s:
        why = f'your boat goes {speed_limit(turn.boat, turn.now)} cells a second'
        if turn.traffic and turn.traffic.waiting:
            why = 'another program (or window) moves this boat at the same time'
        raise too_early(wait_s - patience_s + GRACE_S, why)
    turn.wait_s = max(wait_s, 0)
    turn.has_paid = True
    return paid


def charge(turn, seconds):
    """Pay, and be under way again only then."""
    paid = pay(turn, seconds)
    at = max(turn.boat.at, paid) if turn.boat.speed else turn.boat.at
    turn.steer(paid=paid, at=at)


def charge_cell(turn):
    """What a call costs that says nothing else: the time of one cell."""
    charge(turn, 1 / speed_limit(turn.boat, turn.now))


def too_early(wait_s, why):
    wait_s = math.ceil(wait_s * 1000) / 1000
    return Refusal(f'too early by {wait_s:g} s: {why}; wait, then call again', EARLY, wait_s=wait_s)


def rested(turn, last, seconds, why):
    """Refuse what was done less than so many seconds ago."""
    if turn.now < last + seconds:
        raise too_early(last + seconds - turn.now, why)


def rule_join(turn, name, id):
    ocean, key = turn.ocean, key_of(name)
    owner = ocean.keys.get(id or '')
    if owner:
        return come_back(turn, owner, key, name)
    if name.lower() in ocean.keys:
        raise id_for_a_name(ocean, name.lower())
    if key in ocean.boats or key in ocean.ashore:
        words = f'the name {name} is taken; if it is your boat, add &id= and your id'
        if id:
            words = f'the name {name} is taken, and by another id than this'
        raise Refusal(words, CONFLICT, fix={'name': free_name(ocean, name), 'id': None})
    if len(ocean.boats) >= MOST_BOATS:
        raise Refusal(f'the ocean is full: {MOST_BOATS} boats', AWAY, 'who')
    ration_joins(turn)
    launch_boat(turn, name, new_id(ocean), acted=False)
    turn.news(f'{name} joined', 'join')
    turn.story = f'{name} joined at {turn.boat.x},{turn.boat.y}'
    return {'id': turn.boat.id, 'name': name, **tell_boat(turn.boat)}


def id_for_a_name(ocean, id):
    """The Refusal for a secret that all would see. Whoever sends it has a boat already."""
    key = ocean.keys[id]
    boat = ocean.boats.get(key) or ocean.ashore[key]
    return Refusal('this name is the secret id of a boat, and others see names; to come back, give '
                   'the name and the id', CONFLICT, fix={'name': boat.name, 'id': id})


def launch_boat(turn: Turn, name: str, id: str, pennant: int | None = None,
                **fields: object) -> None:
    """A new boat, at its berth; it may send three messages at once."""
    turn.key = key_of(name)
    x, y = berth(turn.ocean.floor, len(turn.ocean.boats) + len(turn.change.get('boats', ())))
    if pennant is None:
        pennant = free_pennant(turn)
    turn.steer(name=name, id=id, pennant=pennant, x=x, y=y, from_x=x, from_y=y, joined=turn.now,
               paid=turn.now - SAVED_S, talk=turn.now - 60 / LETTERS_PER_MINUTE * 3,
               net_at=turn.now - NET_S, leap_at=turn.now - LEAP_S,
               heard=turn.next_number('board') - 1, **fields)
    enter(turn, [sector_key(x, y)])


def free_pennant(turn):
    """The lowest number that no other boat wears, aboard or ashore: colours stay for good."""
    tables = turn.ocean.boats, turn.ocean.ashore, turn.change.get('boats', {})
    worn = {boat.pennant for table in tables for boat in table.values() if boat}
    return next(number for number in itertools.count() if number not in worn)


def come_back(turn, owner, key, name):
    """Join with an id that is known: back to one's own boat, which may lie ashore."""
    boat = turn.ocean.boats.get(owner) or turn.ocean.ashore[owner]
    if owner != key:
        raise Refusal(f'this id is {boat.name}\'s boat, and not that of {name}', CONFLICT,
                      fix={'name': boat.name})
    turn.key, turn.boat = owner, boat
    if owner in turn.ocean.ashore:
        turn.drop('ashore', owner)
        turn.steer(**vars(boat.but(left=0, joined=turn.now, paid=max(boat.paid, turn.now))))
        turn.news(f'{boat.name} is back', 'back')
        turn.story = f'{boat.name} is back'
    x, y = place(boat, turn.now)
    return {'id': boat.id, 'name': boat.name, **tell_place(x, y, boat.z)}


def ration_joins(turn):
    """New boats come a few at a time: a class at once, but no flood."""
    waiting = round(max(turn.ocean.planet['mocean'].joins - turn.now, 0) * JOINS_PER_S, 3)
    if waiting > JOINS_AT_ONCE - 1:
        wait_s = (waiting - JOINS_AT_ONCE + 1) / JOINS_PER_S
        raise too_early(wait_s, f'{JOINS_PER_S} new boats a second are enough')
    turn.put('planet', 'mocean', joins=turn.now + (waiting + 1) / JOINS_PER_S)


def free_name(ocean: Ocean, name: str) -> str:
    """The name with the first number that nobody has."""
    stem = name.rstrip('0123456789')[:15] or name[:15]
    names = (f'{stem}{number}' for number in itertools.count(2))
    return next(name for name in names
                if key_of(name) not in ocean.boats and key_of(name) not in ocean.ashore)


def new_id(ocean: Ocean) -> str:
    """An id that no boat has, aboard or ashore."""
    while True:
        id = ''.join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
        if id not in ocean.keys:
            return id


GOLDEN_RADIANS = math.pi * (3 - math.sqrt(5))        # turned by this, no two berths ever meet
BERTHS = 60                                          # round each seamount, from near to far
NEAREST_BERTH_CELLS, FARTHEST_BERTH_CELLS = 7, 12    # from the summit: its treasure is in sight


def berth(floor, number):
    """Where the new boat with this number starts: round a home seamount, its treasure in sight."""
    number, home = divmod(number, HOMES)
    hill = floor.seamounts[home]
    part = math.sqrt(number % BERTHS / BERTHS)       # the root: in a wider ring there is more room
    away = NEAREST_BERTH_CELLS + (FARTHEST_BERTH_CELLS - NEAREST_BERTH_CELLS) * part
    x = hill.x + away * math.cos(number * GOLDEN_RADIANS)
    y = hill.y + away * math.sin(number * GOLDEN_RADIANS)
    return round(x) % WIDTH_CELLS, round(y) % HEIGHT_CELLS


def rule_quit(turn, sure):
    boat = turn.boat
    if not sure:
        raise Refusal(f'quit takes {boat.name} and its {boat.score} points out of the game; '
                      'if you mean it, add sure=yes', CONFLICT, fix={'sure': 'yes'})
    end_race(turn, 'it quit')
    if turn.boat.riding:
        dismount(turn)
    charge_cell(turn)
    turn.steer(acted=True)               # it asked for this: it waits for ten minutes, no longer
    go_ashore(turn, turn.key)
    turn.news(f'{boat.name} sailed home', 'quit')
    turn.story = f'{boat.name} quit with {boat.score} points'
    minutes = ASHORE_S // 60
    return {'farewell': f'farewell, {boat.name}! You scored {boat.score}. '
                        f'For {minutes} minutes join with your id brings you back.'}


def go_ashore(turn: Turn, key: str) -> None:
    """The boat leaves the ocean, with all that it has."""
    boat = turn.row('boats', key)
    x, y = place(boat, turn.now)
    turn.put('ashore', key, **vars(boat.but(x=x, y=y, speed=0, left=turn.now)))
    turn.drop('boats', key)


def forget(turn: Turn, key: str) -> None:
    """A boat ashore is gone for good: its treasures lie on their seamounts again."""
    boat = turn.ocean.ashore[key]
    turn.drop('ashore', key)
    for table, keys in (('mail', [key]), ('replies', reply_keys(key)), ('races', [key])):
        for row in keys:
            if row in getattr(turn.ocean, table):
                turn.drop(table, row)
    for name, first in turn.ocean.finds.items():
        if key_of(first.name) == key and name in boat.finds and not TREASURES[name].evergreen:
            turn.drop('finds', name)


def reply_keys(key: str) -> list:
    return [f'{key} {slot}' for slot in range(REPLIES_KEPT)]


def rule_who(turn):
    return [{'name': row['name'], 'score': row['score']} for row in tell_ranks(turn.ocean)]


def rule_name(turn):
    return {'name': turn.boat.name}


def rule_move(turn, heading, steps, expect):
    dx, dy = HEADINGS[heading]
    limit = speed_limit(turn.boat, turn.now)
    cell_s = math.hypot(dx, dy) / limit                # a diagonal cell costs its length, 1.41
    most = int(SAVED_S / cell_s)
    if steps > most:
        when = 'under water' if turn.boat.z else 'now'
        raise Refusal(f'steps was {steps}; your boat goes at most {most} cells {heading} in one '
                      f'call {when}', fix={'steps': str(most)})
    patience_s = cell_s + take_sails_down(turn, limit)
    began = max(turn.boat.paid, turn.now - SAVED_S)
    price = steps * cell_s
    end = (turn.boat.x + dx * steps) % WIDTH_CELLS, (turn.boat.y + dy * steps) % HEIGHT_CELLS
    if expect == end:
        price *= EXPECT_PRICE
    paid = pay(turn, price, patience_s)
    seams = turn.boat.seams_x, turn.boat.seams_y
    travel(turn, dx, dy, steps, began, paid, course=COURSE_OF[heading], paid=paid)
    if expect:
        turn.besides['expected'] = expect == end
        turn.traffic.foresee(expect == end, (turn.boat.seams_x, turn.boat.seams_y) != seams)
    if LOG_ALL:
        turn.story = f'{turn.boat.name} moved {heading} to {turn.boat.x},{turn.boat.y}'
    return tell_boat(turn.boat)


def take_sails_down(turn, limit):
    """Oars: the boat comes to rest on a whole cell. It pays for that, whatever comes now. Returns
    how many seconds."""
    boat = turn.boat
    dx, dy = round(boat.x) - boat.x, round(boat.y) - boat.y
    seconds = math.hypot(dx, dy) / limit
    if boat.speed or seconds:
        began = max(boat.paid, turn.now - SAVED_S)
        travel(turn, dx, dy, 1, began, began + seconds, speed=0, paid=began + seconds)
        turn.steer(x=round(turn.boat.x) % WIDTH_CELLS, y=round(turn.boat.y) % HEIGHT_CELLS)
        turn.keep()
    return seconds


def rule_look(turn):
    turn.meets('Lookout')
    cells = sight(turn.boat)
    seen = near_things(turn, cells)
    for thing in seen:
        if thing.kind == 'whale' and not turn.ocean.whales[thing.name].seen:
            turn.put('whales', thing.name, seen=turn.boat.name)
            turn.news(f'{turn.boat.name} saw the whale {thing.name}', 'whale')
    return tell_near(seen + nearest_boats(turn, cells))


def rule_location(turn):
    wrapped = turn.boat.wrapped
    if wrapped:
        turn.steer(wrapped=False)
    return {**tell_boat(turn.boat), 'wrapped': int(wrapped),
            'message': int(next_letter(turn) is not None),
            'nearby': int(anything_near(turn, reach(turn.boat)))}


def rule_velocity(turn):
    return tell_velocity(turn.boat)


def rule_accel(turn, ctrl):
    charge_cell(turn)
    boat = turn.boat
    speed = boat.speed + {'w': ACCEL_CELLS_PER_S, 's': -ACCEL_CELLS_PER_S}.get(ctrl, 0)
    course = (boat.course + {'a': 1, 'd': -1}.get(ctrl, 0)) % CIRCLE
    turn.steer(speed=min(max(speed, 0), hull_speed(boat)), course=course,
               at=max(turn.now, boat.paid))
    turn.story = f'{boat.name} sails at {tidy(turn.boat.speed)} cells a second'
    return {**tell_boat(turn.boat), **tell_velocity(turn.boat)}


def rule_stop(turn):
    turn.steer(speed=0)
    turn.story = f'{turn.boat.name} stopped'
    return {**tell_boat(turn.boat), **tell_velocity(turn.boat)}


def rule_dive(turn, ctrl, direction):
    ways = {direction, {'f': 'down', 'r': 'up'}.get(ctrl)} - {None}
    if len(ways) != 1:
        raise Refusal('which way? ctrl is f (down) or r (up); direction is down or up',
                      fix={'direction': 'down', 'ctrl': None})
    boat = turn.boat
    if 'down' in ways:
        z = min(boat.z + DIVE_M, turn.ocean.floor(boat.x, boat.y), deepest(boat))
    else:
        z = max(boat.z - DIVE_M, 0)
    turn.steer(z=z)
    charge_cell(turn)                    # as fast as it is at the new depth
    if z != boat.z:
        end_race(turn, 'it dived')
    if boat.riding and z:
        dismount(turn)
    turn.steer(speed=min(boat.speed, hull_speed(turn.boat)))
    turn.story = f'{boat.name} is at {tidy(z)} m'
    return tell_boat(turn.boat)


def rule_ping(turn):
    boat, floor = turn.boat, turn.ocean.floor
    charge(turn, PING_S)
    depth = floor(boat.x, boat.y)
    turn.soundings = [[boat.x, boat.y, depth]]
    if 'imaging sonar' in boat.items:
        turn.besides['patch'] = sonar_patch(turn)
    turn.steer(pings=boat.pings + 1)
    reward_sounding(turn, sector_key(boat.x, boat.y))
    chart_soundings(turn)
    if turn.traffic.sounded(boat.x, boat.y):
        turn.meets('Cartographer')
    turn.story = f'{boat.name} sounded {depth} m'
    return {'depth': depth}


def chart_soundings(turn):
    """The chart of depths has what was measured here; and of a sector beside this one, where
    somebody has been before: a patch must not take the first sounding, and its point, from whoever
    comes."""
    here, by_sector = sector_key(turn.boat.x, turn.boat.y), {}
    for x, y, metres in turn.soundings:
        by_sector.setdefault(sector_key(x, y), []).append(metres)
    for key, depths in by_sector.items():
        old = turn.ocean.depths.get(key)
        if old:
            turn.put('depths', key, total=round(old.total + sum(depths), 1),
                     count=old.count + len(depths), at=turn.true_time)
        elif key == here:
            turn.put('depths', key, total=round(sum(depths), 1), count=len(depths),
                     name=turn.boat.name, first=turn.true_time, at=turn.true_time)


def sonar_patch(turn):
    """The depths round the boat, row by row; the north comes first, as on a map. Each is a sounding
    of the turn."""
    span, rows = range(-SONAR_CELLS, SONAR_CELLS + 1), []
    for dy in reversed(span):
        row = []
        for dx in span:
            x = wrap(turn.boat.x + dx, WIDTH_CELLS)
            y = wrap(turn.boat.y + dy, HEIGHT_CELLS)
            row.append(turn.ocean.floor(x, y))
            if dx or dy:
                turn.soundings.append([x, y, row[-1]])
        rows.append(row)
    return rows


def reward_sounding(turn, key):
    """A point for the sector below: in home waters once to every boat, elsewhere to the first."""
    bit, sounded = turn.ocean.home.get(key, 0), int(turn.boat.home_pings or '0', 16)
    if bit and not sounded & bit:
        turn.steer(score=turn.boat.score + SOUNDING_POINTS, home_pings=f'{sounded | bit:x}')
    elif not bit and key not in turn.ocean.depths:
        turn.steer(score=turn.boat.score + SOUNDING_POINTS)


def rule_get(turn, item):
    return get_treasure(turn) if item == 'treasure' else get_whale(turn)


def get_treasure(turn):
    boat, cells = turn.boat, reach(turn.boat)
    near = [thing for thing in near_things(turn, cells)
            if thing.kind == 'treasure' and thing.name not in boat.items]
    if not near:
        raise Refusal(f'no treasure within {cells} cells of you that you do not have; look around',
                      CONFLICT, 'look')
    nearest = min(near)
    name, z = nearest.name, nearest.z
    if abs(z - boat.z) > REACH_M:
        raise Refusal(f'the {name} lies {z:g} m deep and you are at {boat.z:g} m; '
                      f'{REACH_M} m is as far as you reach', CONFLICT, 'dive',
                      {'direction': 'down' if z > boat.z else 'up'})
    put_find(turn, nearest)
    points = reward(turn, name, TREASURE_POINTS)
    turn.steer(items=(*boat.items, name))
    if name in turn.traffic.shown:
        turn.meets('Reader')
    turn.story = f'{boat.name} got the {name}'
    return {'got': name, 'points': points}


def put_find(turn, seen):
    """Who found a treasure first is news; what is evergreen can be found in another place, too."""
    ocean, name = turn.ocean, turn.boat.name
    number = ocean.floor.treasures.index((seen.name, seen.x, seen.y, seen.z))
    if seen.name not in ocean.finds:
        turn.put('finds', seen.name, name=name, at=turn.true_time, places=(number,))
        turn.news(f'{name} found the {seen.name}', 'find')
    elif number not in found_at(ocean, seen.name):
        turn.put('finds', seen.name, places=(*found_at(ocean, seen.name), number))


def get_whale(turn):
    boat, ocean, cells = turn.boat, turn.ocean, reach(turn.boat)
    if boat.riding:
        raise Refusal(f'you are riding {boat.riding} already; row on', CONFLICT, 'move',
                      {'heading': 'north'})
    near = [thing for thing in near_things(turn, cells)
            if thing.kind == 'whale' and not rider_of(ocean, ocean.whales[thing.name], turn.now)]
    if not near:
        raise Refusal(f'no free whale within {cells} cells of you; look around', CONFLICT, 'look')
    until = bloom_until(turn)
    if boat.z:
        raise Refusal(f'whales are ridden at the surface, and you are at {boat.z:g} m', CONFLICT,
                      'dive', {'direction': 'up'})
    name = min(near).name
    end_race(turn, f'it rode {name}')
    turn.put('whales', name, rider=turn.key, seen=ocean.whales[name].seen or boat.name)
    turn.news(f'{boat.name} rides the whale {name}', 'ride')
    turn.steer(riding=name, ride_until=until, speed=0)
    if name in turn.traffic.shown:
        turn.meets('Reader')
    turn.story = f'{boat.name} rides {name}'
    return {'got': f'a ride on {name}', 'points': reward(turn, 'whale ride', WHALE_POINTS)}


def bloom_until(turn):
    """Until when the plankton blooms round the boat, or a Refusal that says what makes it bloom."""
    boat = turn.boat
    blooms = [bloom.until for bloom in turn.ocean.blooms.values() if bloom.until > turn.now
              and distance(boat.x, boat.y, bloom.x, bloom.y) <= BLOOM_CELLS]
    if blooms:
        return max(blooms)
    words = 'a whale lets itself be ridden only in a plankton bloom; iron dust makes one'
    if 'iron dust' in boat.items:
        raise Refusal(words, CONFLICT, 'use', {'item': 'iron dust'})
    raise Refusal(words, CONFLICT, 'look')


def rule_inventory(turn):
    boat = turn.boat
    rows = [{'kind': 'treasure', 'name': name} for name in boat.items]
    if boat.riding:
        rows.append({'kind': 'whale', 'name': boat.riding})
    return rows + [{'kind': 'quest', 'name': name} for name in QUEST_NAMES[:boat.quest]]


def rule_use(turn, item):
    must_have(turn, item)
    treasure = TREASURES[item]
    if treasure.use:
        return treasure.use(turn)
    return {'used': f'nothing to do: with the {item} {treasure.does}'}


def must_have(turn, item):
    """Refuse whoever does not have this treasure."""
    if item not in turn.boat.items:
        raise Refusal(f'you do not have the {item}; your inventory tells what you have', CONFLICT,
                      'inventory')


def must_rest(turn, item):
    """Refuse whoever used this treasure a moment ago."""
    seconds, since, why = TREASURES[item].rest
    rested(turn, getattr(turn.boat, since), seconds, why)


def use_crystal(turn):
    raise Refusal('the teleport crystal asks where to', CONFLICT, 'teleport',
                  {'x': '300', 'y': '200'})


def use_net(turn):
    boat = turn.boat
    if boat.net_points >= MOST_NET_POINTS:
        raise Refusal(f'the net has earned all that it can, {MOST_NET_POINTS} points; explore',
                      CONFLICT, 'look')
    must_rest(turn, 'fishing net')
    key = sector_key(boat.x, boat.y)
    sector = turn.row('sectors', key)
    if sector:
        rested(turn, sector.fished, FISHED_S, 'these waters are fished out; row to others')
    points = min(NET_POINTS, MOST_NET_POINTS - boat.net_points)
    turn.put('sectors', key, name=sector.name if sector else boat.name,
             at=sector.at if sector else turn.true_time, fished=turn.now)
    turn.steer(net_at=turn.now, net_points=boat.net_points + points, score=boat.score + points)
    turn.story = f'{boat.name} went fishing'
    return {'used': f'a good catch: {points} points'}


def use_alert(turn):
    x, y = turn.boat.x, turn.boat.y
    hill = min(turn.ocean.floor.seamounts, key=lambda hill: distance(x, y, hill.x, hill.y))
    return {'seamount': hill.name, 'distance': tidy(distance(x, y, hill.x, hill.y)),
            'heading': bearing(x, y, hill.x, hill.y)}


def use_rov(turn):
    return tell_near([thing for thing in near_things(turn, ROV_CELLS) if thing.kind == 'treasure'])


def use_sandwich(turn):
    end_race(turn, 'its crew ate the sandwich')
    turn.steer(items=without(turn.boat.items, 'sandwich'), fast_until=turn.now + SANDWICH_S)
    turn.story = f'{turn.boat.name} ate the sandwich'
    return {'used': f'delicious! You row twice as fast for {SANDWICH_S} seconds'}


def without(items, item):
    return tuple(name for name in items if name != item)


def use_dust(turn):
    for key, bloom in turn.ocean.blooms.items():
        if bloom.until <= turn.now or bloom.key == turn.key:
            turn.drop('blooms', key)
    turn.put('blooms', str(turn.next_number('blooms')), x=turn.boat.x, y=turn.boat.y,
             until=turn.now + BLOOM_S, key=turn.key)
    turn.steer(items=without(turn.boat.items, 'iron dust'))
    turn.news(f'{turn.boat.name} made the plankton bloom', 'bloom')
    turn.story = f'{turn.boat.name} made a plankton bloom'
    return {'used': f'the plankton blooms here for {BLOOM_S // 60} minutes'}


def use_infundibulum(turn):
    must_rest(turn, 'infundibulum')
    return leap(turn, turn.dice.randrange(WIDTH_CELLS), turn.dice.randrange(HEIGHT_CELLS))


def leap(turn, x, y):
    """The boat at another place, at the surface and at rest. A leap is not a voyage: going round
    starts anew."""
    end_race(turn, 'it leapt')
    if turn.boat.riding:
        dismount(turn)
    turn.steer(x=x, y=y, z=0, speed=0, leap_at=turn.now, from_x=x, from_y=y, seams_x=0, seams_y=0)
    enter(turn, [sector_key(x, y)])
    turn.story = f'{turn.boat.name} leapt to {x},{y}'
    return tell_boat(turn.boat)


LIE_ON_SEAMOUNTS = (      # the first three are where boats start: a reward is in sight
    'crash alert', 'iron dust', 'iron dust', 'fishing net', 'ROV', 'submarine', 'imaging sonar',
    'teleport crystal', 'infundibulum', 'binoculars', 'sandwich', 'boat hook')
TREASURES = {treasure.name: treasure for treasure in (
    Treasure('crash alert', 'names the nearest seamount and the way to it', use_alert, True),
    Treasure('iron dust', 'makes the plankton bloom, once: only there whales let themselves be '
             'ridden', use_dust, True),
    Treasure('fishing net', f'a catch once a minute, {NET_POINTS} points, each time in other '
             'waters', use_net, rest=Rest(NET_S, 'net_at', 'the fish come back once a minute')),
    Treasure('ROV', f'looks for treasures up to {ROV_CELLS} cells away', use_rov),
    Treasure('submarine', 'you are as fast under water as above, and can enter the trench'),
    Treasure('imaging sonar', 'a ping also shows the sea floor round you (format=json)'),
    Treasure('teleport crystal', 'teleport takes you to any place', use_crystal,
             rest=Rest(CRYSTAL_S, 'leap_at', 'the crystal has to cool down')),
    Treasure('infundibulum', 'takes you to a random place, once a minute', use_infundibulum,
             rest=Rest(LEAP_S, 'leap_at', 'the infundibulum opens once a minute')),
    Treasure('binoculars', f'you see {BINOCULARS_CELLS} cells far at the surface'),
    Treasure('sandwich', 'double speed for a minute, then it is eaten', use_sandwich),
    Treasure('boat hook', f'you reach {HOOK_CELLS} cells far'))}


def rule_teleport(turn, x, y):
    must_have(turn, 'teleport crystal')
    must_rest(turn, 'teleport crystal')
    return leap(turn, x % WIDTH_CELLS, y % HEIGHT_CELLS)


def rule_sendchat(turn, name, message):
    ocean, boat = turn.ocean, turn.boat
    if boat.muted:
        raise Refusal('the captain has closed your letter box', CONFLICT, 'who')
    if ocean.planet['mocean'].quiet:
        raise Refusal('the captain wants quiet: no messages now', CONFLICT, 'who')
    key = 'all' if key_of(name) == 'all' else recipient(ocean, name)
    talk = max(boat.talk, turn.now - 60) + 60 / LETTERS_PER_MINUTE
    if talk > turn.now:
        raise too_early(talk - turn.now, f'{LETTERS_PER_MINUTE} messages a minute are enough')
    turn.steer(talk=talk)
    turn.story = f'{boat.name} says to {name}: {message}'
    if key == 'all':
        post(turn, boat.name, message)
        players = len(ocean.boats) - 1
    else:
        turn.put('mail', key, letters=(*letters(ocean, key), (turn.now, boat.name, message)))
        put_talk(turn, boat.name, ocean.boats[key].name, message)
        players = 1
    return {'sent': f'sent to {players} player{"" if players == 1 else "s"}'}


def post(turn: Turn, name: str, message: str) -> None:
    """A message to all goes on a board, once; each boat remembers how far it has read."""
    turn.append('board', BOARD_KEPT, at=turn.now, name=name, text=message)
    put_talk(turn, name, 'all', message)


def put_talk(turn, name, to, message):
    """The captain reads all that is said."""
    turn.append('talk', TALK_KEPT, at=turn.true_time, name=name, to=to, text=message)


def letters(ocean, key):
    mail = ocean.mail.get(key)
    return mail.letters if mail else ()


def recipient(ocean, name):
    """The key of the player to whom a letter goes."""
    key = key_of(name)
    if key not in ocean.boats:
        names = [other for other in ocean.boats if other[0] == key[:1]]
        close = difflib.get_close_matches(key, names, 1, 0.5)
        if not close:
            raise Refusal(f'nobody here is called {name}; who tells the names', UNKNOWN, 'who')
        meant = ocean.boats[close[0]].name
        raise Refusal(f'nobody here is called {name}; did you mean {meant}?', UNKNOWN,
                      fix={'name': meant})
    if len(letters(ocean, key)) >= LETTERS_KEPT:
        raise Refusal(f'the letter box of {ocean.boats[key].name} is full: {LETTERS_KEPT} letters '
                      'wait to be read', CONFLICT, 'who')
    return key


def next_letter(turn):
    """The oldest unread message, to this player or to all: (number on the board or 0, (sea time,
    sender, text)), or None."""
    found = [(0, letter) for letter in letters(turn.ocean, turn.key)[:1]]
    for number, notice in turn.ocean.board.items():
        if int(number) > turn.boat.heard and notice.name != turn.boat.name:
            found.append((int(number), (notice.at, notice.name, notice.text)))
            break
    return min(found, key=lambda pair: pair[1][0], default=None)


def rule_popchat(turn):
    found = next_letter(turn)
    if not found:
        return {}
    number, (_, name, message) = found
    if number:
        turn.steer(heard=number)
    else:
        turn.put('mail', turn.key, letters=letters(turn.ocean, turn.key)[1:])
    return {'name': name, 'message': message}


def rule_score(turn, name):
    rows = tell_ranks(turn.ocean)
    if name is None:
        return rows
    rows = [row for row in rows if key_of(row['name']) == key_of(name)]
    if not rows:
        raise Refusal(f'nobody here is called {name}; these are all', UNKNOWN, 'score')
    return rows


def rule_quest(turn):
    number = turn.boat.quest
    if number >= len(QUESTS):
        return {'number': number, 'title': 'Done', 'task': 'all quests are met: sail a better race',
                'call': ('course', {})}
    quest = QUESTS[number]
    return {'number': number + 1, 'title': quest.name, 'task': quest.task, 'call': quest.call}


def rule_course(turn, course):
    number = begun_course(turn, course)
    marks = course_of(turn.ocean, number).marks
    return {'course': number, 'ends_in_s': round(max((number + 1) * COURSE_S - turn.now, 0), 2),
            'marks': [{'mark': mark, 'x': x, 'y': y} for mark, (x, y) in enumerate(marks)]}


def begun_course(turn, number):
    """The number of a course that has begun; that of the newest one if none is asked for."""
    newest = newest_course(turn.now)
    if number is None:
        return newest
    if number > newest:
        raise Refusal(f'course was {number}; the newest one is {newest}', UNKNOWN,
                      fix={'course': str(newest)})
    return number


def rule_race(turn, anew):
    boat, number = turn.boat, newest_course(turn.now)
    x, y = course_of(turn.ocean, number).marks[0]
    race = running_race(turn)
    at_start = distance(boat.x, boat.y, x, y) <= MARK_CELLS
    none_passed = race and len(race.left) == MARKS - 1       # all but mark 0 are left
    if race and not (at_start and (anew or none_passed)):
        return tell_race(turn, race)         # also where the way of a race passes mark 0
    if not at_start:
        raise way_to_start(turn, number, x, y)
    if boat.riding or turn.now < boat.fast_until:
        ride_until = boat.ride_until if boat.riding else 0
        wait_s = max(ride_until, boat.fast_until) - turn.now
        raise Refusal('a race is sailed without a whale and without a sandwich: they wear off in '
                      f'{wait_s:.0f} s', CONFLICT, 'course')
    charge_cell(turn)
    start = max(turn.now, turn.boat.paid)          # the saved second is gone
    turn.steer(paid=start)
    race = turn.put('races', turn.key, course=number, start=start, left=tuple(range(1, MARKS)),
                    seconds=0, end='')
    turn.story = f'{boat.name} starts in course {number}'
    return tell_race(turn, race)


def way_to_start(turn, number, x, y):
    """The Refusal for a race away from its start: how the last one ended, and a call that rows
    towards mark 0."""
    boat, last = turn.boat, turn.row('races', turn.key)
    over = ''
    if last and last.seconds:
        over = f'you sailed course {last.course} in {last.seconds:.2f} s. '
    elif last:
        end = last.end or TOO_LONG
        over = f'your race in course {last.course} ended: {end}. '
    away = distance(boat.x, boat.y, x, y)
    heading = bearing(boat.x, boat.y, x, y)
    most = int(speed_limit(boat, turn.now) * SAVED_S / math.hypot(*HEADINGS[heading]))
    return Refusal(f'{over}course {number} starts at mark 0, at {x},{y}: {tidy(away)} cells '
                   f'{heading} of you; row there, then call race', CONFLICT, 'move',
                   {'heading': heading, 'steps': str(max(1, min(most, int(away))))},
                   x=x, y=y, distance=tidy(away))


def tell_race(turn, race):
    seconds = max(turn.now, turn.boat.paid) - race.start
    return {'course': race.course, 'seconds': round(seconds, 2),
            'ends_in_s': round(max(FINISH_S - seconds, 0), 2), 'left': list(race.left or (0,))}


def running_race(turn):
    """The race in which the boat is, or None."""
    race = turn.row('races', turn.key)
    if not race or race.seconds or race.end or turn.now > race.start + FINISH_S:
        return None
    return race


def pass_marks(turn, path, began, ended):
    """Where the boat is in a race: has it passed a mark on its way, or even finished?"""
    race = turn.row('races', turn.key)
    if not race or race.seconds or race.end:
        return
    marks = course_of(turn.ocean, race.course).marks
    leg_s = (ended - began) / (len(path) - 1)
    sailed = race
    for number, (here, there) in enumerate(itertools.pairwise(path)):
        start = began + number * leg_s
        sailed = race_after(sailed, marks, (*here, *there), start, start + leg_s)
        if sailed.seconds or sailed.end:
            break
    if sailed is not race:
        turn.put('races', turn.key, left=sailed.left, seconds=sailed.seconds, end=sailed.end)
    if sailed.seconds:
        finish(turn, sailed)


def end_race(turn, why):
    """What is not allowed in a race ends it, and says so."""
    if running_race(turn):
        turn.put('races', turn.key, end=why)
        turn.besides['race'] = f'your race ended: {why}'


def finish(turn, race):
    """A course is finished: the table, the points, the news, and two quests."""
    course, name = course_of(turn.ocean, race.course), turn.boat.name
    points = course_points(course.seconds, race.seconds)
    table = tell_laps(turn.ocean, race.course)
    best = min((lap['seconds'] for lap in table), default=math.inf)
    key = f'{race.course} {turn.key}'
    old = turn.row('laps', key)
    turn.meets('Racer')
    is_near_best = course.seconds >= NEAR_BEST * race.seconds
    is_a_fifth_faster = old and race.seconds <= A_FIFTH_FASTER * old.seconds
    if is_near_best or is_a_fifth_faster:
        turn.meets('Champion')
    if not old or race.seconds < old.seconds:
        turn.put('laps', key, name=name, seconds=race.seconds, points=points, at=turn.true_time)
        win_laurels(turn, race.course, points)
    for old_key in turn.ocean.laps:
        if int(old_key.split()[0]) <= race.course - COURSES_KEPT:
            turn.drop('laps', old_key)
    ending = ', the best so far' if race.seconds < best else ''
    turn.news(f'{name} sailed course {race.course} in {race.seconds:.2f} s{ending}', 'course')
    turn.besides['race'] = f'course {race.course} in {race.seconds:.2f} s: {points} points'


def win_laurels(turn, number, points):
    """A boat's best courses count; a better time pays the difference."""
    won = dict(turn.boat.laurels)
    before = sum(won.values())
    won[number] = max(points, won.get(number, 0))
    best = sorted(won.items(), key=lambda pair: -pair[1])[:LAURELS_KEPT]
    points = sum(points for _, points in best) - before
    turn.steer(laurels=tuple(best), score=turn.boat.score + points)


def rule_regatta(turn, course):
    return tell_laps(turn.ocean, begun_course(turn, course))


def rule_season(turn):
    rows = sorted(turn.ocean.season.values(), key=lambda row: (-row['points'], row['name']))
    return [{'rank': rank, 'name': row['name'], 'points': row['points'], 'rounds': row['rounds']}
            for rank, row in enumerate(rows, 1)]


def rule_news(turn, since):
    return [{'number': int(number), 'time': tell_time(news.at), 'text': news.text}
            for number, news in turn.ocean.news.items() if int(number) > since]


def rule_log(turn):
    lines = tuple(turn.traffic.lines)      # the next one may come in while we read
    rows = []
    for at, status, route, query, said in (line.split(' ', 4) for line in lines):
        rows.append({'time': tell_time(int(at)), 'status': int(status),
                     'request': tell_call(route, dict(pairs_of(query))), 'answer': brief(said)})
    return rows


def rule_chart(turn, since):
    return tell_chart(turn, since)


def rule_health(turn):
    runs = [run for _, run in sorted(turn.ocean.runs.items(), key=lambda row: int(row[0]))]
    halt = runs[-2].how if len(runs) > 1 else 'this is the first run'
    return {'state': 'ok', 'uptime_s': int(max(turn.true_time - runs[-1].began, 0)),
            'players': len(turn.ocean.boats), 'halt': halt}


# --- QUESTS --------------------------------------------------------------------------------------
# A chain of things that a program can newly do, one at a time. To add one: a line in QUESTS, and
# `turn.meets(name)` where it can be seen: in a rule, or in `meet_quests`, which sees each call of a
# boat that was not refused.

class Quest(NamedTuple):
    name: str
    task: str                 # what to do, in words for whoever does it
    call: tuple               # a call that begins it: route, parameters


QUESTS = (
    Quest('First stroke', 'row one cell in any direction', ('move', {'heading': 'north'})),
    Quest('Lookout', 'look around: what is near you, and how far away?', ('look', {})),
    Quest('Looper', 'make ten moves, one after the other, evenly: let a loop do it',
          ('move', {'heading': 'east'})),
    Quest('Phoenix', 'make a mistake, read what the server says, and send the call again, mended',
          ('move', {'heading': 'nroth'})),
    Quest('Over the seam', 'row over the edge of the chart: there x or y jumps, and the ocean '
          'goes on', ('move', {'heading': 'west', 'steps': '5'})),     # 5: also under water
    Quest('Reader', 'look, then row to a treasure that you saw, dive to it, and get it',
          ('look', {})),
    Quest('Cartographer', 'sound the depth at twenty places in one straight row, east-west or '
          'north-south', ('ping', {})),
    Quest('Patient', 'make fifty calls in a row, and none of them too early',
          ('move', {'heading': 'east'})),
    Quest('Navigator', 'say with expect=x,y where a move will end: right twenty times in a row, '
          'three of them over the edge of the chart',
          ('move', {'heading': 'east', 'expect': '0,0'})),
    Quest('Racer', 'sail a course of the regatta: row to mark 0, call race, and pass all the marks',
          ('course', {})),
    Quest('Champion', 'sail the same course once more, a fifth faster than before (or any one '
          'nearly as well as it can be done)', ('race', {})),
    Quest('Magellan', 'go all the way round the planet, east-west and north-south',
          ('move', {'heading': 'north', 'steps': '5'})))
QUEST_NAMES = tuple(quest.name for quest in QUESTS)


class Traffic:
    """What is remembered of one boat's calls, until the server stops: for `log` and the quests."""

    def __init__(self):
        self.lines = collections.deque(maxlen=LOG_KEPT)    # 'second status route query answer'
        self.moves = collections.deque(maxlen=10)          # until when the last ten moves took,
                                                           # as long as Looper is not met
        self.pings = collections.deque(maxlen=20)          # (x, y) of the last soundings
        self.foreseen = collections.deque(maxlen=20)       # the last right `expect`s: over a seam?
        self.last = 0.0           # sea time of the latest call,
        self.at = 0               # and the true time
        self.error = ''           # what the last call was told, if it was refused
        self.same_errors = 0      # how often the same in a row
        self.waiting = 0          # answers that wait for their time just now
        self.failed = ''          # the route of the last call, if it was refused
        self.calm = 0             # calls in a row that were not too early
        self.shown = set()        # names of the treasures and whales that `look` has shown

    def twin(self):
        """The same, to rehearse with. Each part is copied in one step: others may add to it."""
        twin = Traffic()
        for name, value in vars(self).items():
            setattr(twin, name, value.copy() if hasattr(value, 'copy') else value)
        return twin

    def note_error(self, status, said):
        """For the captain: what goes wrong, and how often in a row. Waiting times differ."""
        plain = re.sub('[0-9]+', '0', said) if status != 200 else ''
        if plain != self.error:
            self.same_errors = 0
        if plain:
            self.same_errors += 1
        self.error = plain

    def foresee(self, right, over_seam):
        """Note an `expect`; a wrong one begins the row anew."""
        if not right:
            self.foreseen.clear()
        else:
            self.foreseen.append(over_seam)

    def sounded(self, x, y):
        """Note a sounding. True if the last twenty lie in one row, each at another place."""
        self.pings.append((x, y))
        places = set(self.pings)
        in_a_row = len({y for _, y in places}) == 1 or len({x for x, _ in places}) == 1
        return len(places) == self.pings.maxlen and in_a_row


def meet_quests(turn, call, facts):
    """The quests that can be seen from outside the rules: a call about a boat was not refused."""
    route, traffic = call.route.name, turn.traffic
    traffic.calm += 1
    if route == 'move':
        turn.meets('First stroke')
        if 'Looper' not in turn.boat.badges:
            traffic.moves.append(turn.boat.paid)
            if evenly(traffic.moves):
                turn.meets('Looper')
        if len(traffic.foreseen) == traffic.foreseen.maxlen and sum(traffic.foreseen) >= 3:
            turn.meets('Navigator')
    if traffic.failed == route:
        turn.meets('Phoenix')
    traffic.failed = ''
    if traffic.calm >= 50:
        turn.meets('Patient')
    if route == 'look':
        traffic.shown |= {thing['name'] for thing in facts['things']
                          if thing['kind'] != 'player'}


def evenly(times):
    """True for as many times as are kept, if each pause between two of them differs from the mean
    by less than a third of it and GRACE_S together."""
    if len(times) < times.maxlen:
        return False
    mean = (times[-1] - times[0]) / (len(times) - 1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    return mean > 0 and all(abs(pause - mean) < mean / 3 + GRACE_S for pause in pauses)


def award(turn):
    """Points for the quests, one after the other: what was met early counts when its turn comes."""
    boat, number = turn.boat, turn.boat.quest
    while number < len(QUESTS) and QUESTS[number].name in boat.badges:
        number += 1
        turn.news(f'{boat.name} met quest {number}: {QUESTS[number - 1].name}', 'quest')
        turn.besides['quest'] = f'met: {QUESTS[number - 1].name}'
    if number > boat.quest:
        points = QUEST_POINTS * (number - boat.quest)
        turn.steer(quest=number, score=boat.score + points)


# --- CHANGE --------------------------------------------------------------------------------------
# A change is table -> {key: the new record, or None for gone}. A patch is the same as JSON has it:
# of a record that was there already only the fields that are new (RFC 7396, a merge patch on the
# state document).

def merge(ocean: Ocean, change: dict) -> None:
    """Let a change happen. Playing, replaying and loading all end here."""
    for table, records in change.items():
        rows = getattr(ocean, table)
        for key, new in records.items():
            if table in INDEX:
                INDEX[table](ocean, key, rows.get(key), new)
            if new:
                rows[key] = new
            else:
                rows.pop(key, None)


def index_boat(ocean, key, old, new):
    """Keep the ways to find a boat: by its id, by its square, and whether it sails."""
    index_id(ocean, key, old, new)
    if new:
        ocean.boats_near.put(key, new.x, new.y)
    else:
        ocean.boats_near.drop(key)
    if new and new.speed:
        ocean.sailing.add(key)
    else:
        ocean.sailing.discard(key)


def index_id(ocean, key, old, new):
    """Whose id is it? A boat that goes ashore keeps its own."""
    if new:
        ocean.keys[new.id] = key
    if old and not (new and new.id == old.id):
        others = [ocean.boats.get(key), ocean.ashore.get(key)]
        if not any(other and other is not old and other.id == old.id for other in others):
            ocean.keys.pop(old.id, None)


def index_whale(ocean, name, old, new):
    """A whale that is ridden goes with the boat; another one is in the square where it was put."""
    ocean.ridden.discard(name)
    ocean.things_near.drop(name)
    if new and new.rider:
        ocean.ridden.add(name)
    elif new:
        ocean.whales_swept = -math.inf         # the next look puts it into its square


def index_planet(ocean, key, old, new):
    """A planet has a sea floor, with treasures on it."""
    if new and not (old and new.seed == old.seed):
        for lying in ocean.floor.treasures if old else ():
            ocean.things_near.drop(lying)
        ocean.floor = Seafloor(new.seed)
        ocean.home = ocean.floor.home_bits()
        ocean.courses.clear()
        for lying in ocean.floor.treasures:
            ocean.things_near.put(lying, lying.x, lying.y)


def index_news(ocean, number, old, new):
    """Count the news of each share."""
    if new:
        ocean.news_shares[new.share()] += 1
    if old:
        ocean.news_shares[old.share()] -= 1
        if not ocean.news_shares[old.share()]:
            del ocean.news_shares[old.share()]


INDEX = {'boats': index_boat, 'ashore': index_id, 'whales': index_whale, 'planet': index_planet,
         'news': index_news}


def sweep(ocean, now):
    """Put what moves by itself into the squares where it is by now."""
    if ocean.sailing and not 0 <= now - ocean.swept < SWEEP_S:
        ocean.swept = now
        for key in list(ocean.sailing):
            boat = ocean.boats[key]
            ocean.boats_near.put(key, *place(boat, now))
            if now - boat.at > SAIL_S:             # nobody spoke to it: it has come to rest
                ocean.sailing.discard(key)
    if not 0 <= now - ocean.whales_swept < WHALE_SWEEP_S:
        ocean.whales_swept = now
        for name, whale in ocean.whales.items():
            if name not in ocean.ridden:
                ocean.things_near.put(name, *whale_place(ocean, whale, now))


def patch_of(ocean: Ocean, change: dict) -> dict:
    """The change as the journal has it. A value that its field cannot hold is a bug, named here."""
    patch = {}
    for table, records in change.items():
        rows = getattr(ocean, table)
        patch[table] = {key: fields_of(table, key, rows.get(key), new) if new else None
                        for key, new in records.items()}
    return patch


def fields_of(table, key, old, new):
    """The fields in which a record is not its old one, and what is in them: looked at."""
    before, changed = vars(old) if old else {}, {}
    for name, value in vars(new).items():
        if name not in before or value is not before[name]:
            fits = KINDS[table].get(name)
            if not fits or not fits(value):
                which = f'is no {NAMES_OF_KINDS[fits]}' if fits else 'has no such field'
                raise TypeError(f'a rule wrote {name} = {value!r} into {table} {key}, which '
                                f'{which}; nothing has changed')
            changed[name] = value
    return changed


KINDS = {table: {field.name: field.type for field in fields(record)}
         for table, record in TABLES.items()}
NAMES_OF_KINDS = {value: name for name, value in list(globals().items())
                  if hasattr(value, 'is_kind')}


def change_of(ocean, patch, spare=None, faults=None):
    """What a patch, read from JSON, changes in this ocean. A value that its field cannot hold is
    left out, and said: what `spare`, another ocean, has there takes its place."""
    change = {}
    faults = [] if faults is None else faults
    for table in TABLES:
        rows, records = patch.get(table, {}), {}
        if not isinstance(rows, dict):
            faults.append(f'{table} is no table')
            rows = {}
            records = dict(getattr(spare, table)) if spare else {}
        for key, values in rows.items():
            if fits_table(table, key):
                old = getattr(ocean, table).get(key)
                other = getattr(spare, table).get(key) if spare else None
                records[key] = record_of(table, key, old, values, other, faults)
            else:
                faults.append(f'{table} {shown(key)} is no key')
        if table in NUMBERED:                   # an editor may have sorted them as words
            records = dict(sorted(records.items(), key=lambda row: int(row[0])))
        change[table] = records
    return {table: records for table, records in change.items() if records}


def fits_table(table, key):
    """True for a key as the table has it: a number, a sector's column,row, a treasure's name"""
    if not Text(key):
        return False
    if table in NUMBERED:
        return re.fullmatch('[0-9]{1,15}', key)
    if table in ('sectors', 'depths'):
        found = re.fullmatch('([0-9]{1,2}),([0-9]{1,2})', key)
        return found and int(found[1]) < COLUMNS and int(found[2]) < ROWS
    if table == 'laps':
        return re.fullmatch('[0-9]{1,15} .+', key)
    return key in {'finds': TREASURES, 'planet': ('mocean',)}.get(table, (key,))


def record_of(table, key, old, values, spare, faults):
    """The record after a patch: the old one changed, or a new one; None if it is gone, or cannot be
    one. `spare` is what another ocean has in its place."""
    if values is None:
        return None
    if not isinstance(values, dict):
        faults.append(f'{table} {shown(key)} is no record')
        return spare or old
    good = good_fields(table, key, values, spare, faults)
    if old:
        return old.but(**good)
    missing = [field.name for field in fields(TABLES[table])
               if field.default is MISSING and field.name not in good]
    if missing:
        faults.append(f'{table} {shown(key)} has no {missing[0]}: it is left out')
        return spare
    return TABLES[table](**good)


def good_fields(table, key, values, spare, faults):
    """The values that their fields can hold. Fields that there are not are left out."""
    good = {}
    for name, fits in KINDS[table].items():
        if name in values:
            value = as_tuple(values[name])
            if fits is Letters:
                value = with_times(value)
            if fits(value):
                good[name] = value
                continue
            faults.append(f'{table} {shown(key)}: {name} is {shown(str(value))}')
            if spare:
                good[name] = getattr(spare, name)
    return good


def with_times(letters):
    """Letters from before there was sea time had no time in front: (sender, text)."""
    if not isinstance(letters, tuple):
        return letters
    return tuple((0, *letter) if Words(letter) and len(letter) == 2 else letter
                 for letter in letters)


def as_tuple(value):
    """Records never change: a list in JSON is a tuple here, and so is a list in it."""
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def document_of(ocean: Ocean) -> dict:
    """The whole ocean as one document: what the state file holds."""
    tables = {table: {key: vars(record) for key, record in getattr(ocean, table).items()}
              for table in TABLES}
    return {'number': ocean.number, 'last': ocean.last, 'now': ocean.now,
            'soundings': list(ocean.soundings), **tables}


# --- JOURNAL -------------------------------------------------------------------------------------
# mocean.json is the ocean, whole; mocean.journal has one line per change since then. Each line has
# a number, and one that the state file has already passed does nothing. When a fresh state file is
# due, the journal's page is turned: what was written so far is called mocean.turned.journal, until
# the state file is in place; then the state file before it and this page become the last good copy
# (mocean.last.json, mocean.last.journal). So at each moment two files of each kind know everything.

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
encode = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode
datasync = getattr(os, 'fdatasync', os.fsync)


class Journal:
    """The files of one ocean in one folder, held by one process."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self.path = self.folder / 'mocean.json', self.folder / 'mocean.journal'
        self.last_state = self.folder / 'mocean.last.json'
        self.last_path = self.folder / 'mocean.last.journal'
        self.turned = self.folder / 'mocean.turned.journal'
        self.hold()
        self.file = None          # the journal, open for writing: the number of the file
        self.size = 0             # of what has been written well, bytes
        self.lead = b''           # what the next line has to begin with, after half a line
        self.lines = 0            # that no state file has yet
        self.synced = True        # all that was written is on the disk
        self.doubtful = False     # the disk did not take a sync: only a fresh state file is sure

    def hold(self):
        self.held = hold(self.folder / 'mocean.lock', 'another process has this ocean open '
                         f'({self.folder}); one ocean lives in one process: stop the other one '
                         'first, and start uWSGI with --processes 1')

    def hold_on(self):
        """Somebody tidied up while the game runs: the journal, the lock, or the folder is gone. A
        new journal begins, and a fresh state file with all that is known is due at once."""
        if self.file is not None and not self.path.exists():
            log(f'{self.path} was taken away while the game runs: the ocean is to be written anew')
            os.close(self.file)
            self.file, self.doubtful = None, True        # the next write opens it
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / 'mocean.lock').exists():
            before = self.held
            self.hold()
            before.close()

    def load(self):
        """The ocean as it was answered last."""
        ocean = self.load_state(self.state)
        if not ocean:
            ocean = self.load_state(self.last_state)
            if ocean:
                log(f'{self.state.name} cannot be read or is missing: going on from the last good '
                    'copy and its journal')
        ocean = ocean or Ocean()
        since = ocean.number      # a damaged number in one line must not hide the lines after it
        for path in (self.last_path, self.turned, self.path):
            self.load_lines(ocean, path, since)
        if not ocean.planet:
            ocean = Ocean()
        ocean.season = self.load_season()
        self.open()
        return ocean

    def load_state(self, path):
        """The ocean of a state file, or None. One that cannot be read is set aside."""
        if not path.exists():
            return None
        try:
            document = json.loads(path.read_bytes())
            ocean = read_ocean(document)
            if ocean.faults and path is self.state:
                ocean = read_ocean(document, self.load_spare(ocean.number))
            for fault in ocean.faults[:10]:
                log(f'{path.name}: {fault}; the last good copy has its say there, or nobody')
            if len(ocean.faults) > 10:
                log(f'{path.name}: and {len(ocean.faults) - 10} more of this kind')
            return ocean
        except UNREADABLE as error:
            aside = set_aside(path)
            log(f'{path.name} cannot be read ({brief(str(error))}): it is now called {aside.name}')
            return None

    def load_spare(self, number):
        """The same ocean as the last good copy and its journal have it; None where they do not."""
        try:
            ocean = read_ocean(json.loads(self.last_state.read_bytes()))
            for path in (self.last_path, self.turned):
                for line in lines_of(path):
                    patch = json.loads(line)
                    if ocean.number < patch['number'] <= number:
                        happen(ocean, patch)
            return ocean
        except (OSError, *UNREADABLE):
            return None

    def load_lines(self, ocean, path, since):
        """Let the lines of a journal happen again, in order. Half a line at its end is cut off."""
        good, garbage = 0, 0
        for line in lines_of(path):
            whole = line.endswith(b'\n')
            try:
                patch = json.loads(line)
                number = patch['number']
                if not whole and number != ocean.number + 1:
                    raise ValueError('not the next change')
                if number > since:
                    if number > ocean.number + 1:
                        log(f'{path.name}: changes {ocean.number + 1} to {number - 1} are missing')
                    happen(ocean, patch)
            except UNREADABLE:
                if not whole:
                    break
                garbage += bool(line.strip())
            good += len(line)
        self.mend(path, good, garbage)

    def mend(self, path, good, garbage):
        """After reading a journal: its end is the end of a line, and what is no change is kept."""
        size = path.stat().st_size if path.exists() else 0
        if garbage:
            aside = dated(path)
            log(f'{path.name} has {garbage} lines that are not changes: left out, all kept in '
                f'{aside.name}')
            with contextlib.suppress(OSError):       # a full disk: it is in the journal still
                shutil.copyfile(path, aside)
        if good < size:
            log(f'{path.name} ended in half a line ({size - good} bytes), never answered: cut off')
            os.truncate(path, good)

    def save_season(self, season):
        """Write season.json anew, whole."""
        write_new(self.folder / 'season.json.new', json.dumps(season, ensure_ascii=False, indent=1))
        os.replace(self.folder / 'season.json.new', self.folder / 'season.json')
        sync_folder(self.folder)

    def load_season(self):
        """season.json: what outlives every ocean. Who has won what, by id."""
        path = self.folder / 'season.json'
        try:
            rows = json.loads(path.read_bytes())
            encode(rows).encode()         # what no file could hold is none of ours
            return {id: {'name': str(row['name']), 'points': int(row['points']),
                         'rounds': int(row['rounds']), 'last': int(row.get('last', 0))}
                    for id, row in rows.items()}
        except FileNotFoundError:
            return {}
        except UNREADABLE as error:
            log(f'season.json cannot be read ({error}): it is now called {set_aside(path).name}')
            return {}

    def open(self):
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, 0o666)
        self.size = os.fstat(self.file).st_size
        self.lead = b'' if ends_in_newline(self.path) else b'\n'

    def write(self, ocean, patch, last, now, soundings=()):
        """Write a change down, before anybody hears of it. Where the disk refuses, the journal is
        as it was: half a line is cut off, or made a line of its own by the next one."""
        line = {'number': ocean.number + 1, 'last': last, 'now': now, **patch}
        if soundings:
            line['soundings'] = soundings
        data = self.lead + encode(line).encode() + b'\n'
        try:
            if self.file is None:         # there was no room for a new page
                self.open()
            if os.write(self.file, data) != len(data):
                raise OSError(errno.ENOSPC, 'written in part')
        except OSError as error:
            self.cut_back()
            raise Refusal('the disk of the server is full or broken '
                          f'({os.strerror(error.errno)}); nothing has changed, tell your teacher',
                          AWAY) from error
        self.size += len(data)
        self.lines += 1
        self.lead, self.synced = b'', False
        ocean.number, ocean.last, ocean.now = line['number'], last, now

    def cut_back(self):
        """Half a line may stand at the end: if it cannot be cut off, the next one makes it void."""
        if self.file is not None:
            lead, self.lead = self.lead, HALF_A_LINE
            with contextlib.suppress(OSError):
                os.ftruncate(self.file, self.size)
                self.lead = lead

    def sync(self):
        """What a power cut may take is what came after this."""
        if not self.synced and self.file is not None:
            self.synced = True            # a line that is written meanwhile sets it back
            try:
                datasync(self.file)
            except OSError:
                self.synced, self.doubtful = False, True
                raise

    def turn_page(self):
        """What has been written so far gets another name, until it is in a state file. Returns the
        file, still open, to be synced and closed."""
        if self.turned.exists() or self.file is None:    # a disk that was full: see put_state, open
            return None
        old = self.file
        os.replace(self.path, self.turned)
        self.file = None
        with contextlib.suppress(OSError):       # a full disk: the next write tries again
            self.open()
        return old

    def close_page(self, file):
        """Sync and close a page that was turned. (A failed sync: the state file comes anyway.)"""
        if file is not None:
            with os.fdopen(file, 'ab', buffering=0), contextlib.suppress(OSError):
                datasync(file)

    def put_beside(self, document):
        """An ocean, whole, into a folder with a date in its name. Returns the folder."""
        aside = dated(self.folder / 'before')
        aside.mkdir()
        write_new(aside / 'mocean.json', readable(document))
        return aside

    def put_state(self, document):
        """A fresh state file, whole or not at all; the one before it becomes the last good copy."""
        fresh, text = self.folder / 'mocean.json.new', readable(document)
        write_new(fresh, text)
        if self.state.exists():
            os.replace(self.state, self.last_state)   # a kill just here leaves the copy: enough
        else:
            os.replace(fresh, self.last_state)
            write_new(fresh, text)
        os.replace(fresh, self.state)
        self.doubtful = False
        try:                              # from here on it is in place
            if self.turned.exists():
                os.replace(self.turned, self.last_path)
            sync_folder(self.folder)
        except OSError as error:
            log(f'the disk refuses: {error}; a fresh state file is written again')
            self.doubtful = True

    def close(self):
        if self.file is not None:
            os.close(self.file)
        self.file = None
        self.held.close()


BINARY = getattr(os, 'O_BINARY', 0)              # Windows would write two letters for a newline
HALF_A_LINE = b'#\n'                             # behind it: what was refused is no change


def lines_of(path):
    """The lines of a file, one after the other; none where there is no file."""
    if path.exists():
        with open(path, 'rb') as file:
            yield from file


def ends_in_newline(path):
    """True for an empty file, too."""
    with open(path, 'rb') as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read() in (b'', b'\n')


def read_ocean(document, spare=None):
    """The ocean of a state document, and in `faults` what its fields could not hold."""
    ocean = Ocean()
    ocean.number, ocean.last = document['number'], text_of(document['last'])
    if not Count(ocean.number):
        raise ValueError('its number is no number')
    merge(ocean, change_of(ocean, document, spare, ocean.faults))
    if not ocean.planet:
        raise ValueError('it has no planet')
    ocean.now = document.get('now')
    if not Moment(ocean.now):
        if 'now' in document:             # else it is of a program that had no sea time
            ocean.faults.append(f'now is {shown(str(ocean.now))}')
        ocean.now = spare.now if spare else newest(ocean.boats.values())
    if not take_soundings(ocean, document.get('soundings', ())):
        ocean.faults.append('not all its soundings are soundings')
        if spare:
            ocean.soundings = spare.soundings
    return ocean


def happen(ocean, patch):
    """Let one line of the journal happen."""
    number, last, now = patch['number'], text_of(patch['last']), patch.get('now')
    if not Count(number):
        raise ValueError('its number is no number')
    faults = []
    change = change_of(ocean, patch, None, faults)
    merge(ocean, change)
    ocean.number, ocean.last = max(ocean.number, number), last
    if Moment(now):
        ocean.now = now
    else:                                 # of a program that had no sea time
        ocean.now = max(ocean.now or 0, newest(filter(None, change.get('boats', {}).values())))
    take_soundings(ocean, [[number, *row] for row in patch.get('soundings', ())])
    for fault in faults:
        log(f'change {number}: {fault}; left out')


def text_of(value):
    return value if Text(value) else ''


def take_soundings(ocean, rows):
    """Soundings that the data service may not have yet: number, player, time, x, y, depth. Returns
    whether all of them are."""
    good = [row for row in rows if is_sounding(row)]
    ocean.soundings.extend(good)
    return len(good) == len(rows)


def is_sounding(row):
    return isinstance(row, list) and len(row) == 6 and Text(row[1]) and \
        all(map(is_number, row[:1] + row[2:]))


def newest(boats):
    """The latest moment that the boats remember."""
    return max([0.0, *(max(boat.at, boat.paid) for boat in boats)])


def readable(document: dict) -> str:
    """The document as JSON, one record a line: quick to write, and a person can read it."""
    parts = []
    for name, value in document.items():
        text = encode(value)
        if isinstance(value, dict):
            rows = [f'  {encode(key)}: {encode(values)}' for key, values in value.items()]
            text = '{\n' + ',\n'.join(rows) + '\n }'
        parts.append(f' {encode(name)}: {text}')
    return '{\n' + ',\n'.join(parts) + '\n}\n'


# --- PLAY ----------------------------------------------------------------------------------------

class Clock:
    """Sea time: seconds since the ocean began, while the server was up. It never runs backward,
    whatever the clock of the computer does."""

    def __init__(self, ticks=time.monotonic):
        self.ticks = ticks        # seconds that pass, counted from anywhere
        self.set(0)

    def set(self, now, frozen=False, until=math.inf):
        """Go on from this moment, up to that one; or stand still."""
        self.base, self.start = now, self.ticks()
        self.frozen, self.until = frozen, until

    def stands_at(self, now):
        """Does it stand still at this moment?"""
        return self.frozen or now >= self.until

    def __call__(self):
        if self.frozen:
            return self.base
        return min(round(self.base + self.ticks() - self.start, 6), self.until)


class Diary:
    """The game's log, made for reading: not more than so many lines a second, in all and about one
    boat (or nobody: calls without an id). It says how many it left out."""

    def __init__(self, ticks):
        self.ticks = ticks        # seconds that pass, counted from anywhere
        self.lock, self.second = threading.Lock(), 0
        self.lines, self.left_out = collections.Counter(), 0

    def say(self, text, who=''):
        """One line, about this boat."""
        with self.lock:
            self.next_second()
            self.lines[who] += 1
            if self.lines.total() > LOG_LINES_PER_S or self.lines[who] > LOG_LINES_OF_ONE_PER_S:
                self.left_out += 1
                return
        log(text)

    def next_second(self):
        """A new second begins; say what was left out in the one before."""
        second = int(self.ticks())
        if second != self.second:
            if self.left_out:
                log(f'({self.left_out} lines are left out here: too many for one second)')
            self.second, self.left_out = second, 0
            self.lines.clear()


class Sea:
    """The running game: one ocean, its journal, its clocks and dice, and one lock."""

    def __init__(self, folder, clock=None, dice=None, calendar=time.time, sleep=None):
        self.folder = pathlib.Path(folder)
        self.clock = Clock(clock or time.monotonic)         # sea time
        self.calendar = calendar                            # true time
        self.offset = calendar() - self.clock.ticks()       # true time less ticks: see check_clock
        self.sleep = sleep        # how an answer waits for its time; None: as time.sleep does
        self.dice = dice or random.SystemRandom()
        self.lock, self.tending = threading.RLock(), threading.Lock()
        self.process = None       # the process in which the sea is open
        self.closing = threading.Event()
        self.watch = None         # called as soon as the sea is open: see keep_watch
        self.ocean = self.journal = None
        self.diary = Diary(clock or time.monotonic)
        self.calls = collections.defaultdict(Traffic)    # key -> what is remembered of its calls
        self.feed = None          # what is remembered of the charts that were told
        self.called = False       # somebody has called since sea time was last written down
        self.moved = set()        # keys of the boats that have changed since data.py last asked
        self.routes = dict(BY_NAME)                      # name -> Route, those of riders too
        self.riders = []          # who rides along: see Rider
        self.captain_key = ''     # the teacher's secret; '' where there is no captain
        self.collects = False     # soundings wait for the data service
        self.tended = self.state_at = 0.0                # sea time

    def open(self) -> None:
        """Load the ocean, once, in the process that serves it: never before a fork."""
        with self.lock:
            if self.process == os.getpid():
                return
            self.journal = Journal(self.folder)
            try:
                self.ocean = self.journal.load()
                if not self.collects:
                    self.ocean.soundings.clear()         # no data service lies beside this file
                self.set_clock(self.ocean.now or 0.0)
                self.feed = Feed(round(self.calendar(), 3), self.clock.ticks)
                begin_run(self)
            except BaseException:
                self.journal.close()      # else this very process would stand in its own way
                raise
            self.process = os.getpid()
            atexit.register(self.close)
            threading.Thread(target=keep_tending, args=(self,), daemon=True).start()
            if self.watch:
                self.watch()

    def close(self) -> None:
        """An orderly end: a bonus, never relied upon."""
        atexit.unregister(self.close)
        with self.tending, self.lock:      # in this order, as tend takes them
            if self.process == os.getpid():
                self.process = None
                self.closing.set()
                end_run(self)
                self.journal.close()
                for rider in self.riders:
                    try:
                        rider.end()
                    except (Exception, SystemExit):    # the others must end, too
                        log('a rider could not end in good order:\n' + traceback.format_exc())

    def set_clock(self, now: float) -> None:
        """Sea time goes on from this moment: not while the sea is frozen, and not beyond the end of
        a round."""
        planet = self.ocean.planet.get('mocean')
        current = self.ocean.rounds.get('now')
        until = current.until if current and current.state == 'running' else math.inf
        self.clock.set(now, bool(planet and planet.frozen), until)

    def is_frozen(self) -> bool:
        """True while no boat may act."""
        return self.clock.stands_at(self.clock())

    def say(self, text: str, who: str = '') -> None:
        """A line for the log; ids, and the captain's key, are masked wherever they came in."""
        if self.captain_key:
            text = text.replace(self.captain_key, '********')
        self.diary.say(masked(self.ocean, text), who)


def masked(ocean: Ocean, line: str) -> str:
    """A line for the server's log: whatever is or holds somebody's id is masked."""
    def mask(word):
        plain = unicodedata.normalize('NFKC', word[0]).casefold()
        inside = (plain[at:at + ID_LENGTH] for at in range(len(plain) - ID_LENGTH + 1))
        return '********' if any(id in ocean.keys for id in inside) else word[0]
    return re.sub(rf'[^\W_]{{{ID_LENGTH},}}', mask, line) if ocean else line


def play(sea: Sea, call: Call) -> dict:
    """One turn: the rule decides -> the journal is written -> merge lets it happen. Returns the
    facts to tell."""
    with sea.lock:
        turn = begin_turn(sea, call)
        facts = stored_reply(turn, call)
        if facts is not None:
            return facts
        facts = take_turn(sea, call, turn)
    if turn.story and (LOG_ALL or call.route.loud):
        sea.say(turn.story, turn.key)
    if turn.now - sea.tended > 5:      # no thread tends the sea: an old uWSGI
        tend(sea)
    if turn.wait_s:
        wait(sea, turn.traffic, turn.wait_s)
    return with_besides(turn, call, facts)


def with_besides(turn, call, facts):
    """The facts; in JSON also those that the turn tells besides."""
    return {**facts, **turn.besides} if call.form == 'json' else facts


def take_turn(sea, call, turn):
    """The rule decides, and what it has written happens; of a refused call what it has kept."""
    try:
        facts = decide(turn, call)
    except Refusal:
        turn.change, turn.soundings = turn.kept, []
        with contextlib.suppress(Refusal):      # a full disk; what the call got wrong is said
            commit(sea, call, turn)
        raise
    commit(sea, call, turn)
    return facts


def wait(sea, traffic, seconds):
    """The time that a call costs; the lock is not held."""
    traffic.waiting += 1
    try:
        (sea.sleep or time.sleep)(seconds)
    finally:
        traffic.waiting -= 1


def begin_turn(sea, call):
    """A fresh sheet for whoever calls."""
    if sea.process != os.getpid():
        sea.open()
    sea.called = True
    now = sea.clock()
    key = aboard(sea.ocean, call, now) if call.route.mine else ''
    turn = Turn(sea.ocean, now, round(sea.calendar(), 3), sea.dice, key, sea.calls, sea.feed)
    turn.frozen = sea.clock.stands_at(now)
    return turn


def decide(turn, call):
    """The rule writes its sheet and tells the facts, or refuses."""
    route = call.route
    if route.mine and route.changes and turn.frozen:
        raise Refusal('the sea is frozen, eyes on the teacher', AWAY, wait_s=2)
    sweep(turn.ocean, turn.now)
    if route.mine:
        arrive(turn)
    facts = follow(route, turn, call.values)
    if route.mine and turn.row('boats', turn.key):
        settle(turn, call, facts)
    if call.n and turn.key:
        keep_reply(turn, call, facts)
    return facts


def follow(route, turn, values):
    """Let the rule of a route decide: the facts, as a dict, or a Refusal."""
    try:
        facts = route.rule(turn, **values)
    except Exception as error:
        if isinstance(error, Refusal) or not looks_like_refusal(error):
            raise
        raise Refusal(error.words, error.status, error.route, error.fix, **error.numbers) from error
    if isinstance(facts, list):
        facts = {route.many: facts}
    if not isinstance(facts, dict):
        raise TypeError(f'{route.rule.__name__} returned {facts!r}; a rule returns the facts to '
                        'tell, as a dict or a list of dicts')
    return facts


def looks_like_refusal(error):
    """A rider's Refusal is not ours: it is known by what it has."""
    return all(hasattr(error, name) for name in ('words', 'status', 'route', 'fix', 'numbers'))


def settle(turn, call, facts):
    """After any rule, if the boat is still there: the price of the call, and quests."""
    route = call.route
    if (route.costs or call.n) and not turn.has_paid:
        charge_cell(turn)
    if route.changes and not turn.boat.acted:
        turn.steer(acted=True)
    meet_quests(turn, call, facts)
    if not turn.frozen:
        award(turn)


def commit(sea, call, turn):
    """Write the change into the journal, then let it happen. Where the disk refuses, who only looks
    is answered all the same; what would have come with it waits for the next call."""
    if not turn.change or (not call.route.changes and is_small_way(turn)):
        return
    name = turn.boat.name if turn.boat else 'somebody'
    soundings = tell_soundings(turn) if turn.soundings else []
    try:
        sea.journal.write(sea.ocean, patch_of(sea.ocean, turn.change),
                          f'{name} called {call.route.name}', turn.now, soundings)
    except Refusal:
        if call.route.changes:
            raise
        return
    merge(sea.ocean, turn.change)
    if sea.collects:
        sea.moved.update(turn.change.get('boats', ()))
        take_soundings(sea.ocean, [[sea.ocean.number, *row] for row in soundings])
    if turn.key not in sea.ocean.boats:
        sea.calls.pop(turn.key, None)      # who comes next under this name starts anew


def is_small_way(turn):
    """True where nothing happened but less than a cell's way under sail: it waits for more."""
    boat = turn.ocean.boats.get(turn.key)
    if list(turn.change) != ['boats'] or not boat or turn.now - boat.at > 1 / HULL_CELLS_PER_S:
        return False
    changed = {name for name, value in vars(turn.boat).items() if value is not getattr(boat, name)}
    return changed <= {'x', 'y', 'z', 'at', 'paid'}


def tell_soundings(turn):
    """What was measured, for the data service: player, time, x, y, depth."""
    return [[turn.boat.name, int(turn.true_time), *sounding] for sounding in turn.soundings]


def rehearse(sea: Sea, call: Call) -> dict:
    """Raise the Refusal that a call would meet at this moment, or return its facts: a turn of which
    nothing comes."""
    with sea.lock:
        turn = begin_turn(sea, call)
        turn.traffic = turn.traffic.twin() if turn.traffic else None
        facts = stored_reply(turn, call)
        if facts is not None:
            return facts
        facts = decide(turn, call)
        return with_besides(turn, call, facts)


def aboard(ocean, call, now):
    """The key of the boat that calls."""
    key = ocean.keys.get(call.id)
    if key in ocean.boats:
        return key
    if key in ocean.ashore:
        reply = find_reply(ocean, key, call)
        if reply and now < reply.at + REPLY_S:           # it quit, and asks once more
            return key
        name = ocean.ashore[key].name
        raise Refusal(f'{name} has sailed home; join with the id brings it back', CONFLICT, 'join',
                      {'name': name})
    if key_of(call.id) in ocean.boats:
        why = f'{call.id} is a name, and no secret'
    elif len(call.id) != ID_LENGTH:
        why = f'{shown(call.id)} is {len(call.id)} long'
    else:
        why = f'nobody aboard has the id {shown(call.id)}'
    raise Refusal(f'{why}; {NO_ID}', UNKNOWN, 'join', {'id': None, 'name': 'ada'})


def caller(sea, pairs):
    """The key of the boat whose id came with a request, or None."""
    if sea.ocean:
        for name, text in pairs:
            if name == 'id':
                return sea.ocean.keys.get(text.strip(QUOTES).lower())
    return None


def asked(call):
    """What a call asks for, so that it can be compared, and told."""
    values = {name: call.values.get(name) for name in call.route.known}
    return encode({name: ','.join(map(str, value)) if isinstance(value, tuple) else value
                   for name, value in values.items() if value is not None})


def find_reply(ocean, key, call):
    """The reply stored under this name of a call, or None."""
    if not call.n or not key:
        return None
    for slot in reply_keys(key):
        reply = ocean.replies.get(slot)
        if reply and (reply.route, reply.n) == (call.route.name, call.n):
            return reply
    return None


def stored_reply(turn, call):
    """What was answered to the very same call within the last minute, or None."""
    reply = find_reply(turn.ocean, turn.key, call)
    if not reply or turn.now >= reply.at + REPLY_S:
        return None
    if reply.asked != asked(call):
        before = tell_call(call.route.name, json.loads(reply.asked))
        free = next(str(number) for number in itertools.count(1)
                    if not find_reply(turn.ocean, turn.key, call._replace(n=str(number))))
        raise Refusal(f'n={call.n} has just been the name of another call: {before}; each new call '
                      'needs a new n', CONFLICT, fix={'n': free})
    besides = json.loads(reply.besides) if call.form == 'json' else {}
    return {**json.loads(reply.facts), **besides, 'repeated': True}


def keep_reply(turn, call, facts):
    """Store the reply under the player's own name for the call, in the same line of the journal."""
    old = find_reply(turn.ocean, turn.key, call)
    slots = reply_keys(turn.key)
    slot = slots[turn.boat.replies % REPLIES_KEPT]
    if old:
        slot = next(slot for slot in slots if turn.ocean.replies.get(slot) is old)
    turn.put('replies', slot, route=call.route.name, n=call.n, asked=asked(call),
             facts=encode(facts), besides=encode(turn.besides), at=turn.now)
    if turn.row('boats', turn.key):
        turn.steer(replies=turn.boat.replies + 1)


def note_call(sea, route, pairs, query, status, said):
    """Remember a call for the player's `log`; a refused one may become a quest."""
    if not sea.ocean:
        return
    key = caller(sea, pairs)
    if key not in sea.ocean.boats:
        if status == 200:
            return
        key = ''                       # the mistakes of nobody aboard
    traffic = sea.calls[key]
    traffic.last, traffic.at = sea.clock(), int(sea.calendar())
    traffic.lines.append(f'{traffic.at} {status} {route.name} {query[:500]} {said[:200]}')
    if status == AWAY:                 # a frozen sea, a full disk: no mistake of the caller's
        return
    traffic.note_error(status, said)
    if status == EARLY:
        traffic.calm = 0
    elif status != 200:
        traffic.failed = route.name


def keep_tending(sea):
    while not sea.closing.wait(SYNC_S):
        tend(sea)


def tend(sea):
    """Once a second, off the path of any request. What the game needs comes before what its riders
    do, and none of these can keep another one from its work."""
    if not sea.tending.acquire(blocking=False):
        return
    try:
        sea.tended = sea.clock()
        own = (sync, check_clock, send_home, forget_calls, save_when_due)
        tasks = [functools.partial(task, sea) for task in own]
        for task in tasks + [rider.tend for rider in sea.riders]:
            try:
                task()
            except OSError as error:
                log(f'the disk refuses: {error}; the game goes on, and this is tried again')
            except (Exception, SystemExit):    # the sea must be tended as long as the game runs
                log('tending the sea failed:\n' + traceback.format_exc())
        sea.diary.next_second()
    finally:
        sea.tending.release()


def sync(sea):
    """Bring the journal to the disk. Sea time goes in, too, where somebody has asked for it: after
    a kill it goes on from no more than TIME_S earlier."""
    with sea.lock:
        sea.journal.hold_on()
    if sea.called and sea.tended >= sea.ocean.now + TIME_S:
        sea.called = False
        with sea.lock, contextlib.suppress(Refusal):
            sea.journal.write(sea.ocean, {}, sea.ocean.last, sea.clock())
    sea.journal.sync()


def check_clock(sea):
    """The computer's clock may jump; the game's does not."""
    offset = sea.calendar() - sea.clock.ticks()
    if abs(offset - sea.offset) > 5:
        log(f'the clock of this computer was put {offset - sea.offset:+.0f} s: news and data tell '
            'the new time, and the game goes on by its own')
    sea.offset = offset


def send_home(sea):
    """Boats that quit, and waited in vain for their owners, are gone for good; in a crowd those
    that only joined go ashore, from where their id brings them back."""
    with sea.lock:
        ocean = sea.ocean
        turn = Turn(ocean, sea.clock(), round(sea.calendar(), 3))
        for key in gone_for_good(turn):
            forget(turn, key)
            sea.calls.pop(key, None)
        if len(ocean.boats) > CROWD_BOATS:
            for key, boat in ocean.boats.items():
                if not (boat.acted or boat.enlisted) and turn.now > boat.joined + IDLE_S:
                    go_ashore(turn, key)
        if turn.change:
            with contextlib.suppress(Refusal):
                sea.journal.write(ocean, patch_of(ocean, turn.change), ocean.last, turn.now)
                merge(ocean, turn.change)


def forget_calls(sea):
    """In a crowd only who called lately is remembered: the calls of thousands fill the memory."""
    if len(sea.calls) > CROWD_BOATS:
        for key, traffic in list(sea.calls.items()):
            if sea.tended > traffic.last + IDLE_S:
                sea.calls.pop(key, None)


def gone_for_good(turn):
    """The boats ashore that nobody can bring back any more: who quit, after a while; of those that
    only joined, the oldest."""
    ashore = turn.ocean.ashore
    left = [key for key, boat in ashore.items() if boat.acted and turn.now > boat.left + ASHORE_S]
    idle = [key for key, boat in ashore.items() if not boat.acted]
    return left + idle[:max(len(idle) - ASHORE_KEPT, 0)]


def save_when_due(sea):
    """A fresh state file after so many lines, or so many seconds."""
    lines = sea.journal.lines
    due = lines and sea.tended - sea.state_at >= STATE_S
    if due or lines >= JOURNAL_LINES or sea.journal.doubtful:
        save(sea)


def save(sea: Sea) -> None:
    """Write a fresh state file, and turn the page of the journal. The lock is held only to take the
    picture."""
    sea.state_at = sea.clock()
    with sea.lock:
        document = document_of(sea.ocean)
        lines, old = sea.journal.lines, sea.journal.turn_page()
    sea.journal.close_page(old)
    sea.journal.put_state(document)
    sea.journal.lines -= lines


def renew(sea: Sea, ocean: Ocean) -> pathlib.Path:
    """Another ocean takes the place of this one, whole or not at all. What was there stays beside
    it, in a folder with a date in its name. Returns the folder. Who calls this holds `tending` and
    `lock`."""
    aside = sea.journal.put_beside(document_of(sea.ocean))
    ocean.number = 1 + max(ocean.number, sea.ocean.number)      # no line of a journal fits it
    ocean.runs, ocean.season = sea.ocean.runs, sea.ocean.season
    sea.journal.close_page(sea.journal.turn_page())
    sea.journal.put_state(document_of(ocean))
    sea.journal.lines = 0
    sea.ocean = ocean
    sea.calls.clear()
    sea.feed.forget()
    sea.moved.clear()
    sea.set_clock(ocean.now)
    sea.journal.doubtful = True
    with contextlib.suppress(OSError):        # the copy, too; where that fails, within a second
        save(sea)
    return aside


def measured(sea: Sea) -> tuple:
    """What the data service has not had yet: (tracks, soundings, the number of the last change).
    tracks are [player, time, x, y, z], one for each boat that moved; soundings [player, time, x, y,
    depth]."""
    with sea.lock:
        keys, sea.moved = sea.moved | sea.ocean.sailing, set()
        boats = [sea.ocean.boats[key] for key in keys if key in sea.ocean.boats]
        soundings = [row[1:] for row in sea.ocean.soundings]
        now, true_time, number = sea.clock(), int(sea.calendar()), sea.ocean.number
    tracks = [[boat.name, true_time, *place(boat, now), boat.z] for boat in boats
              if not boat.speed or now - boat.at <= SAIL_S]
    return tracks, soundings, number


def handed_over(sea: Sea, number: int) -> None:
    """The data service has all soundings up to this change, safely on the disk."""
    with sea.lock:
        soundings = sea.ocean.soundings
        while soundings and soundings[0][0] <= number:
            soundings.popleft()


# --- RUNS ----------------------------------------------------------------------------------------

def begin_run(sea):
    """Begin a game where there is none; say how the last run ended; note that a new one begins."""
    ocean, change = sea.ocean, {}
    true_time = round(sea.calendar(), 3)
    if not ocean.planet:
        merge(ocean, new_planet(sea.dice.getrandbits(64), true_time))
        ocean.now = 0.0
    number = max(map(int, ocean.runs), default=0)
    if number:
        run = ocean.runs[str(number)]
        last = masked(ocean, ocean.last) or 'nothing'
        how = run.how or 'ended without a goodbye: killed, crashed, or the power failed; ' \
            f'the last thing that happened was: {last}'
        log(f'run {number} began {tell_time(run.began)} and {how}')
        change = {str(number): run.but(how=how), str(number - RUNS_KEPT): None}
    merge(ocean, {'runs': {**change, str(number + 1): Run(began=true_time)}})
    log(f'run {number + 1} begins: {len(ocean.boats)} boats, change number {ocean.number}')
    sea.tended = sea.clock()
    try:
        for _ in range(2):        # the state file, and its copy: both journals have done their work
            save(sea)
    except OSError as error:
        if not number:
            raise                 # a planet that is not written down would be another one next time
        log(f'no fresh state file could be written: {error}; the journal goes on')


def end_run(sea):
    """Note that the run ended in good order."""
    number, now = str(max(map(int, sea.ocean.runs))), round(sea.calendar(), 3)
    how = f'ended in good order at {tell_time(now)}'
    change = {'runs': {number: sea.ocean.runs[number].but(ended=now, how=how)}}
    patch = {'runs': {number: vars(change['runs'][number])}}     # whole: its beginning may be lost
    with contextlib.suppress(OSError, Refusal):
        sea.journal.write(sea.ocean, patch, sea.ocean.last, sea.clock())
        merge(sea.ocean, change)
        sea.journal.sync()
    log(f'run {number} ends in good order')


# =================================================================================================
# PART 3  THE DOORS
# =================================================================================================

# --- COMMON --------------------------------------------------------------------------------------
# What mocean.py, steps.py and data.py all need. Each of them runs alone, so each has this section,
# word for word the same: change it in one and copy it into the others; a test compares them.

WRONG, UNKNOWN, NOT_GET, CONFLICT, EARLY, BUG, AWAY = 400, 404, 405, 409, 429, 500, 503
TEXT, JSON = 'text/plain; charset=utf-8', 'application/json; charset=utf-8'
HTML = 'text/html; charset=utf-8'
ALWAYS = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff'),
          ('Access-Control-Allow-Origin', '*'), ('Access-Control-Expose-Headers', '*')]
METHODS = 'GET, HEAD, OPTIONS'
MAY = [('Access-Control-Allow-Methods', METHODS),
       ('Access-Control-Allow-Headers', '*'), ('Access-Control-Max-Age', '86400')]
MISTAKE = 'the server has a bug here; its log says where, tell your teacher'


class Refusal(Exception):
    """What came cannot be done: a sentence that teaches, and what a better call is like.

    words    what came, what is wrong with it, what works
    status   the number that HTTP has for this kind: WRONG, UNKNOWN, CONFLICT, ...
    route    the name of the better call; '' for the same one
    fix      the parameters that it has other than this one; None leaves one out
    numbers  the same facts for programs: wait_s, ...
    """

    def __init__(self, words, status=WRONG, route='', fix=None, **numbers):
        super().__init__(words)
        self.words, self.status, self.route = words, status, route
        self.fix, self.numbers = fix or {}, numbers


def log(text):
    """Say something to whoever watches the server. Where nobody can read it, the game goes on."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def shown(text):
    """What somebody sent, safe to print: short, no control characters, in quotes."""
    return repr(text if len(text) <= 40 else text[:40] + '...')


def bare(text):
    """The same without the quotes."""
    return shown(text)[1:-1]


# Files: nothing is ever overwritten but by its whole successor.

def hold(path, words, fix=None):
    """Hold a file as long as this process lives; a second process is refused, in these words."""
    file = open(path, 'ab')                                # noqa: SIM115 (it stays open)
    try:
        if os.name == 'nt':
            import msvcrt
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise Refusal(words, AWAY, fix=fix) from None
    return file


def set_aside(path):
    """Give a file a name with the date. Returns the new path."""
    return path.rename(dated(path))


def dated(path):
    """The path with the date (UTC) behind it: a name that is still free."""
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime('-%Y%m%d-%H%M%S')
    aside = path.with_name(path.name + stamp)
    while aside.exists():
        aside = aside.with_name(aside.name + '+')
    return aside


def write_new(path, text):
    """Write a file and see it on the disk; where there is no room, no half of it stays."""
    content = text.encode()
    try:
        with open(path, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def sync_folder(folder):
    """See on the disk which names the files of a folder have. (Windows does so by itself.)"""
    if os.name != 'nt':
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# What came: the address, the query, the wanted form, a name.

HOST = re.compile(r'(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?')
PREFIX = re.compile(r'(?:/[a-z0-9-]{1,63})*')
FORMS = {'application/json': 'json', 'text/html': 'html', 'text/plain': 'text', '*/*': 'text'}
ROBOTS = re.compile(r'(?i)facebookexternalhit|whatsapp|skypeuripreview|googlebot|bingbot|slackbot'
                    r'|discordbot|telegrambot|twitterbot|linkedinbot|applebot|link.?preview')


def base_of(environ):
    """http://host:port as the asker reached this server, and the prefix that a front has for it.
    A header that is not what it should be is not repeated."""
    host = environ.get('HTTP_HOST', '')
    if not HOST.fullmatch(host):
        host = f'{environ.get("SERVER_NAME", "localhost")}:{environ.get("SERVER_PORT", "8080")}'
    prefix = environ.get('HTTP_X_FORWARDED_PREFIX', '').rstrip('/')
    if not PREFIX.fullmatch(prefix):
        prefix = ''
    schemes = environ.get('HTTP_X_FORWARDED_PROTO'), environ.get('wsgi.url_scheme')
    return f'{"https" if "https" in schemes else "http"}://{host}{prefix}'


def call_of(base, name, texts):
    """A call as a whole URL, with these parameters."""
    pairs = [f'{urllib.parse.quote(key)}={urllib.parse.quote(str(text), safe=",:")}'
             for key, text in texts.items()]
    return f'{base}/{name}' + ('?' if pairs else '') + '&'.join(pairs)


def pairs_of(query):
    """The text of a query string -> [(name, text), ...]. What is no UTF-8 becomes \ufffd."""
    if query.isascii() and '%' not in query and '+' not in query:      # nearly every call
        return [pair.partition('=')[::2] for pair in query.split('&') if pair]
    query = query.encode('latin-1', 'replace').decode('utf-8', 'replace')
    return urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace')


def wanted_form(environ, texts):
    """'text', 'json' or 'html': what format= says, else what the Accept header likes best."""
    asked = texts.get('format', '').strip().casefold()
    if asked in ('text', 'json'):
        return asked
    accept = environ.get('HTTP_ACCEPT', '*/*')
    if accept == '*/*':                                    # nearly every program
        return 'text'
    form, liked = 'text', (0, True)                        # a weight of 0 means: never
    for part in accept.casefold().split(','):
        kind, *more = part.replace(' ', '').split(';')
        weight = next((word[2:] for word in more if word.startswith('q=')), '1')
        if kind in FORMS and re.fullmatch(r'[01](\.[0-9]{0,3})?', weight):
            liking = float(weight), kind != '*/*'
            if liking > liked:
                form, liked = FORMS[kind], liking
    return form


def sent_by_nobody(environ):
    """Words, where a browser or a robot sent this without being asked to; else ''."""
    for header in ('HTTP_SEC_PURPOSE', 'HTTP_PURPOSE', 'HTTP_X_PURPOSE', 'HTTP_X_MOZ'):
        if header in environ and 'pre' in environ[header].casefold():
            return 'this was your browser guessing ahead; type the call yourself and it counts'
    if ROBOTS.search(environ.get('HTTP_USER_AGENT', '')):
        return 'this was a robot that previews links; type the call yourself and it counts'
    return ''


NAME_RULE = '1 to 20 letters or digits of one script, and not "all"'
NAME_KINDS = ('Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Nd', 'Mn', 'Mc', 'Me')      # letters, digits, marks
CJK = ('CJK', 'IDEOGRAPHIC', 'HIRAGANA', 'KATAKANA', 'HANGUL', 'BOPOMOFO')
INVISIBLE = re.compile('[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0'
                       '\U000e0100-\U000e01ef]')
LOOK_ALIKES = str.maketrans('аеорсухіјѕһкмтвнԁοανρτικυχεıɑɡ', 'aeopcyxijshkmtbhdoavptikuxeiag')


def tidy_name(text):
    """The name that a text can be: 1 to 20 letters or digits of one script; '' if it can be none.
    A letter may have marks, three at the most; none may be invisible. "all" means everybody."""
    text = INVISIBLE.sub('', unicodedata.normalize('NFKC', text[:200].strip()))
    kept = [letter for letter in text if unicodedata.category(letter) in NAME_KINDS]
    first = next(filter(None, map(script_of, kept)), '')
    name = ''.join(letter for letter in kept if script_of(letter) in ('', first))
    name = unicodedata.normalize('NFKC', name)             # a mark may now join another letter
    name = re.sub(r'^\W+|(?<=\W\W\W)\W+', '', name)[:20]    # of what is kept, only marks are \W
    return '' if key_of(name) == 'all' else name


def script_of(letter):
    """'LATIN', 'CYRILLIC', 'GREEK', ...; Chinese, Japanese and Korean are one; '' for a digit."""
    if not letter.isalpha():
        return ''
    script = re.split('[ -]', unicodedata.name(letter, 'NONE'))[0]
    return 'CJK' if script in CJK else script


def key_of(name):
    """One key for all names that a reader could take for each other: ADA, ada, a Cyrillic Ada."""
    plain = unicodedata.normalize('NFKC', name.casefold()).translate(LOOK_ALIKES)
    dotted_once = re.sub('(?<=[ij])\u0307+', '', plain)
    return unicodedata.normalize('NFKC', dotted_once)


# What goes back.

def answer(body, kind=TEXT, status=200, **headers):
    """A whole answer. Headers are written with _ for -."""
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    return bottle.HTTPResponse(body, status, {'Content-Type': kind, **headers})


def error_form(refusal, works, form):
    """The one form of every error: what came, what works, and a call that does."""
    wait = refusal.numbers.get('wait_s')
    headers = {} if wait is None else {'Retry_After': str(math.ceil(wait))}
    if refusal.status == NOT_GET:
        headers['Allow'] = METHODS
    if form == 'json':
        facts = {'error': refusal.words, 'try': works, 'status': refusal.status, **refusal.numbers}
        return answer(json.dumps(facts, ensure_ascii=False), JSON, refusal.status, **headers)
    text = f'{refusal.words}\ntry: {works}'
    return (large_type if form == 'html' else answer)(text, status=refusal.status, **headers)


LARGE_TYPE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The server answers</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; }}
pre {{ font: 20px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style></head><body><main><pre>{}</pre></main></body></html>"""
PLAIN_PAGE = "default-src 'none'; style-src 'unsafe-inline'"


def large_type(text, status=200, **headers):
    """A text in a browser: a phone shows it small, if nobody tells it otherwise."""
    return answer(LARGE_TYPE.format(html.escape(text)), HTML, status,
                  Content_Security_Policy=PLAIN_PAGE, **headers)


def wsgi(app):
    """The WSGI application: the same headers on every answer; OPTIONS; /health/ is /health."""
    def application(environ, start_response):
        def start(status, headers, exc_info=None):     # uWSGI throws away what comes with exc_info
            said = dict(headers)
            kept = [pair for pair in ALWAYS if pair[0] not in said]
            return start_response(status, headers + kept)
        if environ['REQUEST_METHOD'] == 'OPTIONS':
            start('204 No Content', MAY)
            return []
        environ['asked.path'] = environ.get('PATH_INFO', '')
        environ['PATH_INFO'] = '/' + environ['asked.path'].strip('/')
        return app(environ, start)
    return application


# `python mocean.py`: Python's own server, and two processes, as Bottle's reloader has it.

class ThreadedServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """Bottle's own server, with a thread for each call: a whole class can wait at once."""
    daemon_threads = True
    allow_reuse_address = os.name != 'nt'       # on Windows it would let two servers share a port
    request_queue_size = 128

    def __init__(self, address, handler):
        if socket.has_dualstack_ipv6():         # on Windows localhost means IPv6 first
            self.address_family, address = socket.AF_INET6, ('::', address[1])
        if handler:                             # try_port has none
            handler.log_error = no_http
            handler.timeout = 60                # seconds: who is silent so long keeps no thread
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        """Who hangs up in the middle, or is silent, is no bug of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
        socketserver.TCPServer.server_bind(self)       # HTTPServer's would look up a name first
        self.server_name, self.server_port = 'localhost', self.server_address[1]
        self.setup_environ()


def no_http(handler, *_):
    """One line about a request that is none: what came may be long, and not for a terminal."""
    log(f'{handler.client_address[0]} sent something that is not HTTP: https:// for http://?')


def port():
    """Where `python mocean.py` listens: PORT in the environment, or 8080."""
    text = os.environ.get('PORT', '8080')
    if re.fullmatch('[0-9]{1,5}', text) and 0 < int(text) < 65_536:
        return int(text)
    sys.exit(f'PORT was {text!r}; it is a number from 1 to 65535, such as PORT=8081')


def launch(title, page='/'):
    """The first process says where the game is and then only keeps the second one running, which
    comes back from here and plays."""
    if sys.stderr is None:                    # pythonw: nobody reads along
        sys.stderr = open(os.devnull, 'w')    # noqa: SIM115 (it stays open)
    with contextlib.suppress(OSError, ValueError, AttributeError):     # IDLE: not a real file
        faulthandler.enable()
    if os.environ.get('BOTTLE_CHILD'):
        hear_signals()
        return
    try_port(title)
    others = ''.join(f', on other computers here http://{address}:{port()}{page}'
                     for address in own_addresses()[:1])
    log(f'{title}: open http://localhost:{port()}{page} in a browser{others}. '
        'Ctrl-C stops the game, and it is kept.')
    sys.exit(keep_playing())


def hear_signals():
    """The second process ends with the first, and Bottle's reloader can always interrupt it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:          # nohup python mocean.py &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()


def try_port(title):
    """End with one sentence where the port cannot be had."""
    try:
        with socket.socket() as probe:          # macOS would share a port: one has IPv4, one IPv6
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name != 'nt')
            probe.bind(('0.0.0.0', port()))
        ThreadedServer(('0.0.0.0', port()), None).server_close()
    except PermissionError:
        sys.exit(f'Port {port()} is not for everybody on this computer; choose another: PORT=8081')
    except OSError:
        sys.exit(f'Port {port()} is taken: is {title} running already? '
                 'Stop it, or choose another: PORT=8081')


def keep_playing():
    """Start the program again and again: after a change of a file at once, after a mistake in one
    when it is mended. (Bottle's own parent ends for good at a mistake, and when the computer
    sleeps: its child looks at how old a file is. This file is from the future.)"""
    handle, lock = tempfile.mkstemp(prefix='bottle.', suffix='.lock')
    os.close(handle)
    os.utime(lock, (2**31 - 1, 2**31 - 1))    # 2038, the last date that every computer knows
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            saved = file_times()
            code = play_until_changed(lock)
            if code in (1, 2):                # Python's words for: a mistake, or no such file
                log('The lines above say what is wrong. '
                    'Mend the file and save it; then it goes on.')
                while file_times() == saved:
                    time.sleep(0.2)
            elif code != 3:                   # Bottle's word for: a file has changed
                return code
    except KeyboardInterrupt:
        return 0
    finally:
        os.unlink(lock)


def play_until_changed(lock):
    """Run this program as the second process. Returns the number with which it ends."""
    alone = signal.getsignal(signal.SIGINT) is signal.SIG_IGN         # nohup python mocean.py &
    child = subprocess.Popen(
        [sys.executable, *sys.argv], start_new_session=alone,
        env={**os.environ, 'BOTTLE_CHILD': 'true', 'BOTTLE_LOCKFILE': lock})
    try:
        while child.poll() is None:
            time.sleep(0.1)
    except KeyboardInterrupt:                 # a terminal tells both processes, IDLE only this one
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(3)
        raise
    finally:
        child.terminate()
        child.wait()
    return child.returncode


def file_times():
    """When the programs in this folder were last saved."""
    times = {}
    for path in HERE.glob('*.py'):
        with contextlib.suppress(OSError):    # some editors take a file away before they write it
            times[path] = path.stat().st_mtime
    return times


def end_with_parent(parent):
    """The child must not hold the port and the files when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def own_addresses():
    """This computer's addresses in its networks, the likeliest first. Nothing is sent."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(('192.0.2.1', 9))            # which way would it take to another place?
            found.append(probe.getsockname()[0])
        with contextlib.suppress(OSError, ImportError):
            import fcntl
            ask_address = 0x8915                       # SIOCGIFADDR
            for _, name in socket.if_nameindex():      # a network without a way out: ask Linux
                with contextlib.suppress(OSError):
                    reply = fcntl.ioctl(probe, ask_address, struct.pack('256s', name.encode()))
                    found.append(socket.inet_ntoa(reply[20:24]))
    if not found:
        with contextlib.suppress(OSError):
            found += socket.gethostbyname_ex(socket.gethostname())[2]      # not Linux
    return [address for address in dict.fromkeys(found) if not address.startswith('127.')]


# --- ROUTES --------------------------------------------------------------------------------------
# To add a route: 1. write its rule in RULES (look at rule_name, the shortest); 2. add a line here,
# in the same place; that is all: reading, refusals, the usage page and openapi.json follow from the
# line. 3. A test asks for what was forgotten. (Routes of your own can live in my_routes.py.)

@dataclass(eq=False)
class Route:
    """One route, declared. All that the doors know about it is here."""
    name: str
    rule: object              # the rule, or None for a page
    meaning: str
    reply: str                # the names of the values in the text reply
    parameters: tuple = ()
    many: str = ''            # the reply is a list of records: its name in JSON
    changes: bool = False     # takes n=, costs time, is refused on a full disk
    costs: bool = None        # a cell's time, if its rule charges nothing; as `changes` says; any
                              # call with n= costs that: its reply is stored
    loud: bool = False        # the log tells of it; of the others only when asked
    json: bool = False        # the reply is always JSON
    once: bool = False        # pages show no link to it: it cannot be undone

    def __post_init__(self):
        self.mine = ID in self.parameters    # the call is about the caller's own boat
        if not re.fullmatch('[a-z][a-z0-9_.]*', self.name):
            raise ValueError(f'{self.name!r}: a route is called by small letters, without a /')
        if {'n', 'format'} & {parameter.name for parameter in self.parameters}:
            raise ValueError(f'/{self.name} gets its n and its format by itself')
        if self.changes and self.mine:
            self.parameters += (N,)
        if self.rule or self.json:           # every route of the game also speaks JSON
            self.parameters += (FORMAT,)
        if self.costs is None:
            self.costs = self.changes
        self.columns = self.reply.split(',')
        self.known = {parameter.name: parameter for parameter in self.parameters}
        self.defaults = {parameter.name: parameter.default for parameter in self.parameters
                         if not parameter.required}


ID = Parameter('id', 'the secret id that join gave you', read_id, '')
N = Parameter('n', 'your own name for this call, such as 1: the same n again within a minute is '
              'answered again, and not done twice', read_text(40), '1', required=False)
FORMAT = Parameter('format', 'text (the default) or json', read_word('text', 'json'), 'json',
                   required=False)
NAME = Parameter('name', f'the name of your boat: {NAME_RULE}', read_name, 'ada')
OLD_ID = Parameter('id', 'your id, to come back to your own boat', read_id, '', required=False)
MY_ID = Parameter('id', 'your id: it is filled in for you', read_any_id, '', required=False,
                  default='')
ANEW = Parameter('anew', 'yes: begin anew, though you have passed marks already',
                 read_word('yes'), 'yes', required=False)
SURE = Parameter('sure', 'yes, if you mean it', read_word('yes'), 'yes', required=False)
WHO = Parameter('name', 'one player only', read_text(20), 'ada', required=False)
TO = Parameter('name', 'the player who gets the message, or all', read_text(20), 'all')
HEADING = Parameter('heading', ', '.join(HEADINGS) + ' (or e, ne, n, nw, w, sw, s, se)',
                    read_heading, 'north')
STEPS = Parameter('steps', 'how many cells in one call', read_whole(1), '5', required=False,
                  default=1)
EXPECT = Parameter('expect', 'where this move will end, as x,y: if you are right, it takes only '
                   f'{EXPECT_PRICE} of the time', read_cell, '57,105', required=False)
CTRL_SAIL = Parameter('ctrl', 'w faster, s slower, a turn left, d turn right',
                      read_word('w', 's', 'a', 'd'), 'w')
CTRL_DIVE = Parameter('ctrl', 'f down, r up', read_word('f', 'r'), 'f', required=False)
DIRECTION = Parameter('direction', 'down or up', read_word('down', 'up'), 'down', required=False)
CATCH = Parameter('item', 'treasure or whale', read_word('treasure', 'whale'), 'treasure')
ITEM = Parameter('item', 'the name of a treasure on board', read_word(*TREASURES), 'crash alert')
X = Parameter('x', 'cells east', read_whole(-1_000_000, 1_000_000), '300')
Y = Parameter('y', 'cells north', read_whole(-1_000_000, 1_000_000), '200')
MESSAGE = Parameter('message', f'what you want to say, up to {LETTER_LENGTH} characters',
                    read_text(LETTER_LENGTH), 'ahoy')
COURSE = Parameter('course', 'its number; the newest one if you give none', read_whole(0), '0',
                   required=False)
SINCE = Parameter('since', 'only what has a higher number', read_whole(0), '0', required=False,
                  default=0)
SINCE_TIME = Parameter('since', 'only what happened at this time or later, in seconds since 1970',
                       read_seconds, '0', required=False, default=0.0)
USAGE = Parameter('usage', 'brief: one line per route', read_word('brief', 'long'), 'brief',
                  required=False)
CLIENT = Parameter('client', 'browser: HTML with links', read_word('browser', 'text'), 'browser',
                   required=False)
LEVEL = Parameter('level', 'how much the program can do: 1, 2 or 3', read_whole(1, 3), '1',
                  required=False, default=1)

# What the page of the map reads by itself.
VIEW = Parameter('view', 'chart or planet', read_word('chart', 'planet'), 'planet', required=False)
FOLLOW = Parameter('follow', 'the player whose boat is followed', str, 'ada', required=False)
THEME = Parameter('theme', 'light or dark', read_word('light', 'dark'), 'dark', required=False)
DIRECTOR = Parameter('director', 'off: the map shows nothing by itself', read_word('off'), 'off',
                     required=False)
OTHER = Parameter('server', 'another server, whose ocean is shown', str,
                  'http://192.168.1.20:8080', required=False)

ROUTES = [
    Route('join', rule_join, 'come aboard: you get a boat and its secret id', 'id,name,x,y,z',
          (NAME, OLD_ID), changes=True, loud=True),
    Route('quit', rule_quit, f'leave the game; for {ASHORE_S // 60} minutes join with your id '
          'brings you back', 'farewell', (ID, SURE), changes=True, loud=True, once=True),
    Route('who', rule_who, 'all players and their scores, best first', 'name,score', (),
          many='players'),
    Route('name', rule_name, 'the name that belongs to your id', 'name', (ID,)),
    Route('move', rule_move, 'row so many cells towards a heading; a diagonal cell takes 1.41 '
          'times as long', 'x,y,z', (ID, HEADING, STEPS, EXPECT), changes=True),
    Route('look', rule_look, 'what you can see, nearest first; x grows to the east, y to the '
          'north, z downward', 'kind,name,x,y,z,distance', (ID,), many='things'),
    Route('location', rule_location, 'where you are; have you crossed the edge of the chart, is '
          'there a message, is something within reach (0 or 1)', 'x,y,z,wrapped,message,nearby',
          (ID,)),
    Route('velocity', rule_velocity, 'cells a second east and north; heading in radians, 0 is '
          'east, counter-clockwise', 'vx,vy,heading', (ID,)),
    Route('accel', rule_accel, 'set sail: faster, slower, left or right; the boat goes on by '
          'itself', 'x,y,z,vx,vy,heading', (ID, CTRL_SAIL), changes=True),
    Route('stop', rule_stop, 'take the sails down', 'x,y,z,vx,vy,heading', (ID,), changes=True),
    Route('dive', rule_dive, f'{DIVE_M} metres down or up; the sea floor stops you', 'x,y,z',
          (ID, CTRL_DIVE, DIRECTION), changes=True),
    Route('ping', rule_ping, 'sound the depth of the sea floor below you, in metres', 'depth',
          (ID,), changes=True),
    Route('get', rule_get, 'take the nearest treasure, or ride the nearest whale', 'got,points',
          (ID, CATCH), changes=True, loud=True),
    Route('inventory', rule_inventory, 'what you have', 'kind,name', (ID,), many='things'),
    Route('use', rule_use, 'use a treasure', 'used', (ID, ITEM), many='things', changes=True,
          loud=True),
    Route('teleport', rule_teleport, 'leap to any place; needs the teleport crystal', 'x,y,z',
          (ID, X, Y), changes=True, loud=True),
    Route('sendchat', rule_sendchat, 'send a message to a player, or to all', 'sent',
          (ID, TO, MESSAGE), changes=True, loud=True),
    Route('popchat', rule_popchat, 'your oldest unread message, or nothing', 'name,message', (ID,),
          changes=True, costs=False),
    Route('score', rule_score, 'the ranking', 'rank,name,score', (WHO,), many='players'),
    Route('quest', rule_quest, 'the next thing that your program could do, and a call that begins '
          'it', 'number,title,task', (ID,)),
    Route('course', rule_course, 'the marks of a course of the regatta; mark 0 is start and finish',
          'mark,x,y', (COURSE,), many='marks'),
    Route('race', rule_race, 'at mark 0 your race begins, or begins anew; elsewhere: how it stands',
          'course,seconds,ends_in_s,left', (ID, ANEW), changes=True, costs=False),
    Route('regatta', rule_regatta, 'the best times of a course', 'rank,name,seconds,points',
          (COURSE,), many='times'),
    Route('season', rule_season, 'what outlives every ocean: the points of all rounds',
          'rank,name,points,rounds', (), many='players'),
    Route('news', rule_news, 'who found, charted, rode, joined', 'number,time,text', (SINCE,),
          many='news'),
    Route('log', rule_log, f'your last {LOG_KEPT} calls as the server saw them',
          'time,status,request,answer', (ID,), many='calls'),
    Route('map', None, 'the live map', 'HTML', (VIEW, FOLLOW, THEME, DIRECTOR, OTHER)),
    Route('qrcode.js', None, 'what the map and the cards draw QR codes with', 'JavaScript'),
    Route('code', None, 'write and run Python in the browser', 'HTML'),
    Route('mocean', None, 'this page', 'text', (USAGE, CLIENT, MY_ID)),
    Route('chart', rule_chart, 'what the live map needs', 'JSON', (SINCE_TIME,), json=True),
    Route('client.py', None, 'a program to start with, with your server and id filled in', 'Python',
          (MY_ID, LEVEL)),
    Route('health', rule_health, 'is the game well, how many seconds is it up, why did it halt '
          'last', 'state,uptime_s,players,halt'),
    Route('openapi.json', None, 'the whole interface, for programs', 'JSON', json=True),
]
BY_NAME = {route.name: route for route in ROUTES}


# --- HELP ----------------------------------------------------------------------------------------

VERSION = '1.0'
WORLD = f"""Mocean is an ocean planet in the shape of a torus.
x grows to the east, 0 to {WIDTH_CELLS - 1}; y grows to the north, 0 to {HEIGHT_CELLS - 1}; \
both wrap around, so the ocean has no edge.
One cell is one kilometre. z is your depth in metres: 0 at the surface, growing downward.
You row at most {HULL_CELLS_PER_S} cells a second, {SUBMERGED_CELLS_PER_S} under water, \
{WHALE_CELLS_PER_S} on a whale; a diagonal cell takes 1.41 times as long."""
GOAL = f"""Explore it! {SECTOR_POINTS} point for each square of {SECTOR_CELLS} by {SECTOR_CELLS} \
cells that nobody has entered before (round the home seamounts: that you have not),
{SOUNDING_POINTS} for being the first to sound its depth, {TREASURE_POINTS} for a treasure, \
{WHALE_POINTS} for a ride on a whale, {VOYAGE_POINTS} for going all the way round the planet,
{QUEST_POINTS} for each quest, and up to {MOST_COURSE_POINTS} for a course of the regatta: \
a new one every {COURSE_S // 60} minutes."""
START = 'It answers with your secret id. Every call about your boat needs it:'
FIRST = ('look', 'move', 'dive', 'quest')              # what to try first
EXTRA = f"""Add format=json to a call of the game for JSON. Calls that do something also take n=, \
a name of your own for the call, such as 1:
the same n again within {REPLY_S} seconds is answered again, and not done twice."""
ALSO = {'map': 'the live map', 'steps': 'the game of puzzles',
        'erddap': 'what the players measured, for data programs'}


def example(route, base, id):
    """A call that works when pasted, once the id is one's own."""
    texts = {parameter.name: parameter.example for parameter in route.parameters
             if parameter.required and parameter is not ID or parameter in (STEPS, DIRECTION)}
    return call_of(base, route.name, {'id': id, **texts} if route.mine else texts)


def own_parameters(route):
    """The parameters of a route, less those that the page has explained for all."""
    return [parameter for parameter in route.parameters if parameter not in (FORMAT, N)]


def help_brief(routes, also):
    lines = []
    for route in routes.values():
        names = [parameter.name for parameter in route.parameters if parameter is not FORMAT]
        lines.append(' '.join([f'/{route.name}', *names]))
    return '\n'.join(lines + [f'/{name}' for name in also if name not in routes])


def help_text(routes, base, id, also):
    parts = [WORLD, GOAL, f'Start: {call_of(base, "join", {"name": "ada"})}\n{START}',
             '\n'.join(example(routes[name], base, id) for name in FIRST), EXTRA,
             '\n'.join(f'Also here: {base}/{name}, {ALSO[name]}' for name in also)]
    for route in routes.values():
        known = ''.join(f'    {parameter.name}{"" if parameter.required else " (optional)"}: '
                        f'{parameter.meaning}\n' for parameter in own_parameters(route))
        parts.append(f'/{route.name}: {route.meaning}\n  answers {route.reply}\n{known}'
                     f'  {example(route, base, id)}')
    return '\n\n'.join(parts)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mocean</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3;
         --link: #00607f; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; }} }}
body {{ font: 20px/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em;
       color: var(--ink); background: var(--sea); }}
h1 {{ letter-spacing: .04em; }}
h2 {{ margin: 1.6em 0 0; font-size: 1.1em; border-top: 1px solid var(--line); padding-top: .8em; }}
p {{ margin: .3em 0; overflow-wrap: anywhere; }}
a {{ color: var(--link); overflow-wrap: anywhere; }}
code {{ font-family: ui-monospace, monospace; overflow-wrap: anywhere; }}
dl {{ margin: .3em 0; }} dt {{ float: left; margin-right: .6em; }}
button, input {{ font: inherit; min-height: 44px; min-width: 44px; padding: 0 .6em;
                color: var(--ink); background: transparent; border: 2px solid var(--link);
                border-radius: .4em; }}
button:hover {{ background: var(--line); }}
#helm {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px; max-width: 24em; }}
#helm button {{ padding: 0; overflow-wrap: anywhere; }}
#helm :last-child {{ grid-column: 1 / -1; }}
#id {{ font-size: 1.6em; font-weight: bold; margin-right: .4em; }}
#said {{ min-height: 6em; }} #said code {{ white-space: pre-wrap; }}
@media print {{ button {{ display: none; }} }}
</style></head><body><main><h1>Mocean</h1>{body}</main></body></html>"""


def help_html(routes, base, id, also):
    """The usage page for a browser. What changes something is shown, and no link: a robot or a slip
    of the finger would do it."""
    def shown_call(name):
        call = html.escape(example(routes[name], base, id))
        if routes[name].changes:
            return f'<code>{call}</code>'
        return f'<a href="{call}">{call}</a>'
    start = html.escape(call_of(base, 'join', {'name': 'ada'}))
    parts = [f'<p>{html.escape(line)}</p>' for line in (*WORLD.split('\n'), GOAL)]
    parts.append(f'<p>Start: <code>{start}</code> (with your own name). {html.escape(START)}</p>')
    parts += [f'<p>{shown_call(name)}</p>' for name in FIRST]
    parts.append(f'<p>{html.escape(EXTRA)}</p>')
    parts += [f'<p>Also here: <a href="{base}/{name}">{base}/{name}</a>, {ALSO[name]}</p>'
              for name in also]
    for route in routes.values():
        known = ''.join(f'<dt><code>{parameter.name}</code></dt>'
                        f'<dd>{html.escape(parameter.meaning)}'
                        f'{"" if parameter.required else " (optional)"}</dd>'
                        for parameter in own_parameters(route))
        parts.append(f'<h2 id="{route.name}"><code>/{route.name}</code></h2>'
                     f'<p>{html.escape(route.meaning)}; answers '
                     f'<code>{html.escape(route.reply)}</code></p><dl>{known}</dl>'
                     f'<p>{shown_call(route.name)}</p>')
    return PAGE.format(body='\n'.join(parts))


def openapi(routes, base):
    """The interface as OpenAPI 3.1 describes it."""
    paths = {}
    for route in routes.values():
        paths[f'/{route.name}'] = {'get': {
            'operationId': route.name, 'summary': route.meaning,
            'parameters': [{'name': parameter.name, 'in': 'query', 'required': parameter.required,
                            'description': parameter.meaning, 'schema': schema_of(parameter)}
                           for parameter in route.parameters],
            'responses': {'200': {'description': route.reply, 'content': media(route)},
                          **{str(status): error_of(words) for status, words in ERRORS.items()}}}}
    return {'openapi': '3.1.0', 'info': {'title': 'Mocean', 'version': VERSION,
                                         'description': WORLD},
            'servers': [{'url': base}], 'paths': paths}


ERRORS = {WRONG: 'a parameter is missing, or cannot be read',
          UNKNOWN: 'nobody and nothing like that', NOT_GET: 'not by GET',
          CONFLICT: 'the game does not allow that now',
          EARLY: 'too early: wait_s and Retry-After say how long to wait',
          BUG: 'a bug: the server has logged it', AWAY: 'not now: the sea is frozen, the disk full'}


def error_of(words):
    """Every error has one form: a sentence that teaches, and a call that works."""
    facts = {'error': 'string', 'try': 'string', 'status': 'integer', 'wait_s': 'number'}
    return {'description': words, 'content': {
        'text/plain': {'schema': {'type': 'string', 'pattern': '\ntry: http'}},
        'application/json': {'schema': {
            'type': 'object', 'required': ['error', 'try', 'status'],
            'properties': {name: {'type': type_} for name, type_ in facts.items()}}}}}


def schema_of(parameter):
    schema = getattr(parameter.read, 'schema', {'type': 'string'})
    return {**schema, 'default': parameter.default} if parameter.default else schema


def media(route):
    """What a route answers: its kinds, and what is in them."""
    pages = {'HTML': ['text/html'], 'Python': ['text/plain'], 'JavaScript': ['text/javascript'],
             'text': ['text/plain', 'text/html']}
    kinds = pages.get(route.reply, ['text/plain', 'application/json'])
    schemas = {kind: {'type': 'string'} for kind in kinds}
    record = {'type': 'object', 'properties': {name: {} for name in route.columns}}
    if route.many:
        record = {'type': 'object', 'properties': {
            route.many: {'type': 'array', 'items': record}}}
    if 'application/json' in kinds:
        schemas['application/json'] = record
    if route.json:
        schemas = {'application/json': {'type': 'object'}}
    return {kind: {'schema': schema} for kind, schema in schemas.items()}


# --- WIRE ----------------------------------------------------------------------------------------

def ask(sea, call):
    """Play. Who asks by HEAD is told the same, and nothing comes of it."""
    return rehearse(sea, call) if bottle.request.method == 'HEAD' else play(sea, call)


def as_text(route, facts):
    """Values separated by commas, one record a line: those that the route names in its `reply`."""
    if 'repeated' in facts:
        facts = {name: fact for name, fact in facts.items() if name != 'repeated'}
    if 'try' in facts:
        return f'{as_line(route, facts)}\ntry: {facts["try"]}'      # as in every error
    if not route.many or route.many not in facts:
        return as_line(route, facts)
    return '\n'.join([as_line(route, record) for record in facts[route.many]])


def as_line(route, record):
    values = [record[name] for name in route.columns if name in record]
    values = values or record.values()     # `use`: each treasure answers in its own way
    return ','.join([' '.join(map(str, value)) if isinstance(value, list) else str(value)
                     for value in values])


def as_json(facts):
    return json.dumps(facts, ensure_ascii=False)


ZIP_BYTES, ZIP_LEVEL = 1400, 5     # less fits into one packet; level 6 takes twice as long for 2 %


def takes_gzip(environ):
    """True for a browser, and for most programs."""
    return bool(re.search(r'\bgzip\b(?! *; *q=0(\.0*)?(?![.0-9]))',
                          environ.get('HTTP_ACCEPT_ENCODING', '')))


def zipped(reply):
    """The reply of a route, compressed where it is long and the asker takes that."""
    whole = isinstance(reply, bottle.HTTPResponse)
    body, headers = (reply.body if whole else reply), (reply if whole else bottle.response)
    content = body.encode() if isinstance(body, str) else body
    if not isinstance(content, bytes) or len(content) < ZIP_BYTES:
        return reply
    headers.set_header('Vary', 'Accept-Encoding')
    if not takes_gzip(bottle.request.environ):
        return reply
    headers.set_header('Content-Encoding', 'gzip')
    content = gzip.compress(content, ZIP_LEVEL, mtime=0)
    if not whole:
        return content
    reply.body = content
    return reply


def form_of_reply(environ, pairs):
    """The form of a reply, or of an error. A browser gets a page: it asks for XHTML, too. Java's
    URLConnection likes HTML best, and means nothing by it."""
    form = wanted_form(environ, dict(pairs))
    is_browser = 'xhtml' in environ.get('HTTP_ACCEPT', '')
    return 'text' if form == 'html' and not is_browser else form


def has_last_word(refusal, route):
    """True where correcting ends: the rule names a better call, it is a matter of time, or the call
    cannot be undone."""
    has_better = refusal.status == CONFLICT and refusal.route
    return has_better or refusal.status in (EARLY, AWAY) or route.once


class Wire:
    """The Bottle plugin through which every request comes in and every answer goes out."""
    name, api = 'wire', 2

    def __init__(self, sea):
        self.sea = sea

    def apply(self, callback, bottle_route):
        route = bottle_route.config['declared']
        return functools.partial(self.serve, route, callback)

    def serve(self, route, callback):
        """One request. What a client can get wrong becomes a Refusal; anything else is a bug, and
        is logged as one."""
        environ = bottle.request.environ
        pairs = pairs_of(environ.get('QUERY_STRING', ''))
        form = form_of_reply(environ, pairs) if route.rule else wanted_form(environ, dict(pairs))
        if route.json:
            form = 'json'
        try:
            return zipped(self.carry_out(route, callback, pairs, form))
        except (Exception, SystemExit):    # a bug: logged with its request, and answered
            return self.confess(route, pairs, form)

    def carry_out(self, route, callback, pairs, form):
        """The answer to a call: that of its rule or page, or that to a Refusal."""
        environ = bottle.request.environ
        try:
            nobody = sent_by_nobody(environ)
            if nobody:
                raise Refusal(nobody, AWAY)
            facts = callback(read_call(route, pairs, form))
            if isinstance(facts, bottle.HTTPResponse):
                return facts
            body = as_json(facts) if form == 'json' else as_text(route, facts)
        except Refusal as refusal:
            return self.refuse(route, pairs, refusal, form)
        self.note(route, pairs, 200, 'answered again: ' + body if 'repeated' in facts else body)
        if form == 'html':
            is_join = route.name == 'join'
            return join_html(base_of(environ), facts) if is_join else large_type(body)
        bottle.response.set_header('Content-Type', JSON if form == 'json' else TEXT)
        return body.encode()

    def refuse(self, route, pairs, refusal, form):
        """The answer to a refused call: the words, and the learner's own call, corrected. It goes
        into the player's own log, and into the server's."""
        environ, sea = bottle.request.environ, self.sea
        if environ.get('CONTENT_LENGTH') not in (None, '', '0'):
            refusal.words += '; what comes in the body is not read: params= instead of data='
        works = call_of(base_of(environ), *self.corrected(refusal, route.name, dict(pairs)))
        self.note(route, pairs, refusal.status, refusal.words)
        words = self.without_ids(refusal.words, pairs)
        sea.say(f'{self.who(pairs)} {self.request(route, pairs)}: {refusal.status} {words}',
                caller(sea, pairs) or '')
        if form == 'html' and route.name == 'join':
            return not_joined_html(base_of(environ), refusal, works, dict(pairs))
        return error_form(refusal, works, form)

    def note(self, route, pairs, status, said):
        """Remember a call for the player's own log. (HEAD changes nothing.)"""
        environ = bottle.request.environ
        if environ['REQUEST_METHOD'] != 'HEAD':
            note_call(self.sea, route, pairs, environ.get('QUERY_STRING', ''), status, said)

    def without_ids(self, words, pairs):
        """The words of a refusal for the server's log: what they repeat may be cut short, and seven
        letters of an id are too many."""
        for name, text in pairs:
            words = words.replace(shown(text), "'********'" if name == 'id' else
                                  shown(masked(self.sea.ocean, text)))
            words = words.replace(bare(name), bare(masked(self.sea.ocean, name)))
        return words

    def confess(self, route, pairs, form):
        """The answer to a call that met a bug."""
        self.sea.say(f'{self.who(pairs)} asked for {self.request(route, pairs)} and met a bug:\n'
                     f'{traceback.format_exc()}')
        works = call_of(base_of(bottle.request.environ), 'health', {})
        return error_form(Refusal(MISTAKE, BUG), works, form)

    def request(self, route, pairs):
        """What was asked for, as far as a person may read along: masked first, cut short then."""
        return tell_call(route.name, {name: masked(self.sea.ocean, text) for name, text in pairs})

    def who(self, pairs):
        """The name of who asked; for the log."""
        key = caller(self.sea, pairs)
        boat = self.sea.ocean.boats.get(key) if key else None
        return boat.name if boat else 'somebody'

    def corrected(self, refusal, name, texts):
        """A call that works: corrected, and asked whether it would. What that refuses is corrected
        in its turn, but where a rule has a reason of its own: that comes when the call is sent."""
        for _ in range(6):                # one mistake at a time, but not without end
            if refusal.route:
                name, texts = refusal.route, {'id': texts.get('id')}
            texts = {**texts, **refusal.fix}
            texts = {key: text for key, text in texts.items() if text is not None}
            route = self.sea.routes.get(name)
            if not route:
                break
            try:
                call = read_call(route, list(texts.items()), 'text')
                if route.rule:
                    rehearse(self.sea, call)
                break
            except Refusal as another:
                if has_last_word(another, route):
                    break
                refusal = another
            except (Exception, SystemExit):      # a bug: told, and logged, when the call is sent
                break
        return name, texts

    def lost(self, error):
        """No such route, or not by GET: the same form as every error."""
        pairs = pairs_of(bottle.request.environ.get('QUERY_STRING', ''))
        try:
            return self.direct(error, pairs)
        except (Exception, SystemExit):
            form = form_of_reply(bottle.request.environ, pairs)
            return self.confess(self.sea.routes['mocean'], pairs, form)

    def direct(self, error, pairs):
        """The answer to a request that no route takes: the way to one that does."""
        environ = bottle.request.environ
        path = environ['PATH_INFO'].strip('/')
        if error.status_code == NOT_GET:
            words = f'{bare(environ["REQUEST_METHOD"])} is not spoken here, only GET: ' \
                'requests.get(url, params={...})'
            name = path
        else:
            path, pairs, words = self.mend_path(path, pairs)
            name = self.meant(path)
            if not words:
                words = f'there is no /{bare(path)} here; ' + (
                    f'did you mean /{name}?' if name else 'the usage page lists what there is')
        name = name or 'mocean'
        refusal = Refusal(words, error.status_code)
        if name in self.sea.routes and name != 'mocean':
            self.note(self.sea.routes[name], pairs, error.status_code, words)
        texts = self.taken(name, dict(pairs))
        works = call_of(base_of(environ), *self.corrected(refusal, name, texts))
        return error_form(refusal, works, form_of_reply(environ, pairs))

    def mend_path(self, path, pairs):
        """What a learner pasted or mistyped as a whole: an address behind the address, or another
        sign for the ?. Returns path, pairs, and words where that was it."""
        words = ''
        pasted = re.fullmatch(r'(try:?\s*)?https?:/+[^/]+/*(.*)', path, re.DOTALL)
        if pasted:
            words = 'the address stands there twice; once is enough'
            if pasted[1]:
                words = 'only what comes behind try: is the address'
            path = pasted[2]
        name, sign, rest = re.match(r'([\w.]*)([^\w.]*)(.*)', path, re.DOTALL).groups()
        if sign and '=' in rest:
            pairs = pairs_of(urllib.parse.quote(rest, safe='=&+')) + pairs
            path, words = name, words or f'the sign behind /{bare(name)} is ?; ' \
                'the & comes between parameters'
        return path, pairs, words

    def taken(self, name, texts):
        """The texts that go on to a route: to one's own all, since they will be corrected; to a
        rider's what it takes."""
        if name in self.sea.routes:
            return texts
        for route in bottle.request.app.routes:
            if route.rule == f'/{name}':
                return {key: text for key, text in texts.items()
                        if key in route.config.get('takes', ())}
        return {}

    def meant(self, path):
        """The route that a misspelt path means, or nothing."""
        plain = path.casefold().strip(' /')[:40]
        if plain in ('help', 'usage'):
            return 'mocean'
        rules = [rule.rule.strip('/') for rule in bottle.request.app.routes if '<' not in rule.rule]
        last = plain.rpartition('/')[2]                # /map/join: a page's address was the SERVER
        if last in rules:
            return last
        close = difflib.get_close_matches(plain, rules, 1, 0.6)
        return close[0] if close else ''


# --- PAGES ---------------------------------------------------------------------------------------
# A page is asked with the sea and the call, and returns facts, as a rule does, or a whole answer.

def page_of(sea, call):
    """The usage page, in the three forms that people ask for."""
    environ, values = bottle.request.environ, call.values
    base, id = base_of(environ), 'your-id'
    if sea.ocean and values['id'] in sea.ocean.keys:
        id = values['id']
    rules = [rule.rule for rule in bottle.request.app.routes]
    also = [name for name in ALSO if any(rule.startswith(f'/{name}') for rule in rules)]
    if values['usage'] == 'brief':
        return answer(help_brief(sea.routes, also))
    client = values['client'] or ('browser' if call.form == 'html' else 'text')
    if client == 'browser':
        return answer(help_html(sea.routes, base, id, also), HTML,
                      Content_Security_Policy=PLAIN_PAGE)
    return answer(help_text(sea.routes, base, id, also))


def with_script(script, body, status=200):
    """A page that runs this script, and no other."""
    nonce = secrets.token_urlsafe(12)
    page = PAGE.format(body=f'{body}\n<script nonce="{nonce}">{script}</script>')
    policy = f"{PLAIN_PAGE}; script-src 'nonce-{nonce}'; connect-src 'self'"
    return answer(page, HTML, status, Content_Security_Policy=policy)


def join_html(base, facts):
    """What a browser is shown that has joined: the reply, a helm, and the ways from here."""
    id, name = facts['id'], html.escape(facts['name'])
    compass = ('northwest', 'north', 'northeast', 'west', 'look', 'east', 'southwest', 'south',
               'southeast', 'ping')
    buttons = ''.join(f'<button value="{word}">{word}</button>' for word in compass)
    return with_script(HELM_SCRIPT, f"""
<p>Welcome aboard, {name}. The server answers:</p>
<p><code>{html.escape(as_text(BY_NAME['join'], facts))}</code></p>
<p>The first word is your secret id; then come your name, and where you are: x, y, and how deep.</p>
<p><code id="id">{id}</code> <button id="copy">Copy it</button></p>
<p>Write it down: it is the key to your boat.</p>
<h2>Try it</h2>
<p>Each button sends a call, as you could type it, and shows what the server answers.</p>
<div id="helm" data-base="{base}">{buttons}</div>
<p id="said" role="status"><code>(nothing sent yet)</code><br><code></code></p>
<h2>Go on</h2>
<p><a href="{base}/code#id={id}&amp;level=1">Write a program</a>: here in the browser, your id is
filled in.</p>
<p><a href="{base}/map#follow={name}">Look at the map</a>: your boat is followed.</p>
<p>Or type a call of your own: <code>{base}/move?id={id}&amp;heading=north</code></p>""")


HELM_SCRIPT = """
'use strict';
const id = document.querySelector('#id').textContent, helm = document.querySelector('#helm');
const [sent, answered] = document.querySelectorAll('#said code');
const shown = new URLSearchParams(location.search);
shown.delete('id');                                       // others may see the address
history.replaceState(null, '', `?${shown}`);

helm.addEventListener('click', async event => {
  const word = event.target.value;
  if (!word) return;
  const looks = word === 'look' || word === 'ping';
  const call = looks ? `${word}?id=${id}` : `move?id=${id}&heading=${word}`;
  sent.textContent = `${helm.dataset.base}/${call}`;
  answered.textContent = '...';
  try {
    const reply = await fetch(sent.textContent, {headers: {Accept: 'text/plain'}});
    answered.textContent = await reply.text() || 'nothing near';
  } catch { answered.textContent = 'The server does not answer. Try again.'; }
});

document.querySelector('#copy').addEventListener('click', event => {
  getSelection().selectAllChildren(document.querySelector('#id'));
  event.target.textContent = document.execCommand('copy') ? 'Copied' : 'Marked: copy it by hand';
});

sessionStorage.setItem(`${location.pathname} ${shown.get('name')}`, id);     // see AGAIN_SCRIPT
"""

# Who comes back to the page on which they joined, or loads it again, would be told that the name is
# taken. But this very tab has joined: it knows the id, as long as it is open.
AGAIN_SCRIPT = """
'use strict';
const asked = new URLSearchParams(location.search);
const id = sessionStorage.getItem(`${location.pathname} ${asked.get('name')}`);
const again = performance.getEntriesByType('navigation')[0].type !== 'navigate';
if (id && again && !asked.has('id')) location.replace(`?${asked}&id=${id}`);
"""


def not_joined_html(base, refusal, works, texts):
    """What a browser is shown that could not join: the one form of every error, and a place for a
    name. Who comes from the QR code on the wall has sent none yet, and is invited."""
    text = f'Choose one of {NAME_RULE}: others see it on the map.'
    if texts:
        text = html.escape(f'{refusal.words}\ntry: {works}').replace('\n', '</p><p>')
    meant = html.escape(refusal.fix.get('name') or '')
    return with_script(AGAIN_SCRIPT, f"""
<form action="{base}/join"><p><label>The name of your boat:
<input name="name" value="{meant}" maxlength="20" size="12" autocomplete="off" autofocus></label>
<button>Join</button></p></form>
<p>{text}</p>""", refusal.status)


def quest_of(sea, call):
    """The next quest, and the whole URL of a call that begins it."""
    facts = ask(sea, call)
    name, texts = facts.pop('call')
    if sea.routes[name].mine:
        texts = {'id': call.id, **texts}
    return {**facts, 'try': call_of(base_of(bottle.request.environ), name, texts)}


def file_beside(name):
    """A file of the clients, from beside this program or from the clone."""
    for folder in (HERE / 'clients', HERE, HERE / 'mocean' / 'clients'):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding='utf-8')
    raise Refusal(f'clients/{name} does not lie beside mocean.py on the server; the game works '
                  'without it', UNKNOWN, 'mocean')


def map_of(sea, call):
    return page_beside('map.html')


def page_beside(name, **headers):
    """A page of the clients. What it loads lies beside it: /map/ is sent back to /map."""
    environ = bottle.request.environ
    if environ['asked.path'].endswith('/'):
        query = re.sub('[\0\r\n]', '', environ.get('QUERY_STRING', ''))   # no header has them
        there = '..' + environ['asked.path'].rstrip('/') + (query and f'?{query}')
        return answer('', status=308, Location=there)
    return answer(file_beside(name), HTML, **headers)


def qrcode_of(sea, call):
    return answer(file_beside('qrcode.js'), 'text/javascript; charset=utf-8')


def code_of(sea, call):
    return page_beside('code.html', Content_Security_Policy="frame-ancestors 'self'")


def client_of(sea, call):
    """A starter program, with the learner's server, id and next quest filled in."""
    program = file_beside(f'starter_{call.values["level"]}.py')
    key = sea.ocean.keys.get(call.values['id']) if sea.ocean else None
    boat = sea.ocean.boats.get(key) if key else None
    task = 'join: open /join?name=your-name in the browser, and write the id into this program'
    if boat:
        task = QUESTS[boat.quest].task if boat.quest < len(QUESTS) else 'sail a better race'
    filled = {'SERVER': base_of(bottle.request.environ), 'TASK': task,
              'ID': boat.id if boat else 'your-id'}
    for name, text in filled.items():
        line = f'{name} = {text!r}'
        program = re.sub(rf'^{name} = .*$', lambda _, line=line: line, program, count=1,
                         flags=re.M)                # by lambda: a \\ in the line stays as it is
    return answer(program)


def chart_of(sea, call):
    """What the live map needs; at first also the address where others reach this server."""
    facts, base = ask(sea, call), base_of(bottle.request.environ)
    if not facts['since']:
        facts['address'] = base
        local = re.fullmatch(r'(https?)://(localhost|127[.0-9]*|\[::1\])(:[0-9]+)?(/.*)?', base)
        if local:
            for address in own_addresses()[:1]:
                facts['address'] = f'{local[1]}://{address}{local[3] or ""}{local[4] or ""}'
    return answer(json.dumps(facts, ensure_ascii=False, separators=(',', ':')), JSON)


def openapi_of(sea, call):
    document = openapi(sea.routes, base_of(bottle.request.environ))
    return answer(json.dumps(document, ensure_ascii=False, indent=1), JSON)


PAGES = {'mocean': page_of, 'quest': quest_of, 'map': map_of, 'qrcode.js': qrcode_of,
         'code': code_of, 'chart': chart_of, 'client.py': client_of, 'openapi.json': openapi_of}


# --- SHELVES -------------------------------------------------------------------------------------
# What /map and /code need besides: files, which the server beneath sends (wsgi.file_wrapper), for
# Python has a game to keep; and boxes for the lines that somebody types for a program that cannot
# hear the page, in a browser which cannot set Python's stack aside.

SHELVES = {'code/<name:re:[a-z_.]+>': 'clients/code',
           'map/<name:re:[a-z_.]+>': 'clients/map',
           'clients/<name:re:[a-z_0-9]+[.]py>': 'clients',
           'pyodide/<name:re:[0-9.]+/[a-z_.]+>': 'clients/pyodide'}
SUFFIXES = {'.html': HTML, '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript',
            '.json': JSON, '.wasm': 'application/wasm', '.zip': 'application/zip', '.py': TEXT}
FOR_EVER = 'public, max-age=31536000, immutable'        # of Pyodide: its version is in the address
ROOM = ("sandbox allow-scripts; default-src 'none'; script-src {0} blob: 'wasm-unsafe-eval'; "
        'worker-src blob:; connect-src http: https: blob:; frame-ancestors {0}')
BOX = re.compile('[0-9a-f]{32}-(line|event)')
BOXES, BOX_LINES, BOX_LETTERS = 500, 20, 1000


def shelf_of(shelf, name):
    """A file from a shelf, compressed where it lies there so and the browser takes it."""
    environ = bottle.request.environ
    homes = HERE, HERE / 'mocean'
    folder = next((home / shelf for home in homes if (home / shelf).is_dir()), None)
    if not folder:
        raise bottle.HTTPError(UNKNOWN)
    kind = SUFFIXES.get(pathlib.PurePath(name).suffix, '')
    small = takes_gzip(environ) and (folder / f'{name}.gz').is_file()
    reply = bottle.static_file(f'{name}.gz' if small else name, folder, kind, charset=None)
    if not kind or reply.status_code >= 400:
        raise bottle.HTTPError(UNKNOWN)
    if small:
        reply.set_header('Content-Encoding', 'gzip')
    if shelf == 'clients/pyodide':
        reply.set_header('Cache-Control', FOR_EVER)
        reply.set_header('Vary', 'Accept-Encoding')
    if kind == HTML:
        origin = re.match('https?://[^/]+', base_of(environ))[0]
        reply.set_header('Content-Security-Policy', ROOM.format(origin))
    return reply


def typed_of(boxes):
    """Put a line into a box, or take the oldest one out. Nothing of it is kept anywhere else."""
    texts = dict(pairs_of(bottle.request.environ.get('QUERY_STRING', '')))
    name, line = texts.get('box', ''), texts.get('put', '')
    if not BOX.fullmatch(name) or len(line) > BOX_LETTERS:
        raise bottle.HTTPError(UNKNOWN)
    if bottle.request.method == 'HEAD':
        return answer('')
    if line:
        boxes.setdefault(name, collections.deque(maxlen=BOX_LINES)).append(line)
        if len(boxes) > BOXES:
            boxes.pop(next(iter(boxes)), None)
        return answer('')
    lines = boxes.get(name)
    found = lines.popleft() if lines else ''
    if not lines:
        boxes.pop(name, None)
    return answer(found)


def put_up_shelves(app):
    for path, shelf in SHELVES.items():
        app.route(f'/{path}', 'GET', functools.partial(shelf_of, shelf), skip=True)
    app.route('/code/typed', 'GET', functools.partial(typed_of, {}), skip=True)


# --- START ---------------------------------------------------------------------------------------

RIDERS = ('steps', 'data', 'captain', 'my_routes')        # who may lie beside this file


class Rider:
    """What a file that rides along hands over. Its `ride(game, sea)` gets this module and the
    running game, and returns one of these. (There is no need to import mocean; who does all the
    same gets this module, not a second game that wants the same ocean.)

    routes   Routes of the game, with rules of its own, or the routes of a Bottle app
    tend     called once a second, off the path of any request; what it raises is logged
    end      called at the end, in good order
    forget   called with the name of a player who is to be forgotten
    rename   called with the old name of a player, and the new one
    save     called with a folder: a copy of what the rider keeps goes there
    renew    called when another ocean takes the place of this one: what the rider keeps goes to
             the first folder, and what is in the second one, if there is one, comes back

    A rider may not stop or slow the game: its rules run while the ocean is held. What it refuses is
    a game.Refusal, or looks like one.
    """

    def __init__(self, routes=(), tend=None, end=None, forget=None, rename=None, save=None,
                 renew=None):
        self.routes = list(routes)
        self.tend = tend or (lambda: None)
        self.end = end or (lambda: None)
        self.forget = forget or (lambda name: None)
        self.rename = rename or (lambda name, new: None)
        self.save = save or (lambda folder: None)
        self.renew = renew or (lambda aside, folder: None)


def make_app(folder=None, clock=None, dice=None, calendar=time.time):
    """A Bottle app on the ocean in a folder. It opens the ocean with the first request, or with
    app.sea.open()."""
    sea = Sea(folder or os.environ.get('STATE_DIRECTORY') or HERE, clock, dice, calendar)
    app, wire = bottle.Bottle(), Wire(sea)
    app.sea = sea
    # The first process only starts the second one, which needs the key: it keeps it where it is.
    first_process = __name__ == '__main__' and not os.environ.get('BOTTLE_CHILD')
    if not first_process:
        sea.captain_key = os.environ.pop('MOCEAN_CAPTAIN', '')      # before any rider is loaded
    app.install(wire)
    for route in ROUTES:
        add_route(app, route)
    put_up_shelves(app)
    for status in (UNKNOWN, NOT_GET):
        app.error(status)(wire.lost)
    if not first_process:
        for name in RIDERS:
            ride_along(app, name)
    return app


def add_route(app, route, whose='mocean.py'):
    """Serve a route; one that is there already stays as it is."""
    own = {bottle_route.rule for bottle_route in app.routes}
    if not isinstance(route, Route):         # one of Bottle's, from an app of its own
        if route.rule not in own:
            app.merge([route])
        return
    path = f'/{route.name}'
    if path in own:
        log(f'{whose} has {path}, which is there already: it stays as it was')
        return
    app.sea.routes[route.name] = route
    act = functools.partial(PAGES.get(route.name, ask), app.sea)
    if route.name == 'mocean':
        app.route('/', 'GET', act, declared=route)
    app.route(path, 'GET', act, declared=route)


def ride_along(app, name):
    """Serve the routes of a file beside this one, too. my_routes.py may also lie in the working
    folder, and is looked for there first."""
    folders = dict.fromkeys([pathlib.Path.cwd(), HERE] if name == 'my_routes' else [HERE])
    paths = [folder / f'{name}.py' for folder in folders if (folder / f'{name}.py').exists()]
    if not paths:
        return
    path = paths[0]
    app.sea.collects = app.sea.collects or name == 'data'
    game = sys.modules[__name__]       # as __main__, and under uWSGI, it has another name
    sys.modules.setdefault('mocean', game)
    try:
        rider = module_at(path).ride(game, app.sea)
        for route in rider.routes:
            add_route(app, route, path.name)
        app.sea.riders.append(rider)
    except (Exception, SystemExit):    # a mistake in another file must not stop the game
        log(f'{path.name} cannot ride along:\n{traceback.format_exc()}')


def module_at(path):
    """The module in a file, loaded once."""
    module = sys.modules.get(path.stem)
    if not module or getattr(module, '__file__', '') != str(path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:     # Bottle's reloader sees by it when the mistake is mended
            sys.modules[f'{path.stem}, with a mistake'] = sys.modules.pop(path.stem)
            raise
    return module


# --- SERVERS -------------------------------------------------------------------------------------

def watched(inner, begun):
    """The WSGI application, which notes when each thread has begun its request: see keep_watch."""
    def application(environ, start_response):
        thread = threading.get_ident()
        if thread not in begun:
            hear_crashes()
        begun[thread] = time.monotonic()
        try:
            return inner(environ, start_response)
        finally:
            begun[thread] = math.inf
    return application


def hear_crashes():
    """uWSGI's threads block all signals: a crash in C would pass without a traceback."""
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE,
                                                    signal.SIGABRT})


def keep_watch(sea, begun):
    """An alarm that goes off unless it is wound up again and again: it shows in the log where every
    thread is, and ends the worker. It is wound up unless somebody holds the ocean for STUCK_S, or a
    request runs for ENDLESS_S. (It has a copy of the log's file: a rule may close the log.)"""
    log_file = os.dup(2)
    faulthandler.dump_traceback_later(STUCK_S, exit=True, file=log_file)

    def wind_up():
        while not sea.closing.wait(SYNC_S):
            with sea.lock:
                pass
            left = min([*begun.values()], default=math.inf) + ENDLESS_S - time.monotonic()
            if left > 0:
                faulthandler.dump_traceback_later(min(left, STUCK_S), exit=True, file=log_file)
    threading.Thread(target=wind_up, daemon=True).start()


def open_now(sea):
    """Open the ocean before the first request, or end with one sentence."""
    try:
        sea.open()
    except (Refusal, OSError) as error:
        give_up(error)


def give_up(why):
    log(f'Mocean cannot start: {why}')
    sys.exit(22)                  # so uWSGI's master knows that it is no use to try again


def under_uwsgi(sea, begun):
    """One process, and the ocean open as soon as a worker has loaded this file."""
    try:
        import uwsgi
    except ImportError:
        return
    if uwsgi.numproc > 1:
        give_up(f'uWSGI has {uwsgi.numproc} processes, and one ocean lives in one: --processes 1')
    faulthandler.enable()
    sea.watch = functools.partial(keep_watch, sea, begun)
    if uwsgi.worker_id():
        open_now(sea)


app = make_app()
begun = {}                        # thread -> when it has begun its request: see keep_watch
application = watched(wsgi(app), begun)
under_uwsgi(app.sea, begun)

if __name__ == '__main__':
    if (HERE / 'captain.py').is_file() and os.environ.get('MOCEAN_CAPTAIN'):
        log(f'The captain\'s deck: open http://localhost:{port()}/captain, and give the key once.')
    launch('Mocean')
    open_now(app.sea)
    bottle.run(app=application, host='0.0.0.0', port=port(), reloader=True, quiet=True,
               server_class=ThreadedServer)
