"""MOCEAN - an ocean planet in the shape of a torus, explored by many players over plain HTTP GET.

    python mocean.py              then open http://localhost:8080/ in a browser

THE WORLD   x grows to the east, 0 to 599; y grows to the north, 0 to 399; both wrap around, so the ocean has no
            edge. One cell is one kilometre. z is the depth in metres: 0 at the surface, growing downward.

THE PICTURE How a request travels down this file, and where to look for what:

  PART 1  THE OCEAN   what there is
      SETTINGS        all the numbers that one may change, on one screen
      TYPES           the records: a boat, a whale, a sector, ... (they never change; new ones replace them)
      TORUS           distances and directions in a world without an edge
      THINGS          treasures, whales, badges
      SEAFLOOR        how deep it is, made from a seed
  PART 2  A TURN      what happens, in the order in which a request meets it
      READ            text from the web -> values, or a Refusal that teaches
      TELL            what a player may know: ocean -> facts
      RULES           what a player may do: a rule writes on its turn what shall change, or raises a Refusal
      BADGES          what a program earns, seen only from its calls
      CHANGE          merge, the only function that alters the ocean; records <-> JSON
      JOURNAL         the only part that writes to the disk
      PLAY            the keystone: rule decides -> journal is written -> merge lets it happen
      RUNS            each start and end of the server, remembered: why did it halt?
  PART 3  THE DOORS   HTTP, and only here
      ROUTES          every route, declared once
      HELP            the usage page and openapi.json, written from ROUTES
      WIRE            a request in, an answer out: text or JSON, one form for every error
      PAGES           the usage page, the live map, a program to start with
      START           from an empty folder to a running ocean
      SERVERS         uWSGI on the VM, Python's own server on a laptop
"""
import atexit
import collections
import contextlib
import ctypes
import datetime
import difflib
import errno
import faulthandler
import functools
import html
import importlib
import itertools
import json
import math
import os
import pathlib
import random
import re
import secrets
import signal
import socket
import socketserver
import sys
import threading
import time
import traceback
import unicodedata
import urllib.parse
import wsgiref.simple_server
from dataclasses import dataclass
from typing import NamedTuple

import bottle

# =====================================================================================================================
# PART 1  THE OCEAN
# =====================================================================================================================

# --- SETTINGS --------------------------------------------------------------------------------------------------------

WIDTH_CELLS, HEIGHT_CELLS = 600, 400     # once around the planet, eastward and northward
SECTOR_CELLS = 10                        # the chart is made of squares of this size
COLUMNS, ROWS = WIDTH_CELLS // SECTOR_CELLS, HEIGHT_CELLS // SECTOR_CELLS

HULL_CELLS_PER_S = 40                    # speed limits: a boat at the surface,
SUBMERGED_CELLS_PER_S = 20               # under water,
WHALE_CELLS_PER_S = 80                   # on the back of a whale
SAVED_S = 1.0                            # a boat at rest saves up at most this much of its speed
PATIENCE_S = 0.050                       # a call this much too early waits; an earlier one is refused
ACCEL_CELLS_PER_S = 2                    # what one `w` or `s` changes
SAIL_S = 60                              # a boat that nobody speaks to drops its sails after this time
SQUARE_CELLS = 5                         # boats are found by the small square that they are in;
SWEEP_S = 0.1                            # those under sail are put into a new one so often,
SWEEP_CELLS = math.ceil(SWEEP_S * HULL_CELLS_PER_S)     # and so far they get meanwhile

FLOOR_M, TRENCH_M, SUMMIT_M = 30, 50, 5  # depth of the plain, of the trench, and of the highest summit
DIVE_M = 5                               # one `dive`
SIGHT_CELLS, LEAST_SIGHT_CELLS = 20, 5   # how far one sees at the surface, and anywhere
BINOCULARS_CELLS, ROV_CELLS = 100, 50
REACH_CELLS, HOOK_CELLS, REACH_M = 10, 35, 5
SONAR_CELLS = 5                          # the sonar's patch reaches this far to each side
BLOOM_CELLS, BLOOM_S = 30, 600           # a plankton bloom: how wide, how long
SANDWICH_S, NET_S, LEAP_S, CRYSTAL_S = 60, 60, 60, 10

SECTOR_POINTS, SOUNDING_POINTS, NET_POINTS = 1, 1, 2
TREASURE_POINTS, WHALE_POINTS, ROUND_POINTS = 25, 10, 50

MOST_BOATS, MOST_SEEN = 20_000, 8        # boats on the planet; other boats in one `look`
LETTERS_KEPT, LETTER_LENGTH, LETTERS_PER_MINUTE = 20, 200, 10
NEWS_KEPT, LOG_KEPT, REPLIES_KEPT = 1000, 20, 20
JOURNAL_LINES, STATE_S, SYNC_S = 10_000, 60, 1.0   # a fresh state file after so many lines or seconds; sync to disk
STUCK_S = 10                             # a request that holds the ocean longer than this is a bug: see keep_watch
ENDLESS_S = 30                           # so is one that runs longer, with or without it: the router gives up on it then
LOG_LINES_PER_S = 100                    # the log is for reading, and journald drops what comes too fast

PORT = int(os.environ.get('PORT', '8080'))
HERE = pathlib.Path(__file__).resolve().parent
LOG_MOVES = os.environ.get('MOCEAN_LOG') == 'debug'
OLD = '-%Y%m%d-%H%M%S'                   # what a file that is set aside gets added to its name


# --- TYPES -----------------------------------------------------------------------------------------------------------

class Record:
    """A row of the ocean's tables. It never changes: `but` makes a new one."""

    def but(self, **fields):
        """The same record with some fields changed."""
        new = object.__new__(type(self))
        object.__setattr__(new, '__dict__', self.__dict__ | fields)
        return new


@dataclass(frozen=True)
class Planet(Record):
    seed: int                 # the same seed makes the same ocean, always
    began: float              # when this game began, seconds since 1970


@dataclass(frozen=True)
class Boat(Record):
    name: str                 # as the player wrote it
    id: str                   # the player's secret
    x: float                  # cells east
    y: float                  # cells north
    z: float = 0              # metres below the surface
    course: int = 4           # 0 is east, 4 north, 8 west, 12 south
    speed: float = 0          # cells a second under sail; 0 is at rest or rowed
    at: float = 0             # under sail: when the boat was at x, y; seconds since 1970
    paid: float = 0           # until when the boat has used up its speed: seconds since 1970
    from_x: float = 0         # where the voyage began, at join or after a leap: cells east
    from_y: float = 0         # cells north
    seams_x: int = 0          # how often it has crossed the seam since then, eastward less westward
    seams_y: int = 0          # likewise, northward less southward
    wrapped: bool = False     # has crossed a seam since `location` last said so
    score: int = 0            # points
    charted: int = 0          # sectors entered first
    pings: int = 0            # soundings taken
    items: tuple = ()         # names of the treasures on board
    finds: tuple = ()         # names of the treasures, rides and rounds that have been paid for
    badges: tuple = ()        # names of the badges earned
    riding: str = ''          # the whale under the boat
    ride_until: float = 0     # the ride ends, seconds since 1970
    fast_until: float = 0     # the sandwich's effect ends
    net_at: float = 0         # the fishing net was last cast
    leap_at: float = 0        # the last leap by crystal or infundibulum
    talk: float = 0           # until when the ration of messages is used up
    replies: int = 0          # how many replies have been kept for `n=`


@dataclass(frozen=True)
class Whale(Record):
    x: float                  # cells east, where it was at the time `at`
    y: float                  # cells north
    vx: float                 # cells a second eastward
    vy: float                 # cells a second northward
    at: float                 # seconds since 1970
    rider: str = ''           # key of the boat on its back
    seen: str = ''            # name of the player who saw it first


@dataclass(frozen=True)
class First(Record):
    """Who entered this sector, or found this treasure, first."""
    name: str                 # the player
    at: float                 # seconds since 1970


@dataclass(frozen=True)
class Depth(Record):
    total: float              # sum of all soundings in this sector, metres
    count: int                # how many
    name: str                 # the player who sounded it first
    at: float                 # the latest, seconds since 1970


@dataclass(frozen=True)
class Bloom(Record):
    x: float                  # cells east
    y: float                  # cells north
    until: float              # seconds since 1970


@dataclass(frozen=True)
class News(Record):
    at: float                 # seconds since 1970
    text: str


@dataclass(frozen=True)
class Mail(Record):
    letters: tuple = ()       # (name of the sender, message), oldest first


@dataclass(frozen=True)
class Reply(Record):
    route: str
    n: str                    # the player's own number for the call
    facts: str                # JSON


@dataclass(frozen=True)
class Run(Record):
    began: float              # seconds since 1970
    ended: float = 0          # 0: it never said goodbye
    how: str = ''             # in plain words


TABLES = {'planet': Planet, 'boats': Boat, 'whales': Whale, 'sectors': First, 'depths': Depth, 'finds': First,
          'blooms': Bloom, 'news': News, 'mail': Mail, 'replies': Reply, 'runs': Run}


class Ocean:
    """All that is known at one moment: eleven tables of records, and what follows from them."""

    def __init__(self):
        for table in TABLES:
            setattr(self, table, {})
        self.number = 0           # of the last journal line that has happened
        self.last = ''            # the last call that changed something: 'ada called move'
        self.keys = {}            # id -> key of the boat (its name in lower case)
        self.sailing = set()      # keys of the boats under sail
        self.where = {}           # (column, row) -> keys of the boats that were in that square when last looked
        self.berths = {}          # key -> (column, row): the same, the other way round
        self.swept = 0.0          # when the sailing boats were last put into their squares
        self.floor = None         # the sea floor, as soon as there is a planet


class Turn:
    """One call of one player: what a rule may look at, and the sheet on which it writes what shall change."""

    def __init__(self, ocean, now, dice=None, key='', calls=None):
        self.ocean, self.now, self.dice = ocean, now, dice   # now: seconds since 1970
        self.key, self.boat = key, ocean.boats.get(key)      # the boat that calls, as this turn leaves it
        self.calls = calls        # key -> Traffic: what is remembered of the calls of each boat
        self.change = {}          # table -> {key: the new record, or None for gone}
        self.patch = {}           # table -> {key: the fields that change, or None}: the same, for the journal
        self.wait = 0             # seconds that the answer takes
        self.story = ''           # for the log: what the boat did
        self.soundings = []       # (x, y, depth) measured, for the data service

    def put(self, table, key, **fields):
        """Shall be: a new record, written whole, or the old one with these fields changed. Returns it."""
        rows, patch = self.change.setdefault(table, {}), self.patch.setdefault(table, {})
        old = rows[key] if key in rows else getattr(self.ocean, table).get(key)
        new = rows[key] = old.but(**fields) if old else TABLES[table](**fields)
        patch[key] = vars(new) if not old else {**patch[key], **fields} if key in patch else fields
        return new

    def drop(self, table, key):
        """Shall be gone."""
        self.change.setdefault(table, {})[key] = self.patch.setdefault(table, {})[key] = None

    def steer(self, **fields):
        """Shall be: the boat with these fields changed."""
        self.boat = self.put('boats', self.key, **fields)

    def news(self, text):
        """Shall be known to all; the oldest news make room."""
        number = next_key(self.ocean.news) + sum(row is not None for row in self.change.get('news', {}).values())
        self.put('news', str(number), at=self.now, text=text)
        if str(number - NEWS_KEPT) in self.ocean.news:
            self.drop('news', str(number - NEWS_KEPT))


def next_key(rows):
    """The number after the last one, in a table whose keys are numbers."""
    return int(next(reversed(rows), 0)) + 1


class Refusal(Exception):
    """What came cannot be done: a sentence that teaches, and a call that works."""

    def __init__(self, words, route='', status=400, fix=None, **numbers):
        super().__init__(words)
        self.words, self.route, self.status = words, route, status
        self.fix = fix or {}      # parameters of the better call; None leaves one out
        self.numbers = numbers    # for programs: wait_s, ...


# --- TORUS -----------------------------------------------------------------------------------------------------------

HEADINGS = {'east': (1, 0), 'northeast': (1, 1), 'north': (0, 1), 'northwest': (-1, 1),
            'west': (-1, 0), 'southwest': (-1, -1), 'south': (0, -1), 'southeast': (1, -1)}
CIRCLE = 2 * len(HEADINGS)                # courses, counter-clockwise from east: the headings, and one between any two
COURSES = {heading: 2 * number for number, heading in enumerate(HEADINGS)}
SHORT = {'e': 'east', 'ne': 'northeast', 'n': 'north', 'nw': 'northwest',
         'w': 'west', 'sw': 'southwest', 's': 'south', 'se': 'southeast'}


def wrap(value, size):
    """The same place, counted from 0 up to (never including) size."""
    value %= size
    return value if value < size else 0   # -1e-17 % 600 is 600.0


def gap(start, end, size):
    """The signed shortest way from start to end around a ring of this size."""
    return (end - start + size / 2) % size - size / 2


def distance(x, y, there_x, there_y):
    """Cells between two places, the shortest way across the seams."""
    return math.hypot(gap(x, there_x, WIDTH_CELLS), gap(y, there_y, HEIGHT_CELLS))


def bearing(x, y, there_x, there_y):
    """The heading, in words, that leads from one place to the other."""
    angle = math.atan2(gap(y, there_y, HEIGHT_CELLS), gap(x, there_x, WIDTH_CELLS))
    return list(HEADINGS)[round(angle / (math.pi / 4)) % 8]


def square(x, y):
    """Column and row of the small square in which a place lies: boats that are near are found by it."""
    return int(x) // SQUARE_CELLS, int(y) // SQUARE_CELLS


