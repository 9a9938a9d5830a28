"""The wire: whatever comes in, what goes out is an answer or a sentence that teaches and a call that works."""
import contextlib
import functools
import re
import socket
import threading
import time
import typing
import urllib.parse

import pytest
from conftest import ROOT, Clock, Inside, Server, also, join, place, poll, woken

import mocean

A_WHOLE = 'it is a whole number, 1 or more'
A_HEADING = 'headings are east, northeast, north, northwest, west, southwest, south, southeast (or e, ne, n, ...)'
A_NAME = 'a name is 1 to 20 letters or digits of one script, and not "all"'
BRACES = 'the braces came through: in Python, write an f before the quote'
A_TEXT = 'it is a text of 1 to 200 characters'
NO_ID = 'every boat has a secret id of 8 letters and digits; join gives you one'
TREASURES = ('it is one of crash alert, iron dust, fishing net, ROV, submarine, imaging sonar, teleport crystal, '
             'infundibulum, binoculars, sandwich, boat hook')


class Kind(typing.NamedTuple):
    """What one parameter of a call takes, and what it refuses."""
    call: str
    parameter: str
    taken: dict                   # the text that comes in: the value
    refused: dict                 # the reason that is told: the texts

    def told(self, text, reason):
        shown = SHOWN.get(text, f"'{text}'")
        return f'{self.parameter} was {shown}; {reason}'


# The refusal repeats what came in, between quotes. What cannot stand there as it is, or is too long, is shown so:
SHOWN = {
    '\0': r"'\x00'", '\u202e': r"'\u202e'", 'a\nb': r"'a\nb'", '\r\n': r"'\r\n'",
    "it's": '"it\'s"',
    '?' * 50: f"'{'?' * 40}...'", 'y' * 201: f"'{'y' * 40}...'", 'z' * 41: f"'{'z' * 40}...'",
}
KINDS = [
    Kind('/move?id={id}', 'heading', taken={
        'north': 'north', 'N': 'north', ' ne ': 'northeast', 'North-East': 'northeast', 'sw': 'southwest',
        'north_west': 'northwest', 'south east': 'southeast', 'EAST': 'east',
    }, refused={
        'did you mean north?': ['nroth'],
        'did you mean west?': ['Westt'],
        'did you mean east?': ['est', 'eats'],              # 'est' is as near to west, and begins as east does
        BRACES: ['{heading}', ' {way[0]} '],
        A_HEADING: ['', 'x', '90', 'норд', '\0', '<b>', "it's", '\u202e', '?' * 50],
    }),
    Kind('/move?id={id}&heading=n', 'steps', taken={
        '1': 1, ' 4 ': 4, '+3': 3, '007': 7, '2.0': 2, '10': 10,
    }, refused={
        A_WHOLE: ['0', '-1', '2.5', '1_0', '٣', '²', 'inf', 'nan', '1e2', '0x10', '', 'five', '9' * 12],
    }),
    Kind('/move?id={id}&heading=n', 'n', taken={
        '1': '1', 'call 7': 'call 7',
    }, refused={
        'it is a text of 1 to 40 characters': ['', 'z' * 41],
    }),
    Kind('/move?id={id}&heading=n', 'expect', taken={
        '57,105': (57, 105), ' ( 57 , 105 ) ': (57, 105), '-1,400': (599, 0), '+600,-400': (0, 0),
        '57.0,105.': (57, 105),
    }, refused={
        'it is where you will be, as x,y: two whole numbers': ['', '57', '57,105,0', '5.5,1', 'x,y', '9' * 12 + ',1'],
    }),
    Kind('/move?heading=n', 'id', taken={
        'K7P2M3QX': 'k7p2m3qx', ' "k7p2m3qx"': 'k7p2m3qx', "'k7p2m3qx'\n": 'k7p2m3qx', 'k7p2m3qx,ada,1,2,0': 'k7p2m3qx',
        'http://localhost:8080/look?id=k7p2m3qx': 'k7p2m3qx', '<k7p2m3qx>': 'k7p2m3qx',
    }, refused={}),
    Kind('/news?', 'since', taken={
        '0': 0, '12': 12,
    }, refused={
        'it is a whole number, 0 or more': ['-1', 'now'],
    }),
    Kind('/chart?', 'since', taken={
        '0': 0.0, '1.5': 1.5,
    }, refused={
        'it is a number, 0 or more': ['-1', 'soon', 'nan'],
    }),
    Kind('/join?', 'name', taken={
        'zoé': 'zoé', 'Ж': 'Ж', '李雷': '李雷', 'माया': 'माया', 'ไพลิน': 'ไพลิน', 'سارة': 'سارة', '김': '김', '7': '7',
        '佐々木': '佐々木',
        'ﬁ': 'fi', '²': '2', ' bo ': 'bo', 'a' * 20: 'a' * 20, 'e\u0301': 'é',
    }, refused={
        A_NAME: ['', 'a' * 21, 'all', 'ALL', 'ada b', 'a,b', '<i>', '😀', '\0', 'a\u3164', 'ada\ufe0f',
                 'a' + '\u0316' * 9, 'a\nb', '\u0301a', '___', 'ad\u0430'],
        BRACES: ['{name}'],
    }),
    Kind('/sendchat?id={id}&name=all', 'message', taken={
        'ahoy': 'ahoy', ' two  words ': 'two words', 'a\nb': 'a b', '<b>&amp;': '<b>&amp;', 'ж, 李!': 'ж, 李!',
        'x' * 200: 'x' * 200,
    }, refused={
        A_TEXT: ['', '\r\n', 'y' * 201],
    }),
    Kind('/get?id={id}', 'item', taken={
        'treasure': 'treasure', 'Whale': 'whale',
    }, refused={
        'did you mean whale?': ['Whales'],
        'it is treasure or whale': ['', 'gold'],
    }),
    Kind('/use?id={id}', 'item', taken={
        'rov': 'ROV', 'Boat_Hook': 'boat hook',
    }, refused={
        'did you mean sandwich?': ['sandwhich'],
        TREASURES: ['hat'],
    }),
    Kind('/accel?id={id}', 'ctrl', taken={
        'w': 'w', 'D': 'd',
    }, refused={
        'it is one of w, s, a, d': ['q'],
    }),
    Kind('/who?', 'format', taken={}, refused={
        'it is text or json': ['xml', ''],
    }),
]
TAKEN = [(kind.call, kind.parameter, text, value) for kind in KINDS for text, value in kind.taken.items()]
REFUSED = [(kind.call, kind.parameter, text, kind.told(text, reason))
           for kind in KINDS for reason, texts in kind.refused.items() for text in texts]
