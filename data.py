"""The data service: what the club measured, served the way ocean science serves its data.

      the game            TABLES    the datasets: their variables, units, words
         |                          |
         | a second's rows          v
         +------------->  STORE     data.sqlite: written once a second, pruned after a year
                                    |
      a question   --->   QUERY     the text after the ? becomes SQL, values only through ?
      in a URL                      |
                          GRID      the sea floor as the soundings show it: depth(y, x)
                                    |
      a table      <---   FORMATS   one table in, many dresses out: csv, json, html, nc
                                    |
                          ROUTES    the addresses, all of them under /erddap

It answers like a small part of ERDDAP, the data server of NOAA and of many other ocean institutes, so the
same programs read both: pandas, xarray, erddapy, curl. It is not ERDDAP and does not claim to be.

x grows to the east and y to the north, in km; z and depth grow downward, in m; time counts whole seconds since 1970.

    python data.py        serves the data.sqlite beside this file; PORT=8081 python data.py: on another port
    import data           mocean.py does that and serves these routes too, when this file lies beside it
"""
import collections
import csv
import html
import io
import itertools
import json
import math
import os
import pathlib
import re
import shutil
import socket
import socketserver
import sqlite3
import struct
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from wsgiref.simple_server import WSGIServer

from bottle import Bottle, HTTPResponse, request, run

# --- SETTINGS --------------------------------------------------------------------------------------------------------

PORT = int(os.environ.get('PORT', '8080'))      # where `python data.py` listens
WIDTH_KM, HEIGHT_KM = 600, 400      # the ocean
SECTOR_KM = 10                      # one cell of the bathymetry grid: 10 km by 10 km
KEEP_DAYS = 365                     # older rows are pruned; MOCEAN_DATA_DAYS in the environment changes it
PRUNE_EVERY_SECONDS = 60            # and then at most
PRUNE_ROWS = 10_000                 # rows of each table at a time, so that writing never takes long
LOCK_SECONDS = 0.2                  # while another program locks the file; the next second tries again
WAITING_ROWS = 100_000              # rows kept in memory while the file cannot be written
MOST_CONDITIONS = 500               # of one question; each value of a list counts
MOST_ROWS = 1_000_000               # of one answer
MOST_SECONDS = 20.0                 # for making one answer: uWSGI's router gives up on one after 30
HTML_ROWS = 1_000                   # a browser shows the first ones
BLOCK_ROWS = 500                    # rows between two pauses: a move never waits longer than these take
PAUSE_SECONDS = 0.0005
QUICK_SECONDS = 0.25                # an answer that takes longer to make is a long one
LONG_AT_A_TIME = 2                  # so many long answers are made at a time, the next ones wait for their turn,
LONG_WAITING = 20                   # and more than these are asked to come again: the game needs the threads
MEMORY_BYTES = 100_000              # a longer answer is spooled to a file without a name
FREE_BYTES = 200_000_000            # of disk that no answer may take: the game needs them


# --- TABLES ----------------------------------------------------------------------------------------------------------

class Refusal(Exception):
    """A question that gets no data, and why."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status, self.words = status, words


def query_error(words):
    return Refusal(400, 'Bad Request: Query error: ' + words)


def no_rows():
    return Refusal(404, 'Not Found: Your query produced no matching results. (nRows = 0)')


def too_much(why):
    return Refusal(413, f'Payload Too Large: Your query produced too much data. Try to request less data. ({why})')


@dataclass(frozen=True)
class Variable:
    """One column of a table, or one axis of a grid."""
    name: str
    kind: str                       # 'text', 'time' or 'number'
    units: str                      # as ERDDAP's metadata has them; '' when there are none
    attributes: dict = field(default_factory=dict)      # name: a text, a number or several numbers

    @property
    def header_units(self):
        """Times leave as text, so a table calls their unit UTC."""
        return 'UTC' if self.kind == 'time' else self.units


@dataclass(frozen=True)
class Dataset:
    """A table (tabledap) or a grid (griddap)."""
    id: str
    protocol: str
    title: str
    summary: str
    variables: tuple
    axes: tuple = ()                # of a grid: y, x

    def attributes(self):
        return {'cdm_data_type': 'Grid' if self.axes else 'Other', 'institution': INSTITUTION,
                'summary': self.summary, 'title': self.title}

    def variable(self, name):
        """The variable of that name, or None."""
        return next((variable for variable in self.variables if variable.name == name), None)


INSTITUTION = 'Mocean club'
SECONDS_1970 = 'seconds since 1970-01-01T00:00:00Z'
PLAYER = Variable('player', 'text', '', {'long_name': 'Player'})
TIME = Variable('time', 'time', SECONDS_1970, {
    'axis': 'T', 'long_name': 'Time', 'standard_name': 'time', 'time_origin': '01-JAN-1970 00:00:00'})
X = Variable('x', 'number', 'km', {'axis': 'X', 'long_name': 'Distance to the east'})
Y = Variable('y', 'number', 'km', {'axis': 'Y', 'long_name': 'Distance to the north'})
Z = Variable('z', 'number', 'm', {
    'axis': 'Z', 'long_name': 'Depth of the boat', 'positive': 'down', 'standard_name': 'depth'})
DEPTH = Variable('depth', 'number', 'm', {
    'long_name': 'Depth of the sea floor', 'positive': 'down', 'standard_name': 'sea_floor_depth_below_sea_surface'})


def axis(variable, length):
    """A grid's axis with its range: the middles of the sectors."""
    middles = (SECTOR_KM / 2, length - SECTOR_KM / 2)
    return Variable(variable.name, 'number', 'km', {**variable.attributes, 'actual_range': middles})


TRACKS = Dataset('tracks', 'tabledap', 'Tracks of the boats',
                 'Where each boat of the club was, once a second while it moved. The ocean is a torus: '
                 f'x is {WIDTH_KM} km around, y is {HEIGHT_KM} km around.', (PLAYER, TIME, X, Y, Z))
SOUNDINGS = Dataset('soundings', 'tabledap', 'Soundings of the sea floor',
                    'Each depth of the sea floor that somebody of the club measured with a ping, as measured.',
                    (PLAYER, TIME, X, Y, DEPTH))
BATHYMETRY = Dataset('bathymetry', 'griddap', 'Bathymetry from the soundings',
                     'The sea floor as far as the club has sounded it: the mean of the soundings in each '
                     f'{SECTOR_KM} km by {SECTOR_KM} km sector, NaN where nobody has sounded yet.',
                     (DEPTH,), (axis(Y, HEIGHT_KM), axis(X, WIDTH_KM)))
DATASETS = {dataset.id: dataset for dataset in (TRACKS, SOUNDINGS, BATHYMETRY)}


