"""The data service: what the club measured, served the way ocean science serves its data.

      the game            TABLES    the datasets: their variables, units, words
         |                          |
         | a second's rows          v
         +------------->  STORE     data.sqlite: written once a second, pruned after a year
                                    |
                          TURNS     a class asks at once: who asks for much waits for a turn
                                    |
      a question   --->   QUERY     the text after the ? becomes words that can be checked
      in a URL                      |
                          SQL       these become a question to SQLite, values only through ?
                                    |
                          GRID      the sea floor as the soundings show it: depth(y, x)
                                    |
      a table      <---   FORMATS   one table in, many dresses out: csv, tsv, json, html
                                    |
                          NETCDF    the same as a file for science: .nc, .ncml
                                    |
                          DAP       the same for programs that open an address like a file
                                    |
                          SEARCH    which datasets there are, and what is in them
                                    |
                          COMMON    what mocean.py and steps.py have too, word for word
                                    |
                          ROUTES    the addresses, all of them under /erddap

It answers like a small part of ERDDAP, the data server of NOAA and of many other ocean institutes,
so the same programs read both: pandas, xarray, erddapy, R's rerddap, curl. It is not ERDDAP and
does not claim to be.

x grows to the east and y to the north, in km; z and depth grow downward, in m; time counts whole
seconds since 1970.

    python data.py        serves the data.sqlite beside this file
    PORT=8081 python data.py        the same on another port
    import data           mocean.py does that, and serves these routes, too
"""
import contextlib
import csv
import dataclasses
import datetime
import faulthandler
import html
import io
import itertools
import json
import math
import os
import pathlib
import pickle
import re
import secrets
import shutil
import signal
import socket
import socketserver
import sqlite3
import string
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
from collections import deque
from dataclasses import dataclass, field
from functools import partial

import bottle
from bottle import request

if sys.version_info < (3, 10):          # noqa: UP036 (whoever has an older one shall read it)
    sys.exit(f'data.py needs Python 3.10 or newer; this is Python {sys.version.split()[0]}')

# --- SETTINGS -------------------------------------------------------------------------------------

HERE = pathlib.Path(__file__).resolve().parent
WIDTH_KM, HEIGHT_KM = 600, 400      # the ocean
SECTOR_KM = 10                      # one cell of the bathymetry grid: 10 km by 10 km
KEEP_DAYS = 365                     # older rows are pruned; MOCEAN_DATA_DAYS changes it
KEEP_MB = 1_000                     # of rows; then the oldest are pruned; MOCEAN_DATA_MB changes it
PRUNE_EVERY_SECONDS = 60            # by age; by size whenever there is too much
PRUNE_ROWS = 10_000                 # of a table at a time, so that writing never takes long
HOLE_DAYS = 14                      # without a row: the clock is doubtful, see is_clock_doubtful
LOCK_SECONDS = 0.2                  # while another program locks the file
WAITING_ROWS = 100_000              # rows kept in memory while the file cannot be written
MOST_CONDITIONS = 500               # of one question; each value of a list counts
MOST_WILDCARDS = 2                  # .* in one value of =~: SQLite tries all ways to fit them
MOST_ROWS = 1_000_000               # of one answer
MOST_SECONDS = 25.0                 # for one answer, waiting included; uWSGI gives up after 30
HTML_ROWS = 1_000                   # a browser shows the first ones
BLOCK_ROWS = 500                    # between two pauses: a move waits no longer than these take
PAUSE_SECONDS = 0.0005
QUICK_SECONDS = 0.25                # an answer that takes longer to make is a long one
SHARED_SECONDS = 3.0                # so long a long answer is kept for others who ask the very same
LONG_AT_A_TIME = 2                  # so many long answers are made at a time, the others wait
LONG_WAITING = 30                   # more must come again: the game needs threads
RETRY_SECONDS = 5                   # and when they should
MEMORY_BYTES = 100_000              # a longer answer is spooled to a file without a name
FREE_BYTES = 200_000_000            # of disk that no answer may take: the game needs them


# --- TABLES ---------------------------------------------------------------------------------------
# What is refused, in ERDDAP's own words.

def query_error(words):
    return Refusal('Bad Request: Query error: ' + words)


def no_rows():
    return Refusal('Not Found: Your query produced no matching results. (nRows = 0)', UNKNOWN)


def too_much(why):
    return Refusal('Payload Too Large: Your query produced too much data. '
                   f'Try to request less data. ({why})', 413)


def come_again(why):
    return Refusal(f'Service Unavailable: {why}', AWAY)


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

    def all_attributes(self):
        """In the order of their names, units included."""
        units = {'units': self.units} if self.units else {}
        return dict(sorted({**self.attributes, **units}.items()))


@dataclass(frozen=True)
class Dataset:
    """A table (tabledap) or a grid (griddap)."""
    id: str
    protocol: str
    title: str
    summary: str
    variables: tuple
    axes: tuple = ()                # of a grid: y, x
    coverage: dict = field(default_factory=dict)        # from when to when, once that is known

    def attributes(self):
        kind = 'Grid' if self.axes else 'Other'
        return {'cdm_data_type': kind, 'institution': INSTITUTION, 'summary': self.summary,
                **self.coverage, 'title': self.title}

    def variable(self, name):
        """The variable of that name, or None. DAP calls the columns of a table s.player, s.time."""
        plain = name.removeprefix('s.')
        return next((variable for variable in self.variables if variable.name == plain), None)


INSTITUTION = 'Mocean club'
SECONDS_1970 = 'seconds since 1970-01-01T00:00:00Z'
PLAYER = Variable('player', 'text', '', {'long_name': 'Player'})
TIME = Variable('time', 'time', SECONDS_1970, {
    'axis': 'T', 'long_name': 'Time', 'standard_name': 'time',
    'time_origin': '01-JAN-1970 00:00:00'})
X = Variable('x', 'number', 'km', {'axis': 'X', 'long_name': 'Distance to the east'})
Y = Variable('y', 'number', 'km', {'axis': 'Y', 'long_name': 'Distance to the north'})
Z = Variable('z', 'number', 'm', {
    'axis': 'Z', 'long_name': 'Depth of the boat', 'positive': 'down', 'standard_name': 'depth'})
DEPTH = Variable('depth', 'number', 'm', {
    'long_name': 'Depth of the sea floor', 'positive': 'down',
    'standard_name': 'sea_floor_depth_below_sea_surface'})


def axis(variable, length):
    """A grid's axis with its range: the middles of the sectors."""
    middles = (SECTOR_KM / 2, length - SECTOR_KM / 2)
    return dataclasses.replace(
        variable, attributes={**variable.attributes, 'actual_range': middles})


# To add a column: a Variable at the end of a Dataset. An older data.sqlite gets it, too, and has no
# value in it (NaN) until the game hands one over, at the end of each row.

TRACKS = Dataset(
    'tracks', 'tabledap', 'Tracks of the boats',
    'Where each boat of the club was, once a second while it moved. The ocean is a torus: '
    f'x is {WIDTH_KM} km around, y is {HEIGHT_KM} km around.', (PLAYER, TIME, X, Y, Z))
SOUNDINGS = Dataset(
    'soundings', 'tabledap', 'Soundings of the sea floor',
    'Each depth of the sea floor that somebody of the club measured with a ping, as measured.',
    (PLAYER, TIME, X, Y, DEPTH))
BATHYMETRY = Dataset(
    'bathymetry', 'griddap', 'Bathymetry from the soundings',
    'The sea floor as far as the club has sounded it: the mean of the soundings in each '
    f'{SECTOR_KM} km by {SECTOR_KM} km sector, NaN where nobody has sounded yet.',
    (DEPTH,), (axis(Y, HEIGHT_KM), axis(X, WIDTH_KM)))
ALL_DATASETS = Dataset(
    'allDatasets', 'tabledap', 'All datasets of this server',
    'One row for each dataset: what it is called, and from when to when it goes.',
    tuple(Variable(name, kind, SECONDS_1970 if kind == 'time' else '') for name, kind in (
        ('datasetID', 'text'), ('accessible', 'text'), ('institution', 'text'),
        ('dataStructure', 'text'), ('cdm_data_type', 'text'), ('class', 'text'),
        ('title', 'text'), ('minTime', 'time'), ('maxTime', 'time'), ('griddap', 'text'),
        ('tabledap', 'text'), ('infoUrl', 'text'), ('summary', 'text'))))
KEPT = (TRACKS, SOUNDINGS)          # the tables of data.sqlite
LISTED = (TRACKS, SOUNDINGS, BATHYMETRY)                # what the lists and the search tell
DATASETS = {dataset.id: dataset for dataset in (*LISTED, ALL_DATASETS)}


@dataclass
class Table:
    """What every answer is before a format dresses it: named columns, and blocks of rows."""
    columns: list                   # of Variable
    blocks: object                  # lists of rows, one after the other
    has_units: bool = True          # False: lists of datasets and attributes
    is_lines: bool = False          # True: SQLite has made each row a finished line of csv


def list_of(names, rows):
    """A table of texts without units, such as a list of datasets."""
    return Table([Variable(name, 'text', '') for name in names], [rows], has_units=False)


# --- STORE ----------------------------------------------------------------------------------------

SQL_TYPES = {'text': 'TEXT', 'time': 'INTEGER', 'number': 'REAL'}
NEVER_EMPTY = {'text': ' NOT NULL', 'time': ' NOT NULL', 'number': ''}      # a number may be NaN
# A column that came later is empty in the rows before it:
LATER = {'text': " NOT NULL DEFAULT ''", 'time': '', 'number': ''}
NOTHING = {'text': "''", 'time': 'NULL', 'number': 'NULL'}


def schema(dataset):
    """The SQL that makes a dataset's table and its indexes."""
    columns = ', '.join(f'{v.name} {SQL_TYPES[v.kind]}{NEVER_EMPTY[v.kind]}'
                        for v in dataset.variables)
    return (f'CREATE TABLE IF NOT EXISTS {dataset.id} ({columns});'
            f'CREATE INDEX IF NOT EXISTS {dataset.id}_time ON {dataset.id} (time);'
            f'CREATE INDEX IF NOT EXISTS {dataset.id}_player ON {dataset.id} (player, time);')


def insert(dataset):
    """The SQL that takes a row in, places to the metre."""
    names = ', '.join(v.name for v in dataset.variables)
    marks = ', '.join('round(?, 3)' if v.kind == 'number' else '?' for v in dataset.variables)
    return f'INSERT INTO {dataset.id} ({names}) VALUES ({marks})'


def fit(dataset, row):
    """A row with a value for each column: those that nobody handed over are missing (NaN)."""
    if len(row) > len(dataset.variables):
        names = ', '.join(v.name for v in dataset.variables)
        raise ValueError(f'{dataset.id} was handed {len(row)} values, {row!r}, '
                         f'and has the columns {names}')
    missing = dataset.variables[len(row):]
    return (*row, *('' if variable.kind == 'text' else None for variable in missing))


def columns_of(db, dataset):
    """{name: (type, whether it must have a value)} of the table as it is in the file."""
    return {name: (kind, bool(must and default is None))
            for _, name, kind, must, default, _ in db.execute(f'PRAGMA table_info({dataset.id})')}


def missing_columns(db, dataset):
    """The variables that an older file knows nothing of."""
    columns = columns_of(db, dataset)
    return [v for v in dataset.variables if v.name not in columns]


def misfit(db):
    """Why no row could be written to a file: a column of another version. '' when it fits."""
    for dataset in KEPT:
        for name, (kind, must) in columns_of(db, dataset).items():
            variable = dataset.variable(name)
            if variable and SQL_TYPES[variable.kind] != kind:
                return f'{dataset.id}.{name} is {kind}, not {SQL_TYPES[variable.kind]}'
            if must and not variable:
                return f'{dataset.id}.{name} is not known here'
    return ''


def note(words):
    """A line for the log, which mocean.py may share."""
    log(f'data: {words}')


def say_once(said, words):
    if words not in said:
        said.add(words)
        note(words)


def whole_setting(name, usual, what):
    """A whole number from the environment, such as MOCEAN_DATA_DAYS."""
    text = os.environ.get(name, str(usual))
    if re.fullmatch('[1-9][0-9]{0,5}', text):
        return int(text)
    note(f'{name} was {text!r}, which is no number of {what}; keeping {usual} {what}')
    return usual