TABLE = TAKEN + REFUSED


def asked(call, name, text, id):
    return call.format(id=id) + f'&{name}={urllib.parse.quote(text)}'


def tried(say, reply, status, words, works=(200,)):
    """The one form of every error; and the call that it offers works when pasted. Returns that call."""
    if reply.headers['Content-Type'].startswith('text'):
        said, offer = reply.lines
        assert offer.startswith('try: http://'), reply
    else:
        said, offer = reply.json()['error'], 'try: ' + reply.json()['try']
    assert (reply.status, said) == (status, words)
    url = urllib.parse.urlsplit(offer.removeprefix('try: '))
    call = f'{url.path}?{url.query}' if url.query else url.path
    answer = say(call)
    if answer.status == 429:       # it works, but one has to wait
        time.sleep(float(re.search(r'too early by ([0-9.]+) s', answer)[1]))
        answer = say(call)
    assert answer.status in works, f'{reply}\n{answer}'
    return call


# --- what a parameter may say ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('call, name, text, out', TABLE)
def test_a_text_becomes_a_value_or_a_sentence(call, name, text, out):
    route = mocean.BY_NAME[call[1:].split('?')[0]]
    texts = {**dict(urllib.parse.parse_qsl(call.format(id='k7p2m3qx').partition('?')[2])), name: text}
    try:
        read = mocean.read_call(route, list(texts.items()), 'text')
        assert {**read.values, 'id': read.id, 'n': read.n}[name] == out
    except mocean.Refusal as refusal:
        assert (refusal.words, refusal.status) == (out, 400)


def test_every_refused_text_comes_with_a_call_that_works(say):
    id = join(say)
    for call, name, text, words in REFUSED:
        works = (200, 409) if name == 'item' else (200,)           # has one got it? The rule has the last word
        tried(say, say(asked(call, name, text, id)), 400, words, works)


def test_the_offered_call_is_the_learners_own_corrected(say):
    id = join(say)
    for call, offer in {f'/move?id={id}&heading=nroth&n=7': f'/move?id={id}&heading=north&n=7',
                        f'/move?id={id}&haeding=n': f'/move?id={id}&heading=n',
                        f'/move?id={id}': f'/move?id={id}&heading=north',
                        f'/move?id={id}&heading=w&steps=999': f'/move?id={id}&heading=w&steps=10',
                        f'/move?ID={id.upper()}&heading=zz': f'/move?heading=north&id={id.upper()}',
                        f'/move?id={id}&heading=nw&steps=99': f'/move?id={id}&heading=nw&steps=7',
                        f'/move?id={id}&heading=n&speed=3': f'/move?id={id}&heading=n',
                        '/join?name=ada%20b': '/join?name=adab', '/join?nmae=ada': '/join?name=ada2',
                        '/mvoe?id=' + id + '&heading=nroth': f'/move?id={id}&heading=north',
                        '/score?name=nobody': '/score', f'/use?id={id}&item=rov': f'/inventory?id={id}'}.items():
        reply = say(call)
        assert tried(say, reply, reply.status, reply.lines[0]) == offer


def test_all_faults_are_mended_at_once(say):
    id = join(say)
    reply = say(f'/move?id={id}&heding=nroth&steps=-3&format=txt&hat=on&hat=off')
    offer = tried(say, reply, 400, 'hat came more than once; once is enough')
    assert offer == f'/move?id={id}&steps=1&format=text&heading=north'


# --- what a rule may refuse ------------------------------------------------------------------------------------------

def test_what_the_game_refuses_is_said_in_words_that_teach(say):
    id = join(say)
    bob = join(say, 'bob')
    for path, status, words in [
            ('/join', 400, f'name is missing: the name of your boat: {A_NAME[10:]}'),
            ('/join?name=ADA', 409, 'the name ADA is taken; if it is your boat, add &id= and your id'),
            ('/join?name=ada&id=k7p2m3qx', 409, 'the name ada is taken, and by another id than this'),
            (f'/join?name=ada&id={bob}', 409, "this id is bob's boat, and not that of ada"),
            ('/move?heading=n', 400, f'id is missing: {NO_ID}'),
            ('/move?heading=n&id=k7p2m3qx', 404, f"nobody aboard has the id 'k7p2m3qx'; {NO_ID}"),
            ('/move?heading=n&id=%00', 404, f"'\\x00' is 1 long; {NO_ID}"),
            (f'/move?id={id}&heading=n&steps=11', 400,
             'steps was 11; your boat goes at most 10 cells north in one call now'),
            (f'/move?id={id}&heading=sw&steps=8', 400,
             'steps was 8; your boat goes at most 7 cells southwest in one call now'),
            (f'/dive?id={id}', 400, 'which way? ctrl is f (down) or r (up); direction is down or up'),
            (f'/get?id={id}&item=whale', 409, 'no free whale within 10 cells of you; look around'),
            (f'/use?id={id}&item=ROV', 409, 'you do not have the ROV; your inventory tells what you have'),
            (f'/teleport?id={id}&x=1&y=2', 409,
             'you do not have the teleport crystal; your inventory tells what you have'),
            (f'/sendchat?id={id}&name=bop&message=hi', 404, 'nobody here is called bop; did you mean bob?'),
            (f'/sendchat?id={id}&name=zoe&message=hi', 404, 'nobody here is called zoe; who tells the names'),
            ('/score?name=nobody', 404, 'nobody here is called nobody; these are all'),
            ('/mvoe', 404, 'there is no /mvoe here; did you mean /move?'),
            ('/MOVE', 404, 'there is no /MOVE here; did you mean /move?'),
            ('/help', 404, 'there is no /help here; did you mean /mocean?'),
            ('/move/north', 404, 'there is no /move/north here; the usage page lists what there is'),
            ('/mocean/who', 404, 'there is no /mocean/who here; did you mean /who?'),
            ('/favicon.ico', 404, 'there is no /favicon.ico here; the usage page lists what there is'),
            ('/%00', 404, 'there is no /\\x00 here; the usage page lists what there is'),
            ('/etc/passwd', 404, 'there is no /etc/passwd here; the usage page lists what there is')]:
        tried(say, say(path), status, words)