@dataclass
class Table:
    """What every answer is before a format dresses it: named columns, and blocks of rows."""
    columns: list                   # of Variable
    blocks: object                  # lists of rows, one after the other
    has_units: bool = True          # False: lists of datasets and attributes


# --- STORE -----------------------------------------------------------------------------------------------------------

SQL_TYPES = {'text': 'TEXT', 'time': 'INTEGER', 'number': 'REAL'}


def schema(dataset):
    """The SQL that makes a dataset's table and its indexes."""
    columns = ', '.join(f'{v.name} {SQL_TYPES[v.kind]} NOT NULL' for v in dataset.variables)
    return (f'CREATE TABLE IF NOT EXISTS {dataset.id} ({columns});'
            f'CREATE INDEX IF NOT EXISTS {dataset.id}_time ON {dataset.id} (time);'
            f'CREATE INDEX IF NOT EXISTS {dataset.id}_player ON {dataset.id} (player, time);')


def insert(dataset):
    """The SQL that takes a row in, places to the metre."""
    marks = ', '.join('round(?, 3)' if v.kind == 'number' else '?' for v in dataset.variables)
    return f'INSERT INTO {dataset.id} VALUES ({marks})'


def log(words):
    """Say something in the log. A log that cannot be written to must not stop the game."""
    with suppress(OSError, ValueError):
        print('data:', words, file=sys.stderr, flush=True)


def days_to_keep():
    text = os.environ.get('MOCEAN_DATA_DAYS', str(KEEP_DAYS))
    if re.fullmatch('[1-9][0-9]{0,5}', text):
        return int(text)
    log(f'MOCEAN_DATA_DAYS was {text!r}, which is no number of days; keeping {KEEP_DAYS} days')
    return KEEP_DAYS


class Store:
    """What the club measured, in one SQLite file. Nothing is opened before it is needed, so a fork does no harm."""

    def __init__(self, folder, clock=time.time):
        self.path, self.clock = pathlib.Path(folder) / 'data.sqlite', clock
        self.lock = threading.Lock()
        self.db = self.days = None          # the connection that writes, and how long its rows are kept: see open
        self.broken = False                 # a reader found the file damaged
        self.failing = False                # the last write failed
        self.troubles = set()               # what the log has said since all was well
        self.next_prune = 0.0
        self.making = threading.Semaphore(LONG_AT_A_TIME)
        self.waiting_room = threading.Semaphore(LONG_AT_A_TIME + LONG_WAITING)
        self.unwritten = {id: collections.deque(maxlen=WAITING_ROWS) for id in (TRACKS.id, SOUNDINGS.id)}

    def keep(self, tracks=(), soundings=()):
        """Write a second's rows in one transaction. tracks: (player, time, x, y, z), soundings: (..., x, y, depth)."""
        with self.lock:
            self.unwritten[TRACKS.id].extend(tracks)
            self.unwritten[SOUNDINGS.id].extend(soundings)
            try:
                self.write()
                self.troubles.clear()
                if self.failing:
                    self.failing = False
                    log(f'{self.path.name} is being written again')
            except (sqlite3.OperationalError, OSError) as error:
                self.close()
                self.failing = True
                self.say_once(f'cannot write {self.path}: {error}. The game goes on; up to {WAITING_ROWS:,} rows wait.')
            except Exception:                   # rows that no table can take must not come again every second
                self.forget()
                raise

    def write(self):
        """All that waits goes to the disk; a damaged file is set aside first and a new one begun."""
        try:
            if self.broken:
                self.set_aside('damaged')
            self.write_rows()
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:        # those below it are not about a damaged file
                raise
            log(f'{self.path.name}: {error}')
            self.set_aside('damaged')
            self.write_rows()

    def write_rows(self):
        """One transaction: the new rows in, some old ones out."""
        db = self.open()
        with db:
            for id, rows in self.unwritten.items():
                db.executemany(insert(DATASETS[id]), list(rows))
            if self.clock() >= self.next_prune:
                self.prune(db)
        self.forget()

    def forget(self):
        for queue in self.unwritten.values():
            queue.clear()

    def prune(self, db):
        oldest = self.clock() - self.days * 86_400
        for id in self.unwritten:
            db.execute(f'DELETE FROM {id} WHERE rowid IN '
                       f'(SELECT rowid FROM {id} WHERE time < ? ORDER BY time LIMIT {PRUNE_ROWS})', [oldest])
        self.next_prune = self.clock() + PRUNE_EVERY_SECONDS

    def open(self):
        """The connection that writes; a file that somebody removed is begun anew."""
        if self.db and not self.path.exists():
            self.close()
        if not self.db:
            self.days = self.days or days_to_keep()
            self.db = sqlite3.connect(self.path, timeout=LOCK_SECONDS, check_same_thread=False)
            self.db.execute('PRAGMA journal_mode = WAL')
            self.db.execute('PRAGMA synchronous = NORMAL')
            self.db.execute('PRAGMA secure_delete = ON')        # what is forgotten is not left in the file
            self.db.executescript('BEGIN;' + schema(TRACKS) + schema(SOUNDINGS) + 'COMMIT;')
        return self.db

    def close(self):
        if self.db:
            self.db.close()
        self.db = None

    def begin_anew(self):
        """A new ocean: the measurements of the old one stay on the disk, under a name with a date."""
        with self.lock:
            with suppress(sqlite3.Error, OSError):
                self.write()
            self.forget()
            self.set_aside('old-ocean')

    def rename(self, is_meant, new=''):
        """The rows of a player get a new name. Without one the player is forgotten: the ways are gone, and
        soundings are somebody's."""
        with self.lock:
            self.write()
            db = self.open()
            with db:
                for id in self.unwritten:
                    players = [player for player, in db.execute(f'SELECT DISTINCT player FROM {id}') if is_meant(player)]
                    for player in players:
                        if new or id == SOUNDINGS.id:
                            db.execute(f'UPDATE {id} SET player = ? WHERE player = ?', [new or 'somebody', player])
                        else:
                            db.execute(f'DELETE FROM {id} WHERE player = ?', [player])
            db.execute('PRAGMA wal_checkpoint(TRUNCATE)')

    def save(self, folder):
        """A copy of the file, in another folder."""
        with self.lock, closing(sqlite3.connect(pathlib.Path(folder) / self.path.name)) as copy:
            self.write()
            self.open().backup(copy)

    def renew(self, aside, folder=None):
        """Another ocean: the file goes to one folder, and that of another folder, if there is one, comes back."""
        with self.lock:
            with suppress(sqlite3.Error, OSError):
                self.write()
            self.forget()
            self.close()
            for ending in ('', '-wal', '-shm'):
                name = self.path.name + ending
                if self.path.with_name(name).exists():
                    os.replace(self.path.with_name(name), pathlib.Path(aside) / name)
                if folder and (pathlib.Path(folder) / name).exists():
                    shutil.copyfile(pathlib.Path(folder) / name, self.path.with_name(name))

    def set_aside(self, why):
        """Give the file, and the two that SQLite keeps beside it, a name with a date."""
        self.close()
        stamp = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(self.clock()))
        name = f'{self.path.name}.{why}-{stamp}'
        for ending in ('', '-wal', '-shm'):
            old = self.path.with_name(self.path.name + ending)
            if old.exists():
                os.replace(old, self.path.with_name(name + ending))
                if not ending:
                    log(f'{self.path.name} is set aside as {name}; a new one is begun')
        self.broken = False

    def say_once(self, words):
        if words not in self.troubles:
            self.troubles.add(words)
            log(words)

    def connect(self):
        """A new connection that can only read; where there is no file yet, it finds no rows."""
        if self.path.exists():
            db = sqlite3.connect(self.path.absolute().as_uri() + '?mode=ro', uri=True, check_same_thread=False)
            db.execute('PRAGMA cache_size = -500')          # kB; each thread of the server keeps what it once needed
            return db
        db = sqlite3.connect(':memory:', check_same_thread=False)
        db.executescript(schema(TRACKS) + schema(SOUNDINGS))
        return db

    def explain(self, error):
        """The refusal for a read that failed; a damaged file is set aside at the next write."""
        self.say_once(f'cannot read {self.path}: {error}')
        self.broken = self.broken or type(error) is sqlite3.DatabaseError
        return Refusal(503, f'Service Unavailable: The data file cannot be read now: {error}')


