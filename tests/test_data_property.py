"""Whatever is asked: the server's filter and one's own, written again in plain Python, find the same rows."""
import csv
import json
import operator
import random
import urllib.parse

import pandas
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


# ---- a thousand questions, and pandas' own answers

FLOATS = [(player, time, x if i % 11 else None, y, z) for i, (player, time, x, y, z) in enumerate(ROWS)]      # some NaN
FRAME = pandas.DataFrame(FLOATS, columns=list(COLUMNS))
INTERVALS = {'time': (10, '/10seconds'), 'x': (100, '/100'), 'y': (50, '/50'), 'z': (10, '/10')}


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    store = data.Store(tmp_path_factory.mktemp('frame'), clock=lambda: NOON)
    store.keep(FLOATS)
    yield TestApp(data.make_app(store=store))
    store.close()


def some_condition(dice):
    """One constraint as text, and the rows of the frame that fulfil it."""
    name, head = dice.choice(list(COLUMNS)), dice.choice(list(OPERATORS))
    value = dice.choice(FRAME[name].dropna().tolist())
    written = quoted(value) if name == 'player' else dice.choice([iso, str])(value) if name == 'time' else repr(value)
    return f'{name}{head}{written}', OPERATORS[head](FRAME[name], value)


def plain(frame, names, dice):
    return '', frame


def distinct(frame, names, dice):
    return '&distinct()', frame[names].drop_duplicates().sort_values(names, na_position='first')


def ordered(frame, names, dice):
    by = dice.sample(names, dice.randint(1, len(names)))
    return f'&orderBy("{",".join(by)}")', frame.sort_values(by, kind='stable', na_position='first')


def limited(frame, names, dice):
    by, limit = dice.sample(names, 1), dice.randint(1, 5)
    first = frame.groupby(by, dropna=False, sort=False).head(limit)
    return f'&orderByLimit("{by[0]},{limit}")', first.sort_values(by, kind='stable', na_position='first')


def ends(frame, names, dice):
    """orderByMax and orderByMin: of equals, the last and the first."""
    *by, last = dice.sample(names, min(2, len(names)))
    end, take = dice.choice([('Max', 'tail'), ('Min', 'head')])
    known = frame.dropna(subset=[last, *by]).sort_values(last, kind='stable')
    chosen = getattr(known.groupby(by), take)(1).sort_values(by) if by else getattr(known, take)(1)
    return f'&orderBy{end}("{",".join([*by, last])}")', chosen


def gathered(frame, names, dice):
    """orderByCount and orderByMean, over intervals."""
    name = dice.choice([name for name in names if name in INTERVALS] or names)
    size, text = INTERVALS.get(name, (0, ''))
    keys = frame[name] // size * size if size else frame[name]
    what = dice.choice(['Count', 'Mean'])
    groups = frame.groupby(keys, dropna=False)
    columns = {}
    for other in names:
        if other == name:
            columns[other] = groups[other].first().index
        elif what == 'Count':
            columns[other] = groups[other].count().to_numpy()
        elif other == 'player':
            columns[other] = [each.iloc[0] if each.nunique() == 1 else '' for _, each in groups[other]]
        else:
            means = groups[other].mean()
            columns[other] = means.to_numpy()
    table = pandas.DataFrame(columns).sort_values(name, na_position='first')
    return f'&orderBy{what}("{name}{text}")', table


def values_of(line, names, counted):
    """A line of JSON, times as seconds: as the frame has them."""
    row = json.loads(line)
    return [pandas.Timestamp(value).timestamp() if name == 'time' and isinstance(value, str) else value
            for name, value in zip(names, row, strict=True)]


def same(one, other):
    if other is None or other != other:
        return one is None
    return one == other if isinstance(other, str) else one == pytest.approx(other, abs=0.51 if other > 1e9 else 1e-6)


def test_a_thousand_questions_are_answered_as_pandas_answers_them(sea):
    dice = random.Random(17)
    found_some = 0
    for _ in range(1000):
        names = dice.sample(list(COLUMNS), dice.randint(1, 5))
        conditions = [some_condition(dice) for _ in range(dice.randint(0, 3))]
        frame = FRAME
        for _, fits in conditions:
            frame = frame[fits.reindex(frame.index)]
        function, frame = dice.choice([plain, distinct, ordered, limited, ends, gathered])(frame, names, dice)
        query = ','.join(names) + ''.join(f'&{text}' for text, _ in conditions) + function
        reply = sea.get('/erddap/tabledap/tracks.jsonlCSV?' + urllib.parse.quote(query), expect_errors=True)
        wanted = frame[names].to_numpy().tolist()
        if not wanted:
            assert reply.status_int == 404, query
            continue
        found_some += 1
        assert reply.status_int == 200, (query, reply.text)
        rows = [values_of(line, names, function) for line in reply.text.splitlines()]
        assert len(rows) == len(wanted), query
        for row, expected in zip(rows, wanted, strict=True):
            assert all(map(same, row, expected)), (query, row, expected)
    assert found_some > 500