def test_the_ninth_reply_to_the_same_mistake_is_as_good_as_the_first(say):
    for name in ('ada', 'ada2', 'ada3', 'ada4', 'ada5', 'ada6', 'ada7', 'ada8', 'ada9'):
        assert tried(say, say('/move'), 400, f'id is missing: {NO_ID}') == f'/join?name={name}'


# --- what may come in ------------------------------------------------------------------------------------------------

HOSTILE = ['%', '%FF', '%00', '%E2%82', '%ED%A0%80', '%C0%AF', '%F0%9F%98%80', '%E2%80%AE', '%25s%25n', '+', '%2B',
           '%0d%0aSet-Cookie:%20a=b', "';drop table--", '../../etc/passwd', '<script>alert(1)</script>', '{{7*7}}',
           '1e999', '-0', 'a' * 2000]


@pytest.mark.parametrize('value', HOSTILE)
def test_no_value_is_too_strange_for_a_sentence(say, value):
    id = join(say)
    for path in (f'/move?id={id}&heading={value}', f'/move?id={id}&heading=n&steps={value}',
                 f'/move?id={value}&heading=n', f'/mocean?id={value}', f'/{value}',
                 f'/who?{value}', f'/who?{value}={value}', f'/who?format={value}',
                 f'/score?name={value}', f'/join?name={value}', f'/sendchat?id={id}&name={value}&message={value}'):
        reply = say(path)
        assert reply.status in (200, 400, 404), (path, reply)
        assert 'Set-Cookie' not in reply.headers
        if reply.status != 200:
            tried(say, reply, reply.status, reply.lines[0])


def test_a_name_of_any_script_comes_back_as_it_was_sent(say):
    names = ['zoé', 'Жанна', '李雷', 'माया', 'ไพลิน', 'سارة', '김철수', 'Straße']
    ids = {name: join(say, name) for name in names}
    for name, id in ids.items():
        assert say(f'/name?id={id}') == name
        assert say(f'/name?id={id}&format=json').json() == {'name': name}
    assert sorted(line.split(',')[0] for line in say('/who').lines) == sorted(names)
    tried(say, say('/join?name=STRASSE'), 409, 'the name STRASSE is taken; if it is your boat, add &id= and your id')


def test_raw_bytes_of_utf_8_are_read_like_encoded_ones(say):
    if isinstance(say, Inside):
        environ = {**say.web.RequestClass.blank('/join').environ, 'QUERY_STRING': 'name=zo\xc3\xa9'}
        reply = say.web.app(environ, lambda *_: None)
        assert b''.join(reply).decode().split(',')[1] == 'zoé'
    else:
        assert b',zo\xc3\xa9,' in say.raw(b'GET /join?name=zo\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n')


def test_four_hundred_parameters_are_one_mistake(say):
    id = join(say)
    path = f'/move?id={id}&heading=n&' + '&'.join(f'p{number}=1' for number in range(400))
    offer = tried(say, say(path), 400, 'move has no parameter p0; it knows id, heading, steps, expect, n, format')
    assert offer == f'/move?id={id}&heading=n'


def test_urls_of_sixteen_thousand_bytes_are_read(say):
    id = join(say)
    for size in (1800, 4000, 16_000):
        call = f'/move?id={id}&heading=n&hat='
        reply = say(call + 'x' * (size - len(call)))
        tried(say, reply, 400, 'move has no parameter hat; it knows id, heading, steps, expect, n, format')


LONG_HEADERS = ''.join(f'X-{number}: {"y" * 70}\r\n' for number in range(500))
TOO_MUCH = {        # what uWSGI alone answers with an empty reply: and the first line of the answer to it
    'a GET with a short body': ('GET /name?id={id}', 'Content-Length: 11\r\n', 'id=k7p2m3qx', '200 OK'),
    'a body where the query should be': ('GET /name', 'Content-Length: 11\r\n', 'id=k7p2m3qx', '400 Bad Request'),
    'a POST with a body': ('POST /name', 'Content-Length: 60000\r\n', 'x' * 60_000, '405 Method Not Allowed'),
    'a POST in chunks': ('POST /name', 'Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\n\r\n',
                         '405 Method Not Allowed'),
    'five hundred headers': ('GET /who', ''.join(f'X-{number}: y\r\n' for number in range(500)), '', '200 OK'),
    'forty kilobytes of headers': ('GET /who', LONG_HEADERS, '', '200 OK'),
    'a URL of 25,000 bytes': ('GET /who?' + 'x' * 25_000, '', '', '400 Bad Request'),
}


@pytest.mark.parametrize('name', TOO_MUCH)
def test_who_sends_too_much_is_told_so(server, name):
    call, headers, body, line = TOO_MUCH[name]
    call = call.format(id=join(server))
    reply = server.raw(f'{call} HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}'.encode())
    assert reply.startswith(f'HTTP/1.1 {line}\r\n'.encode()), reply
    if line.startswith('4'):
        assert b'\ntry: http://a/' in reply
    if 'where the query' in name:
        assert b'what comes in the body is not read: params= instead of data=' in reply


def test_what_no_header_can_hold_is_left_out_of_the_way_to_go(server):
    for path in ('/map/?follow=a', '/erddap/info?', '/erddap/info/tracks?', '/erddap/tabledap/tracks?'):
        reply = server.raw(f'GET {path}\r HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'.encode())
        assert reply.split()[1] in (b'302', b'308') and b'\r\nLocation: ' in reply, (path, reply)