class Reading:
    """A connection that can only read, for one answer. If that takes long, it waits for its turn, and not for ever."""

    def __init__(self, store):
        self.store, self.begun = store, time.monotonic()
        self.refusal = None                 # why the answer cannot go on
        self.is_long = False
        self.at_end = ExitStack()

    def __enter__(self):
        try:
            self.db = self.at_end.enter_context(closing(self.store.connect()))
        except sqlite3.Error as error:
            raise self.store.explain(error) from error
        self.db.set_progress_handler(self.must_stop, 100_000)       # SQLite asks it every few milliseconds
        return self

    def __exit__(self, kind, error, trace):
        self.at_end.close()
        if isinstance(error, sqlite3.Error):
            raise self.refusal or self.store.explain(error) from error

    def breathe(self):
        """Between two blocks: let the game take its turns."""
        time.sleep(PAUSE_SECONDS)
        if self.must_stop():
            raise self.refusal

    def must_stop(self):
        seconds = time.monotonic() - self.begun
        if seconds > QUICK_SECONDS and not self.is_long:
            self.is_long = True
            self.wait_for_turn(MOST_SECONDS - seconds)
        if seconds > MOST_SECONDS:
            self.refusal = too_much(f'it took longer than {MOST_SECONDS:g} s')
        return self.refusal is not None

    def wait_for_turn(self, seconds):
        """One of a few places for making a long answer; before them, one of some places for waiting."""
        for places, patience in ((self.store.waiting_room, 0), (self.store.making, seconds)):
            if not places.acquire(timeout=max(0, patience)):
                self.refusal = Refusal(503, 'Service Unavailable: Many others are asking for much at this moment. '
                                            'Please try again.')
                return
            self.at_end.callback(places.release)


# --- QUERY -----------------------------------------------------------------------------------------------------------

OPERATORS = ('!=', '=~', '<=', '>=', '=', '<', '>')       # in the order in which they are looked for
FUNCTIONS = ('distinct', 'orderBy', 'orderByMax', 'orderByMin')
SECONDS = {'second': 1, 'minute': 60, 'hour': 3_600, 'day': 86_400}
# No two parts of these patterns can match the same letters: a pattern that can try many ways takes for ever.
NUMBER = re.compile(r'[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?', re.ASCII | re.IGNORECASE)
MOMENT = re.compile(r'(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?)?)?'
                    r'(?:Z|(?P<sign>[-+ ])(?P<hours>\d\d):?(?P<minutes>\d\d))?', re.ASCII)
RELATIVE = re.compile(r'(?:now|(?P<end>min|max)\((?P<name>\w+)\))'
                      r'(?:(?P<shift>[-+]\d+(?:\.\d+)?)(?P<unit>[a-z]*))?', re.ASCII)
PATTERN_LETTERS = r'\.*+?^$(){}[]'                       # they make a regular expression more than A|B|C


@dataclass
class Query:
    """A tabledap question, understood."""
    dataset: Dataset
    variables: list                 # of Variable: the columns of the answer
    where: list = field(default_factory=list)       # pieces of SQL, joined by AND
    values: list = field(default_factory=list)      # one for each ? in them
    distinct: bool = False
    order: list = field(default_factory=list)       # names of variables
    pick: str = ''                  # 'DESC': of each group the row with the most, 'ASC': with the least

    def sql(self):
        """The whole question in SQL; its values are in `values`."""
        return f'{self.unordered_sql()} ORDER BY {", ".join(self.order_by())}'

    def unordered_sql(self):
        columns = ', '.join(sql_column(variable) for variable in self.variables)
        where = ' WHERE ' + ' AND '.join(self.where) if self.where else ''
        source = self.dataset.id + where
        if self.pick:
            *group, last = self.order
            groups = f'PARTITION BY {", ".join(group)} ' if group else ''
            source = (f'(SELECT *, row_number() OVER ({groups}ORDER BY {last} {self.pick}, rowid DESC) AS place '
                      f'FROM {source}) WHERE place = 1')
        return f'SELECT {"DISTINCT " * self.distinct}{columns} FROM {source}'

    def order_by(self):
        """Asked-for variables first; else distinct rows by all their columns, and any others as time went by."""
        names = [variable.name for variable in self.variables]
        columns = [str(names.index(name) + 1) for name in self.order]
        if self.distinct or self.pick:
            return columns or [str(i + 1) for i in range(len(names))]
        return [*columns, 'time', 'rowid']


def sql_column(variable):
    if variable.kind == 'time':
        return f"strftime('%Y-%m-%dT%H:%M:%SZ', {variable.name}, 'unixepoch')"
    return variable.name


def read_parts(raw):
    """The parts between the &, decoded. erddapy encodes the whole query, & included; people do not."""
    if '&' not in raw:
        return split_outside_quotes(decode(raw))
    plain = raw.replace('%22', '"').replace('%5C', '\\').replace('%5c', '\\')     # they decide where a part ends
    return [decode(part) for part in split_outside_quotes(plain)]