def sector_key(x, y):
    return f'{int(x) // SECTOR_CELLS},{int(y) // SECTOR_CELLS}'


def angle(boat):
    """The heading in radians: 0 is east, counter-clockwise."""
    return boat.course * 2 * math.pi / CIRCLE


def velocity(boat):
    """Cells a second eastward and northward."""
    vx, vy = boat.speed * math.cos(angle(boat)), boat.speed * math.sin(angle(boat))
    return round(vx, 9), round(vy, 9)     # due south is due south, and cos(3 / 2 * pi) is not quite 0


def place(boat, now):
    """Where a boat is: x, y. Nothing ticks; the position under sail follows from the time."""
    if not boat.speed:
        return boat.x, boat.y
    vx, vy = velocity(boat)
    seconds = min(max(now - boat.at, 0), SAIL_S)
    return wrap(boat.x + vx * seconds, WIDTH_CELLS), wrap(boat.y + vy * seconds, HEIGHT_CELLS)


def tidy(number, size=math.inf):
    """A number as people write it: two decimals at the most, none where there are none, and never up to the size."""
    if number.__class__ is int:
        return number
    rounded = round(number, 2)
    return 0 if rounded >= size else int(rounded) if rounded == int(rounded) else rounded


# --- THINGS ----------------------------------------------------------------------------------------------------------

SEAMOUNT_NAMES = ('Old Molar', 'Grumble', 'The Thimble', 'Kettle Top', 'Sleeping Giant', 'Snowdrop', 'Barnacle Hill',
                  'Twelve Bells', 'The Anvil', 'Lantern Peak', 'Whisker', 'Duchess')
EVERGREEN = ('crash alert', 'iron dust')          # these stay available; every other treasure has one owner
TREASURES = ('crash alert', 'iron dust', 'iron dust', 'fishing net', 'ROV', 'submarine', 'imaging sonar',
             'teleport crystal', 'infundibulum', 'binoculars', 'sandwich', 'boat hook')   # one on each seamount
HOMES = 3                                         # new boats start near one of the first three: a reward is in sight
WHALE_NAMES = ('Ambrose', 'Bubbles', 'Clementine', 'Dumpling', 'Esmeralda', 'Fitz', 'Gulliver', 'Hiccup', 'Isolde',
               'Jellybean', 'Krakatoa', 'Lullaby', 'Mumbles', 'Nettle', 'Odysseus', 'Pudding', 'Quincy')
BADGES = {'Looper': 'ten evenly spaced moves', 'Phoenix': 'an error, then the corrected call',
          'Patient': 'fifty calls in a row, none too early', 'Cartographer': 'fifty soundings',
          'Magellan': 'all the way round, both ways', 'Reader': 'look, then get what was seen'}


def new_planet(seed, now):
    """The patch that begins a game: a planet and its whales."""
    dice = random.Random(f'whales {seed}')
    whales = {}
    for name in WHALE_NAMES:
        angle, speed = dice.uniform(0, 2 * math.pi), dice.uniform(0.1, 0.5)
        whales[name] = {'x': dice.randrange(WIDTH_CELLS), 'y': dice.randrange(HEIGHT_CELLS), 'at': now,
                        'vx': round(speed * math.cos(angle), 3), 'vy': round(speed * math.sin(angle), 3)}
    return {'planet': {'mocean': {'seed': seed, 'began': now}}, 'whales': whales}


def treasures(ocean):
    """Every treasure that still lies on the sea floor: (name, x, y, z)."""
    return [treasure for treasure in ocean.floor.treasures
            if treasure[0] in EVERGREEN or treasure[0] not in ocean.finds]


def ridden(ocean, whale, now):
    """The boat on the back of a whale, or None."""
    rider = ocean.boats.get(whale.rider)
    return rider if rider and now < rider.ride_until else None


def whale_place(ocean, whale, now):
    """Where a whale is: x, y. It goes where its rider goes; when the ride is over it swims on by itself."""
    rider, x, y, at = whale.rider and ocean.boats.get(whale.rider), whale.x, whale.y, whale.at
    if rider:
        at = min(now, rider.ride_until)
        x, y = place(rider, at)
    return wrap(x + whale.vx * (now - at), WIDTH_CELLS), wrap(y + whale.vy * (now - at), HEIGHT_CELLS)


def sight(boat):
    """Cells that a boat can see."""
    far = BINOCULARS_CELLS if 'binoculars' in boat.items and not boat.z else SIGHT_CELLS
    return max(far - boat.z / 2, LEAST_SIGHT_CELLS)


def reach(boat):
    """Cells that a boat can reach."""
    return HOOK_CELLS if 'boat hook' in boat.items else REACH_CELLS


def deepest(boat):
    """Metres that a boat can dive, where the sea floor lets it."""
    return TRENCH_M if 'submarine' in boat.items else FLOOR_M


def speed_limit(boat, now):
    """Cells a second."""
    if boat.riding and now < boat.ride_until:
        limit = WHALE_CELLS_PER_S
    else:
        limit = SUBMERGED_CELLS_PER_S if boat.z and 'submarine' not in boat.items else HULL_CELLS_PER_S
    return limit * 2 if now < boat.fast_until else limit


# --- SEAFLOOR --------------------------------------------------------------------------------------------------------

class Seamount(NamedTuple):
    name: str
    x: int                    # of the summit, cells east
    y: int                    # cells north
    sigma: float              # width of the bell, cells
    height: float             # above the plain, metres


class Seafloor:
    """A plain with one winding trench and twelve seamounts, all of them periodic. Call it for the depth in metres."""

    def __init__(self, seed):
        dice = random.Random(f'seafloor {seed}')
        self.trench_y = dice.uniform(0, HEIGHT_CELLS)
        self.waves = [(wave, dice.uniform(10, 40) / wave, dice.uniform(0, 2 * math.pi)) for wave in (1, 2, 3)]
        self.seamounts = []
        while len(self.seamounts) < len(SEAMOUNT_NAMES):
            x, y = dice.randrange(WIDTH_CELLS), dice.randrange(HEIGHT_CELLS)
            if self.off_trench(x, y) > 25 and all(distance(x, y, other.x, other.y) > 85 for other in self.seamounts):
                name = SEAMOUNT_NAMES[len(self.seamounts)]
                self.seamounts.append(Seamount(name, x, y, dice.uniform(10, 30), dice.uniform(10, 25)))
        self.treasures = [(name, hill.x, hill.y, self(hill.x, hill.y))       # name, x, y, z
                          for name, hill in zip(TREASURES, self.seamounts, strict=True)]

    def off_trench(self, x, y):
        """Cells from the middle line of the trench, measured along y."""
        turn = 2 * math.pi * x / WIDTH_CELLS
        middle = self.trench_y + sum(width * math.sin(wave * turn + phase) for wave, width, phase in self.waves)
        return abs(gap(middle, y, HEIGHT_CELLS))

    def __call__(self, x, y):
        cut = math.exp(-(self.off_trench(x, y) / 6) ** 4)      # 1 in the middle of the trench, which cuts through hills
        hills = sum([hill.height * math.exp(-(gap(hill.x, x, WIDTH_CELLS) ** 2 + gap(hill.y, y, HEIGHT_CELLS) ** 2)
                                            / (2 * hill.sigma ** 2)) for hill in self.seamounts])
        return round(max(FLOOR_M + (TRENCH_M - FLOOR_M) * cut - hills * (1 - cut), SUMMIT_M), 1)


# =====================================================================================================================
# PART 2  A TURN
# =====================================================================================================================

# --- READ ------------------------------------------------------------------------------------------------------------

class Fault(ValueError):
    """One parameter that cannot be read: what works, and perhaps what was meant."""

    def __init__(self, works, meant=None):
        super().__init__(works)
        self.works, self.meant = works, meant


def shown(text):
    """What somebody sent, safe to print: short, no control characters, in quotes."""
    return repr(text if len(text) <= 40 else text[:40] + '...')


def choose(text, words, works):
    """The one of `words` that the text says; the case and the spaces around do not matter."""
    plain = re.sub(r'[\s_-]+', ' ', text).strip().casefold()
    by_plain = {word.casefold(): word for word in words}
    if plain in by_plain:
        return by_plain[plain]
    close = difflib.get_close_matches(plain, by_plain, 1, 0.6)
    if close:
        raise Fault(f'did you mean {by_plain[close[0]]}?', by_plain[close[0]])
    raise Fault(works)


def read_heading(text):
    heading = SHORT.get(text, text)
    if heading in HEADINGS:
        return heading
    heading = re.sub(r'[\s_-]+', '', text).casefold()
    return choose(SHORT.get(heading, heading), HEADINGS, 'headings are ' + ', '.join(HEADINGS) + ' (or e, ne, n, ...)')


read_heading.schema = {'type': 'string', 'enum': [*HEADINGS, *SHORT]}


def read_word(*words):
    """A kind: one of these words."""
    works = 'it is ' + (' or '.join(words) if len(words) < 3 else 'one of ' + ', '.join(words))

    def read(text):
        return choose(text, words, works)
    read.schema = {'type': 'string', 'enum': list(words)}
    return read


def read_whole(low, high=999_999_999):
    """A kind: whole numbers from low to high."""
    works = 'it is a whole number' + (f', {low} or more' if high == 999_999_999 else f' from {low} to {high}')

    def read(text):
        found = re.fullmatch(r'\s*([+-]?[0-9]{1,9})(\.0*)?\s*', text)
        if not found:
            raise Fault(works)
        if not low <= int(found[1]) <= high:
            raise Fault(works, str(min(max(int(found[1]), low), high)))
        return int(found[1])
    read.schema = {'type': 'integer', 'minimum': low, 'maximum': high}
    return read


def read_seconds(text):
    """A time, or no time: seconds since 1970."""
    found = re.fullmatch(r'\s*[0-9]{1,12}(\.[0-9]{0,9})?\s*', text)
    if not found:
        raise Fault('it is a number, 0 or more')
    return float(text)


read_seconds.schema = {'type': 'number', 'minimum': 0}


NAME_KINDS = ('Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Nd', 'Mn', 'Mc', 'Me')         # letters, digits, marks
INVISIBLE = re.compile('[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]')


def read_name(text):
    """1 to 20 letters or digits of any script. A letter may have marks, three at the most; none may be invisible."""
    name = unicodedata.normalize('NFKC', text.strip())
    kept = ''.join(letter for letter in INVISIBLE.sub('', name) if unicodedata.category(letter) in NAME_KINDS)
    kept = re.sub(r'^(\W+)|(?<=\W\W\W)\W+', '', kept)          # of what is kept, only marks are \W
    if name != kept or not 1 <= len(name) <= 20 or key_of(name) == 'all':
        raise Fault('a name is 1 to 20 letters or digits, and not "all"',
                    kept[:20] if kept and key_of(kept) != 'all' else None)
    return name


def key_of(name):
    """The name without regard to case: the key of a boat in the tables."""
    return unicodedata.normalize('NFKC', name.casefold())


def read_text(longest):
    """A kind: any text in one line."""
    def read(text):
        line = ' '.join(''.join(' ' if unicodedata.category(letter)[0] == 'C' and letter != '\u200d' else letter
                                for letter in text).split())
        if not 1 <= len(line) <= longest:
            raise Fault(f'it is a text of 1 to {longest} characters', line[:longest] or None)
        return line
    read.schema = {'type': 'string', 'minLength': 1, 'maxLength': longest}
    return read


ID_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'    # no look-alikes: 0 and o, 1 and i and l
NO_ID = 'every boat has a secret id of 8 letters and digits; join gives you one'


def read_id(text):
    return text if text.isalnum() else text.strip()


@dataclass(frozen=True, eq=False)
class Parameter:
    name: str
    meaning: str
    read: object              # text -> value, or raises Fault
    example: str
    required: bool = True
    default: object = None


def read_query(query):
    """The text of a query string -> {name: text}, and a name that came twice. What is no UTF-8 becomes \ufffd."""
    if query.isascii() and '%' not in query and '+' not in query:
        pairs = [pair.partition('=')[::2] for pair in query.split('&') if pair]
    else:
        query = query.encode('latin-1', 'replace').decode('utf-8', 'replace')
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace')
    texts = dict(pairs)
    if len(texts) == len(pairs):
        return texts, None
    return texts, next(name for name, times in collections.Counter(name for name, _ in pairs).items() if times > 1)


def read_values(route, texts):
    """Texts by name -> values by name, or a Refusal whose fix makes the whole call work."""
    values = dict(route.defaults)
    try:
        for name, text in texts.items():
            values[name] = route.known[name].read(text) if name in route.known else None
    except Fault:
        raise misread(route, texts) from None
    if values.keys() != route.known.keys():
        raise misread(route, texts)
    values.pop('format', None)                 # WIRE's affair
    return values


def misread(route, texts, twice=None):
    """The Refusal for texts that cannot be read: names the first fault, corrects all of them."""
    faults, fix = [] if twice is None else [f'{shown(twice)[1:-1]} came more than once; once is enough'], {}
    known = route.known
    for name in [name for name in texts if name not in known]:
        free = [other for other in known if other not in texts and other not in fix and len(faults) < 5]
        meant = next(iter(difflib.get_close_matches(name.strip().casefold(), free, 1, 0.6)), None)
        faults.append(f'{route.name} has no parameter {shown(name)[1:-1]}; ' + (
            f'did you mean {meant}?' if meant else f'it knows {", ".join(known) or "none"}'))
        fix[name] = None
        if meant:
            fix[meant] = texts[name]
    for name, parameter in known.items():
        text = fix.get(name, texts.get(name))
        if text is None and parameter.required:
            faults.append(f'{name} is missing: {parameter.meaning}')
            fix[name] = parameter.example
        elif text is not None:
            try:
                parameter.read(text)
            except Fault as fault:
                faults.append(f'{name} was {shown(text)}; {fault.works}')
                fix[name] = parameter.example if fault.meant is None else fault.meant
    if ID in route.parameters and not fix.get('id', texts.get('id')):
        return Refusal(f'id is missing: {NO_ID}', 'join')
    return Refusal(faults[0], fix=fix)


