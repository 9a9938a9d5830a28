"""The data service, asked in its own language: each conversation inside this process and through real uWSGI."""
import csv
import json
import math
import re
import sqlite3
import struct
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree

import pytest
from conftest import ROOT, iso

import data

NOON = 1767268800                   # 2026-01-01T12:00:00Z
TRACKS = [(player, NOON + second, float(x), float(y), float(z)) for player, second, x, y, z in [
    ('ada', 0, 57, 104, 0), ('ada', 1, 58, 104, 0), ('ada', 2, 59, 104, 5), ('Zoë', 1, 599, 0, 0), ('Zoë', 2, 0, 0, 0),
    ('bob', 60, 300, 399, 10), ('bob', 61, 300, 0, 10), ('Ann,"Q"', 61, 5, 5, 0)]]
SOUNDINGS = [(player, NOON + second, float(x), float(y), depth) for player, second, x, y, depth in [
    ('ada', 0, 57, 104, 30.0), ('ada', 1, 58, 104, 29.0), ('bob', 60, 300, 399, 12.5), ('Zoë', 2, 599.5, 0, 50.0)]]


@pytest.fixture
def program():
    return 'data'


@pytest.fixture(autouse=True)
def rows(tmp_path):
    """What the club measured: written by a Store, as the game writes it."""
    store = data.Store(tmp_path, clock=lambda: NOON)
    store.keep(TRACKS, SOUNDINGS)
    store.close()
    return store


def error(code, words):
    return f'Error {{\n    code={code};\n    message="{words}";\n}}\n'


def query_error(words):
    return error(400, 'Bad Request: Query error: ' + words.replace('"', '\\"'))


def nothing_at(path):
    return error(404, f'Not Found: There is nothing at {path}; /erddap/index.html lists what there is.')


# ---- tables

def test_a_csv_has_a_line_of_names_and_a_line_of_units(say):
    reply = say('/erddap/tabledap/tracks.csv?&player="ada"')
    assert reply == ('player,time,x,y,z\n,UTC,km,km,m\nada,2026-01-01T12:00:00Z,57.0,104.0,0.0\n'
                     'ada,2026-01-01T12:00:01Z,58.0,104.0,0.0\nada,2026-01-01T12:00:02Z,59.0,104.0,5.0\n')
    assert reply.status == 200
    assert reply.headers['Content-Type'] == 'text/csv;charset=UTF-8'
    assert int(reply.headers['Content-Length']) == len(reply.encode())


def test_a_csvp_has_one_line_of_names_with_units(say):
    assert say('/erddap/tabledap/soundings.csvp?player,time,depth&depth>40') == (
        'player,time (UTC),depth (m)\nZoë,2026-01-01T12:00:02Z,50.0\n')


def test_a_csv0_has_no_header(say):
    assert say('/erddap/tabledap/tracks.csv0?x,y&player="bob"') == '300.0,399.0\n300.0,0.0\n'


def test_json_has_names_types_units_and_rows(say):
    reply = say('/erddap/tabledap/tracks.json?player,time,x&x>=599')
    assert reply.headers['Content-Type'] == 'application/json;charset=UTF-8'
    assert reply.json() == {'table': {
        'columnNames': ['player', 'time', 'x'], 'columnTypes': ['String', 'String', 'double'],
        'columnUnits': [None, 'UTC', 'km'], 'rows': [['Zoë', '2026-01-01T12:00:01Z', 599.0]]}}


def test_a_browser_that_guesses_ahead_gets_no_data(say):
    reply = say('/erddap/tabledap/tracks.csv', headers={'Sec-Purpose': 'prefetch'})
    assert reply.status == 503 and 'guessing ahead' in reply and 'code=503' in reply


def test_html_escapes_what_somebody_wrote(say, rows):
    rows.keep([('<b>&"', NOON, 1.0, 1.0, 0.0)])
    for kind in ('html', 'htmlTable'):
        reply = say(f'/erddap/tabledap/tracks.{kind}?player&x=1')
        assert '<td>&lt;b&gt;&amp;&quot;</td>' in reply
        assert '<b>' not in reply
        assert reply.headers['Content-Type'] == 'text/html;charset=UTF-8'


def test_html_shows_the_first_thousand_rows(say, rows):
    rows.keep([('eve', NOON + i, 1.0, 1.0, 0.0) for i in range(1500)])
    page = say('/erddap/tabledap/tracks.html?&player="eve"')
    assert page.count('<tr><td>') == 1000
    assert 'The first rows, at most 1,000: <code>&amp;time&gt;=now-10minutes</code> in the address' in page
    assert say('/erddap/tabledap/tracks.csv0?&player="eve"').count('\n') == 1500
    assert say('/erddap/griddap/bathymetry.html').count('<tr><td>') == 1000


def test_names_with_commas_and_quotes_survive_the_csv(say):
    text = say('/erddap/tabledap/tracks.csv0?player&x=5&y=5')
    assert list(csv.reader(text.splitlines())) == [['Ann,"Q"']]


def test_without_a_file_type_one_is_sent_to_the_page(say):
    reply = say('/erddap/tabledap/tracks?player&x>5')
    assert reply.status == 302
    assert re.fullmatch(r'http://[^/]+/erddap/tabledap/tracks\.html\?player&x>5', reply.headers['Location'])
    assert say('/erddap/griddap/bathymetry').headers['Location'].endswith('/erddap/griddap/bathymetry.html')


SHORT = [           # an address cut short by hand, where it leads
    ('tabledap', 'tabledap/index.html'), ('tabledap/', 'tabledap/index.html'), ('griddap', 'griddap/index.html'),
    ('info', 'info/index.html'), ('info/', 'info/index.html'), ('search', 'search/index.html'),
    ('search?searchFor=boats', 'search/index.html?searchFor=boats'), ('info/tracks', 'info/tracks/index.html'),
    ('info/bathymetry/', 'info/bathymetry/index.html'), ('tabledap/allDatasets', 'tabledap/allDatasets.html'),
]


def test_an_address_cut_short_leads_to_its_list(say):
    for short, whole in SHORT:
        reply = say('/erddap/' + short)
        assert reply.status == 302, short
        assert re.sub('^http://[^/]+/erddap/', '', reply.headers['Location']) == whole
        assert say('/erddap/' + whole).status == 200, whole


def test_a_question_that_no_header_can_carry_is_led_on_encoded(server):
    for place, sent, led in (('tracks', b'\x00', b'tracks.html?%00'), ('tracks', b'a\rb', b'tracks.html?a%0Db'),
                             ('', b'\xc3\xa9=%41', b'index.html?%C3%A9=%41')):
        reply = server.raw(b'GET /erddap/tabledap/%s?%s HTTP/1.0\r\n\r\n' % (place.encode(), sent))
        assert reply.startswith(b'HTTP/1.0 302') or reply.startswith(b'HTTP/1.1 302'), reply
        assert b'/erddap/tabledap/' + led + b'\r\n' in reply, reply