def decode(text):
    """What the percent signs and plus signs stand for; the server hands over each byte as one character."""
    return urllib.parse.unquote_to_bytes(text.replace('+', ' ').encode('latin-1', 'replace')).decode('utf-8', 'replace')


def split_outside_quotes(text):
    """Split at each & that is not between double quotes; a backslash takes the meaning from the next letter there."""
    return re.findall(r'&((?:[^&"]+|"(?:[^"\\]|\\.)*"?)*)', '&' + text, re.DOTALL)


def read_query(dataset, raw, now):
    """A tabledap query: variables, then constraints and functions, joined by &."""
    names, *parts = read_parts(raw)
    query = Query(dataset, read_variables(dataset, names))
    for part in map(str.strip, parts):
        if not part or part.startswith('.'):        # the dot: how a graph should look, on servers that draw
            continue
        function = re.fullmatch(r'(\w+)\((.*)\)', part)
        if function:
            read_function(query, *function.groups())
        else:
            read_constraint(query, part, now)
    return query


def read_variables(dataset, text):
    if not text.strip():
        return list(dataset.variables)
    if any(operator in text for operator in OPERATORS):
        raise query_error(f'All constraints (including "{text}") must be preceded by \'&\'.')
    variables = []
    for name in map(str.strip, text.split(',')):
        variable = dataset.variable(name)
        if not variable:
            raise query_error(f'Unrecognized variable="{name}".')
        if variable in variables:
            raise query_error(f'variable={name} is listed twice in the results variables list.')
        variables.append(variable)
    return variables


def read_function(query, name, text):
    """distinct(), orderBy("..."), orderByMax("..."), orderByMin("...")"""
    if name not in FUNCTIONS:
        raise query_error(f'{name}() isn\'t a function here. These are: {", ".join(FUNCTIONS)}.')
    if name == 'distinct':
        query.distinct = True
        return
    query.order = list(dict.fromkeys(map(str.strip, text.strip(' "').split(','))))      # each once
    for each in query.order:
        if each not in [variable.name for variable in query.variables]:
            raise query_error(f'orderBy variable={each} isn\'t in the list of results variables.')
    query.pick = {'orderByMax': 'DESC', 'orderByMin': 'ASC'}.get(name, '')


def read_constraint(query, part, now):
    """variable, operator, value: a piece of SQL and what stands for its ?"""
    name, operator, text = split_constraint(part)
    variable = query.dataset.variable(name)
    if not variable:
        raise query_error(f'Unrecognized constraint variable="{name}".')
    texts = [text]
    quoted = text.startswith('"')
    if quoted:
        texts = [read_quoted(text)]
    elif variable.kind == 'text':
        raise query_error('For constraints of String variables, the right-hand-side value must be surrounded by '
                          f'double quotes. Bad constraint: {part}')
    if quoted and variable.kind == 'number' and operator != '=~':
        raise query_error('For non =~ constraints of numeric variables, the right-hand-side value must not be '
                          f'surrounded by double quotes. Bad constraint: {part}')
    if operator == '=~':
        texts = read_choices(variable, texts[0], part)
    if len(query.where) + len(query.values) + len(texts) > MOST_CONDITIONS:
        raise query_error(f'More than {MOST_CONDITIONS} constraints and values are too many for one query.')
    add_constraint(query, variable, operator, [read_value(query.dataset, variable, text, now) for text in texts])


def split_constraint(part):
    """The operator is looked for before the first double quote: the value may hold anything."""
    head = part.split('"')[0]
    operator = next((operator for operator in OPERATORS if operator in head), None)
    if not operator:
        raise query_error(f'No operator found in constraint="{part}".')
    name, text = part.split(operator, 1)
    if operator == '=' and text.startswith('='):
        raise query_error("Use '=' instead of '==' in constraints.")
    if operator == '=' and name.endswith('~'):
        raise query_error("Use '=~' instead of '~=' in constraints.")
    return name.strip(), operator, text.strip()


def read_quoted(text):
    """What stands between the double quotes; a backslash takes the meaning from the next letter."""
    inside = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    if not inside:
        raise query_error('A closing doublequote is missing.')
    return re.sub(r'\\(.)', r'\1', inside[1], flags=re.DOTALL)


def read_choices(variable, text, part):
    """The A, B and C of =~"(A|B|C)". Any other regular expression from a stranger could freeze the server."""
    inside = text[1:-1] if text.startswith('(') and text.endswith(')') else text
    if set(inside) & set(PATTERN_LETTERS if variable.kind == 'text' else '()'):
        raise query_error(f'Here =~ takes a list of values only, as in player=~"(ada|bob)". Bad constraint: {part}')
    return inside.split('|')


def add_constraint(query, variable, operator, pairs):
    """(SQL, values) pairs become one condition. A column without a number there (NaN) is NULL in SQL."""
    if operator == '=~':
        query.where.append(f'{variable.name} IN ({", ".join(sql for sql, _ in pairs)})')
    elif pairs[0][1] == [None]:
        query.where.append({'=': f'{variable.name} IS NULL', '!=': f'{variable.name} IS NOT NULL'}.get(operator, '0'))
        return
    else:
        query.where.append(f'{variable.name} {operator} {pairs[0][0]}')
    query.values += itertools.chain(*(values for _, values in pairs))


def read_value(dataset, variable, text, now):
    """One value as SQL and what stands for its ?"""
    if variable.kind == 'text':
        return '?', [text]
    text = text.strip()
    if text.lower() == 'nan':
        return '?', [None]
    plus = text.replace(' ', '+')               # in a URL, + is a space
    if NUMBER.fullmatch(plus):
        return '?', [float(plus)]
    relative = RELATIVE.fullmatch(plus)
    if relative and (relative['end'] or variable.kind == 'time'):
        return read_relative(dataset, variable, text, relative, now)
    if variable.kind == 'number':
        raise query_error(f'Numeric tests of NaN must use "NaN", not value="{text}".')
    return '?', [read_moment(text)]


def read_relative(dataset, variable, text, relative, now):
    """now-7days, max(time)-10minutes, min(x)+5"""
    unit = relative['unit']
    factor = SECONDS.get(unit.removesuffix('s')) if unit else 1
    if not factor or (unit and variable.kind != 'time'):
        raise query_error(f'{variable.name}={text} isn\'t understood. Times are like now-7days or max(time)-10minutes; '
                          f'the units are {", ".join(unit + "s" for unit in SECONDS)}.')
    shift = float(relative['shift'] or 0) * factor
    if not relative['end']:
        return '?', [now + shift]
    other = dataset.variable(relative['name'])
    if not other or other.kind == 'text':
        raise query_error(f'Unrecognized variable="{relative["name"]}".')
    return f'(SELECT {relative["end"]}({other.name}) FROM {dataset.id}) + ?', [shift]