def test_what_is_longer_still_hurts_nobody_else(server):
    """uWSGI's own limits: it hangs up without a word."""
    for request in (f'GET /who?{"x" * 60_000}', f'GET /who HTTP/1.1\r\nX-A: {"y" * 90_000}',
                    'POST /who HTTP/1.1\r\nContent-Length: 99999999'):
        with contextlib.suppress(OSError):
            reply = server.raw(f'{request}{"" if "HTTP" in request else " HTTP/1.1"}\r\nHost: a\r\n\r\n'.encode())
            assert not reply or int(reply.split()[1]) >= 400
        assert server.say('/health').status == 200


def test_slow_uploads_keep_nobody_waiting(server):
    """A hundred and fifty say that they will send something, and never do: more than there are threads."""
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            line = stack.enter_context(socket.create_connection(('127.0.0.1', server.port), 10))
            line.sendall(b'POST /name HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc')
        assert server.say('/health', timeout=5).status == 200


# A call of each route, as `curl -I` may send it. What it is answered in the end is written in the table of routes.
CALLS = {'join': 'name=bob', 'move': 'heading=n', 'accel': 'ctrl=w', 'dive': 'ctrl=f', 'get': 'item=treasure',
         'use': 'item=ROV', 'teleport': 'x=1&y=2', 'sendchat': 'name=all&message=ahoy', 'quit': 'sure=yes'}


def call_of(route, id):
    """A whole call of a route, for the boat with this id."""
    query = [f'id={id}'] * route.mine + [CALLS.get(route.name, '')]
    return f'/{route.name}?{"&".join(filter(None, query))}'


def known(say):
    """All that HEAD could have changed, less what goes on by itself."""
    facts = say('/chart').json()
    for boat in facts['boats']:
        del boat['last']
    return facts['boats'], facts['news'], facts['sectors'], facts['depths'], facts['treasures'], say('/season')


def test_head_has_the_headers_of_get_and_changes_nothing(tmp_path):
    """On every route, one that refuses included: the length, the kind, the status are those of the answer to GET."""
    clock = Clock()
    with woken(tmp_path, clock=clock, calendar=Clock(1e9)) as say:
        id = join(say)
        for route in mocean.ROUTES:
            call, clock.now = call_of(route, id), clock.now + 2
            log, before = say(f'/log?id={id}').lines, known(say)
            head = say(call, method='HEAD')
            assert known(say) == before, call
            assert say(f'/log?id={id}').lines[:-1] == [line for line in log if line][-19:], call
            get = say(call if route.name != 'quit' else f'/quit?id={id}') if route.name != 'join' else head
            assert head == '', call
            if route.name not in ('join', 'quit'):
                assert (head.status, head.headers) == (get.status, get.headers), call
            assert say('/who').startswith('ada,') and len(say('/who').lines) == 1
        log = say(f'/log?id={id}').lines
        assert say(f'/mvoe?id={id}&heading=n', method='HEAD').status == 404
        assert say(f'/log?id={id}').lines[:-1] == log[-19:]
        assert say(f'/quit?id={id}&sure=yes', method='HEAD').status == 200
        assert say('/nowhere', method='HEAD').headers == say('/nowhere').headers


def test_head_through_the_real_server(server):
    id = join(server)
    before = server.say(f'/location?id={id}')
    for path in (f'/move?id={id}&heading=n', f'/quit?id={id}&sure=yes', '/join?name=bob', '/map', '/mvoe'):
        reply = server.say(path, method='HEAD')
        assert (reply.status, reply) == (404 if path == '/mvoe' else 200, '')
        assert int(reply.headers['Content-Length']) > 4
    assert server.say(f'/location?id={id}') == before and server.say('/who').lines == [server.say('/who')]


def test_the_other_methods_change_nothing_and_are_told_how_it_is_done(say):
    id = join(say)
    before = say(f'/location?id={id}')
    for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
        reply = say(f'/dive?id={id}&direction=dwon', method=method)
        words = f'{method} is not spoken here, only GET: requests.get(url, params={{...}})'
        assert reply.headers['Allow'] == 'GET, HEAD, OPTIONS'
        assert (reply.status, reply.lines[0]) == (405, words)
        assert reply.lines[1].endswith(f'/dive?id={id}&direction=down')
        assert say('/nowhere', method=method).status == 404
    assert say(f'/location?id={id}') == before


@pytest.mark.parametrize('path', ['/move?id=k7p2m3qx&heading=n', '/who', '/chart', '/nowhere', '/'])
def test_a_page_of_somebody_else_may_ask_before_it_sends_headers(say, path):
    """A browser asks with OPTIONS, before it lets a page's fetch send a header such as Content-Type."""
    reply = say(path, method='OPTIONS', headers={'Origin': 'https://a.example', 'Access-Control-Request-Method': 'GET',
                                                 'Access-Control-Request-Headers': 'content-type, cache-control'})
    assert (reply.status, reply) == (204, '')
    assert reply.headers['Access-Control-Allow-Methods'] == 'GET, HEAD, OPTIONS'
    assert reply.headers['Access-Control-Allow-Headers'] == reply.headers['Access-Control-Allow-Origin'] == '*'


def test_a_slash_too_many_is_none(say):
    id = join(say)
    for path in ('/health/', '//health', '//health//', f'//name/?id={id}', '/chart/', '/mocean/', '//'):
        assert say(path).status == 200, path
    assert say('/mocean/', headers={'Accept': 'text/html'}) == say('/', headers={'Accept': 'text/html'})


@pytest.mark.parametrize('header', [
    {'Sec-Purpose': 'prefetch;prerender'}, {'Purpose': 'prefetch'}, {'X-Moz': 'prefetch'}, {'X-Purpose': 'preview'}])