HEADERS = [         # what is asked for, and its header to the byte: R's rerddap compares it
    ('tabledap/tracks.csv', 'text/csv;charset=UTF-8'),
    ('tabledap/tracks.csvp', 'text/csv;charset=UTF-8'),
    ('tabledap/tracks.csv0', 'text/csv;charset=UTF-8'),
    ('tabledap/tracks.tsv', 'text/tab-separated-values;charset=UTF-8'),
    ('tabledap/tracks.json', 'application/json;charset=UTF-8'),
    ('tabledap/index.json', 'application/json;charset=UTF-8'),
    ('info/tracks/index.json', 'application/json;charset=UTF-8'),
    ('search/index.json?searchFor=boats', 'application/json;charset=UTF-8'),
    ('tabledap/tracks.jsonlKVP', 'application/x-jsonlines;charset=UTF-8'),
    ('tabledap/tracks.htmlTable', 'text/html;charset=UTF-8'),
    ('index.html', 'text/html;charset=UTF-8'),
    ('tabledap/tracks.dds', 'text/plain;charset=UTF-8'),
    ('tabledap/tracks.das', 'text/plain;charset=UTF-8'),
    ('griddap/bathymetry.dds', 'text/plain;charset=UTF-8'),
    ('griddap/bathymetry.das', 'text/plain;charset=UTF-8'),
    ('griddap/bathymetry.dods', 'application/octet-stream'),
    ('griddap/bathymetry.nc', 'application/x-netcdf'),
    ('tabledap/tracks.nc', 'application/x-netcdf'),
    ('griddap/bathymetry.ncml', 'application/xml;charset=UTF-8'),
    ('version', 'text/plain;charset=UTF-8'),
    ('tabledap/nothing.csv', 'text/plain;charset=UTF-8'),
]


def test_the_headers_are_erddaps_to_the_byte(server):
    for path, header in HEADERS:
        reply = server.say('/erddap/' + path, method='HEAD')
        assert reply.headers['Content-Type'] == header, path
        saved = path.split('.')[-1] in ('csv', 'csvp', 'csv0', 'tsv', 'nc') and reply.status == 200
        assert (reply.headers.get('Content-Disposition') is not None) == saved, path


def test_the_version_is_one_that_a_program_can_read(say):
    assert say('/erddap/version') == 'ERDDAP_version=2.23\n'
    assert say('/erddap/version_string') == 'ERDDAP_version_string=2.23_mocean\n'


def test_head_is_a_get_without_a_body(say):
    reply = say('/erddap/tabledap/tracks.csv', method='HEAD')
    assert (reply, reply.status) == ('', 200)


def test_every_answer_may_be_read_by_any_page_and_kept_by_none(server):
    for path in ('/', '/erddap/tabledap/tracks.csv', '/erddap/tabledap/tracks.csv?zz', '/nowhere'):
        headers = server.say(path).headers
        assert headers['Cache-Control'] == 'no-store'
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert headers['Access-Control-Allow-Origin'] == '*'


# ---- the query language: each question written in three ways

QUESTIONS = [       # dataset, query, the rows it finds (by their place in the lists above)
    ('tracks', '', range(8)),
    ('tracks', '&player="ada"', [0, 1, 2]),
    ('tracks', '&player!="ada"', [3, 4, 5, 6, 7]),
    ('tracks', '&player="Zoë"', [3, 4]),
    ('tracks', '&player="zoë"', None),
    ('tracks', '&player=~"(ada|Zoë)"', [0, 1, 3, 2, 4]),
    ('tracks', '&player=~"bob"', [5, 6]),
    ('tracks', r'&player="Ann,\"Q\""', [7]),
    ('tracks', '&player<"b"', [0, 1, 2, 3, 4, 7]),
    ('tracks', '&x>57&x<=59', [1, 2]),
    ('tracks', '&x=57', [0]),
    ('tracks', '&x!=57&z=0&player="ada"', [1]),
    ('tracks', '&x=~"(57|58.0)"', [0, 1]),
    ('tracks', '&z>=5e0&z<1.0e1', [2]),
    ('tracks', '&z>=5&.draw=markers&.marker=5|5', [2, 5, 6]),
    ('tracks', '&time>=1767268860.0', [5, 6, 7]),
    ('tracks', '&time<2026-01-01T12:00:01Z', [0]),
    ('tracks', '&time=2026-01-01T12:01', [5]),
    ('tracks', '&time="2026-01-01T12:01:00Z"', [5]),
    ('tracks', '&time>=2026-01-01T14:01:01+02:00', [6, 7]),
    ('tracks', '&time>2026-01-02', None),
    ('tracks', '&time>=max(time)-1second', [5, 6, 7]),
    ('tracks', '&time<=min(time)+1seconds&player="ada"', [0, 1]),
    ('tracks', '&x>=max(x)-1', [3]),
    ('tracks', '&time>now-10minutes', None),
    ('tracks', '&time<now+1hour&time=now', None),
    ('tracks', '&x!=NaN&x>500', [3]),
    ('tracks', '&x=NaN', None),
    ('soundings', '&depth<=29', [1, 2]),
]


def ways(query):
    """As typed; each part encoded, & left alone; everything encoded, & included (as erddapy does)."""
    names, *parts = query.split('&')
    encode = urllib.parse.quote
    return [query.replace('+', '%2B'), '&'.join([names, *(encode(part, safe='') for part in parts)]),
            urllib.parse.quote_plus(query)]


@pytest.mark.parametrize('way', [0, 1, 2])
def test_a_question_finds_its_rows_however_it_is_encoded(say, way):
    for dataset, query, found in QUESTIONS:
        reply = say(f'/erddap/tabledap/{dataset}.json?{ways(query)[way]}')
        if found is None:
            assert reply == error(404, 'Not Found: Your query produced no matching results. (nRows = 0)'), query
            continue
        rows = sorted(map(str, reply.json()['table']['rows']))
        source = TRACKS if dataset == 'tracks' else SOUNDINGS
        assert rows == sorted(str([row[0], iso(row[1]), *row[2:]]) for row in (source[i] for i in found)), query