def read_moment(text):
    """Seconds since 1970 from 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T14:00:00+02:00."""
    moment = MOMENT.fullmatch(text)
    if moment:
        with suppress(ValueError):              # there is no 30th of February
            numbers = [int(moment[i] or least) for i, least in enumerate((0, 1, 1, 0, 0, 0), 1)]
            ahead = timedelta(hours=int(moment['hours'] or 0), minutes=int(moment['minutes'] or 0))
            zone = timezone(-ahead if moment['sign'] == '-' else ahead)
            return datetime(*numbers, tzinfo=zone).timestamp() + float(moment[7] or 0)
    raise query_error(f'time={text} isn\'t a time. Times are like 2026-01-31T12:00:00Z or now-7days.')


def tabledap(store, dataset, raw, html_only):
    """The table that a query asks for."""
    query = read_query(dataset, raw, store.clock())
    return Table(query.variables, read_blocks(store, query, html_only))


def read_blocks(store, query, html_only):
    """The rows, some at a time. SQLite works without holding up Python."""
    with Reading(store) as reading:
        for block in ask_database(reading.db, query, html_only):
            yield block
            reading.breathe()


def ask_database(db, query, html_only):
    """The rows in blocks; a refusal when there are none, or too many."""
    sql = query.sql()
    if html_only:
        sql += f' LIMIT {HTML_ROWS}'
    elif db.execute(f'SELECT 1 FROM ({query.unordered_sql()}) LIMIT 1 OFFSET {MOST_ROWS}', query.values).fetchone():
        raise too_much(f'nRows > {MOST_ROWS}')
    rows = db.execute(sql, query.values)
    block = rows.fetchmany(BLOCK_ROWS)
    if not block:
        raise no_rows()
    while block:
        yield block
        block = rows.fetchmany(BLOCK_ROWS)


# --- GRID ------------------------------------------------------------------------------------------------------------