class Store:
    """What the club measured, in one SQLite file.

    Nothing is opened before it is needed, so a fork does no harm.
    """

    def __init__(self, folder, clock=time.time):
        self.path, self.clock = pathlib.Path(folder) / 'data.sqlite', clock
        self.lock = threading.Lock()
        self.db = None                      # the connection that writes: see open
        self.opened = {}                    # the files that it writes, as file_at found them then
        self.days = None                    # how long its rows are kept, and how many bytes of them
        self.most_bytes = None
        self.broken = False                 # a reader found the file damaged
        self.must_wipe = False              # a name is forgotten, and may still be in the -wal
        self.failing = False                # the last write failed
        self.troubles = set()               # what the log has said since all was well
        self.notes = set()                  # what the log has said, and need never say again
        self.next_prune = 0.0
        self.handed = None                  # (ocean, number): see keep
        self.unwritten = {dataset.id: deque(maxlen=WAITING_ROWS) for dataset in KEPT}
        self.turns = Turns()
        self.begin_digests()

    def begin_digests(self):
        """What all rows come to is summed up anew when somebody asks."""
        self.floor = Digest(SOUNDINGS, FLOOR_SQL, add_sectors)
        self.ranges = {dataset.id: ranges_digest(dataset) for dataset in KEPT}

    def keep(self, tracks=(), soundings=(), handed=None):
        """Write a second's rows in one transaction. True if they are on the disk.

        tracks: (player, time, x, y, z), soundings: (player, time, x, y, depth): one value for each
        column of the dataset, in its order. handed: (ocean, number): up to which change of this
        ocean the soundings have come. Where the write fails, the game offers those again.
        """
        with self.lock:
            self.unwritten[TRACKS.id].extend(tracks)
            self.unwritten[SOUNDINGS.id].extend(soundings)
            self.handed = handed
            try:
                self.write()
                self.all_is_well()
                return True
            except (sqlite3.OperationalError, OSError) as error:
                self.close()
                self.failing = True
                if handed:
                    self.unwritten[SOUNDINGS.id].clear()
                say_once(self.troubles, f'cannot write {self.path}: {error}. The game goes on; '
                                        f'up to {WAITING_ROWS:,} rows wait.')
                return False
            except Exception:               # rows that no table takes must not come every second
                self.forget()
                raise

    def handed_number(self, ocean):
        """Up to which change of this ocean its soundings are here; 0 where nothing is known."""
        with self.lock:
            try:
                row = self.open().execute('SELECT number FROM handed WHERE ocean = ?', [ocean])
                return (row.fetchone() or [0])[0]
            except (sqlite3.Error, OSError):
                self.close()                # the next write says what is wrong
                return 0

    def all_is_well(self):
        """After a write that succeeded: the next trouble is said anew."""
        self.troubles.clear()
        if self.failing:
            self.failing = False
            note(f'{self.path.name} is being written again')

    def write(self):
        """All that waits goes to the disk; a damaged file is set aside, and a new one begun."""
        try:
            if self.broken:
                self.begin_new_file('damaged')
            self.write_rows()
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:    # its children mean other troubles
                raise
            note(f'{self.path.name}: {error}')
            self.begin_new_file('damaged')
            self.write_rows()

    def write_rows(self):
        """One transaction: the new rows in, some old ones out."""
        db = self.open()
        with db:
            for dataset in KEPT:
                rows = [fit(dataset, row) for row in self.unwritten[dataset.id]]
                db.executemany(insert(dataset), rows)
            if self.handed:
                db.execute('INSERT OR REPLACE INTO handed VALUES (?, ?)', self.handed)
            self.prune(db)
        self.forget()
        if self.must_wipe:
            self.wipe(db)

    def forget(self):
        for queue in self.unwritten.values():
            queue.clear()

    def prune(self, db):
        """Rows that are too old go, once a minute; and the oldest, whenever there are too many."""
        gone = 0
        if self.clock() >= self.next_prune:
            self.next_prune = self.clock() + PRUNE_EVERY_SECONDS
            oldest = self.clock() - self.days * 86_400
            if not self.is_clock_doubtful(db, oldest):
                gone += sum(prune_table(db, dataset, oldest) for dataset in KEPT)
        if used_bytes(db) > self.most_bytes:
            say_once(self.notes, f'{self.path.name} has reached {self.most_bytes // 1_000_000:,} '
                                 'MB (MOCEAN_DATA_MB): the oldest rows go')
            gone += prune_table(db, older_table(db), math.inf)
        if gone:
            next_version(db)

    def is_clock_doubtful(self, db, oldest):
        """Was nothing measured for long before now? Then a wrong clock may make rows look old.

        From now back to the newest row that would go, each step of some weeks must have a row in
        it: a clock that jumped ahead leaves a hole. (So does a long holiday: rows stay longer.)
        """
        step = max(HOLE_DAYS, self.days / 6) * 86_400
        newest_to_go = newest_before(db, oldest)
        later = self.clock()
        while newest_to_go is not None and later - step > newest_to_go:
            earlier = later - step
            newest = newest_before(db, later + 1)
            if newest is None or newest < earlier:
                say_once(self.notes, 'nothing was measured for more than '
                                     f'{step / 86_400:.0f} days: is the clock right? Old rows stay')
                return True
            later = earlier
        return False

    def open(self):
        """The connection that writes; a file that somebody removed is begun anew."""
        if self.opened:
            self.leave_other_file()
        if not self.opened:
            self.days = self.days or whole_setting('MOCEAN_DATA_DAYS', KEEP_DAYS, 'days')
            self.most_bytes = self.most_bytes or 1_000_000 * whole_setting(
                'MOCEAN_DATA_MB', KEEP_MB, 'megabytes')
            self.connect_to_write()
            if why := misfit(self.db):
                note(f'{self.path.name} is of another version: {why}')
                self.begin_new_file('other-columns')
                self.connect_to_write()
            self.lay_tables()
            self.opened = {path: file_at(path) for path in self.paths()}
        return self.db

    def leave_other_file(self):
        """Somebody has removed the file, put another one in its place, or cut it off. SQLite would
        go on with the old one, which nobody reads, and mix what it kept beside it into the new."""
        number, size = file_at(self.path)
        old = self.opened
        number_before, size_before = old[self.path]
        if number == number_before and size >= size_before:
            return
        self.close()
        self.begin_digests()
        for path in self.paths()[1:]:
            if number != number_before and file_at(path)[0] == old[path][0]:
                path.unlink(missing_ok=True)

    def paths(self):
        """The file, and the two that SQLite keeps beside it."""
        return [self.path.with_name(self.path.name + ending) for ending in ('', '-wal', '-shm')]

    def connect_to_write(self):
        self.db = sqlite3.connect(self.path, timeout=LOCK_SECONDS, check_same_thread=False)
        self.db.execute('PRAGMA journal_mode = WAL')
        self.db.execute('PRAGMA synchronous = FULL')      # a power cut takes a second's rows
        self.db.execute('PRAGMA secure_delete = ON')    # what is forgotten is not left there

    def lay_tables(self):
        """The tables as this version has them; a table of an older version gets its new columns."""
        if not columns_of(self.db, TRACKS):
            next_version(self.db, secrets.randbelow(2**30))     # each file has a number of its own
        self.db.executescript(
            'BEGIN;' + ''.join(map(schema, KEPT))
            + 'CREATE TABLE IF NOT EXISTS handed (ocean REAL PRIMARY KEY, number INTEGER);COMMIT;')
        for dataset in KEPT:
            for new in missing_columns(self.db, dataset):
                self.db.execute(f'ALTER TABLE {dataset.id} ADD COLUMN '
                                f'{new.name} {SQL_TYPES[new.kind]}{LATER[new.kind]}')
                note(f'{self.path.name}: {dataset.id} has a new column, {new.name}; '
                    'it is empty in the rows written so far')

    def close(self):
        if self.db:
            self.db.close()
        self.db, self.opened = None, {}

    def rename(self, is_meant, new=''):
        """The rows of a player get a new name.

        Without one the player is forgotten: the ways are gone, and soundings are somebody's.
        """
        with self.lock:
            self.write()
            db = self.open()
            with db:
                for id in self.unwritten:
                    for player, in db.execute(f'SELECT DISTINCT player FROM {id}').fetchall():
                        if is_meant(player):
                            rename_rows(db, id, player, new)
                next_version(db)
            self.wipe(db)
            self.turns.forget()

    def wipe(self, db):
        """Empty the -wal. Where somebody still reads what was there before, the next write does."""
        self.must_wipe = True
        with contextlib.suppress(sqlite3.OperationalError):
            is_busy, *_ = db.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
            self.must_wipe = bool(is_busy)

    def save(self, folder):
        """A copy of the file, in another folder."""
        path = pathlib.Path(folder) / self.path.name
        with self.lock, contextlib.closing(sqlite3.connect(path)) as copy:
            self.write()
            self.open().backup(copy)

    def renew(self, aside, folder=None):
        """Another ocean: the file goes to one folder; one of another folder may come back."""
        with self.lock:
            with contextlib.suppress(sqlite3.Error, OSError):
                self.write()
            self.forget()
            self.close()
            for path in self.paths():
                if path.exists():
                    os.replace(path, pathlib.Path(aside) / path.name)
                if folder and (pathlib.Path(folder) / path.name).exists():
                    shutil.copyfile(pathlib.Path(folder) / path.name, path)
            self.begin_digests()
            self.turns.forget()

    def begin_new_file(self, why):
        """The old file, and what lies beside it, get a name with a date."""
        self.close()
        aside = dated(self.path.with_name(f'{self.path.name}.{why}'))
        for path in self.paths():
            if path.exists():
                ending = path.name.removeprefix(self.path.name)
                os.replace(path, aside.with_name(aside.name + ending))
                if not ending:
                    note(f'{self.path.name} is set aside as {aside.name}; a new one is begun')
        self.broken = False

    def connect(self):
        """A new connection that can only read; where there is no file yet, it finds no rows."""
        address, is_address = ':memory:', False
        if self.path.exists():
            address, is_address = self.path.absolute().as_uri() + '?mode=ro', True
        db = sqlite3.connect(address, uri=is_address, check_same_thread=False)
        try:
            db.execute('PRAGMA cache_size = -500')      # kB; each thread keeps what it once needed
            for dataset in KEPT:
                complete_for_reading(db, dataset)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def explain(self, error, file):
        """The refusal for a read that failed. A damaged file is set aside at the next write, if
        that has not happened since: the one that lies there now may be well."""
        say_once(self.troubles, f'cannot read {self.path}: {error}')
        if type(error) is sqlite3.DatabaseError and file == file_at(self.path)[0]:
            self.broken = True
        return come_again(f'The data file cannot be read now: {error}')