def test_a_browser_that_guesses_ahead_moves_nobody(say, header):
    id = join(say)
    before = say(f'/location?id={id}')
    reply = say(f'/move?id={id}&heading=n', headers=header)
    assert say(f'/location?id={id}') == before
    tried(say, reply, 503, 'this was your browser guessing ahead; type the call yourself and it counts')
    assert say('/join?name=bob', headers=header).status == 503
    assert say('/who', headers=header).status == 503


@pytest.mark.parametrize('robot', [
    'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)', 'WhatsApp/2.23.20.0 A',
    'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5', 'Slackbot-LinkExpanding 1.0',
    'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)', 'TelegramBot (like TwitterBot)'])
def test_a_robot_that_previews_links_joins_nobody_and_reads_no_letter(say, robot):
    id, bob = join(say), join(say, 'bob')
    say(f'/sendchat?id={bob}&name=ada&message=ahoy')
    header = {'User-Agent': robot}
    words = 'this was a robot that previews links; type the call yourself and it counts'
    reply = say('/join?name=zoe', headers=header)
    assert (reply.status, reply.lines) == (503, [words, reply.lines[1]])
    assert reply.lines[1].endswith('/join?name=zoe')
    assert say(f'/popchat?id={id}', headers=header).status == 503
    assert say(f'/popchat?id={id}') == 'bob,ahoy'
    assert sorted(say('/who').lines) == ['ada,' + say('/score?name=ada').split(',')[2],
                                         'bob,' + say('/score?name=bob').split(',')[2]]


@pytest.mark.parametrize('agent', ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
                                   'python-requests/2.34', 'my_robot/1.0', 'curl/8', ''])
def test_whoever_is_no_such_robot_is_answered(say, agent):
    assert say('/join?name=zoe', headers={'User-Agent': agent}).status == 200


# --- what a learner gets ---------------------------------------------------------------------------------------------
# Mistakes that were seen in clubs: what was sent, the words, the call that was offered. {id} is one's own.

MISSING = f'id is missing: {NO_ID}'
MISTAKES = [
    # a misspelt or home-made name for the id
    ('/move?di={id}&heading=n', 'move has no parameter di; did you mean id?', '/move?heading=n&id={id}'),
    ('/move?my_id={id}&heading=n', 'move has no parameter my_id; did you mean id?', '/move?heading=n&id={id}'),
    ('/look?user_id={id}', 'look has no parameter user_id; did you mean id?', '/look?id={id}'),
    ('/look?token={id}', 'look has no parameter token; did you mean id?', '/look?id={id}'),
    ('/look?boat={id}', 'look has no parameter boat; did you mean id?', '/look?id={id}'),
    # an id that is none
    ('/look?id=k7p2m3q', f"'k7p2m3q' is 7 long; {NO_ID}", '/join?name=ada2'),
    ('/look?id=k7p2m3qxy', f"'k7p2m3qxy' is 9 long; {NO_ID}", '/join?name=ada2'),
    ('/look?id=Ada', f'ada is a name, and no secret; {NO_ID}', '/join?name=ada2'),
    ('/look?id=', MISSING, '/join?name=ada2'),
    ('/look', MISSING, '/join?name=ada2'),
    ('/move?name=rob', MISSING, '/join?name=rob'),
    # an f-string without its f
    ('/move?id={{my_id}}&heading=n', f"id was '{{{{my_id}}}}'; {BRACES}", '/join?name=ada2'),
    ('/move?id={{boat["id"]}}&heading=n', f"id was '{{{{boat[\"id\"]}}}}'; {BRACES}", '/join?name=ada2'),
    ('/move?id={{{id}}}&heading=n', f"id was '{{{{{{id}}}}}}'; {BRACES}", '/move?id={id}&heading=n'),
    ('/move?id={id}&heading={{way}}', f"heading was '{{{{way}}}}'; {BRACES}", '/move?id={id}&heading=north'),
    # the signs between
    ('/move&id={id}&heading=n', 'the sign behind /move is ?; the & comes between parameters',
     '/move?id={id}&heading=n'),
    ('/move%3Fid={id}&heading=n', 'the sign behind /move is ?; the & comes between parameters',
     '/move?id={id}&heading=n'),
    ('/sendchat/id={id}&name=all&message=hé%20ho', 'the sign behind /sendchat is ?; the & comes between parameters',
     '/sendchat?id={id}&name=all&message=h%C3%A9%20ho'),
    ('/move?id={id}heading=n', '& is missing before heading', '/move?id={id}&heading=n'),
    ('/move?id={id};heading=n', '& is missing before heading', '/move?id={id}&heading=n'),
    ('/move?id={id},heading=n', '& is missing before heading', '/move?id={id}&heading=n'),
    ('/move?id={id}?heading=n', '& is missing before heading', '/move?id={id}&heading=n'),
    ('/move?id={id}&heading=northsteps=2', '& is missing before steps', '/move?id={id}&heading=north&steps=2'),
    ('/move?id={id}' + ' ;,?' * 3000 + 'heading=n', '& is missing before heading', '/move?id={id}&heading=n'),
    ('/move?id={id};heading=n;steps=2', '& is missing before heading', '/move?id={id}&heading=n&steps=2'),
    # a `try:` line pasted behind the address
    ('/try:%20http://localhost:8080/move?id={id}&heading=n', 'only what comes behind try: is the address',
     '/move?id={id}&heading=n'),
    ('/try:%20http%3A//localhost:8080/move%3Fid={id}%26heading=n', 'only what comes behind try: is the address',
     '/move?id={id}&heading=n'),
    ('/http://localhost:8080/look?id={id}', 'the address stands there twice; once is enough', '/look?id={id}'),
    # words that are nearly right
    ('/get?id={id}&item=treasures', "item was 'treasures'; did you mean treasure?", '/get?id={id}&item=treasure'),
    ('/move?id={id}&direction=south', 'move has no parameter direction; did you mean heading?',
     '/move?id={id}&heading=south'),
    ('/move?id={id}&south', 'move has no parameter south; did you mean heading?', '/move?id={id}&heading=south'),
    ('/sendchat?id={id}&to=ada&message=hi', 'sendchat has no parameter to; did you mean name?',
     '/sendchat?id={id}&message=hi&name=ada'),
    ('/join?nmae=samantha', 'join has no parameter nmae; did you mean name?', '/join?name=samantha'),
]