MIDDLES = {axis.name: [SECTOR_KM * (i + 0.5) for i in range(length // SECTOR_KM)]       # of the sectors, in km
           for axis, length in zip(BATHYMETRY.axes, (HEIGHT_KM, WIDTH_KM), strict=True)}
BRACKETS = re.compile(r'\[([^\[\]]*)\]')


def read_grid(raw):
    """The places along y and x that a griddap query asks for: depth, or depth[(lo):step:(hi)][(lo):step:(hi)]."""
    text, *constraints = map(str.strip, read_parts(raw))
    if any(part and not part.startswith('.') for part in constraints):
        raise query_error('A grid is asked for with brackets, as in depth[(5):1:(395)][(5):1:(595)].')
    name, brackets = text.split('[')[0], BRACKETS.findall(text)
    if name not in (DEPTH.name, ''):
        raise query_error(f'Unrecognized variable="{name}".')
    if text != name + ''.join(f'[{each}]' for each in brackets) or len(brackets) not in (0, 2):
        raise query_error(f'depth needs two pairs of brackets or none: depth[(lo):1:(hi)][(lo):1:(hi)]. It was: {text}')
    return [read_places(axis.name, each) for axis, each in zip(BATHYMETRY.axes, brackets or ('', ''), strict=True)]


def read_places(axis, text):
    """The indexes between start and stop: [start], [start:stop], [start:step:stop], or [] for all."""
    if not text.strip():
        return range(len(MIDDLES[axis]))
    parts = [part.strip() for part in text.split(':')]
    if len(parts) > 3:
        raise grid_error(axis, text, 'there are too many colons.')
    step = parts[1] if len(parts) == 3 else '1'
    if not re.fullmatch('[1-9][0-9]{0,3}', step):
        raise grid_error(axis, text, f'the step was "{step}"; it is a whole number from 1.')
    start, stop = read_place(axis, text, parts[0]), read_place(axis, text, parts[-1])
    if start > stop:
        raise grid_error(axis, text, f'the start "{parts[0]}" is beyond the stop "{parts[-1]}".')
    return range(start, stop + 1, int(step))


def read_place(axis, text, place):
    """An index: (57.0) is the sector nearest to that km, 5 is the sixth sector, last is the last one."""
    first, *_, last = MIDDLES[axis]
    most = len(MIDDLES[axis]) - 1
    inside = place[1:-1].strip() if place.startswith('(') and place.endswith(')') else ''
    if place in ('last', '(last)'):
        return most
    if NUMBER.fullmatch(inside) and first - SECTOR_KM / 2 <= float(inside) <= last + SECTOR_KM / 2:
        return min(int(float(inside) / SECTOR_KM), most)
    if re.fullmatch('[0-9]{1,4}', place) and int(place) <= most:
        return int(place)
    raise grid_error(axis, text, f'"{place}" isn\'t on the axis: from ({first}) to ({last}) km, '
                                 f'or from 0 to {most} counted in sectors.')


def grid_error(axis, text, words):
    return query_error(f'For axis {axis}, Constraint="[{text}]": {words}')


def griddap(store, raw):
    """(y, x, depth) of each sector asked for, the southernmost first: the mean of its soundings, or None."""
    places = read_grid(raw)
    row, column = (f'CAST({axis} / {SECTOR_KM} AS INTEGER) % {len(MIDDLES[axis])}' for axis in ('y', 'x'))
    with Reading(store) as reading:
        rows = reading.db.execute(f'SELECT {row}, {column}, round(avg(depth), 3) FROM soundings GROUP BY 1, 2')
        depths = {(row, column): depth for row, column, depth in rows}
    return [(MIDDLES['y'][row], MIDDLES['x'][column], depths.get((row, column)))
            for row, column in itertools.product(*places)]


# --- FORMATS ---------------------------------------------------------------------------------------------------------

def write_csv(table):
    """Names, then units, then the rows."""
    names, units = zip(*((v.name, v.header_units) for v in table.columns), strict=True)
    return csv_lines([names, units] if table.has_units else [names], table)


def write_csvp(table):
    """One line of names with units."""
    return csv_lines([[f'{v.name} ({v.header_units})' if v.header_units else v.name for v in table.columns]], table)


def write_csv0(table):
    """No header at all."""
    return csv_lines([], table)


def csv_lines(header, table):
    """The header goes out with the first rows: a query that finds nothing has sent nothing yet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerows(header)
    for block in table.blocks:
        writer.writerows([['NaN' if value is None else value for value in row] for row in block])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def write_json(table):
    """{"table": {"columnNames": [...], "columnTypes": [...], "columnUnits": [...], "rows": [[...], ...]}}"""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    names = [variable.name for variable in table.columns]
    types = ['double' if variable.kind == 'number' else 'String' for variable in table.columns]
    units = [variable.header_units or None for variable in table.columns]
    before = (f'{{\n"table": {{\n"columnNames": {encode(names)},\n"columnTypes": {encode(types)},\n'
              f'"columnUnits": {encode(units)},\n"rows": [\n')
    for block in table.blocks:
        yield before + ',\n'.join(map(encode, block))
        before = ',\n'
    yield '\n]\n}\n}\n'


def write_html(table):
    """A plain table; whatever somebody wrote into it comes out as text."""
    names = ''.join(f'<th>{html.escape(variable.name)}</th>' for variable in table.columns)
    units = ''.join(f'<th>{html.escape(variable.header_units)}</th>' for variable in table.columns)
    yield PAGE.format(title='Mocean data') + f'<table>\n<tr>{names}</tr>\n<tr>{units}</tr>\n'
    for row in itertools.islice(itertools.chain.from_iterable(table.blocks), HTML_ROWS):
        yield f'<tr>{"".join(map(html_cell, row))}</tr>\n'
    yield f'</table>\n<p>A page shows at most {HTML_ROWS:,} rows; .csv instead of .html gives all of them.</p>\n'


def html_cell(value):
    text = 'NaN' if value is None else html.escape(str(value))
    return f'<td><a href="{text}">{text}</a></td>' if text.startswith(('http://', 'https://')) else f'<td>{text}</td>'


PAGE = '''<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --link: #00607f; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; }} }}
body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 52em; margin: 2em auto; padding: 0 1em;
       color: var(--ink); background: var(--sea); }}
a {{ color: var(--link); overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; }}
td, th {{ border: 1px solid var(--line); padding: 0.2em 0.6em; text-align: left; }}
</style>
<h1>{title}</h1>
<p><a href="/erddap/index.html">All datasets</a></p>
'''

FORMATS = {                         # file type: (media type, writer)
    'csv': ('text/csv', write_csv),
    'csvp': ('text/csv', write_csvp),
    'csv0': ('text/csv', write_csv0),
    'json': ('application/json', write_json),
    'html': ('text/html', write_html),
    'htmlTable': ('text/html', write_html),
}


def write_ncml():
    """What erddapy reads before it asks for a grid: dimensions, variables and their attributes, in XML."""
    dimensions = ''.join(f'  <dimension name="{axis}" length="{len(places)}" />\n' for axis, places in MIDDLES.items())
    variables = ''.join(ncml_variable(variable) for variable in (*BATHYMETRY.axes, DEPTH))
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<netcdf xmlns="https://www.unidata.ucar.edu/namespaces/netcdf/ncml-2.2">\n'
            f'{ncml_attributes(BATHYMETRY.attributes())}{dimensions}{variables}</netcdf>\n').encode()


def ncml_variable(variable):
    shape = variable.name if variable in BATHYMETRY.axes else 'y x'
    return (f'  <variable name="{variable.name}" shape="{shape}" type="double">\n'
            f'{ncml_attributes({**variable.attributes, "units": variable.units}, "  ")}  </variable>\n')


def ncml_attributes(attributes, indent=''):
    lines = ''
    for name, value in sorted(attributes.items()):
        kind = '' if isinstance(value, str) else ' type="double"'
        text = html.escape(value) if isinstance(value, str) else ' '.join(map(str, value))
        lines += f'{indent}  <attribute name="{name}"{kind} value="{text}" />\n'
    return lines


def write_nc(rows):
    """A NetCDF-3 classic file: a header that says where each variable begins, then the numbers, big end first."""
    y, x, depth = zip(*rows, strict=True)       # each y with each x: the axes are what there is of each
    values = [sorted(set(y)), sorted(set(x)), [math.nan if each is None else each for each in depth]]
    blanks = nc_header(values, [0, 0, 0])
    begins = itertools.accumulate((8 * len(each) for each in values), initial=len(blanks))
    return nc_header(values, begins) + b''.join(struct.pack(f'>{len(each)}d', *each) for each in values)


def nc_header(values, begins):
    """Three lists: dimensions (tag 10), attributes (tag 12), variables (tag 11)."""
    dimensions = [nc_text(axis.name) + struct.pack('>i', len(each))
                  for axis, each in zip(BATHYMETRY.axes, values, strict=False)]       # the depths are no axis
    variables = [nc_text(variable.name) + struct.pack(f'>i{len(shape)}i', len(shape), *shape)
                 + nc_attributes({**variable.attributes, 'units': variable.units, **empty})
                 + struct.pack('>iii', 6, 8 * len(each), begin)
                 for (variable, shape, empty), each, begin in zip(NC_VARIABLES, values, begins, strict=False)]
    return (b'CDF\x01' + struct.pack('>i', 0) + nc_list(10, dimensions) + nc_attributes(BATHYMETRY.attributes())
            + nc_list(11, variables))


NC_VARIABLES = [                    # variable, the numbers of its dimensions, how an empty sector looks
    (BATHYMETRY.axes[0], [0], {}), (BATHYMETRY.axes[1], [1], {}), (DEPTH, [0, 1], {'_FillValue': (math.nan,)})]


def nc_attributes(attributes):
    """Texts (type 2) and doubles (type 6)."""
    parts = []
    for name, value in sorted(attributes.items()):
        if isinstance(value, str):
            parts.append(nc_text(name) + struct.pack('>i', 2) + nc_text(value))
        else:
            parts.append(nc_text(name) + struct.pack(f'>ii{len(value)}d', 6, len(value), *value))
    return nc_list(12, parts)


def nc_list(tag, parts):
    return struct.pack('>ii', tag if parts else 0, len(parts)) + b''.join(parts)


def nc_text(text):
    """Length, letters, and NULs up to a multiple of four."""
    letters = text.encode('utf-8')
    return struct.pack('>i', len(letters)) + letters + b'\0' * (-len(letters) % 4)


# --- ROUTES ----------------------------------------------------------------------------------------------------------
# To add one: give make_app a route, write an example of it into EXAMPLES, and a test.

EXAMPLES = (                        # address after the server's, what it gives; the first page shows them as links
    ('/erddap/tabledap/tracks.html?&time>=now-10minutes', 'where the boats were in the last ten minutes'),
    ('/erddap/tabledap/tracks.csv?player,time,x,y,z&orderByMax("player,time")', 'where each boat was last, as a file'),
    ('/erddap/tabledap/tracks.html?player&distinct()', 'who has sailed'),
    ('/erddap/tabledap/soundings.html?x,y,depth&depth<=20', 'the shallows found so far'),
    ('/erddap/griddap/bathymetry.csv', 'the sea floor as the club knows it, as a file'),
    ('/erddap/griddap/bathymetry.html?depth[(5):1:(95)][(5):1:(95)]', 'its south-west corner'),
    ('/erddap/info/tracks/index.html', 'what the columns of tracks mean'),
    ('/erddap/search/index.html?searchFor=sea floor', 'datasets about the sea floor'),
)


def make_app(folder=None, store=None):
    """The routes under /erddap, over the store in that folder."""
    folder = folder or os.environ.get('STATE_DIRECTORY') or pathlib.Path(__file__).resolve().parent
    app = Bottle()
    app.store = store = store or Store(folder)
    app.install(answer_in_our_form)
    for path in ('/erddap', '/erddap/', '/erddap/index.html'):
        app.route(path, callback=on_front_page)
    app.route('/erddap/info/<file>', callback=partial(on_list, store, DATASETS.values()))
    app.route('/erddap/info/<id>/<file>', callback=partial(on_info, store))
    app.route('/erddap/search/<file>', callback=partial(on_search, store))
    app.route('/erddap/<protocol:re:tabledap|griddap>/<file>', callback=partial(on_dataset, store))
    for path in ('/erddap', f'/erddap/{ANYTHING}'):
        app.route(path, method='ANY', callback=on_anything_else)
    return app


def ride(game, sea):
    """Serve these routes beside those of the ocean, and keep what its players measure."""
    app = make_app(sea.folder)

    def tend():
        tracks, soundings, number = game.measured(sea)
        if tracks or soundings:
            app.store.keep(tracks, soundings)
        game.handed_over(sea, number)

    def rename(name, new=''):
        app.store.rename(lambda player: game.key_of(player) == game.key_of(name), new)
    return game.Rider(app.routes, tend, app.store.close, forget=rename, rename=rename,
                      save=app.store.save, renew=app.store.renew)


ANYTHING = '<rest:re:(?s:.*)>'      # nothing, and line breaks, too


def make_lone_app(folder=None):
    """The same, with a first page at / and our form for every error: for `python data.py`."""
    app = make_app(folder)
    app.route('/', callback=on_front_page)
    app.route(f'/{ANYTHING}', method='ANY', callback=on_anything_else)
    return app


def answer_in_our_form(callback):
    """Every refusal in ERDDAP's form; what nobody thought of goes to the log and becomes a 500 in the same form."""
    def answer(*args, **kwargs):
        try:
            return callback(*args, **kwargs)
        except HTTPResponse:
            raise
        except Refusal as refusal:
            return error_reply(refusal.status, refusal.words)
        except Exception:
            log(f'unexpected, at {request.path!r} ? {request.query_string!r}\n{traceback.format_exc()}')
            return error_reply(500, 'Internal Server Error: The server made a mistake; its log says which.')
    return answer


def error_reply(status, words):
    words = words.replace('"', '\\"')
    body = f'Error {{\n    code={status};\n    message="{words}";\n}}\n'
    return HTTPResponse(body.encode('utf-8'), status, {'Content-Type': 'text/plain; charset=UTF-8'})


def on_anything_else(rest=''):
    if request.method not in ('GET', 'HEAD'):
        raise Refusal(405, f'Method Not Allowed: Everything here is asked for with GET, not {request.method}.')
    raise nothing_there()


def nothing_there():
    return Refusal(404, f'Not Found: There is nothing at {request.path}; /erddap/index.html lists what there is.')


def on_front_page():
    """The datasets, and some questions to start from."""
    page = PAGE.format(title='Mocean data: what the club measured') + '<ul>\n'
    for dataset in DATASETS.values():
        page += (f'<li><a href="/erddap/{dataset.protocol}/{dataset.id}.html">{dataset.id}</a>: {dataset.summary} '
                 f'<a href="/erddap/info/{dataset.id}/index.html">What its columns mean.</a></li>\n')
    page += '</ul>\n<h2>Some questions</h2>\n<ul>\n'
    for path, words in EXAMPLES:
        path = html.escape(path)
        page += f'<li><a href="{path}">{path}</a><br>{words}</li>\n'
    return page + ('</ul>\n<p>Add a question after the <code>?</code>: columns with commas between them, then '
                   '<code>&amp;</code> and a condition, as often as you like. This answers like a small part of '
                   'ERDDAP, the data server of many ocean institutes.</p>\n')


def on_dataset(store, protocol, file):
    """What the question asks of a table or a grid, in the format that the file type names."""
    id, kind = split_file(file)
    if id == 'index':
        return on_list(store, [dataset for dataset in DATASETS.values() if dataset.protocol == protocol], file)
    dataset, question = find_dataset(id, protocol), request.query_string
    if not kind:
        return redirect_to_html(protocol, id)
    if dataset is BATHYMETRY and kind == 'ncml':
        return send('application/xml', write_ncml())
    if dataset is BATHYMETRY and kind == 'nc':
        return send('application/x-netcdf', write_nc(griddap(store, question)))
    format = find_format(kind)
    if dataset is BATHYMETRY:
        return reply(store, format, Table([*BATHYMETRY.axes, DEPTH], [griddap(store, question)]))
    return reply(store, format, tabledap(store, dataset, question, kind in ('html', 'htmlTable')))


def on_list(store, datasets, file):
    """The datasets: index.csv, index.json, index.html."""
    return reply(store, find_index_format(file), list_table(datasets))


def on_info(store, id, file):
    """The variables and attributes of one dataset."""
    return reply(store, find_index_format(file), info_table(find_dataset(id)))


def on_search(store, file):
    """index: all the words, in any order; advanced: with more fields, of which only the protocol matters here."""
    asked = dict(part.partition('=')[::2] for part in read_parts(request.query_string))
    words = asked.get('searchFor', '')
    protocol = asked.get('protocol', '').lower()
    found = [dataset for dataset in DATASETS.values()
             if matches(dataset, words) and protocol in ('', '(any)', dataset.protocol)]
    if not found:
        raise Refusal(404, 'Resource not found: Your query produced no matching results. '
                           'Check the spelling of the word(s) you searched for.')
    return reply(store, find_index_format(file, ('index', 'advanced')), list_table(found))


def matches(dataset, words):
    """All words must be there, whatever their case; -word must not; "a phrase" holds together."""
    text = ' '.join([*(f'{name}={value}' for name, value in dataset.attributes().items()), f'datasetID={dataset.id}',
                     *(' '.join(map(str, (variable.name, variable.units, *variable.attributes.values())))
                       for variable in (*dataset.axes, *dataset.variables))]).lower()
    for minus, phrase, word in re.findall(r'(-?)(?:"([^"]*)"?|([^\s"]+))', words.lower()):
        if ((phrase or word) in text) == bool(minus):
            return False
    return True


def list_table(datasets):
    """What search and the indexes tell: one row a dataset."""
    here = server_address()
    names = ('griddap', 'tabledap', 'Title', 'Summary', 'Info', 'Institution', 'Dataset ID')
    rows = [[f'{here}/erddap/{dataset.protocol}/{dataset.id}' if dataset.protocol == protocol else ''
             for protocol in ('griddap', 'tabledap')]
            + [dataset.title, dataset.summary, f'{here}/erddap/info/{dataset.id}/index.html', INSTITUTION, dataset.id]
            for dataset in datasets]
    return Table([Variable(name, 'text', '') for name in names], [rows], has_units=False)


def info_table(dataset):
    """One row for each variable, and one for each attribute."""
    rows = [('attribute', 'NC_GLOBAL', *info_value(*pair)) for pair in sorted(dataset.attributes().items())]
    for axis in dataset.axes:
        rows.append(('dimension', axis.name, '', 'double',
                     f'nValues={len(MIDDLES[axis.name])}, evenlySpaced=true, averageSpacing={float(SECTOR_KM)}'))
        rows += info_attributes(axis)
    for variable in dataset.variables:
        kind = 'String' if variable.kind == 'text' else 'double'
        rows.append(('variable', variable.name, ', '.join(axis.name for axis in dataset.axes), kind, ''))
        rows += info_attributes(variable)
    names = ('Row Type', 'Variable Name', 'Attribute Name', 'Data Type', 'Value')
    return Table([Variable(name, 'text', '') for name in names], [rows], has_units=False)


def info_attributes(variable):
    attributes = {**variable.attributes, **({'units': variable.units} if variable.units else {})}
    return [('attribute', variable.name, *info_value(*pair)) for pair in sorted(attributes.items())]


def info_value(name, value):
    return (name, 'String', value) if isinstance(value, str) else (name, 'double', ', '.join(map(str, value)))


def split_file(file):
    """tracks.csv is the dataset tracks as csv."""
    return file.partition('.')[::2]


def find_dataset(id, protocol=None):
    dataset = DATASETS.get(id)
    if not dataset or protocol not in (None, dataset.protocol):
        raise Refusal(404, f'Not Found: Currently unknown datasetID={id}')
    return dataset


def find_format(kind):
    if kind not in FORMATS:
        raise query_error(f'fileType=.{kind} isn\'t supported by this dataset.')
    return FORMATS[kind]


def find_index_format(file, names=('index',)):
    name, kind = split_file(file)
    if name not in names:
        raise nothing_there()
    return find_format(kind)


def redirect_to_html(protocol, id):
    question = '?' + request.query_string if request.query_string else ''
    return HTTPResponse(b'', 302, {'Location': f'/erddap/{protocol}/{id}.html{question}'})


def server_address():
    """The server as the asker reached it; a Host that is no host name is not repeated."""
    host = request.environ.get('HTTP_HOST', '')
    if not re.fullmatch(r'[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?', host):
        host = f'{request.environ["SERVER_NAME"]}:{request.environ["SERVER_PORT"]}'
    secure = 'https' in (request.environ.get('HTTP_X_FORWARDED_PROTO'), request.environ['wsgi.url_scheme'])
    return f'{"https" if secure else "http"}://{host}'


def reply(store, format, table):
    """The whole answer is made before the first byte leaves: an error can still be told, and a slow reader
    holds up nobody, for uWSGI hands him the finished file on the side (--offload-threads)."""
    media_type, write = format
    with ExitStack() as stack:
        spool = stack.enter_context(tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=store.path.parent))
        for text in write(table):
            put(spool, text.encode('utf-8'), store.path.parent)
        size = spool.tell()
        spool.seek(0)
        if size > MEMORY_BYTES:
            stack.pop_all()                     # the server program closes the file when it has sent it
        return send(f'{media_type}; charset=utf-8', spool if size > MEMORY_BYTES else spool.read(), size)


def put(spool, text, folder):
    """Write to the spool, as long as the disk has room for more than that."""
    try:
        spool.write(text)
        full = spool.tell() > MEMORY_BYTES and shutil.disk_usage(folder).free < FREE_BYTES
    except OSError:
        full = True
    if full:
        raise Refusal(503, 'Service Unavailable: The disk of the server is nearly full. Ask for less data.')


def send(media_type, body, size=None):
    """The length goes along, so that a program notices when an answer was cut short."""
    return HTTPResponse(body, 200, {'Content-Type': media_type, 'Content-Length': str(size or len(body))})


# --- START -----------------------------------------------------------------------------------------------------------

def wsgi(app):
    """The app as a server calls it: nothing is cached, nothing is guessed, any web page may read it."""
    def answer(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, *ALWAYS])
        return app(environ, start)
    return answer