def file_at(path):
    """The number by which the disk knows the file that lies there, and its size. None: no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None, 0
    return found.st_ino, found.st_size


def complete_for_reading(db, dataset):
    """What a file of an older version lacks, a table or columns: laid for this reader only."""
    missing = missing_columns(db, dataset)
    if len(missing) == len(dataset.variables):
        db.execute(f'CREATE TEMP TABLE {dataset.id} ({", ".join(v.name for v in missing)})')
    elif missing:
        columns = ', '.join(f'{NOTHING[v.kind]} AS {v.name}' for v in missing)
        db.execute(f'CREATE TEMP VIEW {dataset.id} AS '
                   f'SELECT rowid, *, {columns} FROM main.{dataset.id}')


def rename_rows(db, id, player, new):
    if new or id == SOUNDINGS.id:
        db.execute(f'UPDATE {id} SET player = ? WHERE player = ?', [new or 'somebody', player])
    else:
        db.execute(f'DELETE FROM {id} WHERE player = ?', [player])


def used_bytes(db):
    """What the rows take: the file may be longer, and uses the rest for the next ones."""
    pages, free, size = (db.execute(f'PRAGMA {name}').fetchone()[0]
                         for name in ('page_count', 'freelist_count', 'page_size'))
    return (pages - free) * size


def prune_table(db, dataset, oldest):
    """Some of the rows that are older than that go; how many."""
    return db.execute(
        f'DELETE FROM {dataset.id} WHERE rowid IN '
        f'(SELECT rowid FROM {dataset.id} WHERE time < ? ORDER BY time LIMIT {PRUNE_ROWS})',
        [oldest]).rowcount


def older_table(db):
    """The table with the oldest row of all."""
    def age(dataset):
        first = db.execute(f'SELECT min(time) FROM {dataset.id}').fetchone()[0]
        return math.inf if first is None else first
    return min(KEPT, key=age)


def newest_before(db, moment):
    """The time of the newest row before that moment, in any table; None if there is none."""
    times = []
    for dataset in KEPT:
        sql = f'SELECT max(time) FROM {dataset.id} WHERE time < ?'
        times += [newest for newest, in db.execute(sql, [moment]) if newest is not None]
    return max(times, default=None)


def next_version(db, version=None):
    """Tell readers that rows are gone, so that what they have summed up is no longer true."""
    if version is None:
        version = version_of(db) + 1
    db.execute(f'PRAGMA user_version = {version % 2**31}')


def version_of(db):
    return db.execute('PRAGMA user_version').fetchone()[0]


class Digest:
    """What all rows of a table come to, kept in memory: only the new rows are looked at."""

    def __init__(self, dataset, sql, add):
        self.dataset = dataset
        self.sql = sql                      # asks about the rows after one number, up to another
        self.add = add                      # puts its rows into what is known already
        self.lock = threading.Lock()
        self.known = {}
        self.version = None                 # of the file, as next_version counts it
        self.last = 0                       # row that was looked at

    def ask(self, reading):
        """What is known now. The first to ask may look at millions of rows; the others wait."""
        reading.wait_for(self.lock)
        try:
            return self.look(reading.db)
        finally:
            self.lock.release()

    def look(self, db):
        version = version_of(db)
        last = db.execute(f'SELECT max(rowid) FROM {self.dataset.id}').fetchone()[0] or 0
        known, begin = self.known, self.last
        if version != self.version or last < self.last:
            known, begin = {}, 0
        if last > begin:
            known = self.add(known, db.execute(self.sql, [begin, last]).fetchall())
        self.known, self.version, self.last = known, version, last
        return known


def ranges_digest(dataset):
    """{name: (least, most)} of each column that counts something."""
    names = [v.name for v in dataset.variables if v.kind != 'text']
    columns = ', '.join(f'min({name}), max({name})' for name in names)
    sql = f'SELECT {columns} FROM {dataset.id} WHERE rowid > ? AND rowid <= ?'
    return Digest(dataset, sql, partial(add_ranges, names))


def add_ranges(names, known, rows):
    ends = rows[0]
    new = dict(known)
    for name, least, most in zip(names, ends[::2], ends[1::2], strict=True):
        if least is not None:
            before = known.get(name, (least, most))
            new[name] = (float(min(least, before[0])), float(max(most, before[1])))
    return new


FLOOR_SQL = (f'SELECT CAST(y / {SECTOR_KM} AS INTEGER) % {HEIGHT_KM // SECTOR_KM}, '
             f'CAST(x / {SECTOR_KM} AS INTEGER) % {WIDTH_KM // SECTOR_KM}, '
             'count(depth), sum(depth) '
             'FROM soundings WHERE rowid > ? AND rowid <= ? GROUP BY 1, 2')


def add_sectors(known, rows):
    """{(row, column): (how many soundings, their sum)}"""
    new = dict(known)
    for row, column, count, total in rows:
        if count:
            before = known.get((row, column), (0, 0.0))
            new[row, column] = (before[0] + count, before[1] + total)
    return new


# --- TURNS ----------------------------------------------------------------------------------------

def busy():
    return come_again('Many others are asking for much at this moment. Please try again.')


class Turns:
    """Who asks for much waits for a turn, and not for ever; who asks the same shares one answer."""

    def __init__(self):
        self.making = threading.Semaphore(LONG_AT_A_TIME)
        self.chairs = threading.Semaphore(LONG_WAITING)         # each who waits keeps a thread busy
        self.lock = threading.Lock()
        self.shared = {}                    # question: Shared

    def wait_for(self, lock, seconds):
        """Take the lock; False when all chairs are taken, or the time is up."""
        if lock.acquire(blocking=False):
            return True
        if not self.chairs.acquire(blocking=False):
            return False
        try:
            return lock.acquire(timeout=max(0, seconds))
        finally:
            self.chairs.release()

    def share(self, question, make):
        """The answer to a question. Those who ask it while it is made get the same one."""
        arrived = time.monotonic()
        shared = self.join(question, arrived)
        try:
            if not self.wait_for(shared.lock, MOST_SECONDS):
                raise busy()
            try:
                if shared.is_stale(arrived):
                    shared.answer_anew(make)
                return shared.give()
            finally:
                shared.lock.release()
        finally:
            with self.lock:
                shared.askers -= 1

    def join(self, question, now):
        """Where those meet who ask this; places that nobody needs any more are cleared."""
        with self.lock:
            for old in [key for key, shared in self.shared.items() if shared.is_over(now)]:
                del self.shared[old]
            shared = self.shared.setdefault(question, Shared())
            shared.askers += 1
            return shared

    def forget(self):
        """No kept answer is good any more: its rows have changed."""
        with self.lock:
            self.shared.clear()


class Shared:
    """One answer, for all who ask the same at the same time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.askers = 0
        self.begun = -math.inf              # when the making of the answer began
        self.kept = 0.0                     # seconds for which it is good for others, too
        self.answer = None
        self.refusal = None                 # (words, status), when there is no answer

    def is_stale(self, arrived):
        """It is good for who was there when it was begun; a long one for some seconds more."""
        return self.begun < arrived - self.kept

    def is_over(self, now):
        return not self.askers and self.is_stale(now)

    def answer_anew(self, make):
        self.begun = time.monotonic()
        self.kept = 0.0
        self.answer = self.refusal = None
        try:
            self.answer = make()
        except Refusal as refusal:          # not the exception: it would keep files open
            self.refusal = refusal.words, refusal.status
        took = time.monotonic() - self.begun
        if took > QUICK_SECONDS:
            self.kept = took + SHARED_SECONDS

    def give(self):
        if self.refusal:
            raise Refusal(*self.refusal)
        return self.answer


class Reading:
    """One answer in the making: a connection that can only read, and the patience it has left."""

    def __init__(self, store, db):
        self.store = store
        self.db = db
        self.begun = time.monotonic()
        self.is_long = False                # it took so long that it needed a turn
        self.has_turn = False
        self.refusal = None                 # why it cannot go on

    def seconds_left(self):
        return MOST_SECONDS - (time.monotonic() - self.begun)

    def wait_for(self, lock):
        if not self.store.turns.wait_for(lock, self.seconds_left()):
            raise busy()

    def breathe(self):
        """Between two blocks: let the game take its turns."""
        time.sleep(PAUSE_SECONDS)
        if self.must_stop():
            raise self.refusal

    def must_stop(self):
        """SQLite asks this every few milliseconds while it searches or sorts."""
        left = self.seconds_left()
        if left < MOST_SECONDS - QUICK_SECONDS and not self.is_long:
            self.is_long = True
            self.has_turn = self.store.turns.wait_for(self.store.turns.making, left)
            if not self.has_turn:
                self.refusal = busy()
        elif left < 0:
            self.refusal = come_again(f'This answer took longer than {MOST_SECONDS:g} s. Try again '
                                      'when fewer ask, or ask for less.')
        elif self.is_long and is_disk_full(self.store.path.parent):
            self.refusal = disk_full()
        return self.refusal is not None

    def end_turn(self):
        if self.has_turn:
            self.store.turns.making.release()


@contextlib.contextmanager
def reading(store):
    """with reading(store) as it: it.db answers, as long as that does not take too long."""
    it = None
    file, _ = file_at(store.path)
    try:
        with contextlib.closing(store.connect()) as db:
            it = Reading(store, db)
            db.set_progress_handler(it.must_stop, 100_000)
            yield it
    except sqlite3.Error as error:          # also SQLite's "interrupted", when must_stop said so
        raise (it and it.refusal) or store.explain(error, file) from error
    finally:
        if it:
            it.end_turn()


def is_disk_full(folder):
    """Answers lie beside the data, what SQLite sorts in its own folder: neither fills a disk."""
    return any(shutil.disk_usage(each).free < FREE_BYTES for each in (folder, sorting_folder()))


def sorting_folder():
    """Where SQLite writes what it cannot sort in memory: the first of these that is there."""
    places = (os.environ.get('SQLITE_TMPDIR'), os.environ.get('TMPDIR'), '/var/tmp', '/usr/tmp')
    return next((place for place in places if place and os.path.isdir(place)),
                tempfile.gettempdir())


def disk_full():
    return come_again('The disk of the server is nearly full. Ask for less data.')


class Spool:
    """A whole answer, made before its first byte leaves: an error can still be told, and a slow
    reader holds up nobody, for uWSGI hands him the file on the side (--offload-threads)."""

    def __init__(self, pieces, folder):
        self.lock = threading.Lock()
        self.file = tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=folder)     # noqa: SIM115
        self.size = 0
        try:
            for piece in pieces:
                self.put(piece if isinstance(piece, bytes) else piece.encode('utf-8'), folder)
        except OSError as error:            # here, or where a .nc lays down its rows first
            self.file.close()
            raise disk_full() from error
        except BaseException:
            self.file.close()
            raise
        self.is_long = self.size > MEMORY_BYTES
        self.file.seek(0)                   # whoever reads the file by its number finds all of it

    def put(self, piece, folder):
        """Write, as long as the disk has room for more than that."""
        self.size += len(piece)
        self.file.write(piece)
        if self.size > MEMORY_BYTES and is_disk_full(folder):
            raise disk_full()

    def read(self, begin, size):
        with self.lock:
            self.file.seek(begin)
            return self.file.read(size)

    def body(self):
        """For one reader."""
        return Copy(self) if self.is_long else self.read(0, self.size)

    def __del__(self):
        self.file.close()                   # when the last reader has gone


class Copy:
    """A reader of a spool, with a place of its own in it."""

    def __init__(self, spool):
        self.spool = spool
        self.place = 0

    def read(self, size=-1):
        piece = self.spool.read(self.place, size)
        self.place += len(piece)
        return piece

    def fileno(self):
        """For uWSGI, which counts its own places."""
        return self.spool.file.fileno()


# --- QUERY ----------------------------------------------------------------------------------------

OPERATORS = ('!=', '=~', '<=', '>=', '=', '<', '>')       # looked for in this order
SECONDS = {'second': 1, 'minute': 60, 'hour': 3_600, 'day': 86_400}
MONTHS = {'month': 1, 'year': 12}
# No two parts of these patterns can match the same letters: a pattern that can try many ways takes
# for ever. NUMBER: -12.5e3. MOMENT: 2026-01-31T12:00:00.5+01:00, as much of it as one likes.
# RELATIVE: now-7days, max(time)-10minutes. INTERVAL: 10minutes:30, as in time/10minutes:30.
NUMBER = re.compile(r'[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?', re.ASCII | re.IGNORECASE)
MOMENT = re.compile(r'(\d{4})-(\d\d)'
                    r'(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?)?)?'
                    r'(?:Z|(?P<sign>[-+ ])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?', re.ASCII)
RELATIVE = re.compile(r'(?:now|(?P<end>min|max)\((?P<name>\w+)\))'
                      r'(?:(?P<shift>[-+]\d+(?:\.\d+)?)(?P<unit>[a-z]*))?', re.ASCII)
INTERVAL = re.compile(r'(?P<size>\d{1,9}(?:\.\d{1,9})?) ?(?P<unit>[a-z]*)'
                      r'(?: ?: ?(?P<offset>\d{1,9}(?:\.\d{1,9})?))?', re.ASCII)


@dataclass(frozen=True)
class Group:
    """Rows belong together that have the same value here, or values of the same interval."""
    name: str
    size: float = 0.0               # seconds, km or m; 0: no interval
    offset: float = 0.0


@dataclass
class Query:
    """A tabledap question, understood."""
    dataset: Dataset
    variables: list                 # of Variable: the columns of the answer
    where: list = field(default_factory=list)       # pieces of SQL, joined by AND
    values: list = field(default_factory=list)      # one for each ? in them
    distinct: bool = False
    pick: str = ''                  # the function that orders, picks or counts the rows
    groups: list = field(default_factory=list)      # of Group: what it orders by
    limit: int = 0                  # of orderByLimit


