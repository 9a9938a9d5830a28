"""Whatever is asked: the server's filter and one's own, written again in plain Python, find the same rows."""
import csv
import operator
import urllib.parse

import pytest
from conftest import iso
from hypothesis import given, settings
from hypothesis import strategies as st
from webtest import TestApp

import data

NOON = 1767268800                   # 2026-01-01T12:00:00Z
NAMES = ['ada', 'Zoë', 'bob', 'a|b', 'x&y', '"', '\\', '(ada)', 'ada+bob', '%41', "o'hara", 'ada,bob', 'x>5', '艾达']



def made_up(number):
    """One row of the tracks: player, time, x, y, z."""
    half = 0.5 if number % 5 == 0 else 0.0
    x, y, z = number * 37 % 600 + half, float(number * 13 % 400), float(number % 4 * 5)
    return NAMES[number % len(NAMES)], NOON + number // 3, x, y, z


ROWS = [made_up(number) for number in range(200)]
COLUMNS = {'player': 0, 'time': 1, 'x': 2, 'y': 3, 'z': 4}
OPERATORS = {'=': operator.eq, '!=': operator.ne, '<': operator.lt,
             '<=': operator.le, '>': operator.gt, '>=': operator.ge}


@pytest.fixture(scope='module')
def web(tmp_path_factory):
    store = data.Store(tmp_path_factory.mktemp('data'), clock=lambda: NOON)
    store.keep(ROWS)
    yield TestApp(data.make_app(store=store))
    store.close()


def quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


TEXTS = st.sampled_from(NAMES) | st.text(max_size=5).filter(lambda text: '\0' not in text and text.isprintable())
NUMBERS = st.sampled_from([0.0, 5.0, 37.0, 74.5, 399.0]) | st.floats(-1000, 1000)
SECONDS = st.integers(NOON - 10, NOON + 80)
HEADS = st.sampled_from(list(OPERATORS))
MOMENTS = st.sampled_from([           # the ways to write a time
    iso, str, lambda s: f'{s}.0', lambda s: quoted(iso(s)),
    lambda s: f'now{s - NOON:+}seconds', lambda s: f'min(time){s - NOON:+}seconds'])
CONSTRAINTS = (                       # name, operator, value, how it is written
    st.tuples(st.just('player'), HEADS, TEXTS, st.just(quoted))
    | st.tuples(st.sampled_from('xyz'), HEADS, NUMBERS, st.just(repr))
    | st.tuples(st.just('time'), HEADS, SECONDS, MOMENTS))
CHOICES = st.lists(st.sampled_from(list(COLUMNS)), min_size=1, unique=True)
FEW_NAMES = st.lists(
    st.sampled_from(['ada', 'Zoë', 'bob', "o'hara", '艾达', 'nobody', '%41', 'x&y', 'x>5']), min_size=1, unique=True)
PIECES = [*',&"()[]:%+ |-.>=', '=~', '\\', '\0', 'player', 'time', 'x', 'depth', 'é', 'distinct()', 'orderByMax',
          'now', '7', 'days', 'max', 'last', 'NaN', 'T', 'Z', '2026', '-01-01']
NONSENSE = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map(''.join)
WAYS = st.sampled_from([
    lambda names, parts: '&'.join([names, *(urllib.parse.quote(part, safe='<>=!"') for part in parts)]),
    lambda names, parts: '&'.join([names, *(urllib.parse.quote_plus(part) for part in parts)]),
    lambda names, parts: urllib.parse.quote_plus('&'.join([names, *parts])),
])


def ask(web, query):
    reply = web.get('/erddap/tabledap/tracks.csv0?' + query, expect_errors=True)
    assert reply.status_int in (200, 404), (query, reply.text)
    return list(csv.reader(reply.body.decode().splitlines())) if reply.status_int == 200 else []


def as_text(row, columns):
    return [iso(row[1]) if name == 'time' else str(row[COLUMNS[name]]) for name in columns]


@settings(max_examples=400, deadline=None)
@given(st.lists(CONSTRAINTS, max_size=4), CHOICES, WAYS, st.booleans())
def test_the_filter_finds_what_ones_own_finds(web, constraints, columns, way, distinct):
    parts = [name + head + write(value) for name, head, value, write in constraints]
    expected = [as_text(row, columns) for row in ROWS
                if all(OPERATORS[head](row[COLUMNS[name]], value) for name, head, value, _ in constraints)]
    found = ask(web, way(','.join(columns), parts + ['distinct()'] * distinct))
    if distinct:
        assert sorted(found) == sorted(map(list, set(map(tuple, expected))))
    else:
        assert found == expected                    # the rows were written in the order of time


@settings(max_examples=100, deadline=None)
@given(FEW_NAMES, WAYS)
def test_a_list_of_names_finds_those_of_each(web, names, way):
    found = ask(web, way('player', ['player=~"(' + '|'.join(names) + ')"']))
    assert found == [[row[0]] for row in ROWS if row[0] in names]


@settings(max_examples=300, deadline=None)
@given(NONSENSE)
def test_nonsense_is_refused_in_words(web, text):
    for query in (urllib.parse.quote(text),
                  urllib.parse.quote(text, safe='&=<>!"(),'),
                  urllib.parse.quote(text.encode('utf-16'))):
        for path in ('tabledap/tracks.csv0', 'griddap/bathymetry.csv0', 'search/index.csv', 'griddap/bathymetry.nc'):
            reply = web.get(f'/erddap/{path}?{query}', expect_errors=True)
            assert reply.status_int in (200, 400, 404), (query, reply.body)
            if reply.status_int != 200:
                assert reply.body.startswith(b'Error {\n    code=')