ID = Parameter('id', 'the secret id that join gave you', read_id, '')
N = Parameter('n', 'your own number for this call: the same n again returns the same reply and changes nothing',
              read_text(40), '1', required=False)
FORMAT = Parameter('format', 'text (the default) or json', read_word('text', 'json'), 'json', required=False)


# --- TELL ------------------------------------------------------------------------------------------------------------

MASK = '********'


def masked(ocean, line):
    """A line for the server's log: whatever is or holds somebody's id is masked, wherever it came in."""
    keys = ocean.keys if ocean else ()
    return re.sub('[0-9A-Za-z]{8,}', lambda word: MASK if any(
        word[0][at:at + 8].casefold() in keys for at in range(len(word[0]) - 7)) else word[0], line)


def told(route, texts):
    """A call as the log shows it: one short printable line, without the id."""
    query = '&'.join([f'{name}={text}' for name, text in texts.items() if name != 'id'])
    return f'/{route}' + ('?' + brief(query) if query else '')


def brief(text, most=200):
    """The beginning of a text, printable, in one line."""
    text = text if len(text) <= most else text[:most] + '...'
    return text if text.isprintable() else repr(text)[1:-1]


def tell_place(boat):
    return tell_spot(boat.x, boat.y, boat.z)


def tell_spot(x, y, z):
    return {'x': tidy(x, WIDTH_CELLS), 'y': tidy(y, HEIGHT_CELLS), 'z': tidy(z)}


def tell_velocity(boat):
    vx, vy = velocity(boat)
    return {'vx': tidy(vx), 'vy': tidy(vy), 'heading': round(angle(boat), 4)}