def read_parts(raw):
    """The parts between the &, decoded. erddapy encodes all of it, & included; people do not."""
    if '&' not in raw:
        return split_outside_quotes(decode(raw))
    plain = raw.replace('%22', '"')         # quotes and backslashes decide where a part ends
    plain = plain.replace('%5C', '\\').replace('%5c', '\\')
    return [decode(part) for part in split_outside_quotes(plain)]


def decode(text):
    """What percent and plus signs stand for; the server hands over each byte as a character."""
    raw = text.replace('+', ' ').encode('latin-1', 'replace')
    return urllib.parse.unquote_to_bytes(raw).decode('utf-8', 'replace')


def split_outside_quotes(text):
    """Split at each & that is not in double quotes; there a backslash shields the next letter."""
    return re.findall(r'&((?:[^&"]+|"(?:[^"\\]|\\.)*"?)*)', '&' + text, re.DOTALL)


def read_query(dataset, raw, now):
    """A tabledap query: variables, then constraints and functions, joined by &."""
    names, *parts = read_parts(raw)
    query = Query(dataset, read_variables(dataset, names))
    for part in map(str.strip, parts):
        if not part or part.startswith('.'):        # the dot: how a graph should look, elsewhere
            continue
        function = re.fullmatch(r'(\w+)\((.*)\)', part)
        if function:
            read_function(query, *function.groups())
        else:
            read_constraint(query, part, now)
    return query


def read_variables(dataset, text):
    if text.strip() in ('', 's'):           # s: what DAP calls the table itself
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
    """distinct(), orderBy("player,time"), orderByMean("player,time/10minutes") and so on."""
    inside = text.strip(' "')
    if name == 'distinct':
        query.distinct = True
    elif name == 'units':
        if inside not in ('UDUNITS', 'UCUM'):       # km and m are the same in both
            raise query_error(f'units({text}) isn\'t understood. It takes "UDUNITS" or "UCUM".')
    elif name in SOURCES:
        read_order(query, name, inside)
    else:
        names = ', '.join(('distinct', 'units', *filter(None, SOURCES)))
        raise query_error(f'{name}() isn\'t a function here. These are: {names}.')


def read_order(query, name, text):
    """The variables that orderBy and its relatives name, each perhaps with an interval."""
    if query.pick:
        raise query_error(f'One orderBy is enough: there are {query.pick}() and {name}().')
    items = list(dict.fromkeys(map(str.strip, text.split(','))))        # each once
    query.pick = name
    if name == 'orderByLimit':
        query.limit = read_limit(items.pop())
    if name == 'orderByClosest' and len(items) > 1 and INTERVAL.fullmatch(items[-1]):
        items[-2:] = [f'{items[-2]}/{items[-1]}']           # "time,10 minutes" is "time/10 minutes"
    query.groups = [read_group(query, item) for item in items]
    if name == 'orderByClosest' and not (query.groups and query.groups[-1].size):
        raise query_error('orderByClosest needs an interval, as in '
                          'orderByClosest("player,time/10minutes").')


def read_limit(text):
    if re.fullmatch('[1-9][0-9]{0,6}', text):
        return int(text)
    raise query_error('orderByLimit ends with how many rows, as in orderByLimit("player,10"). '
                      f'It was: {text}')


def read_group(query, item):
    """player, or time/10minutes, or depth/10:5"""
    name, slash, text = map(str.strip, item.partition('/'))
    variable = query.dataset.variable(name)
    if variable not in query.variables:
        raise query_error(f'orderBy variable={name} isn\'t in the list of results variables.')
    if not slash:
        return Group(name)
    interval = INTERVAL.fullmatch(text)
    seconds = unit_factor(variable, interval['unit']) if interval else 0
    if not seconds or not float(interval['size']):
        raise query_error(f'orderBy {item} isn\'t understood. Intervals are like time/10minutes or '
                          'depth/10.')
    return Group(name, float(interval['size']) * seconds, float(interval['offset'] or 0))


def unit_factor(variable, unit):
    """How many seconds (of a time), 1 where no unit is needed, 0 when there is no such unit."""
    if not unit:
        return 1 if variable.kind != 'text' else 0
    return SECONDS.get(unit.removesuffix('s'), 0) if variable.kind == 'time' else 0


def read_constraint(query, part, now):
    """variable, operator, value: a piece of SQL and what stands for its ?"""
    name, operator, text = split_constraint(part)
    variable = query.dataset.variable(name)
    if not variable:
        raise query_error(f'Unrecognized constraint variable="{name}".')
    texts = [read_right_side(variable, operator, text, part)]
    if operator == '=~':
        texts = read_choices(variable, texts[0], part)
    if len(query.where) + len(query.values) + len(texts) > MOST_CONDITIONS:
        raise query_error(f'More than {MOST_CONDITIONS} constraints and values are too many '
                          'for one query.')
    if operator == '=~' and variable.kind == 'text':
        add_patterns(query, variable, texts, part)
    else:
        pairs = [read_value(query.dataset, variable, each, now) for each in texts]
        add_constraint(query, variable, operator, pairs)


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


def read_right_side(variable, operator, text, part):
    """The value without its double quotes, which a text must have and a number must not."""
    quoted = text.startswith('"')
    if not quoted and variable.kind == 'text':
        raise query_error('For constraints of String variables, the right-hand-side value must be '
                          f'surrounded by double quotes. Bad constraint: {part}')
    inside = read_quoted(text) if quoted else text
    if quoted and variable.kind == 'number' and operator != '=~':
        raise query_error('For non =~ constraints of numeric variables, the right-hand-side value '
                          f'must not be surrounded by double quotes. Bad constraint: {part}')
    if quoted and variable.kind == 'time' and not inside:
        return 'NaN'                        # time!="" means: there is a time
    return inside


def read_quoted(text):
    """What stands between the double quotes; a backslash takes the meaning from the next letter."""
    inside = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    if not inside:
        raise query_error('A closing doublequote is missing.')
    return re.sub(r'\\(.)', r'\1', inside[1], flags=re.DOTALL)


def read_choices(variable, text, part):
    """The A, B and C of =~"(A|B|C)"."""
    inside = text[1:-1] if text.startswith('(') and text.endswith(')') else text
    if variable.kind != 'text' and set(inside) & set('()'):
        raise bad_pattern(part)
    return inside.split('|')


def bad_pattern(part):
    return query_error('Here =~ takes a list of values, in which .* stands for any letters, '
                       f'as in player=~"(ada|bo.*)". Bad constraint: {part}')


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
    """now-7days, now-18months, max(time)-10minutes, min(x)+5"""
    unit = relative['unit'] or ''
    months = MONTHS.get(unit.removesuffix('s'), 0)
    shift = relative['shift'] or '0'
    if not relative['end'] and months and '.' not in shift:
        return '?', [shift_months(text, now, int(shift[:9]) * months)]
    factor = unit_factor(variable, unit)
    if not factor:
        units = ', '.join(unit + 's' for unit in (*SECONDS, *MONTHS))
        raise query_error(f'{variable.name}={text} isn\'t understood. Times are like now-7days or '
                          f'max(time)-10minutes; the units are {units} '
                          '(the last two: from now only).')
    if not relative['end']:
        return '?', [now + float(shift) * factor]
    other = dataset.variable(relative['name'])
    if not other or other.kind == 'text':
        raise query_error(f'Unrecognized variable="{relative["name"]}".')
    newest = f'(SELECT {relative["end"]}({other.name}) FROM {dataset.id})'
    return f'{newest} + ?', [float(shift) * factor]


def shift_months(text, now, months):
    """So many months after that moment; the 31st becomes the last of a shorter month."""
    begin = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    years, month = divmod(begin.month - 1 + months, 12)
    for day in range(begin.day, begin.day - 4, -1):
        with contextlib.suppress(ValueError, OverflowError):       # there is no 30th of February
            return begin.replace(year=begin.year + years, month=month + 1, day=day).timestamp()
    raise not_a_time(text)


def read_moment(text):
    """Seconds since 1970 from 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T14:00:00+02:00."""
    moment = MOMENT.fullmatch(text)
    if not moment:
        raise not_a_time(text)
    year, month, day, hour, minute, second = (
        int(moment[i] or least) for i, least in enumerate((0, 1, 1, 0, 0, 0), 1))
    is_midnight = hour == 24 and not minute and not second
    ahead = datetime.timedelta(hours=int(moment['hours'] or 0), minutes=int(moment['minutes'] or 0))
    if moment['sign'] == '-':
        ahead = -ahead
    try:                                    # there is no 30th of February
        day_begins = datetime.datetime(year, month, day, tzinfo=datetime.timezone(ahead))
        clock = day_begins.replace(hour=0 if is_midnight else hour, minute=minute, second=second)
    except ValueError:
        raise not_a_time(text) from None
    return clock.timestamp() + float(moment[7] or 0) + 86_400 * is_midnight


def not_a_time(text):
    return query_error(f'time={text} isn\'t a time. '
                       'Times are like 2026-01-31T12:00:00Z or now-7days.')


# --- SQL ------------------------------------------------------------------------------------------
# Names of tables and columns come from TABLES; what a stranger wrote is only ever a value for a ?.

NEVER = '1 = 0'                     # what is compared with NaN, but for = and !=


def add_constraint(query, variable, operator, pairs):
    """(SQL, values) pairs become one condition. What is not a number (NaN) is NULL in SQL."""
    name = variable.name
    first_sql, first_values = pairs[0]
    if operator == '=~':
        query.where.append(f'{name} IN ({", ".join(sql for sql, _ in pairs)})')
    elif first_values == [None]:
        with_nan = {'=': f'{name} IS NULL', '!=': f'{name} IS NOT NULL'}
        query.where.append(with_nan.get(operator, NEVER))
        return
    elif operator == '!=':
        query.where.append(f'{name} IS NOT {first_sql}')        # NaN is not 5, so it is found
    else:
        query.where.append(f'{name} {operator} {first_sql}')
    query.values += itertools.chain(*(values for _, values in pairs))


def add_patterns(query, variable, texts, part):
    """=~ for texts: plain ones must be equal, those with .* or . fit a pattern of SQLite's GLOB.

    A free regular expression from a stranger could keep the server busy for ever; this cannot.
    """
    conditions = []
    for text in texts:
        pattern = glob_pattern(text, part)
        conditions.append(f'{variable.name} {"=" if pattern is None else "GLOB"} ?')
        query.values.append(text if pattern is None else pattern)
    query.where.append(f'({" OR ".join(conditions)})')


def glob_pattern(text, part):
    """bo.* as GLOB has it: bo*. None when the text has no wildcard."""
    pieces = re.split(r'(\.\*|\.)', text)
    plain, wildcards = ''.join(pieces[::2]), pieces[1::2]
    if set(plain) & set(r'\*+?^$(){}[]') or wildcards.count('.*') > MOST_WILDCARDS:
        raise bad_pattern(part)
    if not wildcards:
        return None
    return ''.join({'.*': '*', '.': '?'}.get(piece, piece) for piece in pieces)


@dataclass(frozen=True)
class Question:
    """What SQLite is asked."""
    sql: str
    values: list


def question_of(query, style, most=None):
    """The whole question, perhaps for the first rows only.

    style 'text': times as people write them; 'number': as seconds since 1970; 'line': each row is
    one finished line of csv, which SQLite makes in half the time that we need.
    """
    source, order, uses = SOURCES[query.pick](query)
    if query.distinct:
        names = [variable.name for variable in query.variables]
        source = f'(SELECT DISTINCT {", ".join(names)} FROM {source})'
        order = [*group_columns(query.groups), *names]
    columns = [SQL_STYLES[style](variable) for variable in answer_variables(query)]
    selected = " || ',' || ".join(columns) if style == 'line' else ', '.join(columns)
    sql = f'SELECT {selected} FROM {source} ORDER BY {", ".join(order)}'
    limits = [most] if most else []
    if query.limit and not query.groups:
        limits.append(query.limit)
    if limits:
        sql += f' LIMIT {min(limits)}'
    return Question(sql, query.values * uses)


def answer_variables(query):
    """What the columns of the answer are: where rows are counted, the others are numbers."""
    if query.pick != 'orderByCount':
        return query.variables
    groups = [group.name for group in query.groups]
    return [v if v.name in groups else Variable(v.name, 'number', 'count') for v in query.variables]


def text_column(variable):
    if variable.kind == 'time':
        return f"strftime('%Y-%m-%dT%H:%M:%SZ', {variable.name}, 'unixepoch')"
    return variable.name