ALWAYS = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff'), ('Access-Control-Allow-Origin', '*')]


class Threads(socketserver.ThreadingMixIn, WSGIServer):
    """Python's own little server, with a thread for each visitor: somebody's long download holds up nobody."""
    daemon_threads = True
    allow_reuse_address = os.name != 'nt'       # on Windows it would let two servers share a port
    request_queue_size = 100

    def __init__(self, address, handler):
        if socket.has_dualstack_ipv6():         # on Windows localhost means IPv6 first, and giving it up takes a while
            self.address_family, address = socket.AF_INET6, ('::', address[1])
        super().__init__(address, handler)

    def server_bind(self):
        self.server_name, self.server_port = 'localhost', self.server_address[1]
        try:
            with socket.socket() as probe:      # macOS lets one server have IPv4, and another one IPv6 on the same port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, self.allow_reuse_address)
                probe.bind(('0.0.0.0', self.server_port))
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
            socketserver.TCPServer.server_bind(self)        # HTTPServer's would look up a name in the network first
        except (OSError, OverflowError) as error:
            sys.exit(f'Port {self.server_port} cannot be used ({error}): is a game running already? It serves this data, '
                     'too. For another port, set the environment variable PORT')
        self.setup_environ()
        log(f'open http://localhost:{self.server_port}/ in a browser; Ctrl-C ends it')


def end_with_parent():
    """Bottle's reloader runs the server in a child process; it must not outlive its parent and keep the port."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


application = wsgi(make_lone_app())

if __name__ == '__main__':
    if os.environ.get('BOTTLE_CHILD'):
        threading.Thread(target=end_with_parent, daemon=True).start()
    run(app=application, host='0.0.0.0', port=PORT, reloader=True, quiet=True, server_class=Threads)