def tell_time(seconds):
    """Seconds since 1970 as ISO 8601, UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def tell_ranks(ocean):
    """rank, name, score of everybody, best first; equal scores share a rank."""
    rows, rank = [], 0
    for number, boat in enumerate(sorted(ocean.boats.values(), key=lambda boat: (-boat.score, boat.name)), 1):
        if not rows or boat.score != rows[-1]['score']:
            rank = number
        rows.append({'rank': rank, 'name': boat.name, 'score': boat.score})
    return rows


RINGS = [[(c, r) for c in range(-ring, ring + 1) for r in range(-ring, ring + 1) if max(abs(c), abs(r)) == ring]
         for ring in range((BINOCULARS_CELLS + SWEEP_CELLS) // SQUARE_CELLS + 2)]


def rings_of_boats(turn, cells):
    """Ring by ring of squares, outward: the other boats there, as (distance squared, key), and how many cells from the
    caller nobody has been missed by now."""
    ocean, now, me, x, y = turn.ocean, turn.now, turn.key, turn.boat.x, turn.boat.y
    half_width, half_height = WIDTH_CELLS // 2, HEIGHT_CELLS // 2
    across, up = WIDTH_CELLS // SQUARE_CELLS, HEIGHT_CELLS // SQUARE_CELLS
    column, row = square(x, y)
    slack = SWEEP_CELLS if ocean.sailing else 0       # a boat under sail may be so far out of its square
    edge = min(x % SQUARE_CELLS, -x % SQUARE_CELLS, y % SQUARE_CELLS, -y % SQUARE_CELLS)
    for ring in range(math.ceil((cells + slack - edge) / SQUARE_CELLS) + 1):
        found = []
        for c, r in RINGS[ring]:
            for key in ocean.where.get(((column + c) % across, (row + r) % up), ()):
                boat = ocean.boats[key]
                there_x, there_y = place(boat, now) if boat.speed else (boat.x, boat.y)
                east = (there_x - x + half_width) % WIDTH_CELLS - half_width        # gap, written out: this is the
                north = (there_y - y + half_height) % HEIGHT_CELLS - half_height    # busiest place of the game
                if key != me:
                    found.append((east * east + north * north, key))
        yield found, max(ring * SQUARE_CELLS + edge - slack, 0)


def near_boats(turn, cells):
    """The nearest of the other boats within so many cells, at most MOST_SEEN: (distance, kind, name, x, y, z)."""
    found = []
    for boats, sure in rings_of_boats(turn, cells):
        found += boats
        found.sort()
        if len(found) >= MOST_SEEN and found[MOST_SEEN - 1][0] < sure * sure:
            break
    boats = [(math.sqrt(squared), turn.ocean.boats[key]) for squared, key in found[:MOST_SEEN] if squared <= cells * cells]
    return [(away, 'player', boat.name, *place(boat, turn.now), boat.z) for away, boat in boats]


def near_things(turn, cells):
    """The treasures and whales within so many cells: (distance, kind, name, x, y, z)."""
    ocean, now, x, y = turn.ocean, turn.now, turn.boat.x, turn.boat.y
    things = [('treasure', *treasure) for treasure in treasures(ocean) if abs(gap(x, treasure[1], WIDTH_CELLS)) <= cells]
    for name, whale in ocean.whales.items():
        if whale.rider or abs(gap(x, whale.x + whale.vx * (now - whale.at), WIDTH_CELLS)) <= cells:    # most are far away
            things.append(('whale', name, *whale_place(ocean, whale, now), 0))
    for kind, name, there_x, there_y, z in things:
        away = distance(x, y, there_x, there_y)
        if away <= cells:
            yield away, kind, name, there_x, there_y, z


def tell_near(turn, cells):
    """What lies or swims within so many cells of the boat, nearest first."""
    return [{'kind': kind, 'name': name, **tell_spot(x, y, z), 'distance': tidy(away)}
            for away, kind, name, x, y, z in sorted((*near_things(turn, cells), *near_boats(turn, cells)))]


def anything_near(turn, cells):
    """True if another boat, a whale, or a treasure that one does not have is within so many cells."""
    return any(name not in turn.boat.items for _, _, name, *_ in near_things(turn, cells)) or any(
        squared <= cells * cells for boats, _ in rings_of_boats(turn, cells) for squared, _ in boats)


def tell_chart(turn, since):
    """What the live map needs. Never what nobody has found yet, never an id."""
    ocean, now = turn.ocean, turn.now
    lies = {name: {'x': x, 'y': y, 'z': z} for name, x, y, z in ocean.floor.treasures}

    def fresh(table):
        return ((*map(int, key.split(',')), row) for key, row in table.items() if row.at >= since)
    return {
        'now': now, 'began': ocean.planet['mocean'].began,
        'width': WIDTH_CELLS, 'height': HEIGHT_CELLS, 'sector': SECTOR_CELLS,
        'boats': [chart_boat(boat, now, turn.calls.get(key)) for key, boat in ocean.boats.items()],
        'sectors': [[column, row, first.name, first.at] for column, row, first in fresh(ocean.sectors)],
        'depths': [[column, row, round(depth.total / depth.count, 1), depth.at]
                   for column, row, depth in fresh(ocean.depths)],
        'treasures': [{'name': name, **lies[name], 'owner': first.name, 'at': first.at} for name, first in ocean.finds.items()],
        'whales': [chart_whale(ocean, name, whale, now) for name, whale in ocean.whales.items() if whale.seen],
        'blooms': [vars(bloom) for bloom in ocean.blooms.values() if bloom.until > now],
        'news': [[int(number), news.at, news.text] for number, news in ocean.news.items() if news.at >= since]}


def chart_boat(boat, now, traffic):
    x, y = place(boat, now)
    boat = boat if now - boat.at < SAIL_S else boat.but(speed=0)
    return {'name': boat.name, **tell_spot(x, y, boat.z), **tell_velocity(boat),
            'score': boat.score, 'badges': boat.badges, 'riding': boat.riding if now < boat.ride_until else '',
            'idle_s': round(max(now - max(boat.at, boat.paid, traffic.last if traffic else 0), 0), 1)}


def chart_whale(ocean, name, whale, now):
    (x, y), rider = whale_place(ocean, whale, now), ridden(ocean, whale, now)
    return {'name': name, 'x': tidy(x, WIDTH_CELLS), 'y': tidy(y, HEIGHT_CELLS),
            'vx': 0 if rider else whale.vx, 'vy': 0 if rider else whale.vy, 'rider': rider.name if rider else ''}


def as_text(facts):
    """Values separated by commas, one record a line."""
    return '\n'.join(map(as_line, facts)) if isinstance(facts, list) else as_line(facts)


def as_line(record):
    return ','.join(map(str, record if isinstance(record, (list, tuple)) else record.values()))


def as_json(facts, many):
    return json.dumps({many: facts} if isinstance(facts, list) else facts, ensure_ascii=False)


# --- RULES -----------------------------------------------------------------------------------------------------------
# A rule takes a turn and values, writes on the turn what shall change, and returns the facts to tell, or raises a
# Refusal. It never alters the ocean, and never asks for the time or for chance except through its turn. What it has
# written before it refuses will happen: the way made under sail, the sails taken down. So it asks first, then writes.

def arrive(turn):
    """Before any rule: the sails have carried the boat to where it is now, and a ride on a whale may be over."""
    boat = turn.boat
    if boat.speed:
        seconds = min(max(turn.now - boat.at, 0), SAIL_S)
        vx, vy = velocity(boat)
        legs = max(1, math.ceil(boat.speed * seconds))
        travel(turn, vx * seconds / legs, vy * seconds / legs, legs,
               at=turn.now, paid=max(boat.paid, turn.now), speed=boat.speed if seconds < SAIL_S else 0)
    if boat.riding and turn.now >= boat.ride_until:
        dismount(turn)


def travel(turn, dx, dy, legs, **fields):
    """The boat goes so many legs of (dx, dy) cells: a rising floor lifts it, new sectors and going round count."""
    boat, z, sectors = turn.boat, turn.boat.z, {}
    for leg in range(1, legs + 1):
        x, y = wrap(boat.x + dx * leg, WIDTH_CELLS), wrap(boat.y + dy * leg, HEIGHT_CELLS)
        sectors[sector_key(x, y)] = True
        if z:
            z = min(z, turn.ocean.floor(x, y))
    over_x, over_y = boat.x + dx * legs - x, boat.y + dy * legs - y        # 0, or once around
    if over_x or over_y:
        fields.update(wrapped=True, seams_x=boat.seams_x + round(over_x / WIDTH_CELLS),
                      seams_y=boat.seams_y + round(over_y / HEIGHT_CELLS))
    if dx:
        fields['x'] = x
    if dy:
        fields['y'] = y
    if z != boat.z:
        fields['z'] = z
    turn.steer(**fields)
    chart(turn, sectors)
    go_round(turn)


def go_round(turn):
    """Points for the first time all the way round, in each of the two ways."""
    boat = turn.boat
    if boat.seams_x and abs(boat.seams_x * WIDTH_CELLS + boat.x - boat.from_x) >= WIDTH_CELLS \
            and reward(turn, 'east-west', ROUND_POINTS):
        turn.news(f'{boat.name} went all the way round, east-west')
    if boat.seams_y and abs(boat.seams_y * HEIGHT_CELLS + boat.y - boat.from_y) >= HEIGHT_CELLS \
            and reward(turn, 'north-south', ROUND_POINTS):
        turn.news(f'{boat.name} went all the way round, north-south')


def chart(turn, keys):
    """Points for the sectors that nobody had entered before; every 25th is news."""
    old, now = turn.ocean.sectors, turn.change.get('sectors', ())     # sails and oars may meet in one turn
    new = [key for key in keys if key not in old and key not in now]
    for key in new:
        turn.put('sectors', key, name=turn.boat.name, at=turn.now)
    if new:
        if len(turn.ocean.sectors) + len(new) == COLUMNS * ROWS:
            turn.news('the whole ocean is charted')
        charted = turn.boat.charted + len(new)
        if charted // 25 > turn.boat.charted // 25:
            turn.news(f'{turn.boat.name} has charted {charted} sectors')
        turn.steer(charted=charted, score=turn.boat.score + SECTOR_POINTS * len(new))


def dismount(turn):
    """The whale under the boat swims on by itself, unless somebody else rides it already."""
    whale = turn.ocean.whales[turn.boat.riding]
    if whale.rider == turn.key:
        x, y = whale_place(turn.ocean, whale, turn.now)
        turn.put('whales', turn.boat.riding, x=x, y=y, at=turn.now, rider='')
    turn.steer(riding='', ride_until=0)


def pay(turn, cells):
    """The time that so many cells take. A little too early: the answer waits. More: Refusal. Returns the new `paid`."""
    limit = speed_limit(turn.boat, turn.now)
    paid = max(turn.boat.paid, turn.now - SAVED_S) + cells / limit
    wait = paid - turn.now
    if wait > PATIENCE_S + 0.005:
        raise too_early(wait, f'your boat goes {limit} cells a second')
    if wait > 0:
        turn.wait = wait
    return paid


def too_early(wait, why):
    wait = math.ceil(wait * 1000) / 1000
    return Refusal(f'too early by {wait:g} s: {why}; wait, then call again', status=429, wait_s=wait)


def rested(turn, last, seconds, why):
    """Refuse what was done less than so many seconds ago."""
    if turn.now < last + seconds:
        raise too_early(last + seconds - turn.now, why)


def rule_join(turn, name, id):
    ocean, key = turn.ocean, key_of(name)
    boat = ocean.boats.get(key)
    if boat and id and secrets.compare_digest(boat.id.encode(), id.casefold().encode()):
        x, y = place(boat, turn.now)
        return {'id': boat.id, 'name': boat.name, **tell_place(boat.but(x=x, y=y))}
    if boat:
        raise Refusal(f'the name {name} is taken' + (', and by another id than this' if id else
                                                     '; if it is your boat, add &id= and your id'),
                      status=409, fix={'name': free_name(ocean, name), 'id': None})
    if len(ocean.boats) >= MOST_BOATS:
        raise Refusal(f'the ocean is full: {MOST_BOATS} boats', 'who', 503)
    x, y = berth(ocean)
    turn.key = key
    turn.steer(name=name, id=new_id(ocean), x=x, y=y, from_x=x, from_y=y, at=turn.now, paid=turn.now - SAVED_S)
    turn.news(f'{name} joined')
    chart(turn, [sector_key(x, y)])
    turn.story = f'{name} joined at {x},{y}'
    return {'id': turn.boat.id, 'name': name, **tell_place(turn.boat)}


def free_name(ocean, name):
    """The name with the first number that nobody has."""
    stem = name.rstrip('0123456789')[:15] or name[:15]
    return next(f'{stem}{number}' for number in range(2, MOST_BOATS + 3) if key_of(f'{stem}{number}') not in ocean.boats)


def new_id(ocean):
    while (new := ''.join(secrets.choice(ID_LETTERS) for _ in range(8))) in ocean.keys:
        pass
    return new


def berth(ocean):
    """Where a new boat starts: round one of the home seamounts, each boat a little further out."""
    number = len(ocean.boats)
    _, x, y, _ = ocean.floor.treasures[number % HOMES]
    away, angle = 7 + 2 * math.sqrt(number // HOMES), number * 2.4
    return round(x + away * math.cos(angle)) % WIDTH_CELLS, round(y + away * math.sin(angle)) % HEIGHT_CELLS


def rule_quit(turn):
    boat = turn.boat
    if boat.riding:
        dismount(turn)
    for table, keys in (('boats', [turn.key]), ('mail', [turn.key]), ('replies', reply_keys(turn.key)),
                        ('finds', [item for item in boat.items if item not in EVERGREEN])):
        for key in keys:
            turn.drop(table, key)
    turn.news(f'{boat.name} sailed home')
    turn.story = f'{boat.name} quit with {boat.score} points'
    return {'farewell': f'farewell, {boat.name}! You scored {boat.score}.'}


def reply_keys(key):
    return [f'{key} {slot}' for slot in range(REPLIES_KEPT)]


def rule_who(turn):
    return [{'name': row['name'], 'score': row['score']} for row in tell_ranks(turn.ocean)]


def rule_name(turn):
    return {'name': turn.boat.name}


def rule_move(turn, heading, steps):
    most = int(speed_limit(turn.boat, turn.now) * SAVED_S)
    if steps > most:
        raise Refusal(f'steps was {steps}; your boat goes at most {most} cells a second now', fix={'steps': str(most)})
    if turn.boat.speed or turn.boat.x % 1 or turn.boat.y % 1:     # oars: the sails come down, on a whole cell
        travel(turn, round(turn.boat.x) - turn.boat.x, round(turn.boat.y) - turn.boat.y, 1, speed=0)
    (dx, dy), course = HEADINGS[heading], COURSES[heading]
    travel(turn, dx, dy, steps, paid=pay(turn, steps), **({} if course == turn.boat.course else {'course': course}))
    if LOG_MOVES:
        turn.story = f'{turn.boat.name} moved {heading} to {as_text(tell_place(turn.boat))}'
    return tell_place(turn.boat)


def rule_look(turn):
    return spot(turn, tell_near(turn, sight(turn.boat)))


def spot(turn, near):
    """A whale that nobody has seen before is news."""
    for thing in near:
        if thing['kind'] == 'whale' and not turn.ocean.whales[thing['name']].seen:
            turn.put('whales', thing['name'], seen=turn.boat.name)
            turn.news(f'{turn.boat.name} saw the whale {thing["name"]}')
    return near


def rule_location(turn):
    wrapped = turn.boat.wrapped
    if wrapped:
        turn.steer(wrapped=False)
    return {**tell_place(turn.boat), 'wrapped': int(wrapped), 'message': int(turn.key in turn.ocean.mail),
            'nearby': int(anything_near(turn, reach(turn.boat)))}


def rule_velocity(turn):
    return tell_velocity(turn.boat)


def rule_accel(turn, ctrl):
    boat = turn.boat
    most = SUBMERGED_CELLS_PER_S if boat.z and 'submarine' not in boat.items else HULL_CELLS_PER_S
    speed = boat.speed + {'w': ACCEL_CELLS_PER_S, 's': -ACCEL_CELLS_PER_S}.get(ctrl, 0)
    course = (boat.course + {'a': 1, 'd': -1}.get(ctrl, 0)) % CIRCLE
    turn.steer(speed=min(max(speed, 0), most), course=course, at=turn.now)
    turn.story = f'{boat.name} sails at {tidy(turn.boat.speed)} cells a second'
    return {**tell_place(turn.boat), **tell_velocity(turn.boat)}


def rule_stop(turn):
    turn.steer(speed=0, at=turn.now)
    turn.story = f'{turn.boat.name} stopped'
    return {**tell_place(turn.boat), **tell_velocity(turn.boat)}


def rule_dive(turn, ctrl, direction):
    ways = {direction, {'f': 'down', 'r': 'up'}.get(ctrl)} - {None}
    if len(ways) != 1:
        raise Refusal('which way? ctrl is f (down) or r (up); direction is down or up', fix={'direction': 'down', 'ctrl': None})
    boat, down = turn.boat, 'down' in ways
    floor = min(turn.ocean.floor(boat.x, boat.y), deepest(boat))
    z = min(boat.z + DIVE_M, floor) if down else max(boat.z - DIVE_M, 0)
    turn.steer(z=z, paid=pay(turn, 1))
    if boat.riding and z:
        dismount(turn)
    turn.steer(speed=min(boat.speed, speed_limit(turn.boat, turn.now)))
    turn.story = f'{boat.name} is at {tidy(z)} m'
    return tell_place(turn.boat)


def rule_ping(turn):
    boat, floor = turn.boat, turn.ocean.floor
    patch = range(-SONAR_CELLS, SONAR_CELLS + 1) if 'imaging sonar' in boat.items else (0,)
    rows = [[(x, y, floor(x, y)) for x in (wrap(boat.x + dx, WIDTH_CELLS) for dx in patch)]
            for y in (wrap(boat.y - dy, HEIGHT_CELLS) for dy in patch)]          # the north comes first, as on a map
    turn.soundings = [sounding for row in rows for sounding in row]
    turn.steer(pings=boat.pings + 1)
    sectors = {}
    for x, y, depth in turn.soundings:
        sectors.setdefault(sector_key(x, y), []).append(depth)
    for key, depths in sectors.items():
        old = turn.ocean.depths.get(key)
        if not old:
            turn.steer(score=turn.boat.score + SOUNDING_POINTS)
        turn.put('depths', key, name=old.name if old else boat.name, at=turn.now,
                 total=round((old.total if old else 0) + sum(depths), 1), count=(old.count if old else 0) + len(depths))
    turn.story = f'{boat.name} sounded {floor(boat.x, boat.y)} m'
    return {'depth': rows[0][0][2]} if len(rows) == 1 else [[depth for _, _, depth in row] for row in rows]


def rule_get(turn, item):
    return get_treasure(turn) if item == 'treasure' else get_whale(turn)


def get_treasure(turn):
    boat = turn.boat
    near = [(distance(boat.x, boat.y, x, y), name, z) for name, x, y, z in treasures(turn.ocean) if name not in boat.items]
    away, name, z = min(near, default=(math.inf, '', 0))
    if away > reach(boat):
        raise Refusal(f'no treasure within {reach(boat)} cells of you that you do not have; look around', 'look', 409)
    if abs(z - boat.z) > REACH_M:
        raise Refusal(f'the {name} lies {z:g} m deep and you are at {boat.z:g} m; {REACH_M} m is as far as you reach',
                      'dive', 409, {'direction': 'down' if z > boat.z else 'up'})
    if name not in turn.ocean.finds:
        turn.put('finds', name, name=boat.name, at=turn.now)
        turn.news(f'{boat.name} found the {name}')
    points = reward(turn, name, TREASURE_POINTS)
    turn.steer(items=(*boat.items, name))
    turn.story = f'{boat.name} got the {name}'
    return {'got': name, 'points': points}


def reward(turn, name, points):
    """Points for a first time; how many."""
    if name in turn.boat.finds:
        return 0
    turn.steer(score=turn.boat.score + points, finds=(*turn.boat.finds, name))
    return points


def get_whale(turn):
    boat, ocean = turn.boat, turn.ocean
    if boat.riding:
        raise Refusal(f'you are riding {boat.riding} already; row on', 'move', 409, {'heading': 'north'})
    whales = [(distance(boat.x, boat.y, *whale_place(ocean, whale, turn.now)), name)
              for name, whale in ocean.whales.items() if not ridden(ocean, whale, turn.now)]
    away, name = min(whales, default=(math.inf, ''))
    if away > reach(boat):
        raise Refusal(f'no free whale within {reach(boat)} cells of you; look around', 'look', 409)
    blooms = [bloom.until for bloom in ocean.blooms.values() if bloom.until > turn.now
              and distance(boat.x, boat.y, bloom.x, bloom.y) <= BLOOM_CELLS]
    if not blooms:
        words = 'a whale lets itself be ridden only in a plankton bloom; iron dust makes one'
        raise Refusal(words, 'use', 409, {'item': 'iron dust'}) if 'iron dust' in boat.items else Refusal(words, 'look', 409)
    if boat.z:
        raise Refusal(f'whales are ridden at the surface, and you are at {boat.z:g} m', 'dive', 409, {'direction': 'up'})
    turn.put('whales', name, rider=turn.key, seen=ocean.whales[name].seen or boat.name)
    turn.news(f'{boat.name} rides the whale {name}')
    turn.steer(riding=name, ride_until=max(blooms), speed=0)
    turn.story = f'{boat.name} rides {name}'
    return {'got': f'a ride on {name}', 'points': reward(turn, 'whale ride', WHALE_POINTS)}


def rule_inventory(turn):
    boat = turn.boat
    return [{'kind': kind, 'name': name} for kind, names in (
        ('treasure', boat.items), ('whale', [boat.riding] if boat.riding else []), ('badge', boat.badges)) for name in names]


def rule_use(turn, item):
    if item not in turn.boat.items:
        raise Refusal(f'you do not have the {item}; your inventory tells what you have', 'inventory', 409)
    if item in USES:
        return USES[item](turn)
    return {'used': f'the {item} works all the time, you need not do anything'}


def use_crystal(turn):
    raise Refusal('the teleport crystal asks where to', 'teleport', 409, {'x': '300', 'y': '200'})


def use_net(turn):
    rested(turn, turn.boat.net_at, NET_S, 'the fish come back once a minute')
    turn.steer(net_at=turn.now, score=turn.boat.score + NET_POINTS)
    turn.story = f'{turn.boat.name} went fishing'
    return {'used': f'a good catch: {NET_POINTS} points'}


def use_alert(turn):
    x, y = turn.boat.x, turn.boat.y
    away, hill = min((distance(x, y, hill.x, hill.y), hill) for hill in turn.ocean.floor.seamounts)
    return {'seamount': hill.name, 'distance': tidy(away), 'heading': bearing(x, y, hill.x, hill.y)}


def use_rov(turn):
    return [thing for thing in tell_near(turn, ROV_CELLS) if thing['kind'] == 'treasure']


def use_sandwich(turn):
    turn.steer(items=without(turn.boat.items, 'sandwich'), fast_until=turn.now + SANDWICH_S)
    turn.story = f'{turn.boat.name} ate the sandwich'
    return {'used': f'delicious! You row twice as fast for {SANDWICH_S} seconds'}


def without(items, item):
    return tuple(name for name in items if name != item)


def use_dust(turn):
    for key, bloom in turn.ocean.blooms.items():
        if bloom.until <= turn.now:
            turn.drop('blooms', key)
    turn.put('blooms', str(next_key(turn.ocean.blooms)), x=turn.boat.x, y=turn.boat.y, until=turn.now + BLOOM_S)
    turn.steer(items=without(turn.boat.items, 'iron dust'))
    turn.news(f'{turn.boat.name} made the plankton bloom')
    turn.story = f'{turn.boat.name} made a plankton bloom'
    return {'used': f'the plankton blooms here for {BLOOM_S // 60} minutes'}


def use_infundibulum(turn):
    rested(turn, turn.boat.leap_at, LEAP_S, 'the infundibulum opens once a minute')
    return leap(turn, turn.dice.randrange(WIDTH_CELLS), turn.dice.randrange(HEIGHT_CELLS))


def leap(turn, x, y):
    """The boat at another place, at the surface and at rest. A leap is not a voyage: going round starts anew."""
    if turn.boat.riding:
        dismount(turn)
    turn.steer(x=x, y=y, z=0, speed=0, leap_at=turn.now, from_x=x, from_y=y, seams_x=0, seams_y=0)
    chart(turn, [sector_key(x, y)])
    turn.story = f'{turn.boat.name} leapt to {x},{y}'
    return tell_place(turn.boat)


USES = {'fishing net': use_net, 'crash alert': use_alert, 'ROV': use_rov, 'teleport crystal': use_crystal,
        'sandwich': use_sandwich, 'iron dust': use_dust, 'infundibulum': use_infundibulum}


def rule_teleport(turn, x, y):
    if 'teleport crystal' not in turn.boat.items:
        raise Refusal('you do not have the teleport crystal; your inventory tells what you have', 'inventory', 409)
    rested(turn, turn.boat.leap_at, CRYSTAL_S, 'the crystal has to cool down')
    return leap(turn, x % WIDTH_CELLS, y % HEIGHT_CELLS)


def rule_sendchat(turn, name, message):
    ocean, boat = turn.ocean, turn.boat
    keys = [key for key in ocean.boats if key != turn.key and len(letters(ocean, key)) < LETTERS_KEPT] \
        if key_of(name) == 'all' else [recipient(ocean, name)]
    talk = max(boat.talk, turn.now - 60) + 60 / LETTERS_PER_MINUTE
    if talk > turn.now:
        raise too_early(talk - turn.now, f'{LETTERS_PER_MINUTE} messages a minute are enough')
    for key in keys:
        turn.put('mail', key, letters=(*letters(ocean, key), (boat.name, message)))
    turn.steer(talk=talk)
    turn.story = f'{boat.name} says to {name}: {message}'
    return {'sent': f'sent to {len(keys)} player{"" if len(keys) == 1 else "s"}'}


def letters(ocean, key):
    mail = ocean.mail.get(key)
    return mail.letters if mail else ()


def recipient(ocean, name):
    """The key of the player to whom a letter goes."""
    key = key_of(name)
    if key not in ocean.boats:
        close = difflib.get_close_matches(key, [other for other in ocean.boats if other[0] == key[0]], 1, 0.5)
        if close:
            meant = ocean.boats[close[0]].name
            raise Refusal(f'nobody here is called {name}; did you mean {meant}?', status=404, fix={'name': meant})
        raise Refusal(f'nobody here is called {name}; who tells the names', 'who', 404)
    if len(letters(ocean, key)) >= LETTERS_KEPT:
        raise Refusal(f'the letter box of {ocean.boats[key].name} is full: {LETTERS_KEPT} letters wait to be read',
                      'who', 409)
    return key


def rule_popchat(turn):
    box = letters(turn.ocean, turn.key)
    if not box:
        return {}
    if box[1:]:
        turn.put('mail', turn.key, letters=box[1:])
    else:
        turn.drop('mail', turn.key)
    return {'name': box[0][0], 'message': box[0][1]}


def rule_score(turn, name):
    rows = [row for row in tell_ranks(turn.ocean) if name is None or key_of(row['name']) == key_of(name)]
    if name and not rows:
        raise Refusal(f'nobody here is called {name}; these are all', 'score', 404)
    return rows


def rule_news(turn, since):
    return [{'number': int(number), 'time': tell_time(news.at), 'text': news.text}
            for number, news in turn.ocean.news.items() if int(number) > since]


def rule_log(turn):
    calls = tuple(turn.calls[turn.key].calls)      # the next one may come in while we read
    return [{'time': tell_time(int(at)), 'status': int(status), 'request': told(route, read_query(query)[0]),
             'answer': brief(answer)} for at, status, route, query, answer in (line.split(' ', 4) for line in calls)]


def rule_chart(turn, since):
    return tell_chart(turn, since)


def rule_health(turn):
    runs = list(turn.ocean.runs.values())
    return {'state': 'ok', 'uptime_s': int(turn.now - runs[-1].began), 'players': len(turn.ocean.boats),
            'halt': runs[-2].how if len(runs) > 1 else 'this is the first run'}


# --- BADGES ----------------------------------------------------------------------------------------------------------

class Traffic:
    """What is remembered of one boat's calls, until the server stops: for `log` and the badges."""

    def __init__(self):
        self.calls = collections.deque(maxlen=LOG_KEPT)    # 'second status route query answer'
        self.moves = collections.deque(maxlen=10)          # when the last ten moves came
        self.last = 0.0           # the latest call, seconds since 1970
        self.failed = ''          # the route of the last call, if it was refused
        self.calm = 0             # calls in a row that were not too early
        self.seen = set()         # names of the treasures and whales that the last `look` showed