def number_column(variable):
    return variable.name


def line_column(variable):
    """A value as csv has it: NaN when there is none, quotes round what would not be read right."""
    column = text_column(variable)
    if variable.kind != 'text':
        return f"coalesce({column}, 'NaN')"
    quoted = f"""'"' || replace({column}, '"', '""') || '"'"""
    return (f"""CASE WHEN {column} GLOB '*[,"' || char(10) || char(13) || ']*' """
            f"THEN {quoted} ELSE coalesce({column}, 'NaN') END")


SQL_STYLES = {'text': text_column, 'number': number_column, 'line': line_column}


# Each of these tells where the rows come from (what stands after FROM), in which order they go, and
# how often the conditions, and so their values, are used in that.

def all_rows(query):
    """No function: in the order of time."""
    is_timed = query.dataset.variable('time')
    return found(query), ['time', 'rowid'] if is_timed else ['rowid'], 1


def ordered_rows(query):
    """orderBy("player,time"), and orderByLimit("10") where the limit is all there is."""
    source, order, uses = all_rows(query)
    return source, [*group_columns(query.groups), *order], uses


def limited_rows(query):
    """orderByLimit("player,10"): the first ten of each."""
    if not query.groups:
        return ordered_rows(query)
    _, order, _ = all_rows(query)
    chosen = numbered(query, group_columns(query.groups), order, query.limit)
    return chosen, [*group_columns(query.groups), *order], 1


def closest_rows(query):
    """orderByClosest("player,time/10minutes"): the row that is nearest to each ten minutes."""
    *groups, last = query.groups
    nearest = floor_of(f'({last.name} - {last.offset}) / {last.size} + 0.5')
    distance = f'abs({last.name} - {last.offset} - {last.size} * {nearest})'
    chosen = numbered(query, [*group_columns(groups), nearest], [distance, 'rowid'], 1)
    return chosen, [*group_columns(groups), last.name], 1


def numbered(query, together, order, most):
    """The first rows of each group, in that order. What need not be read for that is not read."""
    place = (f'row_number() OVER (PARTITION BY {", ".join(together)} '
             f'ORDER BY {", ".join(order)}) AS place')
    return (f'{query.dataset.id} WHERE rowid IN (SELECT id FROM '
            f'(SELECT rowid AS id, {place} FROM {found(query)}) WHERE place <= {most})')


def last_rows(query):
    """orderByMax("player,time"): the last row of each."""
    source = f'{query.dataset.id} WHERE rowid IN ({ends(query, "max")})'
    return source, group_columns(query.groups), 2


def first_rows(query):
    """orderByMin("player,time"): the first row of each."""
    source = f'{query.dataset.id} WHERE rowid IN ({ends(query, "min")})'
    return source, group_columns(query.groups), 2


def first_and_last_rows(query):
    """orderByMinMax("player,time"): both, also when they are the same."""
    first, last = (
        f'SELECT *, {side} AS side FROM {query.dataset.id} WHERE rowid IN ({ends(query, end)})'
        for side, end in enumerate(('min', 'max')))
    return f'({first} UNION ALL {last})', [*group_columns(query.groups[:-1]), 'side'], 4


def ends(query, end):
    """The number of the row with the greatest or least value in each group: fast with an index."""
    *groups, last = query.groups
    columns = group_columns(groups)
    by_group = f' GROUP BY {", ".join(columns)}' if columns else ''
    known = ', '.join([*columns, last.name])
    best = ', '.join([*columns, f'{end}({last.name})'])
    joined = 'AND' if query.where else 'WHERE'
    return (f'SELECT {end}(rowid) FROM {found(query)} {joined} ({known}) IN '
            f'(SELECT {best} FROM {found(query)}{by_group}){by_group}')


def counted_rows(query):
    """orderByCount("player"): of each how many, column by column."""
    return gathered_rows(query, lambda variable: f'count({variable.name})')


def mean_rows(query):
    """orderByMean("player,time/10minutes"): the mean of each; of texts the one that all have."""
    return gathered_rows(query, mean_of)


def mean_of(variable):
    name = variable.name
    if variable.kind == 'text':
        return f"CASE WHEN min({name}) = max({name}) THEN min({name}) ELSE '' END"
    return f'CAST(round(avg({name})) AS INTEGER)' if variable.kind == 'time' else f'avg({name})'


def gathered_rows(query, gather):
    """One row for each group: where it begins, and what its rows come to."""
    starts = {group.name: group_column(group) for group in query.groups}
    columns = ', '.join(f'{starts.get(v.name) or gather(v)} AS {v.name}' for v in query.variables)
    together = ', '.join(starts.values())
    source = f'(SELECT {columns} FROM {found(query)} GROUP BY {together})'
    return source, list(starts), 1


SOURCES = {                         # function: what it does; '' when there is none
    'orderBy': ordered_rows, 'orderByClosest': closest_rows, 'orderByCount': counted_rows,
    'orderByLimit': limited_rows, 'orderByMax': last_rows, 'orderByMean': mean_rows,
    'orderByMin': first_rows, 'orderByMinMax': first_and_last_rows, '': all_rows}


def found(query):
    """The dataset's rows that fulfil the conditions."""
    where = ' WHERE ' + ' AND '.join(query.where) if query.where else ''
    return query.dataset.id + where


def group_columns(groups):
    return [group_column(group) for group in groups]


def group_column(group):
    """What rows of one group have in common: a value, or where its interval begins."""
    if not group.size:
        return group.name
    number = floor_of(f'({group.name} - {group.offset}) / {group.size}')
    return f'({number} * {group.size} + {group.offset})'


def floor_of(sql):
    """The whole number below: CAST cuts towards 0."""
    return f'(CAST({sql} AS INTEGER) - (({sql}) < CAST({sql} AS INTEGER)))'


def tabledap(store, dataset, raw, style, most=None):
    """The table that a query asks for, or its first rows."""
    query = read_query(dataset, raw, store.clock())
    question = question_of(query, style, most)
    prepare = None
    if dataset is ALL_DATASETS:
        prepare = partial(lay_all_datasets, described_datasets(store))
    blocks = read_blocks(store, question, prepare)
    return Table(answer_variables(query), blocks, is_lines=style == 'line')


def read_blocks(store, question, prepare=None):
    """The rows, some at a time; a refusal when there are none, or too many."""
    count = 0
    with reading(store) as it:
        if prepare:
            prepare(it.db)
        rows = it.db.execute(question.sql, question.values)
        while block := rows.fetchmany(BLOCK_ROWS):      # SQLite works without holding up Python
            count += len(block)
            if count > MOST_ROWS:
                raise too_much(f'nRows > {MOST_ROWS}')
            yield block
            it.breathe()
    if not count:
        raise no_rows()


def described_datasets(store):
    """The rows of allDatasets: a dataset of datasets."""
    here = base_of(request.environ)
    rows = []
    for dataset in LISTED:
        ranges = known_ranges(store, dataset)
        structure = 'grid' if dataset.axes else 'table'
        begin, end = ranges.get('time', (None, None))
        address = f'{here}/erddap/{dataset.protocol}/{dataset.id}'
        rows.append((dataset.id, 'public', INSTITUTION, structure,
                     dataset.attributes()['cdm_data_type'], f'Mocean{structure.title()}',
                     dataset.title, begin, end, address if dataset.axes else '',
                     '' if dataset.axes else address,
                     f'{here}/erddap/info/{dataset.id}/index.html', dataset.summary))
    return rows


def lay_all_datasets(rows, db):
    """A table that only this reader sees, so that it is asked like any other."""
    names = ', '.join(v.name for v in ALL_DATASETS.variables)
    db.execute(f'CREATE TEMP TABLE {ALL_DATASETS.id} ({names})')
    marks = ', '.join('?' * len(ALL_DATASETS.variables))
    db.executemany(f'INSERT INTO {ALL_DATASETS.id} VALUES ({marks})', rows)


# --- GRID -----------------------------------------------------------------------------------------