def test_bytes_that_nobody_encoded_are_understood(server):
    """As curl sends what is typed: é as two bytes, quotes and < as they are."""
    asked = 'GET /erddap/tabledap/tracks.csv0?player,x&player="Zoë"&x<5 HTTP/1.1\r\nHost: localhost\r\n\r\n'
    head, body = server.raw(asked.encode()).split(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200 OK')
    assert body.decode() == 'Zoë,0.0\n'


def test_a_plus_is_a_space_and_where_a_plus_is_meant_the_space_will_do(say):
    for plus in '+', '%20', '%2B':
        assert say(f'/erddap/tabledap/tracks.csv0?player&time>=2026-01-01T14:01:01{plus}02:00&x=300') == 'bob\n'
        assert say(f'/erddap/tabledap/tracks.csv0?player&time<=min(time){plus}1second&x=58') == 'ada\n'
        assert say(f'/erddap/tabledap/tracks.csv0?x&x=5.8e{plus}1') == '58.0\n'


TIMES = [           # as one writes it, seconds since 1970 (None: refused); now is noon on 1 January 2026
    # seconds
    ('0', 0), ('-1', -1), ('1767268800', NOON), ('1767268800.0', NOON), ('1.7672688e9', NOON),
    ('99999999999', 99999999999), ('20260101', 20260101),
    # a date, from the year down to the second
    ('1970-01-01', 0), ('1969-12-31T23:59:59Z', -1), ('2026-01', NOON - 43_200), ('2026-01-01', NOON - 43_200),
    ('2026-01-01T12', NOON), ('2026-01-01T12:00', NOON), ('2026-01-01T12:00:00', NOON),
    ('2026-01-01T12:00:00Z', NOON), ('2026-01-01 12:00:00', NOON), ('2026-01-01T12:00:00.5Z', NOON + 0.5),
    # elsewhere in the world
    ('2026-01-01T12:00:00+00:00', NOON), ('2026-01-01T12:00:00 00:00', NOON), ('2026-01-01T14:00+02:00', NOON),
    ('2026-01-01T06:30-0530', NOON), ('2026-01-01T12:00:00+99:00', None),
    # the ends of the calendar, and days that are none
    ('0000-01-01', None), ('-0001-01-01', None), ('10000-01-01', None),
    ('0001-01-01T00:00:00+23:59', -62135596800 - 86_340), ('9999-12-31T23:59:59-23:59', 253402300799 + 86_340),
    ('2024-02-29', 1709164800), ('2026-02-29', None), ('1900-02-29', None), ('2000-02-29', 951782400),
    ('2026-13-01', None), ('2026-00-01', None), ('2026-01-00', None), ('2026-04-31', None),
    ('2026-01-01T12:60', None), ('2026-01-01T25:00', None), ('2016-12-31T23:59:60Z', None),
    # midnight, and a zone of whole hours
    ('2026-01-01T24:00:00Z', NOON + 43_200), ('2026-01-01T24:00', NOON + 43_200), ('2026-01-01T24:01', None),
    ('2026-01-01T13:00:00+01', NOON), ('2026-01-01T12-00', NOON),
    # now, and before
    ('now', NOON), ('now-7days', NOON - 604_800), ('now-1day', NOON - 86_400), ('now-2hours', NOON - 7_200),
    ('now-10minutes', NOON - 600), ('now-1second', NOON - 1), ('now-90', NOON - 90), ('now+1hour', NOON + 3_600),
    ('now 1hour', NOON + 3_600), ('now-1.5hours', NOON - 5_400),
    ('now-1month', NOON - 31 * 86_400), ('now-2months', NOON - 61 * 86_400), ('now-1year', NOON - 365 * 86_400),
    ('now-18months', 1719835200), ('now+2months', NOON + 59 * 86_400), ('now-1.5months', None),
    ('now-9999years', None), ('now-99999999999months', None),
    ('now-days', None), ('now1day', None), ('now-', None), ('nowdays', None), ('now--1day', None), ('NOW', None),
    # no time at all
    ('', None), ('yesterday', None), ('2026-1-1', None), ('01.01.2026', None), ('NaN', [None]), ('inf', None),
    ('1_000', None), ('٣', None),
]


@pytest.mark.parametrize(('text', 'seconds'), TIMES)
def test_a_time_is_written_in_many_ways(text, seconds):
    if seconds is None:
        with pytest.raises(data.Refusal, match=f"Query error: time={re.escape(text)} isn't (a time|understood)"):
            data.read_value(data.TRACKS, data.TIME, text, NOON)
    else:
        values = seconds if isinstance(seconds, list) else [seconds]
        assert data.read_value(data.TRACKS, data.TIME, text, NOON) == ('?', values)


def test_the_constrained_variable_need_not_be_asked_for(say):
    assert say('/erddap/tabledap/tracks.csv0?player&x=59') == 'ada\n'


def test_rows_come_in_the_order_of_time(say, rows):
    rows.keep([('old', NOON - 5, 1.0, 1.0, 0.0)])
    times = [line.split(',')[0] for line in say('/erddap/tabledap/tracks.csv0?time,x').splitlines()]
    assert times == sorted(times)
    assert times[0] == '2026-01-01T11:59:55Z'


def test_distinct_sorts_and_drops_what_is_there_twice(say):
    assert say('/erddap/tabledap/soundings.csv0?player&distinct()') == 'Zoë\nada\nbob\n'
    assert say('/erddap/tabledap/tracks.csv0?z,player&distinct()&player=~"(ada|bob)"') == '0.0,ada\n5.0,ada\n10.0,bob\n'


def test_order_by_max_keeps_the_last_of_each(say):
    assert say('/erddap/tabledap/tracks.csv0?player,time,x&orderByMax("player,time")&player=~"(ada|bob|Zoë)"') == (
        'Zoë,2026-01-01T12:00:02Z,0.0\nada,2026-01-01T12:00:02Z,59.0\nbob,2026-01-01T12:01:01Z,300.0\n')
    assert say('/erddap/tabledap/soundings.csv0?player,depth&orderByMin("depth")') == 'bob,12.5\n'
    assert say('/erddap/tabledap/soundings.csv0?depth,player&orderBy("depth")') == (
        '12.5,bob\n29.0,ada\n30.0,ada\n50.0,Zoë\n')


FUNCTIONS = [       # a question with a function, and what it finds, as .csv0 without the seconds of the hour
    ('tracks?player,time,x&orderByMin("player,time")&z=0', [
        'Ann,"Q" 12:01:01 5', 'Zoë 12:00:01 599', 'ada 12:00:00 57']),
    ('tracks?player,time&orderByMinMax("player,time")&x<300', [
        'Ann,"Q" 12:01:01', 'Ann,"Q" 12:01:01', 'Zoë 12:00:02', 'Zoë 12:00:02', 'ada 12:00:00', 'ada 12:00:02']),
    ('tracks?time,x&orderByMinMax("x")', ['12:00:02 0', '12:00:01 599']),
    ('tracks?player,time&orderByLimit("player,1")', [
        'Ann,"Q" 12:01:01', 'Zoë 12:00:01', 'ada 12:00:00', 'bob 12:01:00']),
    ('tracks?player,x&orderByLimit("2")', ['ada 57', 'ada 58']),
    ('tracks?player,x&orderByLimit("player, 2")&player=~"(ada|bob)"', ['ada 57', 'ada 58', 'bob 300', 'bob 300']),
    ('tracks?player,x,z&orderByCount("player")', ['Ann,"Q" 1 1', 'Zoë 2 2', 'ada 3 3', 'bob 2 2']),
    ('tracks?time,x&orderByCount("time/1minute")', ['12:00:00 5', '12:01:00 3']),
    ('tracks?player,x&orderByMean("player")', ['Ann,"Q" 5', 'Zoë 299.5', 'ada 58', 'bob 300']),
    ('tracks?player,time,x&orderByMean("time/1minute")&player=~"(ada|Zoë)"', [' 12:00:00 154.6']),
    ('tracks?player,time,x&orderByMean("player,time/2seconds")&player="ada"', [
        'ada 12:00:00 57.5', 'ada 12:00:02 59']),
    ('tracks?time,x&orderByMean("x/100")&y=0', ['12:00:02 0', '12:01:01 300', '12:00:01 500']),
    ('tracks?x&orderByMean("x/10:7")&player="ada"', ['57']),
    ('tracks?player,time&orderByClosest("player,time/1minute")', [
        'Ann,"Q" 12:01:01', 'Zoë 12:00:01', 'ada 12:00:00', 'bob 12:01:00']),
    ('tracks?player,time&orderByClosest("player,time,1 minute")&player="bob"', ['bob 12:01:00']),
    ('tracks?x&orderByClosest("x/100")&player="ada"', ['59']),
    ('tracks?player,x&orderBy("x/100,player")&y=0', ['Zoë 0', 'bob 300', 'Zoë 599']),
    ('tracks?player&orderBy("player")&distinct()&z=0', ['Ann,"Q"', 'Zoë', 'ada']),
    ('tracks?player,x&units("UDUNITS")&x=5', ['Ann,"Q" 5']),
]


def test_a_function_orders_picks_and_counts(say):
    for question, found in FUNCTIONS:
        lines = say(f'/erddap/tabledap/{question.replace("?", ".csv0?")}').splitlines()
        rows = [' '.join(row) for row in csv.reader(lines)]
        assert [re.sub(r'2026-01-01T|(?<=:\d\d)Z|\.0\b', '', row) for row in rows] == found, question


def test_what_was_counted_says_so(say):
    assert say('/erddap/tabledap/tracks.csvp?player,time,x&orderByCount("player")').splitlines()[0] == (
        'player,time (count),x (count)')
    assert say('/erddap/tabledap/tracks.json?time&orderByCount("time/1day")').json()['table'] == {
        'columnNames': ['time'], 'columnTypes': ['String'], 'columnUnits': ['UTC'], 'rows': [['2026-01-01T00:00:00Z']]}


PATTERNS = [        # of names, and the boats that have one of them
    ('a.*', ['ada']), ('.*b', ['bob']), ('b.b', ['bob']), ('(a.*|Z.*)', ['Zoë', 'ada']),
    ('.*', ['Ann,"Q"', 'Zoë', 'ada', 'bob']),
    ('Ann.*', ['Ann,"Q"']), ('.*[a]', None), ('ad', []), ('A.*a', []), ('..', []), ('(ada|bob)', ['ada', 'bob']),
    ('*', None), ('a%2B', None), ('', []),
]


def test_a_pattern_stands_for_names(say):
    for pattern, names in PATTERNS:
        reply = say(f'/erddap/tabledap/tracks.csv0?player&distinct()&player=~"{pattern}"')
        if names is None:
            assert reply.status == 400, pattern
        else:
            assert [row[0] for row in csv.reader(reply.splitlines()) if reply.status == 200] == names, pattern


def test_a_number_that_is_missing_is_not_five(say, rows):
    """In SQL, nothing is unequal to what is missing; in ERDDAP, NaN is."""
    rows.keep([('eve', NOON, None, 1.0, 0.0)])
    assert say('/erddap/tabledap/tracks.csv0?player,x&x!=5&player="eve"') == 'eve,NaN\n'
    assert say('/erddap/tabledap/tracks.csv0?player,x&x=NaN') == 'eve,NaN\n'
    assert say('/erddap/tabledap/tracks.json?x&player="eve"').json()['table']['rows'] == [[None]]
    assert 'eve' not in say('/erddap/tabledap/tracks.csv0?player&x<500')
    assert say('/erddap/tabledap/tracks.csv0?player&time!=""&x=NaN') == 'eve\n'


def test_the_formats_of_one_row_a_line(say):
    question = '?player,time,x&player="Zoë"&x>0'
    assert say(f'/erddap/tabledap/tracks.tsv{question}') == (
        'player\ttime\tx\n\tUTC\tkm\nZoë\t2026-01-01T12:00:01Z\t599.0\n')
    assert say(f'/erddap/tabledap/tracks.tsvp{question}').startswith('player\ttime (UTC)\tx (km)\n')
    assert say(f'/erddap/tabledap/tracks.tsv0{question}') == 'Zoë\t2026-01-01T12:00:01Z\t599.0\n'
    assert say(f'/erddap/tabledap/tracks.jsonlCSV{question}') == '["Zoë", "2026-01-01T12:00:01Z", 599.0]\n'
    assert say(f'/erddap/tabledap/tracks.jsonlKVP{question}').json() == {
        'player': 'Zoë', 'time': '2026-01-01T12:00:01Z', 'x': 599.0}
    assert say('/erddap/griddap/bathymetry.jsonlKVP?depth[0][0]').json() == {'y': 5.0, 'x': 5.0, 'depth': None}


def test_json_comes_as_a_call_where_a_page_wants_that(say):
    reply = say('/erddap/tabledap/tracks.json?x&x=57&.jsonp=show.it')
    assert reply.startswith('show.it({\n"table"')
    assert reply.endswith('}\n)')
    assert say('/erddap/griddap/bathymetry.json?depth[0][0]&.jsonp=f').startswith('f({')
    assert say('/erddap/tabledap/tracks.csv0?x&x=57&.jsonp=f') == '57.0\n'


ALL = [             # a question about the datasets, and the answer
    ('datasetID', ['tracks', 'soundings', 'bathymetry']),
    ('datasetID&dataStructure="grid"', ['bathymetry']),
    ('datasetID&minTime<2026-01-01T12:00:01Z&maxTime>=2026-01-01T12:01:01Z', ['tracks']),
    ('datasetID&title=~"Sound.*"', ['soundings']),
    ('datasetID,maxTime&datasetID=~"(tracks|bathymetry)"&orderBy("datasetID")', [
        'bathymetry,2026-01-01T12:01:00Z', 'tracks,2026-01-01T12:01:01Z']),
    ('cdm_data_type,class&distinct()', ['Grid,MoceanGrid', 'Other,MoceanTable']),
]


def test_the_datasets_are_a_dataset(say):
    for question, found in ALL:
        assert say(f'/erddap/tabledap/allDatasets.csv0?{question}').splitlines() == found, question


def test_the_datasets_tell_their_addresses(say):
    row, = say('/erddap/tabledap/allDatasets.jsonlKVP?&datasetID="tracks"').splitlines()
    for name in ('tabledap', 'infoUrl'):
        path = json.loads(row)[name].split('/erddap/')[1]
        assert say(f'/erddap/{path}').status in (200, 302)
    assert say('/erddap/info/allDatasets/index.csv').status == 200
    assert 'allDatasets' not in say('/erddap/info/index.csv')


def pattern_error(part):
    return query_error('Here =~ takes a list of values, in which .* stands for any letters, '
                       f'as in player=~"(ada|bo.*)". Bad constraint: {part}')


REFUSED = [         # path after /erddap/, what the learner reads
    ('tabledap/tracks.csv?zz', query_error('Unrecognized variable="zz".')),
    ('tabledap/tracks.csv?x,', query_error('Unrecognized variable="".')),
    ('tabledap/tracks.csv?X', query_error('Unrecognized variable="X".')),
    ('tabledap/tracks.csv?rowid', query_error('Unrecognized variable="rowid".')),
    ('tabledap/tracks.csv?x,y,x', query_error('variable=x is listed twice in the results variables list.')),
    ('tabledap/tracks.csv?x>5', query_error('All constraints (including "x>5") must be preceded by \'&\'.')),
    ('tabledap/tracks.csv?x&zz>5', query_error('Unrecognized constraint variable="zz".')),
    ('tabledap/tracks.csv?x&x', query_error('No operator found in constraint="x".')),
    ('tabledap/tracks.csv?x&x==5', query_error("Use '=' instead of '==' in constraints.")),
    ('tabledap/tracks.csv?x&player~="ada"', query_error("Use '=~' instead of '~=' in constraints.")),
    ('tabledap/tracks.csv?x&player=Ann', query_error(
        'For constraints of String variables, the right-hand-side value must be surrounded by double quotes. '
        'Bad constraint: player=Ann')),
    ('tabledap/tracks.csv?x&x>"5"', query_error(
        'For non =~ constraints of numeric variables, the right-hand-side value must not be surrounded by double '
        'quotes. Bad constraint: x>"5"')),
    ('tabledap/tracks.csv?x&x=abc', query_error('Numeric tests of NaN must use "NaN", not value="abc".')),
    ('tabledap/tracks.csv?x&x>now', query_error('Numeric tests of NaN must use "NaN", not value="now".')),
    ('tabledap/tracks.csv?x&x=1_000', query_error('Numeric tests of NaN must use "NaN", not value="1_000".')),
    ('tabledap/tracks.csv?x&x=٣', query_error('Numeric tests of NaN must use "NaN", not value="٣".')),
    ('tabledap/tracks.csv?x&x<inf', query_error('Numeric tests of NaN must use "NaN", not value="inf".')),
    ('tabledap/tracks.csv?x&x>', query_error('Numeric tests of NaN must use "NaN", not value="".')),
    ('tabledap/tracks.csv?x&player="Ann', query_error('A closing doublequote is missing.')),
    ('tabledap/tracks.csv?x&player="a"b', query_error('A closing doublequote is missing.')),
    ('tabledap/tracks.csv?x&time>2026-13-01', query_error(
        "time=2026-13-01 isn't a time. Times are like 2026-01-31T12:00:00Z or now-7days.")),
    ('tabledap/tracks.csv?x&time>2026-02-29', query_error(
        "time=2026-02-29 isn't a time. Times are like 2026-01-31T12:00:00Z or now-7days.")),
    ('tabledap/tracks.csv?x&time>yesterday', query_error(
        "time=yesterday isn't a time. Times are like 2026-01-31T12:00:00Z or now-7days.")),
    ('tabledap/tracks.csv?x&time>now-7fortnights', query_error(
        "time=now-7fortnights isn't understood. Times are like now-7days or max(time)-10minutes; "
        'the units are seconds, minutes, hours, days, months, years (the last two: from now only).')),
    ('tabledap/tracks.csv?x&x>max(player)', query_error('Unrecognized variable="player".')),
    ('tabledap/tracks.csv?x&player=~"(a+)+$"', pattern_error('player=~"(a+)+$"')),
    ('tabledap/tracks.csv?x&player=~".*a.*b.*c"', pattern_error('player=~".*a.*b.*c"')),
    ('tabledap/tracks.csv?x&player=~"a[bc]"', pattern_error('player=~"a[bc]"')),
    ('tabledap/tracks.csv?x&time>max(time)-1month', query_error(
        "time=max(time)-1month isn't understood. Times are like now-7days or max(time)-10minutes; "
        'the units are seconds, minutes, hours, days, months, years (the last two: from now only).')),
    ('tabledap/tracks.csv?x' + '&x>1' * 501, query_error(
        'More than 500 constraints and values are too many for one query.')),
    ('tabledap/tracks.csv?x&player=~"(' + 'a|' * 500 + 'a)"', query_error(
        'More than 500 constraints and values are too many for one query.')),
    ('tabledap/tracks.csv?x&time>1|2', query_error(
        "time=1|2 isn't a time. Times are like 2026-01-31T12:00:00Z or now-7days.")),
    ('tabledap/tracks.csv?x&orderByMax("player,time")', query_error(
        "orderBy variable=player isn't in the list of results variables.")),
    ('tabledap/tracks.csv?time&orderBy("")', query_error("orderBy variable= isn't in the list of results variables.")),
    ('tabledap/tracks.csv?x&addVariables("x")', query_error(
        "addVariables() isn't a function here. These are: distinct, units, orderBy, orderByClosest, orderByCount, "
        'orderByLimit, orderByMax, orderByMean, orderByMin, orderByMinMax.')),
    ('tabledap/tracks.csv?x&orderBy("x")&orderByMax("x")', query_error(
        'One orderBy is enough: there are orderBy() and orderByMax().')),
    ('tabledap/tracks.csv?x&orderByLimit("x")', query_error(
        'orderByLimit ends with how many rows, as in orderByLimit("player,10"). It was: x')),
    ('tabledap/tracks.csv?x&orderByClosest("x")', query_error(
        'orderByClosest needs an interval, as in orderByClosest("player,time/10minutes").')),
    ('tabledap/tracks.csv?x&orderBy("x/10minutes")', query_error(
        "orderBy x/10minutes isn't understood. Intervals are like time/10minutes or depth/10.")),
    ('tabledap/tracks.csv?player&orderBy("player/10")', query_error(
        "orderBy player/10 isn't understood. Intervals are like time/10minutes or depth/10.")),
    ('tabledap/tracks.csv?x&orderBy("x/0")', query_error(
        "orderBy x/0 isn't understood. Intervals are like time/10minutes or depth/10.")),
    ('tabledap/tracks.csv?x&units("imperial")', query_error(
        'units("imperial") isn\'t understood. It takes "UDUNITS" or "UCUM".')),
    ('tabledap/tracks.geoJson', query_error(
        'fileType=.geoJson needs longitude and latitude; these datasets have x and y in km, on a torus.')),
    ('tabledap/tracks.json?x&.jsonp=alert(1)', query_error(".jsonp=alert(1) isn't the name of a function.")),
    ('tabledap/tracks.zz', query_error("fileType=.zz isn't supported by this dataset.")),
    ('tabledap/tracks.ncml', query_error("fileType=.ncml isn't supported by this dataset.")),
    ('tabledap/tracks.csv.csv', query_error("fileType=.csv.csv isn't supported by this dataset.")),
    ('tabledap/Tracks.csv', error(404, 'Not Found: Currently unknown datasetID=Tracks')),
    ('tabledap/bathymetry.csv', error(404, 'Not Found: Currently unknown datasetID=bathymetry')),
    ('griddap/tracks.csv', error(404, 'Not Found: Currently unknown datasetID=tracks')),
    ('info/nothing', error(404, 'Not Found: Currently unknown datasetID=nothing')),
    ('info/a%0Ab', error(404, 'Not Found: Currently unknown datasetID=a\nb')),
    ('info/nothing/index.csv', error(404, 'Not Found: Currently unknown datasetID=nothing')),
    ('search/index.csv?page=1&searchFor=penguin', error(
        404, 'Resource not found: Your query produced no matching results. '
             'Check the spelling of the word(s) you searched for.')),
    ('tabledap/tracks.csv/more', nothing_at('/erddap/tabledap/tracks.csv/more')),
    ('info/zz.csv', nothing_at('/erddap/info/zz.csv')),
    ('griddap/bathymetry.csv?zz', query_error('Unrecognized variable="zz".')),
    ('griddap/bathymetry.csv?depth,depth', query_error(
        'variable=depth is listed twice in the results variables list.')),
    ('griddap/bathymetry.csv?y,depth', query_error(
        'A table of depth has its axes already: ask for depth alone, or for axes alone.')),
    ('griddap/bathymetry.csv?y[0][0]', query_error(
        'y needs 1 pair of brackets or none: y[(lo):1:(hi)]. It was: y[0][0]')),
    ('griddap/bathymetry.csv?depth[(5):(15)]', query_error(
        'depth needs 2 pairs of brackets or none: depth[(lo):1:(hi)][(lo):1:(hi)]. It was: depth[(5):(15)]')),
    ('griddap/bathymetry.csv?depth[0][0]junk', query_error(
        'depth needs 2 pairs of brackets or none: depth[(lo):1:(hi)][(lo):1:(hi)]. It was: depth[0][0]junk')),
    ('griddap/bathymetry.csv?y[last-40]', query_error(
        'For axis y, Constraint="[last-40]": "last-40" isn\'t on the axis: from (5.0) to (395.0) km, '
        'or from 0 to 39 counted in sectors.')),
    ('search/advanced.csv?page=2&itemsPerPage=3', error(
        404, 'Resource not found: Your query produced no matching results. '
             'Check the spelling of the word(s) you searched for.')),
    ('search/advanced.csv?page=0', query_error("page=0 isn't a whole number from 1.")),
    ('search/advanced.csv?colour=blue', query_error(
        'Unrecognized search field="colour". These are: searchFor, protocol, cdm_data_type, institution, '
        'ioos_category, keywords, long_name, standard_name, variableName, minTime, maxTime, minLon, maxLon, '
        'minLat, maxLat, page, itemsPerPage.')),
    ('griddap/bathymetry.csv?depth[(0):(401)][]', query_error(
        'For axis y, Constraint="[(0):(401)]": "(401)" isn\'t on the axis: from (5.0) to (395.0) km, '
        'or from 0 to 39 counted in sectors.')),
    ('griddap/bathymetry.csv?depth[][60]', query_error(
        'For axis x, Constraint="[60]": "60" isn\'t on the axis: from (5.0) to (595.0) km, '
        'or from 0 to 59 counted in sectors.')),
    ('griddap/bathymetry.csv?depth[5:0:6][]', query_error(
        'For axis y, Constraint="[5:0:6]": the step was "0"; it is a whole number from 1.')),
    ('griddap/bathymetry.csv?depth[6:5][]', query_error(
        'For axis y, Constraint="[6:5]": the start "6" is beyond the stop "5".')),
    ('griddap/bathymetry.csv?depth[1:1:1:1][]', query_error(
        'For axis y, Constraint="[1:1:1:1]": there are too many colons.')),
    ('griddap/bathymetry.csv?depth&depth>5', query_error(
        'A grid is asked for with brackets, as in depth[(5):1:(395)][(5):1:(595)].')),
]


@pytest.mark.parametrize('way', [0, 1, 2])
def test_every_refusal_says_what_is_wrong_in_the_same_form(say, way):
    for path, words in REFUSED:
        place, mark, query = path.partition('?')
        reply = say(f'/erddap/{place}{mark}{ways(query)[way]}')
        assert reply == words, path
        assert reply.status == int(words.split('code=')[1].split(';')[0]), path
        assert reply.headers['Content-Type'] == 'text/plain;charset=UTF-8', path


def test_other_methods_and_other_places_are_refused_in_the_same_form(say):
    for path in ('/erddap/a%0Ab', '/erddap/tabledap/a%0Ab/c', '/erddap/%00'):
        reply = say(path)
        assert reply.startswith('Error {\n    code=404;\n    message="Not Found: There is nothing at /erddap/'), path
    for path in ('/erddap', '/erddap/', '/erddap/tabledap/tracks.csv'):
        reply = say(path, method='POST')
        assert reply == error(405, 'Method Not Allowed: Everything here is asked for with GET, not POST.')
        assert reply.status == 405 and reply.headers['Allow'] == 'GET, HEAD, OPTIONS'


def test_a_million_rows_is_the_most(say, rows, monkeypatch):
    monkeypatch.setattr(data, 'MOST_ROWS', 7)
    if say.__class__.__name__ == 'Inside':      # the real server keeps its million: see benchmarks/data_stream.py
        assert say('/erddap/tabledap/tracks.csv') == error(
            413, 'Payload Too Large: Your query produced too much data. Try to request less data. (nRows > 7)')
        assert say('/erddap/tabledap/tracks.csv?&x!=5').count('\n') == 9


# ---- nobody gets SQL in

SQL = ["'; DROP TABLE tracks; --", '"; DROP TABLE tracks; --',
       'x" OR 1=1 --', "x' OR '1'='1", '1 OR 1=1',
       '1) UNION SELECT sql,1,1,1,1 FROM sqlite_master --', '(SELECT max(rowid) FROM tracks)',
       'x; PRAGMA writable_schema=1', '\x00', '%00', '`x`']
PLACES = [f'tabledap/tracks.json?{query}' for query in (
    '{}', 'x,{}', '&{}>5', '&x>{}', '&player="{}"', '&player=~"({})"', '&time>{}', '&time>max({})',
    '&time>max(time)-{}', 'x&orderBy("{}")', 'x&{}("x")')]
PLACES += [f'griddap/bathymetry.json?{query}' for query in ('{}', 'depth[{}][0]', 'depth[({})][0]')]
PLACES += ['tabledap/{}.json', 'tabledap/tracks.{}', 'info/{}/index.json', 'search/index.json?searchFor={}']


def test_sql_gets_in_nowhere(say, tmp_path):
    for place in PLACES:
        for evil in SQL:
            for text in (evil, evil.replace('"', r'\"')):
                reply = say('/erddap/' + place.format(urllib.parse.quote(text, safe='')))
                if reply.status == 200:         # a name that only looks like SQL, in a place that never meets it
                    assert place.startswith('search'), (place, evil, reply)
                assert reply.status in (200, 400, 404), (place, evil, reply)
    with sqlite3.connect(tmp_path / 'data.sqlite') as db:
        assert db.execute('SELECT count(*) FROM tracks').fetchone() == (len(TRACKS),)
    db.close()


HOSTILE = [
    '%', '%%%', '%FF%FE&%80>5', '&player="%ED%A0%80"', '&player="\x7f"', '&player="' + '\\' * 3001,
    '&' * 3000, ',' * 3000, '&distinct()' * 200, '&orderBy("x")&distinct()',
    '&x>1e999', '&x>' + '9' * 3000, '&x>' + '(' * 3000,
    '&player=~"(((((((a|a|a|a)))))))"', '&player=~"' + '(a|' * 500 + '"', '&player=~"(.*.*.*.*.*)*$"',
    '&time>0001-01-01T00:00:00+23:59', '&time>9999-12-31T23:59:59-23:59',
    '&time>' + '9' * 400, '&time>now-' + '9' * 400 + 'days',
    '&orderBy', '&orderBy(', '&orderBy()', '&orderBy("x;y")', '&orderByMax(",")']


def test_hostile_questions_are_answered_and_the_service_is_well_after(say):
    for query in HOSTILE:
        reply = say('/erddap/tabledap/tracks.csv?' + query)
        assert reply.status in (200, 400, 404), (query[:40], reply)
    assert say('/erddap/tabledap/tracks.csv0?x&player="ada"') == '57.0\n58.0\n59.0\n'


LONG = 100_000      # letters
LONG_QUESTIONS = {  # each was slow once, or could be: how often the piece is repeated, and what stands around it
    'letters': ('', 'é', ''),
    'parts': ('', '&', ''),
    'encoded parts': ('', '%26', ''),
    'names': ('', 'x,', ''),
    'digits': ('&x>', '9', 'z'),
    'spaces': ('&time>now', '+', '!'),
    'more spaces': ('&x>max(x)', '+', '!'),
    'one text': ('&player="', 'a', '"'),
    'quotes': ('&player=', '"', ''),
    'backslashes': ('&player="', '\\', ''),
    'constraints': ('', '&x>1', ''),
    'no NaN': ('', '&x!=NaN', ''),
    'sub-queries': ('', '&x>=max(x)', ''),
    'a list': ('&player=~"(', 'a|', 'a)"'),
    'numbers': ('&x=~"(', '1|', '1)"'),
    'brackets': ('&player=~"', '(', '"'),
    'depth': ('x&f', '(x', ')'),
    'an order': ('x&orderBy("', 'x,', 'x")'),
    'the last of each': ('x&orderByMax("', 'x,', 'x")'),
    'orders': ('x', '&orderBy("x")', ''),
    'distinct': ('x', '&distinct()', ''),
}
ASKER = '''
import json, sys, webtest, data
web = webtest.TestApp(data.make_app(sys.argv[1]))
for query in json.load(sys.stdin):
    for place in "tabledap/tracks.csv?", "griddap/bathymetry.csv?", "search/index.csv?searchFor=":
        print(web.get(f"/erddap/{place}{query}", expect_errors=True).status_int)
'''


def test_a_hundred_kilobytes_of_anything_are_answered_at_once(tmp_path, rows):
    """In a process of its own, which can be stopped: a pattern that tries many ways would take hours."""
    queries = [before + piece * (LONG // len(piece)) + after for before, piece, after in LONG_QUESTIONS.values()]
    typed = json.dumps([urllib.parse.quote(query, safe='%+&=<>"(),~!|') for query in queries])
    done = subprocess.run([sys.executable, '-c', ASKER, str(tmp_path)], input=typed,
                          capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3 * len(LONG_QUESTIONS)
    assert set(done.stdout.split()) <= {'200', '400', '404'}


# ---- the grid

def grid(say, query, kind='json'):
    return [tuple(row) for row in say(f'/erddap/griddap/bathymetry.{kind}?{query}').json()['table']['rows']]


def test_the_grid_is_the_mean_of_the_soundings_in_each_sector(say):
    depths = {(y, x): depth for y, x, depth in grid(say, 'depth')}
    assert len(depths) == 40 * 60
    assert {place: depth for place, depth in depths.items() if depth is not None} == {
        (105.0, 55.0): 29.5, (395.0, 305.0): 12.5, (5.0, 595.0): 50.0}


def test_places_are_asked_for_in_km_or_counted(say):
    corner = [(5.0, 585.0), (5.0, 595.0)]
    whole = 'depth[(5):1:(5)][(585):1:(595)]'
    for query in (whole, urllib.parse.quote(whole, safe=''), 'depth[(0)][(580.1):(600)]', 'depth[(5.0)][58:(last)]',
                  'depth[0][58:59]', 'depth[0][58:1:59]', 'depth[0:0][58:last]'):
        assert [row[:2] for row in grid(say, query)] == corner, query
    assert [row[1] for row in grid(say, 'depth[last][0:25:last]')] == [5.0, 255.0, 505.0]
    assert grid(say, '') == grid(say, 'depth[][]') == grid(say, 'depth')


LASTS = [           # a way to say the end of the axis of x, and the places it means
    ('last', [595]), ('(last)', [595]), ('last-2:last', [575, 585, 595]), ('(last-10):(last)', [585, 595]),
    ('last-4:2:last', [555, 575, 595]), ('(last-19.9):1:last-1', [575, 585]), ('57:last - 1', [575, 585]),
    ('last-59:30:last', [5, 305]), ('last-0', [595]),
    ('last-60', None), ('(last-600)', None), ('last-', None), ('last-1.5', None), ('last+1', None), ('first', None),
]


def test_the_end_of_an_axis_is_counted_from_the_last(say):
    for text, places in LASTS:
        if places is None:
            reply = say(f'/erddap/griddap/bathymetry.json?depth[0][{text}]')
            assert reply.startswith('Error {\n    code=400;'), text
        else:
            assert [row[1] for row in grid(say, f'depth[0][{text}]')] == places, text
            assert [row[0] for row in grid(say, f'x[{text}]')] == places, text


def test_the_axes_are_variables_of_the_grid(say):
    assert say('/erddap/griddap/bathymetry.csvp?y').splitlines()[:3] == ['y (km)', '5.0', '15.0']
    assert say('/erddap/griddap/bathymetry.csv?y[0:1],x[(0):30:(600)]') == 'y,x\nkm,km\n5.0,5.0\n15.0,305.0\n'
    table = list(csv.reader(say('/erddap/griddap/bathymetry.csv0?y%2Cx').splitlines()))
    assert len(table) == 60
    assert table[39:41] == [['395.0', '395.0'], ['NaN', '405.0']]


# ---- DAP: to the byte, as netCDF's own library reads it

TRACKS_DDS = '''\
Dataset {
  Sequence {
    String player;
    Float64 time;
    Float64 x;
    Float64 y;
    Float64 z;
  } s;
} s;
'''
GRID_DDS = '''\
Dataset {
  Float64 y[y = 40];
  Float64 x[x = 60];
  GRID {
    ARRAY:
      Float64 depth[y = 40][x = 60];
    MAPS:
      Float64 y[y = 40];
      Float64 x[x = 60];
  } depth;
} bathymetry;
'''
PART_DDS = '''\
Dataset {
  Structure {
    Float64 depth[y = 2][x = 3];
  } depth;
  Float64 x[x = 60];
} bathymetry;
'''
SOUNDINGS_DAS = '''\
Attributes {
  s {
    player {
      String long_name "Player";
    }
    time {
      Float64 actual_range 1767268800.0, 1767268860.0;
'''


def test_the_dds_tells_what_there_is(say):
    assert say('/erddap/tabledap/tracks.dds') == say('/erddap/tabledap/tracks.dds?s') == TRACKS_DDS
    assert say('/erddap/tabledap/tracks.dds?time,x&time>now-7days') == (
        'Dataset {\n  Sequence {\n    Float64 time;\n    Float64 x;\n  } s;\n} s;\n')
    assert say('/erddap/griddap/bathymetry.dds') == GRID_DDS
    assert say('/erddap/griddap/bathymetry.dds?depth.depth[0:1][0:2],x') == PART_DDS
    assert say('/erddap/tabledap/tracks.dds?zz') == query_error('Unrecognized variable="zz".')


def test_the_das_tells_what_it_means(say):
    assert say('/erddap/tabledap/soundings.das').startswith(SOUNDINGS_DAS)
    das = say('/erddap/griddap/bathymetry.das')
    assert '    Float64 _FillValue NaN;\n    Float64 actual_range 12.5, 50.0;\n' in das
    assert das.count('{') == das.count('}') == 5


def test_the_dods_is_a_dds_and_then_the_numbers(server):
    asked = b'GET /erddap/griddap/bathymetry.dods?x[0:1],depth.depth[10][4:5] HTTP/1.1\r\nHost: localhost\r\n\r\n'
    head, body = server.raw(asked).split(b'\r\n\r\n', 1)
    assert b'Content-Description: dods_data' in head
    dds, numbers = body.split(b'\nData:\n')
    assert dds.decode().startswith('Dataset {\n  Float64 x[x = 2];\n  Structure {\n    Float64 depth[y = 1][x = 2];')
    assert struct.unpack('>ii2dii', numbers[:32]) == (2, 2, 5.0, 15.0, 2, 2)
    depths = struct.unpack('>2d', numbers[32:])
    assert math.isnan(depths[0])
    assert depths[1] == 29.5


def test_the_dods_of_a_table_is_a_row_after_the_other(server):
    asked = b'GET /erddap/tabledap/tracks.dods?s.player,s.x&player=%22bob%22 HTTP/1.1\r\nHost: localhost\r\n\r\n'
    body = server.raw(asked).split(b'\nData:\n')[1]
    row = b'\x5a\0\0\0' + struct.pack('>i', 3) + b'bob\0' + struct.pack('>d', 300.0)
    assert body == row + row + b'\xa5\0\0\0'


def test_an_empty_sector_is_nan_in_csv(say):
    assert say('/erddap/griddap/bathymetry.csv?depth[(105)][(45):(55)]') == (
        'y,x,depth\nkm,km,m\n105.0,45.0,NaN\n105.0,55.0,29.5\n')
    assert say('/erddap/griddap/bathymetry.csvp?depth[(105)][(55)]').startswith('y (km),x (km),depth (m)\n')


# ---- what there is

def test_the_lists_name_the_datasets_and_their_addresses(say):
    for path in ('info/index.csv', 'search/index.csv?page=1&itemsPerPage=1000000&searchFor='):
        rows = list(csv.DictReader(say('/erddap/' + path).splitlines()))
        assert [row['Dataset ID'] for row in rows] == ['tracks', 'soundings', 'bathymetry']
        assert rows[0]['tabledap'].endswith('/erddap/tabledap/tracks')
        assert (rows[0]['griddap'], rows[2]['tabledap']) == ('', '')
    ids = [row['Dataset ID'] for row in csv.DictReader(say('/erddap/tabledap/index.csv').splitlines())]
    assert ids == ['tracks', 'soundings']
    assert 'bathymetry' in say('/erddap/griddap/index.html')


SEARCHES = [        # words, the datasets they find
    ('soundings', {'soundings', 'bathymetry'}), ('SOUNDINGS pinG', {'soundings'}), ('sea floor -mean', {'soundings'}),
    ('"floor sea"', None), ('"the sea floor"', {'soundings', 'bathymetry'}), ('torus', {'tracks'}),
    ('datasetID=tracks', {'tracks'}), ('-"once a second"', {'soundings', 'bathymetry'}), ('positive penguin', None),
]


def test_search_wants_all_words_and_none_that_has_a_minus(say):
    for words, found in SEARCHES:
        reply = say(f'/erddap/search/index.json?page=1&itemsPerPage=1000&searchFor={urllib.parse.quote_plus(words)}')
        assert reply.status == (200 if found else 404), words
        if found:
            assert {row[-1] for row in reply.json()['table']['rows']} == found, words


FIELDS = [          # the fields of an advanced search, and what it finds
    ('searchFor=boats&protocol=(ANY)&minTime=', ['tracks']),
    ('variableName=player', ['tracks', 'soundings']), ('variableName=z', ['tracks']), ('variableName=zz', []),
    ('protocol=griddap', ['bathymetry']), ('protocol=wms', []), ('protocol=tabledap&searchFor=floor', ['soundings']),
    ('cdm_data_type=grid', ['bathymetry']), ('institution=mocean_club', ['tracks', 'soundings', 'bathymetry']),
    ('institution=noaa', []), ('standard_name=depth', ['tracks']), ('long_name=Player', ['tracks', 'soundings']),
    ('keywords=sea', []), ('ioos_category=location', []), ('minLon=-10', []), ('maxLat=50', []),
    ('minTime=2026-01-01T12:01:00Z', ['tracks', 'soundings', 'bathymetry']),
    ('minTime=2026-01-01T12:01:01Z', ['tracks']),
    ('maxTime=2026-01-01', []), ('minTime=2030-01-01', []), ('minTime=1767268861', ['tracks']),
    ('page=1&itemsPerPage=2', ['tracks', 'soundings']), ('page=2&itemsPerPage=2', ['bathymetry']),
    ('page=7&itemsPerPage=1', []),
]


def test_a_field_of_a_search_is_obeyed(say):
    for fields, found in FIELDS:
        reply = say('/erddap/search/advanced.csv?' + fields)
        assert reply.status == (200 if found else 404), fields
        if found:
            assert [row['Dataset ID'] for row in csv.DictReader(reply.splitlines())] == found, fields


def test_every_list_has_pages(say):
    second = {'info': ['soundings'], 'search': ['soundings'], 'tabledap': ['soundings'], 'griddap': []}
    for path, found in second.items():
        reply = say(f'/erddap/{path}/index.csv?page=2&itemsPerPage=1')
        assert [row['Dataset ID'] for row in csv.DictReader(reply.splitlines()) if reply.status == 200] == found
    for kind in ('tsv', 'json', 'html'):
        assert say(f'/erddap/info/tracks/index.{kind}').status == 200


def test_a_space_in_an_address_is_refused(server):
    """Half of a question would be answered: uWSGI ends an address at the first space."""
    body = server.raw(b'GET /erddap/tabledap/tracks.csv0?player&x=57 &y=0 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert body.endswith(query_error('There is a space in the address; write %20 instead.').encode())


def test_the_info_table_has_every_variable_and_its_units(say):
    for dataset in data.DATASETS.values():
        rows = list(csv.DictReader(say(f'/erddap/info/{dataset.id}/index.csv').splitlines()))
        names = [row['Variable Name'] for row in rows if row['Row Type'] == 'variable']
        assert names == [variable.name for variable in dataset.variables]
        units = {row['Variable Name']: row['Value'] for row in rows if row['Attribute Name'] == 'units'}
        assert units == {v.name: v.units for v in (*dataset.axes, *dataset.variables) if v.units}
    assert ('dimension', 'y', '', 'double', 'nValues=40, evenlySpaced=true, averageSpacing=10.0') in [
        tuple(row) for row in csv.reader(say('/erddap/info/bathymetry/index.csv').splitlines())]


def test_the_info_table_to_the_byte(say):
    assert say('/erddap/info/soundings/index.csv') == '''\
Row Type,Variable Name,Attribute Name,Data Type,Value
attribute,NC_GLOBAL,cdm_data_type,String,Other
attribute,NC_GLOBAL,institution,String,Mocean club
attribute,NC_GLOBAL,summary,String,"Each depth of the sea floor that somebody of the club measured with a ping, \
as measured."
attribute,NC_GLOBAL,time_coverage_end,String,2026-01-01T12:01:00Z
attribute,NC_GLOBAL,time_coverage_start,String,2026-01-01T12:00:00Z
attribute,NC_GLOBAL,title,String,Soundings of the sea floor
variable,player,,String,
attribute,player,long_name,String,Player
variable,time,,double,
attribute,time,actual_range,double,"1767268800.0, 1767268860.0"
attribute,time,axis,String,T
attribute,time,long_name,String,Time
attribute,time,standard_name,String,time
attribute,time,time_origin,String,01-JAN-1970 00:00:00
attribute,time,units,String,seconds since 1970-01-01T00:00:00Z
variable,x,,double,
attribute,x,actual_range,double,"57.0, 599.5"
attribute,x,axis,String,X
attribute,x,long_name,String,Distance to the east
attribute,x,units,String,km
variable,y,,double,
attribute,y,actual_range,double,"0.0, 399.0"
attribute,y,axis,String,Y
attribute,y,long_name,String,Distance to the north
attribute,y,units,String,km
variable,depth,,double,
attribute,depth,actual_range,double,"12.5, 50.0"
attribute,depth,long_name,String,Depth of the sea floor
attribute,depth,positive,String,down
attribute,depth,standard_name,String,sea_floor_depth_below_sea_surface
attribute,depth,units,String,m
'''


def test_the_ncml_names_dimensions_and_their_ranges(say):
    reply = say('/erddap/griddap/bathymetry.ncml')
    assert reply.headers['Content-Type'] == 'application/xml;charset=UTF-8'
    space = '{https://www.unidata.ucar.edu/namespaces/netcdf/ncml-2.2}'
    root = xml.etree.ElementTree.fromstring(reply)
    assert root.tag == space + 'netcdf'
    dimensions = [each.attrib for each in root.findall(space + 'dimension')]
    assert dimensions == [{'name': 'y', 'length': '40'}, {'name': 'x', 'length': '60'}]
    variables = {each.get('name'): each for each in root.findall(space + 'variable')}
    assert {name: each.get('shape') for name, each in variables.items()} == {'y': 'y', 'x': 'x', 'depth': 'y x'}
    ranges = {name: each.find(f'{space}attribute[@name="actual_range"]') for name, each in variables.items()}
    assert [each.get('value') for each in ranges.values()] == ['5.0 395.0', '5.0 595.0', '12.5 50.0']


def test_an_address_in_an_answer_is_the_one_the_asker_used(server):
    def addresses(host):
        return server.say('/erddap/info/index.json', headers={'Host': host}).json()['table']['rows'][0][1]
    assert addresses('mocean.club:8080') == 'http://mocean.club:8080/erddap/tabledap/tracks'
    assert '<' not in addresses('<script>')


def test_the_first_page_leads_on_and_every_example_on_it_works(say, rows):
    rows.keep([('now', int(time.time()), 1.0, 1.0, 0.0)], [('now', int(time.time()), 1.0, 1.0, 15.0)])
    page = say('/erddap/index.html')
    assert say('/erddap') == say('/erddap/') == page
    for path, words in data.EXAMPLES:
        assert words in page
        assert say(path).status == 200, path


def test_alone_the_root_is_the_first_page(server):
    assert 'tracks' in server.say('/')
    for path in '/nowhere', '/no/where', '/erddapp':
        assert server.say(path) == nothing_at(path)
    assert server.say('/a%0Ab').startswith('Error {\n    code=404;')
    assert server.say('/', method='POST').startswith('Error {\n    code=405;')


def test_before_the_first_measurement_there_are_no_rows(say, tmp_path):
    for file in tmp_path.glob('data.sqlite*'):
        file.unlink()
    for query in ('', '&time>max(time)-10minutes', '&x>=min(x)', '&distinct()', '&orderByMax("player,time")'):
        assert say('/erddap/tabledap/tracks.csv?' + query) == error(
            404, 'Not Found: Your query produced no matching results. (nRows = 0)'), query
    assert json.loads(say('/erddap/griddap/bathymetry.json?depth[0][0]'))['table']['rows'] == [[5.0, 5.0, None]]