def award(turn, route, facts):
    """The badges that this call has earned; the boat's traffic is noted."""
    boat, traffic = turn.boat, turn.calls[turn.key]
    traffic.calm = 0 if turn.wait else traffic.calm + 1
    if route.name == 'move' and 'Looper' not in boat.badges:
        traffic.moves.append(turn.now + turn.wait)
    if len(boat.badges) < len(BADGES):
        for name in earned(route.name, boat, traffic, facts):
            if name not in boat.badges:
                turn.steer(badges=(*turn.boat.badges, name))
                turn.news(f'{boat.name} earned the badge {name}: {BADGES[name]}')
    traffic.failed = ''
    if route.name == 'look':
        traffic.seen = {thing['name'] for thing in facts if thing['kind'] != 'player'}


def earned(route, boat, traffic, facts):
    """The badges that a boat deserves with this call, whether it has them or not."""
    if route == 'move' and 'Looper' not in boat.badges and len(traffic.moves) == 10 and evenly(traffic.moves):
        yield 'Looper'
    if traffic.failed == route:
        yield 'Phoenix'
    if traffic.calm >= 50:
        yield 'Patient'
    if boat.pings >= 50:
        yield 'Cartographer'
    if 'east-west' in boat.finds and 'north-south' in boat.finds:
        yield 'Magellan'
    if route == 'get' and any(name in facts['got'] for name in traffic.seen):
        yield 'Reader'


def evenly(times):
    """Times whose gaps differ by less than a third from their mean."""
    mean = (times[-1] - times[0]) / (len(times) - 1)
    return mean > 0 and all(abs(later - earlier - mean) < mean / 3 + 0.005 for earlier, later in itertools.pairwise(times))


# --- CHANGE ----------------------------------------------------------------------------------------------------------

def merge(ocean, change):
    """Let a change happen: table -> {key: the new record, or None for gone}. Playing, replaying and loading end here."""
    for table, records in change.items():
        rows = getattr(ocean, table)
        for key, new in records.items():
            if table == 'boats':
                note_boat(ocean, key, rows.get(key), new)
            if new:
                rows[key] = new
            else:
                rows.pop(key, None)
    if 'planet' in change:
        ocean.floor = Seafloor(ocean.planet['mocean'].seed)


def note_boat(ocean, key, old, new):
    """Keep the ways to find a boat: by its id, by its square, and whether it sails."""
    if old and not (new and new.id == old.id):
        del ocean.keys[old.id]
    if new and not (old and new.id == old.id):
        ocean.keys[new.id] = key
    here = square(new.x, new.y) if new else None
    if ocean.berths.get(key) != here:
        put_boat(ocean, key, here)
    if new and new.speed:
        ocean.sailing.add(key)
    else:
        ocean.sailing.discard(key)


def put_boat(ocean, key, here):
    """Put a boat into its square, where `look` finds it."""
    there = ocean.berths.pop(key, None)
    if there:
        ocean.where[there].discard(key)
    if here:
        ocean.berths[key] = here
        ocean.where.setdefault(here, set()).add(key)


def sweep(ocean, now):
    """Put the boats under sail into the squares where they are by now. One that was left under sail has come to rest."""
    if ocean.sailing and not 0 <= now - ocean.swept < SWEEP_S:
        ocean.swept = now
        for key in list(ocean.sailing):
            here = square(*place(ocean.boats[key], now))
            if ocean.berths[key] != here:
                put_boat(ocean, key, here)
            if now - ocean.boats[key].at > SAIL_S:
                ocean.sailing.discard(key)


def change_of(ocean, patch):
    """What an RFC 7396 merge patch on the state document, read from JSON, changes in this ocean. Fields that there are
    not (an older or a newer program may have had others) are left out; lists become tuples, since records never change."""
    return {table: {key: record_of(kind, getattr(ocean, table).get(key), fields) for key, fields in patch[table].items()}
            for table, kind in TABLES.items() if table in patch}


def record_of(kind, old, fields):
    """The record of this kind after a patch: the old one changed, a new one, or None for gone."""
    if fields is None:
        return None
    fields = {name: tuple(value) if isinstance(value, list) else value
              for name, value in fields.items() if name in kind.__dataclass_fields__}
    return old.but(**fields) if old else kind(**fields)


def document_of(ocean):
    """The whole ocean as one document: what the state file holds."""
    return {'number': ocean.number, 'last': ocean.last,
            **{table: {key: vars(record) for key, record in getattr(ocean, table).items()} for table in TABLES}}


# --- JOURNAL ---------------------------------------------------------------------------------------------------------
# mocean.json is the ocean, whole; mocean.journal has one line per change since then. Each line has a number, and a line
# whose number the state file has already passed does nothing. The state file before the last one is kept, with its
# journal, so that a state file which cannot be read loses nothing either.

compact = json.JSONEncoder(ensure_ascii=False, separators=(',', ':'), check_circular=False)
try:                             # compact.encode would make an encoder in C for each call, only to throw it away
    pieces = json.encoder.c_make_encoder(None, compact.default, json.encoder.encode_basestring, None, ':', ',', False, False, True)
except TypeError:                # another Python than the usual one
    def pieces(value, _):
        return compact.encode(value)


def encode(value):
    """JSON in one line, as short as it can be."""
    return ''.join(pieces(value, 0))


datasync = getattr(os, 'fdatasync', os.fsync)
try:                             # Python lets other threads in during os.write, and each of them then stops at the lock;
    write = ctypes.PyDLL(None, use_errno=True).write   # the same system call without letting go: see benchmarks/
except TypeError:                # Windows
    def write(fd, data, length):
        return os.write(fd, data)


UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)   # what bad bytes raise