MIDDLES = {axis.name: [SECTOR_KM * (i + 0.5) for i in range(length // SECTOR_KM)]     # in km
           for axis, length in zip(BATHYMETRY.axes, (HEIGHT_KM, WIDTH_KM), strict=True)}
GRID_VARIABLES = {                  # name: the variable and its axes
    DEPTH.name: (DEPTH, BATHYMETRY.axes), **{axis.name: (axis, [axis]) for axis in BATHYMETRY.axes}}
BRACKETS = re.compile(r'\[([^\[\]]*)\]')


@dataclass(frozen=True)
class Part:
    """What is asked of one variable of the grid, or of one axis: which places along each axis."""
    variable: Variable
    places: dict                    # axis name: range of indexes
    is_bare: bool = False           # DAP's depth.depth: the depths alone, without their axes

    def shape(self):
        return [len(places) for places in self.places.values()]


def read_grid(raw):
    """depth[(lo):step:(hi)][(lo):step:(hi)], or axes: y,x. Nothing means depth, all of it."""
    text, *constraints = map(str.strip, read_parts(raw))
    if any(part and not part.startswith('.') for part in constraints):
        raise query_error('A grid is asked for with brackets, '
                          'as in depth[(5):1:(395)][(5):1:(595)].')
    parts = [read_part(each.strip()) for each in (text or DEPTH.name).split(',')]
    names = [part.variable.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise query_error(f'variable={name} is listed twice in the results variables list.')
    return parts


def read_part(text):
    """One variable with its brackets: two pairs for depth, one for an axis, or none."""
    name, brackets = text.split('[')[0], BRACKETS.findall(text)
    short = name.removeprefix(f'{DEPTH.name}.')         # DAP calls them depth.depth and depth.y
    if short not in GRID_VARIABLES:
        raise query_error(f'Unrecognized variable="{name}".')
    variable, axes = GRID_VARIABLES[short]
    is_whole = text == name + ''.join(f'[{each}]' for each in brackets)
    if not is_whole or len(brackets) not in (0, len(axes)):
        example = '[(lo):1:(hi)]' * len(axes)
        pairs = 'pair' if len(axes) == 1 else 'pairs'
        raise query_error(f'{short} needs {len(axes)} {pairs} of brackets or none: '
                          f'{short}{example}. It was: {text}')
    places = {axis.name: read_places(axis.name, each)
              for axis, each in zip(axes, brackets or [''] * len(axes), strict=True)}
    return Part(variable, places, is_bare=short != name)


def read_places(axis, text):
    """Indexes from start to stop: [start], [start:stop], [start:step:stop], or [] for all."""
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
    """An index: (57.0) is the sector nearest to that km, 5 the sixth sector, last the last one."""
    middles = MIDDLES[axis]
    in_km = place.startswith('(') and place.endswith(')')
    inside = place[1:-1].strip() if in_km else place
    number = read_from_last(inside, middles[-1] if in_km else len(middles) - 1)
    if in_km and number is not None:
        number = index_of(middles, number)
    if number is not None and 0 <= number < len(middles) and number == int(number):
        return int(number)
    raise grid_error(axis, text, f'"{place}" isn\'t on the axis: from ({middles[0]}) to '
                                 f'({middles[-1]}) km, or from 0 to {len(middles) - 1} counted in '
                                 'sectors.')


def read_from_last(text, last):
    """5, 57.5, last or last-10; None when it is none of them."""
    minus = re.fullmatch(r'last *(?:- *(.+))?', text, re.DOTALL)
    number = (minus[1] or '0') if minus else text
    if not NUMBER.fullmatch(number):
        return None
    return last - float(number) if minus else float(number)


def index_of(middles, km):
    """The sector in which that km lies; None when it is off the axis."""
    end = middles[-1] + SECTOR_KM / 2
    return min(int(km / SECTOR_KM), len(middles) - 1) if 0 <= km <= end else None


def grid_error(axis, text, words):
    return query_error(f'For axis {axis}, Constraint="[{text}]": {words}')


def known_floor(store):
    """{(row, column): depth} of each sector that was sounded: the mean of its soundings."""
    with reading(store) as it:
        sectors = store.floor.ask(it)
    return {place: round(total / count, 3) for place, (count, total) in sectors.items()}


def values_of(part, floor):
    """The numbers of one part, row by row; None where nobody has sounded."""
    if part.variable is not DEPTH:
        name, = part.places
        return [MIDDLES[name][i] for i in part.places[name]]
    return [floor.get(place) for place in itertools.product(*part.places.values())]


def griddap(store, raw):
    """The parts that are asked for, and their numbers."""
    parts = read_grid(raw)
    floor = known_floor(store) if any(part.variable is DEPTH for part in parts) else {}
    return [(part, values_of(part, floor)) for part in parts]


def grid_table(store, raw):
    """As a table: a row (y, x, depth) for each sector; or the axes beside each other."""
    parts = griddap(store, raw)
    variables = [part.variable for part, _ in parts]
    if DEPTH not in variables:
        rows = list(itertools.zip_longest(*(values for _, values in parts)))
        return Table(variables, [rows])
    if len(parts) > 1:
        raise query_error('A table of depth has its axes already: ask for depth alone, '
                          'or for axes alone.')
    (part, depths), = parts
    places = itertools.product(*(values_of(axis, {}) for axis in maps_of(part)))
    rows = [(*place, depth) for place, depth in zip(places, depths, strict=True)]
    return Table([*BATHYMETRY.axes, DEPTH], [rows])


def maps_of(part):
    """The axes of a part of the grid, each as a part of its own."""
    axes = {axis.name: axis for axis in BATHYMETRY.axes}
    return [Part(axes[name], {name: places}) for name, places in part.places.items()]


# --- FORMATS --------------------------------------------------------------------------------------

def write_csv(table, delimiter=','):
    """Names, then units, then the rows."""
    header = [[v.name for v in table.columns]]
    if table.has_units:
        header.append([v.header_units for v in table.columns])
    return csv_lines(header, table, delimiter)


def write_csvp(table, delimiter=','):
    """One line of names with units."""
    names = [f'{v.name} ({v.header_units})' if v.header_units else v.name for v in table.columns]
    return csv_lines([names], table, delimiter)


def write_csv0(table, delimiter=','):
    """No header at all."""
    return csv_lines([], table, delimiter)


def csv_lines(header, table, delimiter):
    """The header goes out with the first rows: a query that finds nothing has sent nothing yet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n', delimiter=delimiter)
    writer.writerows(header)
    for block in table.blocks:
        if table.is_lines:
            buffer.writelines(f'{line}\n' for line, in block)
        else:
            writer.writerows(['NaN' if value is None else value for value in row] for row in block)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


encode = json.JSONEncoder(ensure_ascii=False).encode


def write_json(table):
    """{"table": {"columnNames": [...], "columnTypes": ..., "columnUnits": ..., "rows": [...]}}"""
    names = [v.name for v in table.columns]
    types = ['double' if v.kind == 'number' else 'String' for v in table.columns]
    units = [v.header_units or None for v in table.columns]
    before = (f'{{\n"table": {{\n"columnNames": {encode(names)},\n"columnTypes": {encode(types)},\n'
              f'"columnUnits": {encode(units)},\n"rows": [\n')
    for block in table.blocks:
        yield before + ',\n'.join(map(encode, block))
        before = ',\n'
    yield '\n]\n}\n}\n'


def write_jsonl(table):
    """One line of JSON a row, [value, value, ...]"""
    for block in table.blocks:
        yield ''.join(f'{encode(row)}\n' for row in block)


def write_jsonl_pairs(table):
    """One line of JSON a row, {name: value, name: value, ...}"""
    names = [v.name for v in table.columns]
    for block in table.blocks:
        yield ''.join(f'{encode(dict(zip(names, row, strict=True)))}\n' for row in block)


def write_html(table):
    """A plain table; whatever somebody wrote into it comes out as text."""
    names = ''.join(f'<th scope="col">{html.escape(v.name)}</th>' for v in table.columns)
    units = ''.join(f'<td>{html.escape(v.header_units)}</td>' for v in table.columns)
    yield page_head('Mocean data') + f'<p>The first rows, at most {HTML_ROWS:,}: '
    if any(v.name == 'time' for v in table.columns):
        yield '<code>&amp;time&gt;=now-10minutes</code> in the address asks for the latest, '
    yield (f'<code>.csv</code> instead of <code>.html</code> gives all.</p>\n<table>\n'
           f'<tr>{names}</tr>\n<tr class="units">{units}</tr>\n')
    for row in itertools.islice(itertools.chain.from_iterable(table.blocks), HTML_ROWS):
        yield f'<tr>{"".join(map(html_cell, row))}</tr>\n'
    yield '</table></main>\n'


def html_cell(value):
    text = 'NaN' if value is None else html.escape(str(value))
    is_link = text.startswith(('http://', 'https://'))
    return f'<td><a href="{text}">{text}</a></td>' if is_link else f'<td>{text}</td>'


def page_head(title):
    return PAGE.format(title=title, here=html.escape(base_of(request.environ)))


PAGE = '''<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark;
         --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --link: #00607f; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; }} }}
body {{ font: 20px/1.5 system-ui, sans-serif; max-width: 52em; margin: 2em auto; padding: 0 1em;
       color: var(--ink); background: var(--sea); }}
a {{ color: var(--link); overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; }}
td, th {{ border: 1px solid var(--line); padding: 0.2em 0.6em; text-align: left; }}
.units {{ font-style: italic; }}
</style>
<main><h1>{title}</h1>
<p><a href="{here}/erddap/index.html">All datasets</a></p>
'''


@dataclass(frozen=True)
class Format:
    """How a table leaves: its header, who writes it, and how SQLite hands over the values."""
    media_type: str                 # to the byte as ERDDAP writes it: some clients compare it
    write: object                   # a function: Table in, pieces of text out
    style: str = 'text'             # 'text', 'number' or 'line': see question_of
    is_file: bool = False           # a browser saves it instead of showing it


CSV = partial(Format, 'text/csv;charset=UTF-8', style='line', is_file=True)
TSV = partial(Format, 'text/tab-separated-values;charset=UTF-8', is_file=True)
JSON_TYPE = partial(Format, 'application/json;charset=UTF-8')
JSONL = partial(Format, 'application/x-jsonlines;charset=UTF-8')
HTML_TYPE = Format('text/html;charset=UTF-8', write_html)
FORMATS = {
    'csv': CSV(write_csv), 'csvp': CSV(write_csvp), 'csv0': CSV(write_csv0),
    'tsv': TSV(partial(write_csv, delimiter='\t')),
    'tsvp': TSV(partial(write_csvp, delimiter='\t')),
    'tsv0': TSV(partial(write_csv0, delimiter='\t')),
    'json': JSON_TYPE(write_json), 'jsonlCSV': JSONL(write_jsonl),
    'jsonlKVP': JSONL(write_jsonl_pairs),
    'html': HTML_TYPE, 'htmlTable': HTML_TYPE,
}


# --- NETCDF ---------------------------------------------------------------------------------------
# A file of the kind that NetCDF-3 calls classic: a header that names the dimensions, attributes and
# variables, and says at which byte each variable begins; then their values, one variable after the
# other. All numbers are written big end first. In the header a list is a tag (10 dimensions, 11
# variables, 12 attributes), how many, and its parts; a name is its length, its letters, and NULs up
# to a multiple of four bytes. Types: 2 letters, 6 numbers of eight bytes.

TEXT_TYPE, NUMBER_TYPE = 2, 6


@dataclass
class NcVariable:
    """One variable of a file."""
    name: str
    shape: list                     # the numbers of its dimensions
    attributes: dict
    type: int                       # TEXT_TYPE or NUMBER_TYPE
    size: int                       # bytes
    pieces: object                  # its values as bytes, some at a time


def nc_file(dimensions, variables, attributes):
    """Piece after piece. dimensions: [(name, length), ...]"""
    length = len(nc_header(dimensions, variables, attributes, [0] * len(variables)))
    begins = itertools.accumulate((padded(v.size) for v in variables), initial=length)
    yield nc_header(dimensions, variables, attributes, list(begins)[:-1])
    for variable in variables:
        yield from variable.pieces
        yield padding(variable.size)


def nc_header(dimensions, variables, attributes, begins):
    axes = [nc_text(name) + struct.pack('>i', length) for name, length in dimensions]
    listed = [nc_variable(*pair) for pair in zip(variables, begins, strict=True)]
    return (b'CDF\x01' + struct.pack('>i', 0)
            + nc_list(10, axes) + nc_attributes(attributes) + nc_list(11, listed))


def nc_variable(variable, begin):
    count = len(variable.shape)
    return (nc_text(variable.name) + struct.pack(f'>i{count}i', count, *variable.shape)
            + nc_attributes(variable.attributes)
            + struct.pack('>iii', variable.type, padded(variable.size), begin))


def nc_attributes(attributes):
    parts = []
    for name, value in sorted(attributes.items()):
        if isinstance(value, str):
            parts.append(nc_text(name) + struct.pack('>i', TEXT_TYPE) + nc_text(value))
        else:
            numbers = struct.pack(f'>ii{len(value)}d', NUMBER_TYPE, len(value), *value)
            parts.append(nc_text(name) + numbers)
    return nc_list(12, parts)


def nc_list(tag, parts):
    return struct.pack('>ii', tag if parts else 0, len(parts)) + b''.join(parts)


def nc_text(text):
    """Length, letters, and NULs up to a multiple of four."""
    letters = text.encode('utf-8')
    return struct.pack('>i', len(letters)) + letters + padding(len(letters))


def padded(size):
    return size + len(padding(size))


def padding(size):
    return b'\0' * (-size % 4)


def pack_numbers(values):
    return struct.pack(f'>{len(values)}d', *(math.nan if each is None else each for each in values))


def write_grid_nc(dataset, parts):
    """The parts of the grid and their axes."""
    arrays = {}                             # name: (part, values), the axes first
    for part, _ in parts:
        for axis in maps_of(part):
            arrays.setdefault(axis.variable.name, (axis, values_of(axis, {})))
    arrays.update({part.variable.name: (part, values) for part, values in parts
                   if part.variable is DEPTH})
    axes = [name for name in MIDDLES if name in arrays]
    variables = [grid_nc_variable(dataset, part, axes, values) for part, values in arrays.values()]
    return nc_file([(name, len(arrays[name][1])) for name in axes], variables, dataset.attributes())


def grid_nc_variable(dataset, part, axes, values):
    attributes = grid_attributes(dataset, part.variable)
    shape = [axes.index(name) for name in part.places]
    return NcVariable(part.variable.name, shape, attributes, NUMBER_TYPE, 8 * len(values),
                      [pack_numbers(values)])


def grid_attributes(dataset, variable):
    """An axis is as it always is; depth has a range by now, and a mark for what nobody knows."""
    if variable.name != DEPTH.name:
        return variable.all_attributes()
    return {**dataset.variables[0].all_attributes(), '_FillValue': (math.nan,)}


def table_attributes(dataset, variable):
    """Where rows are counted, a variable is not the dataset's own any more."""
    own = dataset.variable(variable.name)
    return (own if own.units == variable.units else variable).all_attributes()


def write_table_nc(dataset, table, folder):
    """A table: one dimension, row; a text has a second one, for its letters.

    Its rows are written down first, for the header tells how many there are, and how long a text
    can be.
    """
    with tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=folder) as file:
        rows = 0
        longest = {v.name: 1 for v in table.columns if v.kind == 'text'}
        for block in table.blocks:
            pickle.dump(block, file)
            rows += len(block)
            for i, variable in enumerate(table.columns):
                if variable.kind == 'text':
                    most = max(len(str(row[i]).encode()) for row in block)
                    longest[variable.name] = max(most, longest[variable.name])
        dimensions = [('row', rows), *((f'{name}_strlen', n) for name, n in longest.items())]
        variables = [table_nc_variable(dataset, table, i, dimensions, file)
                     for i in range(len(table.columns))]
        yield from nc_file(dimensions, variables, dataset.attributes())


def table_nc_variable(dataset, table, i, dimensions, file):
    variable, rows = table.columns[i], dimensions[0][1]
    attributes = table_attributes(dataset, variable)
    if variable.kind != 'text':
        return NcVariable(variable.name, [0], attributes, NUMBER_TYPE, 8 * rows,
                          number_pieces(file, i))
    place = [name for name, _ in dimensions].index(f'{variable.name}_strlen')
    width = dimensions[place][1]
    return NcVariable(variable.name, [0, place], attributes, TEXT_TYPE, width * rows,
                      text_pieces(file, i, width))


def blocks_again(file):
    """The blocks of rows that were laid down in a file."""
    file.seek(0)
    with contextlib.suppress(EOFError):
        while True:
            yield pickle.load(file)


def number_pieces(file, i):
    for block in blocks_again(file):
        yield pack_numbers([row[i] for row in block])


def text_pieces(file, i, width):
    for block in blocks_again(file):
        yield b''.join(str(row[i]).encode().ljust(width, b'\0') for row in block)


def write_ncml(dataset):
    """What erddapy reads before it asks for a grid: dimensions, variables, attributes, in XML."""
    dimensions = ''.join(f'  <dimension name="{axis}" length="{len(places)}" />\n'
                         for axis, places in MIDDLES.items())
    variables = ''.join(ncml_variable(dataset, v) for v in (*BATHYMETRY.axes, DEPTH))
    yield ('<?xml version="1.0" encoding="UTF-8"?>\n'
           '<netcdf xmlns="https://www.unidata.ucar.edu/namespaces/netcdf/ncml-2.2">\n'
           f'{ncml_attributes(dataset.attributes())}{dimensions}{variables}</netcdf>\n').encode()


def ncml_variable(dataset, variable):
    shape = 'y x' if variable is DEPTH else variable.name
    attributes = ncml_attributes(grid_attributes(dataset, variable), '  ')
    return (f'  <variable name="{variable.name}" shape="{shape}" type="double">\n'
            f'{attributes}  </variable>\n')


def ncml_attributes(attributes, indent=''):
    lines = ''
    for name, value in sorted(attributes.items()):
        is_text = isinstance(value, str)
        kind = '' if is_text else ' type="double"'
        text = html.escape(value) if is_text else numbers(value, ' ')
        lines += f'{indent}  <attribute name="{name}"{kind} value="{text}" />\n'
    return lines


def numbers(values, between=', '):
    """Several numbers as text; what is not a number is NaN for all who read this."""
    return between.join('NaN' if math.isnan(each) else str(each) for each in values)


# --- DAP ------------------------------------------------------------------------------------------
# The protocol by which xarray, netCDF4, pydap and R open an address as if it were a file: .dds
# tells what there is, .das what it means, .dods is a .dds and then the values: big end first, an
# array after its length (written twice), a text after its length and filled up to four bytes.

DAP_TYPES = {'text': 'String', 'time': 'Float64', 'number': 'Float64'}
ROW_BEGINS, ROWS_END = b'\x5a\0\0\0', b'\xa5\0\0\0'     # in a table


def table_dds(columns):
    lines = ''.join(f'    {DAP_TYPES[v.kind]} {v.name};\n' for v in columns)
    return f'Dataset {{\n  Sequence {{\n{lines}  }} s;\n}} s;\n'


def table_dods(table):
    """The rows, each after a mark."""
    yield table_dds(table.columns).encode() + b'\nData:\n'
    kinds = [variable.kind for variable in table.columns]
    for block in table.blocks:
        yield b''.join(ROW_BEGINS + b''.join(map(dap_value, kinds, row)) for row in block)
    yield ROWS_END


def dap_value(kind, value):
    return nc_text(value) if kind == 'text' else pack_numbers([value])


def grid_dds(parts):
    """depth is a GRID: an array with its axes. DAP's depth.depth is that array alone."""
    return f'Dataset {{\n{"".join(map(dds_part, parts))}}} {BATHYMETRY.id};\n'


def dds_part(part):
    name = part.variable.name
    if part.is_bare:
        return f'  Structure {{\n    {dds_array(part)}  }} {DEPTH.name};\n'
    if part.variable is not DEPTH:
        return f'  {dds_array(part)}'
    maps = ''.join(f'      {dds_array(axis)}' for axis in maps_of(part))
    return f'  GRID {{\n    ARRAY:\n      {dds_array(part)}    MAPS:\n{maps}  }} {name};\n'


def dds_array(part):
    sizes = ''.join(f'[{name} = {len(places)}]' for name, places in part.places.items())
    return f'Float64 {part.variable.name}{sizes};\n'


def whole_grid():
    """What a question without words is about: the axes, and the grid."""
    return [read_part(name) for name in (*MIDDLES, DEPTH.name)]


def grid_dods(store, raw):
    parts = read_grid(raw) if raw.strip() else whole_grid()
    yield grid_dds(parts).encode() + b'\nData:\n'
    floor = known_floor(store)
    for part in parts:
        axes = maps_of(part) if part.variable is DEPTH and not part.is_bare else []
        for each in (part, *axes):
            values = values_of(each, floor)
            yield struct.pack('>ii', len(values), len(values)) + pack_numbers(values)


def das(dataset):
    """The attributes of all variables, and of the dataset."""
    attributes = grid_attributes if dataset.axes else table_attributes
    indent = '  ' if dataset.axes else '    '
    inside = ''.join(das_block(variable.name, attributes(dataset, variable), indent)
                     for variable in (*dataset.axes, *dataset.variables))
    if not dataset.axes:
        inside = f'  s {{\n{inside}  }}\n'
    return f'Attributes {{\n{inside}{das_block("NC_GLOBAL", dataset.attributes(), "  ")}}}\n'


def das_block(name, attributes, indent):
    lines = ''.join(f'{indent}  {das_attribute(*pair)};\n' for pair in sorted(attributes.items()))
    return f'{indent}{name} {{\n{lines}{indent}}}\n'


def das_attribute(name, value):
    if isinstance(value, str):
        escaped = value.replace('\\', '\\\\').replace('"', '\\"')
        return f'String {name} "{escaped}"'
    return f'Float64 {name} {numbers(value)}'


# --- SEARCH ---------------------------------------------------------------------------------------

def known_ranges(store, dataset):
    """{name: (least, most)} of what a dataset counts; of the grid: when it was sounded."""
    source = SOUNDINGS if dataset.axes else dataset
    if source not in KEPT:
        return {}
    with reading(store) as it:
        ranges = store.ranges[source.id].ask(it)
    if not dataset.axes or not ranges:
        return ranges
    depths = known_floor(store).values()
    ends = {DEPTH.name: (min(depths), max(depths))} if depths else {}
    return {'time': ranges['time'], **ends}


def described(store, dataset):
    """The dataset as it is now: its variables and itself say from where to where they go."""
    ranges = known_ranges(store, dataset)
    variables = []
    for variable in dataset.variables:
        ends = {'actual_range': ranges[variable.name]} if variable.name in ranges else {}
        variables.append(dataclasses.replace(
            variable, attributes={**variable.attributes, **ends}))
    coverage = {}
    if 'time' in ranges:
        first, last = map(iso, ranges['time'])
        coverage = {'time_coverage_end': last, 'time_coverage_start': first}
    return dataclasses.replace(dataset, variables=tuple(variables), coverage=coverage)


def iso(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')


PAGING = ('page', 'itemsPerPage')


def page_of(datasets, fields):
    """One page of them. Behind the last one there is nothing."""
    page, per_page = read_count(fields, 'page', 1), read_count(fields, 'itemsPerPage', 1_000)
    found = datasets[(page - 1) * per_page:page * per_page]
    if not found:
        raise Refusal('Resource not found: Your query produced no matching results. '
                      'Check the spelling of the word(s) you searched for.', UNKNOWN)
    return found


def read_count(fields, name, usual):
    text = fields.get(name, str(usual))
    if not re.fullmatch('[1-9][0-9]{0,8}', text):
        raise query_error(f'{name}={text} isn\'t a whole number from 1.')
    return int(text)


def matches(store, dataset, words):
    """All words must be there, whatever their case; -word must not; "a phrase" holds together."""
    attributes = [f'{name}={value}' for name, value in dataset.attributes().items()]
    variables = [' '.join(map(str, (v.name, v.units, *v.attributes.values())))
                 for v in (*dataset.axes, *dataset.variables)]
    text = ' '.join([*attributes, f'datasetID={dataset.id}', *variables]).lower()
    for minus, phrase, word in re.findall(r'(-?)(?:"([^"]*)"?|([^\s"]+))', words.lower()):
        if ((phrase or word) in text) == bool(minus):
            return False
    return True


def has_attribute(name, store, dataset, value):
    """The dataset itself or one of its variables. A form writes Mocean club as mocean_club."""
    owners = [{'protocol': dataset.protocol, **dataset.attributes()}]
    for variable in (*dataset.axes, *dataset.variables):
        owners.append({'variableName': variable.name, **variable.attributes})
    return plain(value) in [plain(owner[name]) for owner in owners if name in owner]


def plain(value):
    return re.sub(r'\W', '_', str(value).lower())


def reaches(end, store, dataset, value):
    """minTime: something was measured at that time or later; maxTime: then or earlier."""
    sql, values = read_value(TRACKS, TIME, value, store.clock())
    ranges = known_ranges(store, dataset)
    if sql != '?' or values == [None]:
        raise not_a_time(value)
    if 'time' not in ranges:
        return False
    first, last = ranges['time']
    return last >= values[0] if end == 'minTime' else first <= values[0]


def never(store, dataset, value):
    """What no dataset here has: a longitude, a latitude."""
    return False


SEARCHES = {                        # field: does a dataset fulfil it?
    'searchFor': matches,
    **{name: partial(has_attribute, name) for name in (
        'protocol', 'cdm_data_type', 'institution', 'ioos_category', 'keywords', 'long_name',
        'standard_name', 'variableName')},
    **{name: partial(reaches, name) for name in ('minTime', 'maxTime')},
    **{name: never for name in ('minLon', 'maxLon', 'minLat', 'maxLat')},
}


def list_table(datasets, here):
    """What search and the indexes tell: one row a dataset. here: the address of the server."""
    names = ('griddap', 'tabledap', 'Title', 'Summary', 'Info', 'Institution', 'Dataset ID')
    rows = []
    for dataset in datasets:
        address = f'{here}/erddap/{dataset.protocol}/{dataset.id}'
        rows.append([address if dataset.axes else '', '' if dataset.axes else address,
                     dataset.title, dataset.summary,
                     f'{here}/erddap/info/{dataset.id}/index.html', INSTITUTION, dataset.id])
    return list_of(names, rows)


def info_table(dataset):
    """One row for each variable, and one for each attribute."""
    rows = [('attribute', 'NC_GLOBAL', *info_value(*pair))
            for pair in sorted(dataset.attributes().items())]
    for axis in dataset.axes:
        rows.append(('dimension', axis.name, '', 'double',
                     f'nValues={len(MIDDLES[axis.name])}, evenlySpaced=true, '
                     f'averageSpacing={float(SECTOR_KM)}'))
        rows += info_attributes(axis)
    for variable in dataset.variables:
        kind = 'String' if variable.kind == 'text' else 'double'
        axes = ', '.join(axis.name for axis in dataset.axes)
        rows.append(('variable', variable.name, axes, kind, ''))
        rows += info_attributes(variable)
    names = ('Row Type', 'Variable Name', 'Attribute Name', 'Data Type', 'Value')
    return list_of(names, rows)


def info_attributes(variable):
    return [('attribute', variable.name, *info_value(*pair))
            for pair in variable.all_attributes().items()]


def info_value(name, value):
    return (name, 'String', value) if isinstance(value, str) else (name, 'double', numbers(value))


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


# --- ROUTES ---------------------------------------------------------------------------------------
# To add one: give make_app a route, write an example of it into EXAMPLES, and a test.

EXAMPLES = (                        # an address, what it gives: the first page shows them as links
    ('/erddap/tabledap/tracks.html?&time>=now-10minutes',
     'where the boats were in the last ten minutes'),
    ('/erddap/tabledap/tracks.csv?player,time,x,y,z&orderByMax("player,time")',
     'where each boat was last, as a file'),
    ('/erddap/tabledap/tracks.html?player&distinct()', 'who has sailed'),
    ('/erddap/tabledap/soundings.html?x,y,depth&depth<=20', 'the shallows found so far'),
    ('/erddap/tabledap/soundings.html?player,time,depth&orderByMean("player,time/10minutes")',
     'how deep it was for each, a mean for each ten minutes'),
    ('/erddap/griddap/bathymetry.csv', 'the sea floor as the club knows it, as a file'),
    ('/erddap/griddap/bathymetry.html?depth[(5):1:(95)][(5):1:(95)]', 'its south-west corner'),
    ('/erddap/griddap/bathymetry.dds', 'how a program sees it that opens it like a file'),
    ('/erddap/info/tracks/index.html', 'what the columns of tracks mean'),
    ('/erddap/tabledap/allDatasets.html', 'what there is, and from when to when'),
    ('/erddap/search/index.html?searchFor=sea floor', 'datasets about the sea floor'),
)
VERSION = '2.23'                    # the ERDDAP whose manners these are: clients ask for it


def make_app(folder=None, store=None):
    """The routes under /erddap, over the store in that folder."""
    folder = folder or os.environ.get('STATE_DIRECTORY') or HERE
    app = bottle.Bottle()
    app.store = store = store or Store(folder)
    app.install(answer_in_our_form)
    for path in ('/erddap', '/erddap/index.html'):
        app.route(path, callback=on_front_page)
    for path in ('/erddap/version', '/erddap/version_string'):
        app.route(path, callback=on_version)
    app.route('/erddap/<place:re:tabledap|griddap|info|search>', callback=on_short_address)
    app.route('/erddap/info/<file>', callback=partial(on_info_list, store))
    app.route('/erddap/info/<id>/<file>', callback=partial(on_info, store))
    app.route('/erddap/search/<file>', callback=partial(on_search, store))
    app.route('/erddap/<protocol:re:tabledap|griddap>/<file>', callback=partial(on_dataset, store))
    for path in ('/erddap', f'/erddap/{ANYTHING}'):
        app.route(path, method='ANY', callback=on_anything_else)
    return app


def ride(game, sea):
    """Serve these routes beside those of the ocean, and keep what its players measure."""
    app = make_app(sea.folder)
    known = []                              # the ocean whose number we have compared

    def tend():
        ocean = sea.ocean.planet['mocean'].began
        if known != [ocean]:                # after a start, or in another ocean
            known[:] = [ocean]
            game.handed_over(sea, min(app.store.handed_number(ocean), sea.ocean.number))
        tracks, soundings, number = game.measured(sea)
        if not tracks and not soundings:
            return
        is_kept = True                      # rows that no table takes are not offered again
        try:
            is_kept = app.store.keep(tracks, soundings, (ocean, number))
        finally:
            if is_kept:
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
    """Every refusal in ERDDAP's form; what nobody thought of goes to the log, and is a 500."""
    def answer(*args, **kwargs):
        try:
            nobody = sent_by_nobody(request.environ)
            if nobody:
                raise come_again(nobody)
            check_no_space(request.environ['SERVER_PROTOCOL'])
            return callback(*args, **kwargs)
        except bottle.HTTPResponse:
            raise
        except Refusal as refusal:
            return error_reply(refusal.status, refusal.words)
        except (Exception, SystemExit):
            asked = re.sub(r'\bid=[^&]*', 'id=...', f'{request.path} ? {request.query_string}')
            note(f'unexpected, at {asked!r}\n{traceback.format_exc()}')
            return error_reply(
                500, 'Internal Server Error: The server made a mistake; its log says which.')
    return answer


def check_no_space(protocol):
    """What follows a space in an address, uWSGI takes for the protocol: half of a question."""
    if not re.fullmatch('HTTP/[0-9.]{1,4}', protocol):
        raise query_error('There is a space in the address; write %20 instead.')


def error_reply(status, words):
    words = words.replace('"', '\\"')
    body = f'Error {{\n    code={status};\n    message="{words}";\n}}\n'
    headers = {'Content-Type': 'text/plain;charset=UTF-8'}
    if status == AWAY:
        headers['Retry-After'] = str(RETRY_SECONDS)
    if status == NOT_GET:
        headers['Allow'] = METHODS
    return bottle.HTTPResponse(body.encode('utf-8'), status, headers)


def on_anything_else(rest=''):
    if request.method not in ('GET', 'HEAD'):
        raise Refusal('Method Not Allowed: Everything here is asked for with GET, '
                      f'not {request.method}.', NOT_GET)
    raise nothing_there()


def nothing_there():
    return Refusal(f'Not Found: There is nothing at {request.path}; '
                   '/erddap/index.html lists what there is.', UNKNOWN)


def on_front_page():
    """The datasets, and some questions to start from."""
    here = html.escape(base_of(request.environ))
    page = page_head('Mocean data: what the club measured') + '<ul>\n'
    for dataset in LISTED:
        address = f'{here}/erddap/{dataset.protocol}/{dataset.id}.html'
        info = f'{here}/erddap/info/{dataset.id}/index.html'
        page += (f'<li><a href="{address}">{dataset.id}</a>: {dataset.summary} '
                 f'<a href="{info}">What its columns mean.</a></li>\n')
    page += '</ul>\n<h2>Some questions</h2>\n<ul>\n'
    for path, words in EXAMPLES:
        path = html.escape(path)
        page += f'<li><a href="{here}{path}">{path}</a><br>{words}</li>\n'
    page += ('</ul>\n<p>Add a question after the <code>?</code>: columns with commas between them, '
             'then <code>&amp;</code> and a condition, as often as you like. This answers like a '
             'small part of ERDDAP, the data server of many ocean institutes.</p></main>\n')
    return send(HTML_TYPE.media_type, page.encode())


def on_version():
    """For programs that ask how much the server knows. The long form says who we are."""
    words = f'ERDDAP_version={VERSION}\n'
    if request.path.endswith('_string'):
        words = f'ERDDAP_version_string={VERSION}_mocean\n'
    return send('text/plain;charset=UTF-8', words.encode())


def on_short_address(place):
    """/erddap/tabledap leads to its list."""
    return redirect(f'{place}/index.html')


def on_info_list(store, file):
    """The list of all datasets, or the way to what is known of one."""
    if '.' not in file:
        return redirect(f'info/{find_dataset(file).id}/index.html')
    return on_list(store, LISTED, file)


def on_dataset(store, protocol, file):
    """What the question asks of a table or a grid, in the format that the file type names."""
    id, file_type = split_file(file)
    if id == 'index':
        return on_list(store, [each for each in LISTED if each.protocol == protocol], file)
    dataset, raw = find_dataset(id, protocol), request.query_string
    if not file_type:
        return redirect(f'{protocol}/{id}.html')
    def make():
        return Spool(pieces_of(store, dataset, file_type, raw), store.path.parent)
    spool = store.turns.share((base_of(request.environ), file, raw), make)
    return send(MEDIA_TYPES[file_type], spool.body(), spool.size, file_headers(file, file_type))


def pieces_of(store, dataset, file_type, raw):
    """The whole answer to a question, piece after piece."""
    if dataset.axes:
        return grid_pieces(store, file_type, raw)
    return table_pieces(store, dataset, file_type, raw)


def grid_pieces(store, file_type, raw):
    if file_type == 'dds':
        return [grid_dds(read_grid(raw) if raw.strip() else whole_grid())]
    if file_type == 'das':
        return [das(described(store, BATHYMETRY))]
    if file_type == 'dods':
        return grid_dods(store, raw)
    if file_type == 'nc':
        return write_grid_nc(described(store, BATHYMETRY), griddap(store, raw))
    if file_type == 'ncml':
        return write_ncml(described(store, BATHYMETRY))
    format = find_format(file_type)
    return with_callback(raw, file_type, format.write(grid_table(store, raw)))


def table_pieces(store, dataset, file_type, raw):
    if file_type == 'dds':
        return [table_dds(answer_variables(read_query(dataset, raw, store.clock())))]
    if file_type == 'das':
        return [das(described(store, dataset))]
    if file_type == 'dods':
        return table_dods(tabledap(store, dataset, raw, 'number'))
    if file_type in ('nc', 'ncCF'):
        table = tabledap(store, dataset, raw, 'number')
        return write_table_nc(described(store, dataset), table, store.path.parent)
    format = find_format(file_type)
    most = HTML_ROWS if format is HTML_TYPE else None
    table = tabledap(store, dataset, raw, format.style, most)
    return with_callback(raw, file_type, format.write(table))


def with_callback(raw, file_type, pieces):
    """.jsonp=show: the JSON as a call of the function show, for pages of old."""
    name = next((part.removeprefix('.jsonp=') for part in read_parts(raw)
                 if part.startswith('.jsonp=')), None)
    if name is None or not file_type.startswith('json'):
        return pieces
    if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_.]{0,99}', name):
        raise query_error(f'.jsonp={name} isn\'t the name of a function.')
    return itertools.chain([f'{name}('], pieces, [')'])


MEDIA_TYPES = {file_type: format.media_type for file_type, format in FORMATS.items()} | {
    'nc': 'application/x-netcdf', 'ncCF': 'application/x-netcdf',
    'ncml': 'application/xml;charset=UTF-8',
    'dds': 'text/plain;charset=UTF-8', 'das': 'text/plain;charset=UTF-8',
    'dods': 'application/octet-stream'}


def file_headers(file, file_type):
    """A browser saves some formats as a file; programs for DAP look for marks of their own."""
    if file_type in ('dds', 'das', 'dods'):
        what = 'data' if file_type == 'dods' else file_type
        return {'Content-Description': f'dods_{what}', 'XDODS-Server': 'dods/3.7'}
    if file_type in ('nc', 'ncCF') or FORMATS.get(file_type, HTML_TYPE).is_file:
        return {'Content-Disposition': f'attachment;filename={file}'}
    return {}


def on_list(store, datasets, file):
    """The datasets: index.csv, index.json, index.html."""
    id, file_type = split_file(file)
    if id in DATASETS and not file_type:
        return redirect(f'info/{id}/index.html')
    format = find_index_format(file)
    found = page_of(datasets, read_fields())
    return reply(store, format, list_table(found, base_of(request.environ)))


def on_info(store, id, file):
    """The variables and attributes of one dataset."""
    dataset = find_dataset(id)
    return reply(store, find_index_format(file), info_table(described(store, dataset)))


def on_search(store, file):
    """index: all the words, in any order; advanced: with more fields."""
    format = find_index_format(file, ('index', 'advanced'))
    fields = read_fields()
    for name in fields:
        if name not in (*SEARCHES, *PAGING):
            raise query_error(f'Unrecognized search field="{name}". '
                              f'These are: {", ".join((*SEARCHES, *PAGING))}.')
    found = [dataset for dataset in LISTED
             if all(SEARCHES[name](store, dataset, value)
                    for name, value in fields.items() if name not in PAGING)]
    table = list_table(page_of(found, fields), base_of(request.environ))
    return reply(store, format, table)


def read_fields():
    """name=value&name=value; (ANY) is what a form sends for what nobody filled in."""
    pairs = [part.partition('=')[::2] for part in read_parts(request.query_string)]
    return {name: value for name, value in pairs
            if value.strip().lower() not in ('', '(any)')}


def split_file(file):
    """tracks.csv is the dataset tracks as csv."""
    return file.partition('.')[::2]


def find_dataset(id, protocol=None):
    dataset = DATASETS.get(id)
    if not dataset or protocol not in (None, dataset.protocol):
        raise Refusal(f'Not Found: Currently unknown datasetID={id}', UNKNOWN)
    return dataset


def find_format(file_type):
    if file_type == 'geoJson':
        raise query_error('fileType=.geoJson needs longitude and latitude; these datasets have '
                          'x and y in km, on a torus.')
    if file_type not in FORMATS:
        raise query_error(f'fileType=.{file_type} isn\'t supported by this dataset.')
    return FORMATS[file_type]


def find_index_format(file, names=('index',)):
    name, file_type = split_file(file)
    if name not in names:
        raise nothing_there()
    return find_format(file_type)


def redirect(path):
    """To the address that was meant; the question goes along, in letters that a header may have."""
    asked = urllib.parse.quote(request.query_string, string.punctuation, 'latin-1', 'replace')
    address = f'{base_of(request.environ)}/erddap/{path}' + (f'?{asked}' if asked else '')
    return bottle.HTTPResponse(b'', 302, {'Location': address})


def reply(store, format, table):
    """A table, dressed."""
    spool = Spool(format.write(table), store.path.parent)
    return send(format.media_type, spool.body(), spool.size)


def send(media_type, body, size=None, headers=()):
    """The length goes along, so that a program notices when an answer was cut short."""
    length = len(body) if size is None else size
    return bottle.HTTPResponse(body, 200, {
        'Content-Type': media_type, 'Content-Length': str(length), **dict(headers)})


# --- START ----------------------------------------------------------------------------------------

application = wsgi(make_lone_app())

if __name__ == '__main__':
    launch('the data service')
    bottle.run(app=application, host='0.0.0.0', port=port(), reloader=True, quiet=True,
               server_class=ThreadedServer)