@pytest.mark.parametrize('sent, words, offer', MISTAKES)
def test_a_learner_is_told_what_was_wrong_and_goes_on_alone(say, sent, words, offer):
    id = join(say)
    reply = say(sent.format(id=id))
    lines = reply.lines
    assert (reply.status in (400, 404), lines[0]) == (True, words.format(id=id)), reply
    assert re.sub('^try: http://[^/]+', '', lines[1]) == offer.format(id=id)
    assert say(offer.format(id=id)).status == (409 if 'treasure' in offer else 200)      # a rule may have the last word


def test_how_near_a_wrong_id_is_nobody_is_told(say):
    id = join(say)
    near = id[:-1] + next(letter for letter in 'ab' if letter != id[-1])
    for text in (near, 'k7p2m3qx', 'x' * 46 + id + 'y' * 46):
        reply = say(f'/look?id={text}')
        assert (reply.status, id in reply.replace(text, '').replace(text[:40], '')) == (404, False)
        assert reply.lines[1].endswith('/join?name=ada2')


def test_what_comes_in_the_body_is_not_read_and_it_says_so(tmp_path):
    """requests.post(url, data=...), and then get(url, data=...): the call again, as it would work."""
    from webtest import TestApp
    with woken(tmp_path) as say:
        id = join(say)
        web = TestApp(mocean.wsgi(say.app))
        reply = web.request('/name', method='POST', body=f'id={id}'.encode(), expect_errors=True)
        assert (reply.status_int, reply.text.split('\n')[0]) == (
            405, 'POST is not spoken here, only GET: requests.get(url, params={...})')
        reply = web.request(f'/name?id={id}', method='POST', body=b'a=b', expect_errors=True)
        assert reply.text.split('\n')[1].endswith(f'/name?id={id}')
        reply = web.request('/name', method='GET', body=f'id={id}'.encode(), expect_errors=True)
        words = f'{MISSING}; what comes in the body is not read: params= instead of data='
        assert (reply.status_int, reply.text.split('\n')[0]) == (400, words)


def test_two_programs_that_move_one_boat_are_told_of_each_other(server):
    """The second one is early all the time, and would never know why."""
    id, stop, told = join(server), threading.Event(), set()

    def row():
        while not stop.is_set():
            told.add(re.sub('[0-9.]+ s', 'some s', server.say(f'/move?id={id}&heading=n').lines[0]))
    programs = [threading.Thread(target=row) for _ in range(3)]
    for program in programs:
        program.start()
    words = 'too early by some s: another program (or window) moves this boat at the same time; wait, then call again'
    try:
        poll(lambda: words in told)
    finally:
        stop.set()
        for program in programs:
            program.join()


# --- where the learner reached the server ----------------------------------------------------------------------------

@pytest.mark.parametrize('host, base', [
    ('mocean.example', 'http://mocean.example'),
    ('localhost:8080', 'http://localhost:8080'),
    ('[::1]:80', 'http://[::1]:80'),
    ('192.168.1.7:8080', 'http://192.168.1.7:8080')])
def test_the_offered_call_goes_where_the_learner_came_from(say, host, base):
    assert say('/mvoe', headers={'Host': host}).lines[1] == f'try: {base}/join?name=ada'


@pytest.mark.parametrize('host', [
    'evil.example/<script>', 'a b', 'x"onclick=', 'host:port', 'a:999999', 'user@host', '%0d'])
def test_a_host_that_is_none_is_not_repeated(say, host):
    reply = say('/mvoe', headers={'Host': host})
    if reply.status != 400 or 'try: ' in reply:            # uWSGI itself may refuse
        assert re.fullmatch(r'try: http://[A-Za-z0-9.-]+:[0-9]+/join\?name=ada', reply.lines[1]), reply
    assert say('/mocean?client=browser', headers={'Host': host}).count('<script') == 0


def test_behind_a_proxy_the_offered_call_is_as_safe_as_the_learners(say):
    reply = say('/mvoe', headers={'Host': 'a.example', 'X-Forwarded-Proto': 'https'})
    assert reply.lines[1] == 'try: https://a.example/join?name=ada'


# --- how it is told --------------------------------------------------------------------------------------------------

def test_every_answer_has_the_headers_that_keep_it_fresh_and_plain(say):
    id = join(say)
    for path, method in ((f'/look?id={id}', 'GET'), ('/mvoe', 'GET'), ('/', 'GET'), ('/chart', 'GET'),
                         ('/move', 'POST'), ('/who', 'HEAD')):
        reply = say(path, method=method)
        assert reply.headers['Cache-Control'] == 'no-store'
        assert reply.headers['X-Content-Type-Options'] == 'nosniff'
        assert reply.headers['Access-Control-Allow-Origin'] == '*'


def test_text_is_values_separated_by_commas(say):
    reply = say('/join?name=ada')
    id, name, x, y, z = reply.split(',')
    assert reply.headers['Content-Type'] == 'text/plain; charset=utf-8'
    assert (name, z, reply[-1]) == ('ada', '0', '0')
    assert re.fullmatch('[abcdefghjkmnpqrstuvwxyz23456789]{8}', id)
    assert say(f'/location?id={id}') == f'{x},{y},0,0,0,1'
    assert say(f'/popchat?id={id}') == ''


@pytest.mark.parametrize('accept, kind', [
    ('application/json', 'json'),
    ('application/json, text/plain;q=0.5', 'json'),
    ('application/json, */*;q=0.8', 'json'),
    ('Application/JSON;charset=utf-8', 'json'),
    ('*/*', 'plain'),
    ('text/html,application/json;q=0.9', 'plain'),
    ('text/plain, application/json;q=0.1', 'plain'),
    ('application/json;q=0.3, */*;q=0.8', 'plain'),
    ('application/json;q=0', 'plain'),
    ('application/json;q=nan', 'plain'),
    (';;q=,,', 'plain'),
    ('', 'plain')])