def log(text):
    """Say something in the log. A log that cannot be written to must not stop the game."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


class Journal:
    """The files of one ocean in one folder, held by one process."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self.path = self.folder / 'mocean.json', self.folder / 'mocean.journal'
        self.last_state, self.last_path = self.folder / 'mocean.last.json', self.folder / 'mocean.last.journal'
        self.held = hold(self.folder / 'mocean.lock')
        self.file, self.size, self.lines, self.synced = None, 0, 0, True
        self.whole = False        # the state file holds all that the last journal holds

    def load(self):
        """The ocean as it was answered last."""
        ocean = Ocean()
        for path in (self.state, self.last_state):
            if path.exists() and self.load_state(ocean, path):
                break
            ocean = Ocean()
        since = ocean.number      # not the number of the line before: a damaged one must not hide those after it
        for path in (self.last_path, self.path):
            if path.exists():
                self.load_lines(ocean, path, since)
        self.open()
        return ocean

    def load_state(self, ocean, path):
        """True if the state file could be read; else it is set aside, never overwritten."""
        try:
            document = json.loads(path.read_bytes())
            merge(ocean, change_of(ocean, document))
            ocean.number, ocean.last = int(document['number']), str(document['last'])
            if path is self.last_state:
                log(f'{self.state.name} cannot be read or is missing: going on from the last good copy and its journal')
            return bool(ocean.planet)
        except UNREADABLE as error:
            aside = set_aside(path)
            log(f'{path.name} cannot be read ({error}): it is now called {aside.name}')
            return False

    def load_lines(self, ocean, path, since):
        """Let the lines of a journal happen again, in order."""
        lines = path.read_bytes().split(b'\n')
        torn, garbage = lines.pop(), 0
        for line in lines:
            try:
                patch = json.loads(line)
                if patch['number'] > since:
                    merge(ocean, change_of(ocean, patch))
                    ocean.number, ocean.last = max(ocean.number, patch['number']), str(patch['last'])
            except UNREADABLE:
                garbage += 1
        if torn:
            log(f'{path.name} ended in half a line ({len(torn)} bytes), never answered: cut off')
            os.truncate(path, path.stat().st_size - len(torn))
        if garbage:
            kept = path.with_name(path.name + datetime.datetime.now().strftime(OLD))
            kept.write_bytes(b'\n'.join(lines))
            log(f'{path.name} has {garbage} lines that are not changes: left out, all kept in {kept.name}')

    def open(self):
        self.file = open(self.path, 'ab', buffering=0)     # noqa: SIM115 (it stays open)
        self.size = self.file.seek(0, os.SEEK_END)

    def write(self, ocean, patch, last):
        """Write a change down, before anybody hears of it. A disk that refuses leaves the journal as it was."""
        line = {'number': ocean.number + 1, 'last': last, **patch}
        data = encode(line).encode() + b'\n'
        try:
            if self.file.closed:          # a full disk had no room for a new page
                self.open()
            written = write(self.file.fileno(), data, len(data))
            if written != len(data):
                raise OSError(ctypes.get_errno() if written < 0 else errno.ENOSPC, 'written in part')
        except OSError as error:
            with contextlib.suppress(OSError, ValueError):
                self.file.truncate(self.size)
            raise Refusal(f'the disk of the server is full or broken ({os.strerror(error.errno)}); nothing has changed, '
                          'tell your teacher', status=503) from error
        self.size += len(data)
        self.lines += 1
        self.synced = False
        ocean.number, ocean.last = line['number'], last

    def sync(self):
        """What a power cut may take is what came after this."""
        if not self.synced:
            self.synced = True
            datasync(self.file.fileno())

    def turn_page(self):
        """Begin a new journal; the one before it stays until the next time. Not twice for one state file."""
        if self.whole and not self.file.closed:
            self.file.close()
            os.replace(self.path, self.last_path)
            self.whole, self.synced, self.lines = False, True, 0
            self.open()

    def write_state(self, document):
        """A fresh state file, whole or not at all; the one before it becomes the last good copy."""
        fresh = self.folder / 'mocean.json.new'
        try:
            with open(fresh, 'wb') as file:
                file.write(readable(document).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            fresh.unlink(missing_ok=True)      # the little space that is left is the journal's
            raise
        if self.state.exists():
            os.replace(self.state, self.last_state)      # a kill just here leaves the copy and its journal: enough
        os.replace(fresh, self.state)
        self.whole = True

    def close(self):
        for file in (self.file, self.held):
            if file:
                file.close()


def readable(document):
    """The document as JSON, one record a line: quick to write, and a person can read it."""
    parts = []
    for name, value in document.items():
        if isinstance(value, dict):
            rows = ',\n'.join(f'  {encode(key)}: {encode(fields)}' for key, fields in value.items())
            value = '{\n' + rows + '\n }'
        else:
            value = encode(value)
        parts.append(f' {encode(name)}: {value}')
    return '{\n' + ',\n'.join(parts) + '\n}\n'


def set_aside(path):
    """Give a file a name with a date, one that is free."""
    aside = path.with_name(path.name + datetime.datetime.now().strftime(OLD))
    while aside.exists():
        aside = aside.with_name(aside.name + '+')
    return path.rename(aside)


def hold(path):
    """Hold a file as long as this process lives; a second process is refused."""
    file = open(path, 'ab')                                # noqa: SIM115 (it stays open)
    try:
        try:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:                                # Windows
            import msvcrt
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        file.close()
        raise Refusal(f'another process has this ocean open ({path}); one ocean lives in one process: stop the other '
                      'one first, and start uWSGI with --processes 1', status=503) from None
    return file


# --- PLAY ------------------------------------------------------------------------------------------------------------

class Clock:
    """Seconds since 1970 that never run backward: where the computer's clock is set back, they go on from where they were."""

    def __init__(self):
        self.now, self.ticks = 0.0, time.monotonic()

    def __call__(self):
        ticks = time.monotonic()
        self.now, self.ticks = max(time.time(), self.now + ticks - self.ticks), ticks
        return self.now


class Sea:
    """The running game: one ocean, its journal, its clock and dice, and one lock."""

    def __init__(self, folder, clock=None, dice=None):
        self.folder, self.clock, self.dice = folder, clock or Clock(), dice or random.SystemRandom()
        self.lock, self.tending = threading.RLock(), threading.Lock()
        self.process = None       # the process in which the sea is open
        self.closing = threading.Event()
        self.watched = False      # an endless loop ends the process, and somebody starts a new one
        self.began = {}           # thread -> when the request began that it is at, in seconds of a clock of its own
        self.ocean = self.journal = self.store = None
        self.calls = collections.defaultdict(Traffic)   # key -> what is remembered of a boat's calls
        self.moved, self.soundings = set(), []              # since the data service was last told
        self.tended = self.state_at = 0.0

    def open(self):
        """Load the ocean, once, in the process that serves it: never before a fork."""
        with self.lock:
            if self.process == os.getpid():
                return
            self.journal = Journal(self.folder)
            try:
                self.ocean = self.journal.load()
                if isinstance(self.clock, Clock):
                    self.clock.now = newest(self.ocean)
                begin_run(self)
            except BaseException:
                self.journal.close()      # else this very process would stand in its own way
                raise
            self.process = os.getpid()
            atexit.register(self.close)
            threading.Thread(target=keep_tending, args=(self,), daemon=True).start()
            if self.watched:
                faulthandler.dump_traceback_later(STUCK_S, exit=True)      # now, before anybody can be stuck
                threading.Thread(target=keep_watch, args=(self,), daemon=True).start()

    def close(self):
        """An orderly end: a bonus, never relied upon."""
        atexit.unregister(self.close)
        with self.tending, self.lock:      # in this order, as tend takes them
            if self.process == os.getpid():
                self.process = None
                self.closing.set()
                end_run(self)
                self.journal.close()
                if self.store:
                    hand_over(self, self.clock())
                    self.store.close()


def newest(ocean):
    """The latest moment that the ocean remembers, in seconds since 1970."""
    return max((0.0, *(max(boat.at, boat.paid) for boat in ocean.boats.values()), *(news.at for news in ocean.news.values())))


def play(sea, route, values):
    """One turn: the rule decides -> the journal is written -> merge lets it happen. Returns the facts to tell."""
    number, id = values.pop('n', None), values.pop('id') if route.mine else None
    with sea.lock:
        turn = begin_turn(sea, route, id)
        stored = number and stored_reply(turn, route, number)
        if stored:
            return json.loads(stored.facts)
        try:
            facts = decide(turn, route, values)
        except Refusal:
            with contextlib.suppress(Refusal):      # a full disk; what the call itself got wrong is what to say
                commit(sea, route, turn)
            raise
        if route.mine and turn.change.get('boats', {}).get(turn.key, True):      # not for one that quits
            award(turn, route, facts)
            if number:
                keep_reply(turn, route, number, facts)
        commit(sea, route, turn)
    if turn.story and (LOG_MOVES or route.loud):
        log(masked(sea.ocean, turn.story))
    if turn.now - sea.tended > 5:      # no thread tends the sea: an old uWSGI without --enable-threads
        tend(sea)
    if turn.wait:
        time.sleep(turn.wait)          # the lock is not held
    return facts


def commit(sea, route, turn):
    """Write the change into the journal, then let it happen. Where the disk refuses, who only looks is answered all the
    same; what would have come with it (a whale seen, a badge, the way made under sail) waits for the next call."""
    if not turn.change:
        return
    try:
        sea.journal.write(sea.ocean, turn.patch, f'{turn.boat.name} called {route.name}')
    except Refusal:
        if N in route.parameters or not route.mine:      # a call that changes something has an n
            raise
        return
    merge(sea.ocean, turn.change)
    tell_store(sea, turn)
    if turn.key and turn.key not in sea.ocean.boats:
        sea.calls.pop(turn.key, None)      # who comes next under this name starts anew


def begin_turn(sea, route, id):
    """A fresh sheet for the player with this id."""
    if sea.process != os.getpid():
        sea.open()
    return Turn(sea.ocean, sea.clock(), sea.dice, aboard(sea.ocean, id) if route.mine else '', sea.calls)


def decide(turn, route, values):
    """The rule writes its sheet and tells the facts, or refuses."""
    sweep(turn.ocean, turn.now)
    if route.mine:
        arrive(turn)
    return route.rule(turn, **values)


def rehearse(sea, route, texts):
    """Raise the Refusal that a call would meet at this moment: a turn of which nothing comes."""
    values = read_values(route, texts)
    if route.rule:
        values.pop('n', None)
        with sea.lock:
            decide(begin_turn(sea, route, values.pop('id') if route.mine else None), route, values)


def aboard(ocean, id):
    """The key of the boat with this id."""
    key = ocean.keys.get(id) or ocean.keys.get(id.casefold())
    if not key and (inside := id_inside(ocean, id)):
        raise Refusal(f'id was {shown(id)}; only 8 of these letters and digits are your id', fix={'id': inside})
    if not key:
        raise Refusal(f'nobody aboard has the id {shown(id)}; {NO_ID}', 'join', 404)
    return key


def id_inside(ocean, text):
    """The id that is part of a text, or None: somebody has copied more than the id."""
    text = text[:100].casefold()
    return next((text[at:at + 8] for at in range(len(text) - 7) if text[at:at + 8] in ocean.keys), None)


def caller(sea, texts):
    """The key of the boat whose id came with a call, if it is one."""
    id = texts.get('id')
    return id and sea.ocean and (sea.ocean.keys.get(id) or sea.ocean.keys.get(id.strip().casefold()))


def stored_reply(turn, route, number):
    replies = (turn.ocean.replies.get(slot) for slot in reply_keys(turn.key))
    return next((reply for reply in replies if reply and (reply.route, reply.n) == (route.name, number)), None)


def keep_reply(turn, route, number, facts):
    """Store the reply under the player's own number, in the same line of the journal."""
    turn.put('replies', f'{turn.key} {turn.boat.replies % REPLIES_KEPT}', route=route.name, n=number,
             facts=json.dumps(facts, ensure_ascii=False))
    turn.steer(replies=turn.boat.replies + 1)


def note_call(sea, route, texts, query, status, answer):
    """Remember a call for the player's `log`; a refused one may become a Phoenix."""
    key = caller(sea, texts)
    if key:
        traffic = sea.calls[key]
        traffic.last = sea.clock()
        traffic.calls.append(f'{int(traffic.last)} {status} {route.name} {query[:500]} {answer[:200]}')
        if status == 429:
            traffic.calm = 0
        elif status != 200:
            traffic.failed = route.name


def tell_store(sea, turn):
    """Keep for the data service what was measured; it is handed over once a second."""
    if sea.store:
        sea.moved.update(turn.change.get('boats', ()))
        for sounding in turn.soundings:
            sea.soundings.append((turn.boat.name, int(turn.now), *sounding))


def tend(sea):
    """Once a second, off the path of any request: sync the journal, tell the data service, write the state file."""
    if not sea.tending.acquire(blocking=False):
        return
    try:
        now = sea.tended = sea.clock()
        sea.journal.sync()
        if sea.store:
            hand_over(sea, now)
        if sea.journal.lines and (sea.journal.lines >= JOURNAL_LINES or now - sea.state_at >= STATE_S):
            save(sea)
    except OSError as error:
        log(f'the disk refuses: {error}; the game goes on, and this is tried again')
    finally:
        sea.tending.release()


def hand_over(sea, now):
    """Give the data service the tracks and soundings of the last second."""
    with sea.lock:
        keys, sea.moved = sea.moved | sea.ocean.sailing, set()
        boats = [sea.ocean.boats[key] for key in keys if key in sea.ocean.boats]
        soundings, sea.soundings = sea.soundings, []
    tracks = [(boat.name, int(now), *place(boat, now), boat.z) for boat in boats
              if not boat.speed or now - boat.at <= SAIL_S]
    if tracks or soundings:
        sea.store.keep(tracks, soundings)


def save(sea):
    """Write a fresh state file and begin a new journal. The lock is held only to take the picture."""
    sea.state_at = sea.clock()
    with sea.lock:
        document = document_of(sea.ocean)
        sea.journal.turn_page()
    sea.journal.write_state(document)


def keep_tending(sea):
    while not sea.closing.wait(SYNC_S):
        try:
            tend(sea)
        except Exception:        # the sea must be tended as long as the game runs; what went wrong is in the log
            log('tending the sea failed:\n' + traceback.format_exc())


def keep_watch(sea):
    """Wind up an alarm again and again, unless somebody holds the lock for STUCK_S or a request runs for ENDLESS_S: then
    the alarm goes off, shows in the log where every thread is, and ends the worker."""
    while not sea.closing.wait(SYNC_S):
        with sea.lock:
            pass
        left = min([*sea.began.values()], default=math.inf) + ENDLESS_S - time.monotonic()
        if left > 0:
            faulthandler.dump_traceback_later(min(left, STUCK_S), exit=True)


# --- RUNS ------------------------------------------------------------------------------------------------------------

def begin_run(sea):
    """Begin a game where there is none; say how the last run ended; note that a new one begins."""
    ocean, now = sea.ocean, sea.clock()
    patch = {} if ocean.planet else new_planet(sea.dice.getrandbits(64), now)
    number = next_key(ocean.runs) - 1
    if number:
        run = ocean.runs[str(number)]
        how = run.how or 'ended without a goodbye: killed, crashed, or the power failed; ' \
            f'the last thing that happened was: {masked(ocean, ocean.last) or "nothing"}'
        log(f'run {number} began {tell_time(run.began)} and {how}')
        patch['runs'] = {str(number): {'how': how}, str(number - 20): None}
    patch['runs'] = {**patch.get('runs', {}), str(number + 1): {'began': now}}
    merge(ocean, change_of(ocean, patch))
    log(f'run {number + 1} begins: {len(ocean.boats)} boats, change number {ocean.number}')
    sea.state_at = sea.tended = now
    try:
        for _ in range(2):        # the state file, and its copy: then both journals have done their work
            sea.journal.write_state(document_of(ocean))
        sea.journal.turn_page()
    except OSError as error:
        if not number:
            raise                 # a planet that is not written down would be another one after the next start
        log(f'no fresh state file could be written: {error}; the journal goes on')


def end_run(sea):
    """Note that the run ended in good order."""
    number, now = next(reversed(sea.ocean.runs)), sea.clock()
    run = sea.ocean.runs[number].but(ended=now, how=f'ended in good order at {tell_time(now)}')
    patch = {'runs': {number: vars(run)}}       # whole: its beginning may have met a full disk
    with contextlib.suppress(OSError, Refusal):
        sea.journal.write(sea.ocean, patch, sea.ocean.last)
        merge(sea.ocean, {'runs': {number: run}})
        sea.journal.sync()
    log(f'run {number} ends in good order')


# =====================================================================================================================
# PART 3  THE DOORS
# =====================================================================================================================

# --- ROUTES ----------------------------------------------------------------------------------------------------------
# To add a route: 1. write its rule in RULES (look at rule_name, the shortest); 2. add a line here; that is all:
# reading, refusals, the usage page and openapi.json follow from the line. 3. A test asks for what was forgotten.

@dataclass(eq=False)
class Route:
    name: str
    rule: object
    meaning: str
    reply: str                # the names of the values in the text reply
    parameters: tuple = ()
    many: str = ''            # the reply is a list: its name in JSON
    loud: bool = False        # the log tells of it; of the others only when asked
    json: bool = False        # the reply is always JSON

    def __post_init__(self):
        if self.rule or self.json:           # every route of the game also speaks JSON
            self.parameters += (FORMAT,)
        self.mine = ID in self.parameters    # the call is about the caller's own boat
        self.known = {parameter.name: parameter for parameter in self.parameters}
        self.defaults = {parameter.name: parameter.default for parameter in self.parameters if not parameter.required}


NAME = Parameter('name', 'the name of your boat: 1 to 20 letters or digits', read_name, 'ada')
OLD_ID = Parameter('id', 'your id, to come back to your own boat', read_id, '', required=False)
MY_ID = Parameter('id', 'your id: it is filled in for you', read_id, '', required=False)
WHO = Parameter('name', 'one player only', read_text(20), 'ada', required=False)
TO = Parameter('name', 'the player who gets the message, or all', read_text(20), 'all')
HEADING = Parameter('heading', ', '.join(HEADINGS) + ' (or e, ne, n, nw, w, sw, s, se)', read_heading, 'north')
STEPS = Parameter('steps', 'how many cells in one call', read_whole(1), '5', required=False, default=1)
CTRL_SAIL = Parameter('ctrl', 'w faster, s slower, a turn left, d turn right', read_word('w', 's', 'a', 'd'), 'w')
CTRL_DIVE = Parameter('ctrl', 'f down, r up', read_word('f', 'r'), 'f', required=False)
DIRECTION = Parameter('direction', 'down or up', read_word('down', 'up'), 'down', required=False)
CATCH = Parameter('item', 'treasure or whale', read_word('treasure', 'whale'), 'treasure')
ITEM = Parameter('item', 'the name of a treasure on board', read_word(*dict.fromkeys(TREASURES)), 'crash alert')
X = Parameter('x', 'cells east', read_whole(-1_000_000, 1_000_000), '300')
Y = Parameter('y', 'cells north', read_whole(-1_000_000, 1_000_000), '200')
MESSAGE = Parameter('message', f'what you want to say, up to {LETTER_LENGTH} characters', read_text(LETTER_LENGTH), 'ahoy')
SINCE = Parameter('since', 'only what has a higher number', read_whole(0), '0', required=False, default=0)
SINCE_TIME = Parameter('since', 'only what happened at this time or later, in seconds since 1970', read_seconds, '0',
                       required=False, default=0.0)
USAGE = Parameter('usage', 'brief: one line per route', read_word('brief', 'long'), 'brief', required=False)
CLIENT = Parameter('client', 'browser: HTML with links', read_word('browser', 'text'), 'browser', required=False)
LEVEL = Parameter('level', 'how much the program can do: 1, 2 or 3', read_whole(1, 3), '1', required=False, default=1)

ROUTES = [
    Route('join', rule_join, 'come aboard: you get a boat and its secret id', 'id,name,x,y,z', (NAME, OLD_ID), loud=True),
    Route('quit', rule_quit, 'leave the game: your boat is gone, your name is free', 'farewell', (ID, N), loud=True),
    Route('who', rule_who, 'all players and their scores, best first', 'name,score', (), many='players'),
    Route('name', rule_name, 'the name that belongs to your id', 'name', (ID,)),
    Route('move', rule_move, 'row so many cells towards a heading', 'x,y,z', (ID, HEADING, STEPS, N)),
    Route('look', rule_look, 'what you can see, nearest first; x grows to the east, y to the north, z downward',
          'kind,name,x,y,z,distance', (ID,), many='things'),
    Route('location', rule_location, 'where you are; have you crossed the edge of the chart, is there a message, is '
          'something within reach (0 or 1)', 'x,y,z,wrapped,message,nearby', (ID,)),
    Route('velocity', rule_velocity, 'cells a second east and north; heading in radians, 0 is east, counter-clockwise',
          'vx,vy,heading', (ID,)),
    Route('accel', rule_accel, 'set sail: faster, slower, left or right; the boat goes on by itself',
          'x,y,z,vx,vy,heading', (ID, CTRL_SAIL, N)),
    Route('stop', rule_stop, 'take the sails down', 'x,y,z,vx,vy,heading', (ID, N)),
    Route('dive', rule_dive, f'{DIVE_M} metres down or up; the sea floor stops you', 'x,y,z', (ID, CTRL_DIVE, DIRECTION, N)),
    Route('ping', rule_ping, 'sound the depth of the sea floor below you, in metres', 'depth', (ID, N), many='depths'),
    Route('get', rule_get, 'take the nearest treasure, or ride the nearest whale', 'got,points', (ID, CATCH, N), loud=True),
    Route('inventory', rule_inventory, 'what you have', 'kind,name', (ID,), many='things'),
    Route('use', rule_use, 'use a treasure', 'used', (ID, ITEM, N), many='things', loud=True),
    Route('teleport', rule_teleport, 'leap to any place; needs the teleport crystal', 'x,y,z', (ID, X, Y, N), loud=True),
    Route('sendchat', rule_sendchat, 'send a message to a player, or to all', 'sent', (ID, TO, MESSAGE, N), loud=True),
    Route('popchat', rule_popchat, 'your oldest unread message, or nothing', 'name,message', (ID, N)),
    Route('score', rule_score, 'the ranking', 'rank,name,score', (WHO,), many='players'),
    Route('news', rule_news, 'who found, charted, rode, joined', 'number,time,text', (SINCE,), many='news'),
    Route('log', rule_log, f'your last {LOG_KEPT} calls as the server saw them', 'time,status,request,answer', (ID,), many='calls'),
    Route('map', None, 'the live map', 'HTML'),
    Route('mocean', None, 'this page', 'text', (USAGE, CLIENT, MY_ID)),
    Route('chart', rule_chart, 'what the live map needs', 'JSON', (SINCE_TIME,), json=True),
    Route('client.py', None, 'a program to start with, with your server and id filled in', 'Python', (MY_ID, LEVEL)),
    Route('health', rule_health, 'is the game well, how many seconds is it up, why did it halt last',
          'state,uptime_s,players,halt'),
    Route('openapi.json', None, 'the whole interface, for programs', 'JSON', json=True),
]
BY_NAME = {route.name: route for route in ROUTES}


# --- HELP ------------------------------------------------------------------------------------------------------------

WORLD = f"""Mocean is an ocean planet in the shape of a torus.
x grows to the east, 0 to {WIDTH_CELLS - 1}; y grows to the north, 0 to {HEIGHT_CELLS - 1}; both wrap around, so the ocean has no edge.
One cell is one kilometre. z is your depth in metres: 0 at the surface, growing downward.
You row at most {HULL_CELLS_PER_S} cells a second, {SUBMERGED_CELLS_PER_S} under water, {WHALE_CELLS_PER_S} on a whale."""
GOAL = (f'Explore it! {SECTOR_POINTS} point for each square of {SECTOR_CELLS} by {SECTOR_CELLS} cells that nobody has entered before,\n'
        f'{SOUNDING_POINTS} for being the first to sound its depth, {TREASURE_POINTS} for a treasure, {WHALE_POINTS} for a ride on a whale,\n'
        f'{ROUND_POINTS} for going all the way round the planet.')


def example(route, base, id):
    """A call that works when pasted, once the id is one's own."""
    texts = {parameter.name: parameter.example for parameter in route.parameters
             if parameter.required and parameter is not ID or parameter in (STEPS, DIRECTION)}
    return call(base, route.name, {'id': id, **texts} if ID in route.parameters else texts)


def call(base, name, texts):
    """A whole URL."""
    query = '&'.join(f'{urllib.parse.quote(key)}={urllib.parse.quote(str(text), safe=",:")}' for key, text in texts.items())
    return f'{base}/{name}' + ('?' + query if query else '')


START = 'It answers with your secret id. Every call about your boat needs it:'
FIRST = ('look', 'move', 'dive')                       # what to try first, and so the first links on the page
EXTRA = ('Add format=json to a call of the game for JSON. Most calls that do something also take n=, a number of your own:\n'
         f'the same n again (of the last {REPLIES_KEPT}) is answered again, and not done twice.')
ALSO = {'map': 'the live map', 'steps': 'the game of puzzles', 'erddap': 'what the players measured, for data programs'}


def help_brief(also):
    return '\n'.join([f'/{route.name} {" ".join(parameter.name for parameter in route.parameters if parameter is not FORMAT)}'
                      .rstrip() for route in ROUTES] + [f'/{name}' for name in also if name not in BY_NAME])


def told_parameters(route):
    """The parameters of a route, less those that the page has explained for all."""
    return [parameter for parameter in route.parameters if parameter not in (FORMAT, N)]


def help_text(base, id, also):
    parts = [WORLD, GOAL, f'Start: {call(base, "join", {"name": "ada"})}\n{START}',
             '\n'.join(example(BY_NAME[name], base, id) for name in FIRST), EXTRA,
             '\n'.join(f'Also here: {base}/{name}, {ALSO[name]}' for name in also)]
    for route in ROUTES:
        known = ''.join(f'    {parameter.name}{"" if parameter.required else " (optional)"}: {parameter.meaning}\n'
                        for parameter in told_parameters(route))
        parts.append(f'/{route.name}: {route.meaning}\n  answers {route.reply}\n{known}  {example(route, base, id)}')
    return '\n\n'.join(parts)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mocean</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --link: #00607f; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; }} }}
body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: var(--ink);
       background: var(--sea); }}
h1 {{ letter-spacing: .04em; }} h2 {{ margin: 1.6em 0 0; font-size: 1.1em; border-top: 1px solid var(--line);
padding-top: .8em; }} p {{ margin: .3em 0; }} a {{ color: var(--link); overflow-wrap: anywhere; }}
code {{ font-family: ui-monospace, monospace; }} dl {{ margin: .3em 0; }} dt {{ float: left; margin-right: .6em; }}
</style></head><body><h1>Mocean</h1>{body}</body></html>"""


def help_html(base, id, also):
    def link(address, words=''):
        return f'<a href="{html.escape(address)}">{html.escape(words or address)}</a>'
    parts = [f'<p>{html.escape(line)}</p>' for line in (*WORLD.split('\n'), GOAL)]
    parts.append(f'<p>Start: {link(call(base, "join", {"name": "ada"}))} (with your own name). {html.escape(START)}</p>')
    parts += [f'<p>{link(example(BY_NAME[name], base, id))}</p>' for name in FIRST]
    parts.append(f'<p>{html.escape(EXTRA)}</p>')
    parts += [f'<p>Also here: {link(f"{base}/{name}")}, {html.escape(ALSO[name])}</p>' for name in also]
    for route in ROUTES:
        known = ''.join(f'<dt><code>{parameter.name}</code></dt><dd>{html.escape(parameter.meaning)}'
                        f'{"" if parameter.required else " (optional)"}</dd>' for parameter in told_parameters(route))
        parts.append(f'<h2 id="{route.name}"><code>/{route.name}</code></h2><p>{html.escape(route.meaning)}; answers '
                     f'<code>{html.escape(route.reply)}</code></p><dl>{known}</dl><p>{link(example(route, base, id))}</p>')
    return PAGE.format(body='\n'.join(parts))


def openapi(base):
    """The interface as OpenAPI 3.1 describes it."""
    error = {'description': 'a sentence that teaches, and a call that works', 'content': {
        'text/plain': {'schema': {'type': 'string'}}, 'application/json': {'schema': {
            'type': 'object', 'required': ['error', 'try', 'status'], 'properties': {
                'error': {'type': 'string'}, 'try': {'type': 'string'}, 'status': {'type': 'integer'}}}}}}
    return {'openapi': '3.1.0', 'info': {'title': 'Mocean', 'version': VERSION, 'description': WORLD},
            'servers': [{'url': base}],
            'paths': {f'/{route.name}': {'get': {
                'operationId': route.name, 'summary': route.meaning,
                'parameters': [{'name': parameter.name, 'in': 'query', 'required': parameter.required,
                                'description': parameter.meaning, 'schema': schema_of(parameter)}
                               for parameter in route.parameters],
                'responses': {'200': {'description': route.reply, 'content': media(route)}, 'default': error}}}
                for route in ROUTES}}


def schema_of(parameter):
    schema = getattr(parameter.read, 'schema', {'type': 'string'})
    return schema if parameter.default is None else {**schema, 'default': parameter.default}


def media(route):
    kinds = {'HTML': ['text/html'], 'Python': ['text/plain']}.get(route.reply, ['text/plain', 'application/json'])
    return {kind: {'schema': {'type': 'object' if 'json' in kind else 'string'}}
            for kind in (['application/json'] if route.json else kinds)}


# --- WIRE ------------------------------------------------------------------------------------------------------------

VERSION = '1.0'
BUG = 'the server has a bug here; its log says where, tell your teacher'
ALWAYS = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff'), ('Access-Control-Allow-Origin', '*')]
TEXT, JSON, HTML = 'text/plain; charset=utf-8', 'application/json; charset=utf-8', 'text/html; charset=utf-8'
HOST = re.compile(r'(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?')


def base_of(environ):
    """http://host:port as the learner reached this server. A Host header that is not one is not repeated."""
    host = environ.get('HTTP_HOST', '')
    if not HOST.fullmatch(host):
        host = f'{environ.get("SERVER_NAME", "localhost")}:{environ.get("SERVER_PORT", PORT)}'
    secure = environ.get('HTTP_X_FORWARDED_PROTO') == 'https' or environ.get('wsgi.url_scheme') == 'https'
    return f'{"https" if secure else "http"}://{host}'


def wants_json(environ, texts):
    """format= decides; without it, what the Accept header likes best."""
    if 'format' in texts:
        return texts['format'].strip().casefold() == 'json'
    accept, liking = environ.get('HTTP_ACCEPT', '').casefold(), {}
    if 'json' not in accept:
        return False
    for part in accept.split(','):
        kind, _, weight = part.replace(' ', '').partition(';q=')
        liking[kind.partition(';')[0]] = float(weight or 1) if re.fullmatch(r'([01](\.[0-9]*)?)?', weight) else 0
    return liking.get('application/json', 0) > max(liking.get(kind, 0) for kind in ('text/plain', 'text/html', '*/*'))