def test_accept_chooses_the_form(say, accept, kind):
    for path in ('/health', '/mvoe', '/move'):
        reply = say(path, headers={'Accept': accept})
        assert kind in reply.headers['Content-Type'], (path, reply)


def test_format_wins_over_accept(say):
    reply = say('/who?format=text', headers={'Accept': 'application/json'})
    assert reply.headers['Content-Type'].startswith('text/plain')
    assert say('/who?format=JSON').json() == {'players': []}


def test_text_and_json_tell_the_same_facts(say):
    id = join(say)
    join(say, 'bob')
    for path, fields in {f'/location?id={id}': 'x,y,z,wrapped,message,nearby', f'/velocity?id={id}': 'vx,vy,heading',
                         f'/name?id={id}': 'name', f'/ping?id={id}': 'depth', '/health': 'state,uptime_s,players,halt',
                         '/who': 'players', '/score': 'players', '/news': 'news', f'/look?id={id}': 'things'}.items():
        poll(functools.partial(same_facts, say, path, fields), 2)


def same_facts(say, path, fields):
    """Asked again where they differ: between the two calls a second may begin, or a whale swim on."""
    facts = say(also(path, 'format=json')).json()
    assert ','.join(facts) == fields
    rows = next((value for value in facts.values() if isinstance(value, list)), [facts])
    return '\n'.join(','.join(map(str, row.values())) for row in rows) == say(path)


def test_an_error_in_json_has_the_same_parts_and_its_numbers(say):
    id = join(say)
    reply = say(f'/move?id={id}&heading=nroth&format=json')
    assert reply.headers['Content-Type'] == 'application/json; charset=utf-8'
    error = reply.json()
    assert error['try'].endswith(f'/move?id={id}&heading=north&format=json')
    assert {**error, 'try': ''} == {'error': "heading was 'nroth'; did you mean north?", 'try': '', 'status': 400}
    say(f'/move?id={id}&heading=n&steps=10')
    reply = say(f'/move?id={id}&heading=s&steps=10&format=json')
    assert reply.status == reply.json()['status'] == 429
    assert 0 < reply.json()['wait_s'] <= 1 and reply.headers['Retry-After'] == '1'
    assert say('/mvoe?format=json').json()['status'] == 404
    assert say('/move?format=json', method='POST').json()['status'] == 405
    assert say('/move?id=1&id=2&format=json').json()['error'] == 'id came more than once; once is enough'
    assert say('/chart?since=x').json()['error'] == "since was 'x'; it is a number, 0 or more"


def test_format_json_may_be_added_to_any_call(say):
    """So the usage page says."""
    id = join(say)
    for path in (f'/look?id={id}', '/chart?since=0', '/openapi.json?', '/who?', '/health?'):
        assert say(f'{path}&format=json').json() is not None


# --- the same call again ---------------------------------------------------------------------------------------------

def test_the_same_n_is_the_same_call(say):
    id = join(say)
    say(f'/move?id={id}&heading=e')                                     # and meet the first quest
    first = say(f'/move?id={id}&heading=n&steps=3&n=1')
    again = say(f'/move?id={id}&heading=n&steps=3&n=1')
    assert (first.status, again) == (200, first)
    assert say(f'/location?id={id}').startswith(first + ',')
    x, y, z = map(int, first.split(','))
    reply = say(f'/move?id={id}&heading=n&steps=3&n=1&format=json')
    assert reply.json() == {'x': x, 'y': y, 'z': z, 'repeated': True}
    assert say(f'/move?id={id}&heading=s&n=2') != first
    assert say(f'/dive?id={id}&direction=down&n=1') != first            # another route
    other = join(say, 'bob')
    assert say(f'/move?id={other}&heading=n&n=1') != first              # another player


def test_the_same_n_for_another_call_is_a_mistake(say):
    id = join(say)
    first = say(f'/move?id={id}&heading=n&n=1')
    reply = say(f'/move?id={id}&heading=s&n=1')
    offer = tried(say, reply, 409, 'n=1 has just been the name of another call: /move?heading=north&steps=1; '
                                   'each new call needs a new n')
    assert offer == f'/move?id={id}&heading=s&n=2'
    assert say(f'/move?id={id}&heading=nroth&n=2').lines[1].endswith(f'/move?id={id}&heading=north&n=3')
    assert say(f'/move?id={id}&heading=n&n=1') == first


def test_a_stored_reply_lives_for_a_minute(tmp_path):
    """So a program that counts from 1 in each run rows on in the next run."""
    clock = Clock()
    with woken(tmp_path, clock=clock) as say:
        id = join(say)
        first = say(f'/move?id={id}&heading=n&n=1')
        for seconds, same in ((59, True), (60.1, False)):
            clock.now = 1_000_000 + seconds
            assert (say(f'/move?id={id}&heading=n&n=1') == first) is same


def test_a_call_that_found_nothing_is_the_same_call_too(say):
    id, bob = join(say), join(say, 'bob')
    assert say(f'/popchat?id={id}&n=1') == ''
    say(f'/sendchat?id={bob}&name=ada&message=ahoy')
    assert say(f'/popchat?id={id}&n=1') == ''
    assert say(f'/popchat?id={id}&n=2') == 'bob,ahoy'


def test_the_last_twenty_replies_are_kept(say):
    id = join(say)
    first = say(f'/ping?id={id}&n=first')
    for number in range(19):
        say(f'/move?id={id}&heading=n&n={number}')
    there = place(say, id)
    assert say(f'/ping?id={id}&n=first') == first
    for number in range(19):
        say(f'/move?id={id}&heading=n&n={number}')
    assert place(say, id) == there


def test_the_same_n_is_the_same_call_after_a_restart(server):
    id = join(server)
    first = server.say(f'/move?id={id}&heading=n&steps=3&n=one')
    server.kill()
    server.start()
    assert server.say(f'/move?id={id}&heading=n&steps=3&n=one') == first
    assert server.say(f'/location?id={id}').startswith(first + ',')


def test_a_refused_call_does_not_use_up_its_n(say):
    id = join(say)
    assert say(f'/move?id={id}&heading=n&steps=99&n=1').status == 400
    assert say(f'/move?id={id}&heading=n&steps=9&n=1').status == 200


# --- what stays secret -----------------------------------------------------------------------------------------------

def test_an_id_is_told_to_its_owner_only(server):
    ids = {name: join(server, name) for name in ('ada', 'bob')}
    for id in ids.values():
        for path in ('/move?heading=zz', '/move?heading=n', '/look?', '/log?', '/dive?ctrl=q',
                     f'/join?name=ada&Id={id}'):
            server.say(f'{path}&id={id}')
        for path in (f'/move?ID={id}&heading=n', f'/move?id={id.upper()}&heading=q', f'/move?id=x{id}x&heading=n',
                     f'/move?id={id},ada,1,2,0&heading=n', f'/move?id={id}&id={id}', f'/move?heading={id}',
                     f'/who?{id}', f'/{id}'):
            server.say(path)
    bob = ids['bob']
    told = server.log() + ''.join(map(server.say, (
        '/chart', '/who', '/news', '/score', f'/look?id={bob}', f'/log?id={bob}')))
    assert 'ada' in told and "'********' is 10 long; every boat has" in told
    assert ids['ada'] not in told.casefold()
    assert bob not in server.log().casefold()


@pytest.mark.parametrize('filler', ['x' * 33, 'x' * 36, 'x' * 190, 'x' * 196, '\0' * 36])
def test_no_part_of_an_id_is_left_where_the_log_cuts_a_line(server, filler):
    """An id is masked first, and only then is a line cut short."""
    id = join(server)
    kelvin = id.replace('k', '\u212a').upper() + '\u212a'                # the sign for kelvin is a k, too
    for path in (f'/move?id={id}&heading={filler}{id}', f'/move?id={id}&heading={filler}%20{id}',
                 f'/who?{filler}{id}=1', f'/look?id={filler}{id}', f'/news?since={kelvin}',
                 f'/sendchat?id={id}&name={filler}{id}&message=hi', f'/score?name={filler[:8]}{id}', f'/{filler}{id}'):
        server.say(path.replace('\0', '%00'))
    log = server.log().casefold().replace('\u212a', 'k')
    assert 'ada /move' in log
    for part in range(4):
        assert id[part:part + 5] not in log, log


def test_a_new_player_of_an_old_name_inherits_nothing(tmp_path):
    clock = Clock()
    with woken(tmp_path, clock=clock) as say:
        id = join(say)
        say(f'/move?id={id}&heading=nroth')
        assert say(f'/quit?id={id}&sure=yes').status == 200
        clock.now += mocean.ASHORE_S + 1
        mocean.tend(say.app.sea)
        again = join(say)
        assert again != id
        assert say(f'/log?id={again}') == ''
        assert say(f'/move?id={id}&heading=n').status == 404


# --- the server's log ------------------------------------------------------------------------------------------------

def test_of_a_flood_of_mistakes_the_log_keeps_what_one_can_read(tmp_path, capsys):
    now = 1_000_000.0
    with contextlib.closing(Inside('mocean', tmp_path, clock=lambda: now)) as say:
        for seconds, calls, lines in ((0, 120, 20), (0.9, 20, 0), (1, 120, 20), (2, 3, 3)):
            now = 1_000_000.0 + seconds
            assert {say(f'/news?since={"x" * 40}').status for _ in range(calls)} == {400}
            assert capsys.readouterr().err.count('somebody /news') == lines


def test_what_a_boat_does_and_what_it_gets_wrong_share_one_ration_of_the_log(tmp_path, capsys):
    with contextlib.closing(Inside('mocean', tmp_path, clock=lambda: 1_000_000.5)) as say:
        id = join(say, 'Ada')
        capsys.readouterr()
        for _ in range(mocean.LOG_LINES_OF_ONE_PER_S):
            say.app.sea.say('Ada did something', 'ada')
            say(f'/move?id={id}&heading=nroth')
        assert capsys.readouterr().err.count('Ada') == mocean.LOG_LINES_OF_ONE_PER_S - 1      # one for join


# --- bugs ------------------------------------------------------------------------------------------------------------

BUGS = {            # what a student wrote, and what it raises
    'a misspelt attribute': ("return {'name': turn.boat.nmae}", 'AttributeError'),
    'an endless recursion': ("return {'name': rule_name(turn)}", 'RecursionError'),
    'no memory': ("return {'name': bytearray(1 << 60)}", 'MemoryError'),
    'not JSON': ('return {1, 2}', 'rule_name returned {1, 2}; a rule returns the facts to tell'),
}


@pytest.mark.parametrize('bug', BUGS)
def test_a_bug_in_a_route_is_logged_and_answered_in_the_one_form(tmp_path, bug):
    """A student's edit, through a real uWSGI, which would drop the body of an ordinary error page."""
    words, error = BUGS[bug]
    program = (ROOT / 'mocean.py').read_text(encoding='utf-8')
    line = "    return {'name': turn.boat.name}\n"
    assert program.count(line) == 1
    (tmp_path / 'mocean.py').write_text(program.replace(line, f'    {words}\n'), encoding='utf-8')
    server = Server(str(tmp_path / 'mocean'), tmp_path).start()
    try:
        id = join(server)
        reply = server.say(f'/name?id={id}')
        tried(server, reply, 500, 'the server has a bug here; its log says where, tell your teacher')
        assert server.say(f'/name?id={id}&format=json').json()['status'] == 500
        log = server.log()
        assert 'ada asked for /name and met a bug:' in log and error in log and id not in log
        assert server.say(f'/move?id={id}&heading=n').status == 200
    finally:
        server.kill()


def test_the_log_of_the_log_does_not_grow(say):
    """A /log answers with answers; twenty of them inside each other would fill the memory."""
    id = join(say)
    for _ in range(40):
        lines = say(f'/log?id={id}').lines
    assert len(lines) == 20 and max(map(len, lines)) < 800
    assert all(line.split(',')[1] == '200' for line in lines)