def answer(body, kind=TEXT, status=200, **headers):
    return bottle.HTTPResponse(body, status, {'Content-Type': kind, **headers})


def error_form(words, works, status, in_json, **numbers):
    """The one form of every error: what came, what works, and a call that does."""
    headers = {'Retry-After': str(math.ceil(numbers['wait_s']))} if 'wait_s' in numbers else {}
    if in_json:
        body = json.dumps({'error': words, 'try': works, 'status': status, **numbers}, ensure_ascii=False)
        return answer(body, JSON, status, **headers)
    return answer(f'{words}\ntry: {works}', TEXT, status, **headers)


def is_prefetch(environ):
    """True where a browser guesses what its user will ask for next."""
    return any('pre' in environ.get(header, '') for header in ('HTTP_SEC_PURPOSE', 'HTTP_PURPOSE', 'HTTP_X_MOZ'))


class Wire:
    """The Bottle plugin through which every request comes in and every answer goes out."""
    name, api = 'wire', 2

    def __init__(self, sea):
        self.sea = sea
        self.second, self.lines = 0, 0       # lines of refusals in this second

    def apply(self, callback, bottle_route):
        route = bottle_route.config['declared']
        return lambda: self.serve(route, callback)

    def serve(self, route, callback):
        """One request. What a client can get wrong becomes a Refusal; anything else is a bug, and is logged as one."""
        environ = bottle.request.environ
        if environ['REQUEST_METHOD'] == 'HEAD':
            return ''
        query = environ.get('QUERY_STRING', '')
        texts, twice = read_query(query)
        in_json = route.json or wants_json(environ, texts)
        try:
            try:
                if twice is not None:
                    raise misread(route, texts, twice)
                if ('HTTP_SEC_PURPOSE' in environ or 'HTTP_PURPOSE' in environ or 'HTTP_X_MOZ' in environ
                        ) and (route.mine or route.name == 'join') and is_prefetch(environ):
                    raise Refusal('this was your browser guessing ahead; type the call yourself and it counts', status=503)
                found = callback(read_values(route, texts))
                if isinstance(found, bottle.HTTPResponse):
                    return found
                body = as_json(found, route.many) if in_json else as_text(found)
            except Refusal as refusal:
                self.note_refused(route, texts, refusal)
                return self.refuse(refusal, route.name, texts, in_json)
        except Exception:        # the one place: whatever else goes wrong is logged with its request, and answered
            line = f'{self.who(texts)} asked for {told(route.name, texts)} and met a bug:'
            log(masked(self.sea.ocean, line) + '\n' + traceback.format_exc())
            return error_form(BUG, call(base_of(environ), 'health', {}), 500, in_json)
        note_call(self.sea, route, texts, query, 200, body)
        bottle.response.set_header('Content-Type', JSON if in_json else TEXT)
        return body.encode()

    def refuse(self, refusal, name, texts, in_json):
        """The answer to a refused call: the words, and the learner's own call, corrected."""
        return error_form(refusal.words, call(base_of(bottle.request.environ), *self.corrected(refusal, name, texts)),
                          refusal.status, in_json, **refusal.numbers)

    def corrected(self, refusal, name, texts):
        """A call that works: corrected, and asked whether it would; what that refuses is corrected in its turn."""
        for _ in range(5):
            texts = {**({'id': texts.get('id')} if refusal.route else texts), **refusal.fix}
            name = refusal.route or name
            texts = {key: text for key, text in texts.items() if text is not None}
            if name not in BY_NAME:
                break
            try:
                rehearse(self.sea, BY_NAME[name], texts)
                break
            except Refusal as another:
                if 'wait_s' in another.numbers:
                    break
                refusal = another
        return name, texts

    def who(self, texts):
        key = caller(self.sea, texts)
        boat = key and self.sea.ocean.boats.get(key)
        return boat.name if boat else 'somebody'

    def note_refused(self, route, texts, refusal):
        """The refusal goes into the player's own log, and, as far as a person could read along, into the server's."""
        second = int(self.sea.clock())
        query = bottle.request.environ.get('QUERY_STRING', '')
        note_call(self.sea, route, texts, query, refusal.status, refusal.words)
        self.lines = self.lines + 1 if second == self.second else 1
        self.second = second
        if self.lines <= LOG_LINES_PER_S:
            words = refusal.words.replace(shown(texts.get('id', '')), "'" + MASK + "'")
            log(masked(self.sea.ocean, f'{self.who(texts)} {told(route.name, texts)}: {refusal.status} {words}'))

    def lost(self, error):
        """No such route, or not by GET: the same form as every error."""
        environ = bottle.request.environ
        texts, _ = read_query(environ.get('QUERY_STRING', ''))
        path = environ['PATH_INFO'].strip('/')
        if error.status_code == 405:
            refusal = Refusal(f'{shown(environ["REQUEST_METHOD"])[1:-1]} is not spoken here, only GET', status=405)
            name, headers = path or 'mocean', {'Allow': 'GET, HEAD'}
        else:
            name, headers = self.meant(path), {}
            refusal = Refusal(f'there is no /{shown(path)[1:-1]} here' + (
                f'; did you mean /{name}?' if name else '; the usage page lists what there is'), status=404)
        reply = self.refuse(refusal, name or 'mocean', self.taken(name, texts), wants_json(environ, texts))
        reply.headers.update(headers)
        return reply

    def taken(self, name, texts):
        """The texts that go on to a route: to one's own all, since they will be corrected; to a neighbour's what it takes."""
        takes = next((route.config['takes'] for route in bottle.request.app.routes
                      if route.rule == f'/{name}' and 'takes' in route.config), ())
        return texts if name in BY_NAME else {key: text for key, text in texts.items() if key in takes}

    def meant(self, path):
        """The route that a misspelt path means, or nothing."""
        rules = [rule.rule.strip('/') for rule in bottle.request.app.routes if '<' not in rule.rule]
        plain = path.casefold().strip(' /')
        if plain in ('help', 'usage'):
            return 'mocean'
        return plain if plain in rules else next(iter(difflib.get_close_matches(plain, rules, 1, 0.6)), '')


# --- PAGES -----------------------------------------------------------------------------------------------------------

def page_of(sea, values):
    """The usage page, in the three forms that people ask for."""
    environ = bottle.request.environ
    base, id = base_of(environ), values['id'] if sea.ocean and values['id'] in sea.ocean.keys else 'your-id'
    also = [name for name in ALSO if any(rule.rule.startswith(f'/{name}') for rule in bottle.request.app.routes)]
    if values['usage'] == 'brief':
        return answer(help_brief(also))
    if values['client'] == 'browser' or not values['client'] and 'text/html' in environ.get('HTTP_ACCEPT', ''):
        return answer(help_html(base, id, also), HTML,
                      **{'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'"})
    return answer(help_text(base, id, also))


def file_beside(name):
    """A file of the clients, from beside this program or from the clone."""
    for folder in (HERE / 'clients', HERE, HERE / 'mocean' / 'clients'):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding='utf-8')
    raise Refusal(f'clients/{name} does not lie beside mocean.py on the server; the game works without it', 'mocean', 404)


def map_of(sea, values):
    return answer(file_beside('map.html'), HTML)


def client_of(sea, values):
    """A starter program, with the learner's server, id and next task filled in."""
    program = file_beside(f'starter_{values["level"]}.py')
    key = sea.ocean and sea.ocean.keys.get(values['id'])
    filled = {'SERVER': base_of(bottle.request.environ), 'ID': values['id'] if key else 'your-id',
              'TASK': task(sea.ocean.boats.get(key) if key else None)}
    for name, text in filled.items():
        program = re.sub(rf'^{name} = .*$', lambda _, line=f'{name} = {text!r}': line, program, count=1, flags=re.M)
    return answer(program)


def task(boat):
    """What this player could try next."""
    if not boat:
        return 'join: open /join?name=your-name in the browser, and write the id into this program'
    tasks = [('Looper', boat.badges, 'a loop: make ten moves in a row, one after the other'),
             ('crash alert', boat.finds, 'a find: look around, row to the treasure, dive to it and get it'),
             ('Cartographer', boat.badges, 'a survey: ping every ten cells, fifty times'),
             ('east-west', boat.finds, 'a voyage: go all the way round the planet')]
    return next((words for name, earned, words in tasks if name not in earned), 'the score: write the best robot of all')


def openapi_of(sea, values):
    return answer(json.dumps(openapi(base_of(bottle.request.environ)), ensure_ascii=False, indent=1), JSON)


PAGES = {'mocean': page_of, 'map': map_of, 'client.py': client_of, 'openapi.json': openapi_of}


# --- START -----------------------------------------------------------------------------------------------------------

def make_app(folder=None, clock=None, dice=None):
    """A Bottle app on the ocean in a folder. It opens the ocean with the first request, or with app.sea.open()."""
    sea = Sea(folder or os.environ.get('STATE_DIRECTORY') or HERE, clock, dice)
    app, wire = bottle.Bottle(), Wire(sea)
    app.sea = sea
    app.install(wire)
    for route in ROUTES:
        callback = functools.partial(PAGES[route.name], sea) if route.name in PAGES else functools.partial(play, sea, route)
        for path in ('/', '/mocean') if route.name == 'mocean' else (f'/{route.name}',):
            app.route(path, 'GET', callback, declared=route)
    for status in (404, 405):
        app.error(status)(wire.lost)
    for name in ('steps', 'data'):
        if (HERE / f'{name}.py').is_file():
            ride_along(app, sea, name)
    return app


def ride_along(app, sea, name):
    """Serve the routes of steps.py or data.py too, when it lies beside this file."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    try:
        module = importlib.import_module(name)
        rider = module.make_app(sea.folder)
    except Exception:            # a mistake in a neighbour's file must not stop the game; the log tells
        log(f'{name}.py cannot ride along:\n{traceback.format_exc()}')
        return
    sea.store = getattr(rider, 'store', sea.store)
    own = {route.rule for route in app.routes}
    app.merge([route for route in rider.routes if route.rule not in own])


def wsgi(app):
    """The WSGI application: the same headers on every answer. uWSGI would throw away the body that comes with exc_info."""
    def application(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, headers + ALWAYS)
        thread = threading.get_ident()
        if thread not in app.sea.began:
            hear_crashes()
        app.sea.began[thread] = time.monotonic()
        try:
            return app(environ, start)
        except SystemExit:        # a sys.exit() in a rule: uWSGI would leave the client and the thread hanging
            log(f'{shown(environ["PATH_INFO"])} met a bug:\n{traceback.format_exc()}')
            start('500 Internal Server Error', [('Content-Type', TEXT)])
            return [f'{BUG}\ntry: {base_of(environ)}/health'.encode()]
        finally:
            app.sea.began[thread] = math.inf
    return application


# --- SERVERS ---------------------------------------------------------------------------------------------------------

def hear_crashes():
    """uWSGI's threads block all signals: a crash in C code would pass without the traceback of faulthandler."""
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT})


def open_now(sea):
    """Open the ocean before the first request, or end with one sentence."""
    try:
        sea.open()
    except (Refusal, OSError) as error:
        give_up(error)


def give_up(why):
    log(f'Mocean cannot start: {why}')
    sys.exit(22)                  # so uWSGI's master knows that it is no use to try again: it ends, too


def under_uwsgi(sea):
    """One process, and the ocean open as soon as a worker has loaded this file."""
    try:
        import uwsgi
    except ImportError:
        return
    if uwsgi.numproc > 1:
        give_up(f'uWSGI has {uwsgi.numproc} processes, and one ocean lives in one: --processes 1')
    faulthandler.enable()
    sea.watched = True
    if uwsgi.worker_id():
        open_now(sea)


class ThreadedServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """Bottle's own server, with a thread for each call: a whole class can wait at once."""
    daemon_threads = True
    allow_reuse_address = os.name != 'nt'       # on Windows it would let two servers share a port
    request_queue_size = 128

    def __init__(self, address, handler):
        if socket.has_dualstack_ipv6():         # on Windows localhost means IPv6 first, and giving it up takes a while
            self.address_family, address = socket.AF_INET6, ('::', address[1])
        super().__init__(address, handler)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
        socketserver.TCPServer.server_bind(self)            # HTTPServer's would look up a name in the network first
        self.server_name, self.server_port = 'localhost', self.server_address[1]
        self.setup_environ()


def begin(sea):
    """For `python mocean.py`: the reloader's parent checks the port, its child opens the ocean."""
    if not os.environ.get('BOTTLE_CHILD'):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name != 'nt')
            try:
                probe.bind(('0.0.0.0', PORT))
            except OSError:
                sys.exit(f'Port {PORT} is taken: is Mocean running already? Stop it, or choose another: PORT=8081')
        others = f', on other computers here http://{address}:{PORT}/' if (address := own_address()) else ''
        log(f'Mocean: open http://localhost:{PORT}/ in a browser{others}. Ctrl-C stops the game, and it is kept.')
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    open_now(sea)


def own_address():
    """This computer's address in its network, or nothing. To ask for the way to some other place sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(('192.0.2.1', 9))
        return probe.getsockname()[0]
    return ''


def end_with_parent(parent):
    """The child must not hold the port and the ocean when the reloader's parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


app = make_app()
application = wsgi(app)
under_uwsgi(app.sea)

if __name__ == '__main__':
    faulthandler.enable()
    begin(app.sea)
    bottle.run(app=application, host='0.0.0.0', port=PORT, reloader=True, quiet=True, server_class=ThreadedServer)
