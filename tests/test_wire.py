"""The wire: whatever comes in, what goes out is an answer or a sentence that teaches and a call that works."""
import contextlib
import functools
import re
import time
import typing
import urllib.parse

import pytest
from conftest import ROOT, Inside, Server, also, join, poll

import mocean

A_WHOLE = 'it is a whole number, 1 or more'
A_HEADING = 'headings are east, northeast, north, northwest, west, southwest, south, southeast (or e, ne, n, ...)'
A_NAME = 'a name is 1 to 20 letters or digits, and not "all"'
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
        A_HEADING: ['', 'x', '90', 'норд', '\0', '<b>', "it's", '\u202e', '?' * 50],
    }),
    Kind('/move?id={id}&heading=n', 'steps', taken={
        '1': 1, ' 4 ': 4, '+3': 3, '007': 7, '2.0': 2, '40': 40,
    }, refused={
        A_WHOLE: ['0', '-1', '2.5', '1_0', '٣', '²', 'inf', 'nan', '1e2', '0x10', '', 'five', '9' * 12],
    }),
    Kind('/move?id={id}&heading=n', 'n', taken={
        '1': '1', 'call 7': 'call 7',
    }, refused={
        'it is a text of 1 to 40 characters': ['', 'z' * 41],
    }),
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
        'ﬁ': 'fi', '²': '2', ' bo ': 'bo', 'a' * 20: 'a' * 20, 'e\u0301': 'é',
    }, refused={
        A_NAME: ['', 'a' * 21, 'all', 'ALL', 'ada b', 'a,b', '<i>', '😀', '\0', 'a\u3164', 'ada\ufe0f',
                 'a' + '\u0316' * 9, 'a\nb', '\u0301a', '___'],
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


def tried(say, reply, status, words):
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
    assert answer.status == 200, f'{reply}\n{answer}'
    return call


# --- what a parameter may say ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('call, name, text, out', TABLE)
def test_a_text_becomes_a_value_or_a_sentence(call, name, text, out):
    route = mocean.BY_NAME[call[1:].split('?')[0]]
    texts = {**dict(urllib.parse.parse_qsl(call.partition('?')[2])), name: text}
    try:
        assert mocean.read_values(route, texts)[name] == out
    except mocean.Refusal as refusal:
        assert (refusal.words, refusal.status) == (out, 400)


def test_every_refused_text_comes_with_a_call_that_works(say):
    id = join(say)
    for call, name, text, words in REFUSED:
        tried(say, say(asked(call, name, text, id)), 400, words)


def test_the_offered_call_is_the_learners_own_corrected(say):
    id = join(say)
    for call, offer in {f'/move?id={id}&heading=nroth&n=7': f'/move?id={id}&heading=north&n=7',
                        f'/move?id={id}&haeding=n': f'/move?id={id}&heading=n',
                        f'/move?id={id}': f'/move?id={id}&heading=north',
                        f'/move?id={id}&heading=w&steps=999': f'/move?id={id}&heading=w&steps=40',
                        f'/move?ID={id.upper()}&heading=zz': f'/move?heading=north&id={id.upper()}',
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
    only = 'only 8 of these letters and digits are your id'
    for path, status, words in [
            ('/join', 400, 'name is missing: the name of your boat: 1 to 20 letters or digits'),
            ('/join?name=ADA', 409, 'the name ADA is taken; if it is your boat, add &id= and your id'),
            (f'/join?name=ada&id={bob}', 409, 'the name ada is taken, and by another id than this'),
            ('/move?heading=n', 400, f'id is missing: {NO_ID}'),
            ('/move?heading=n&id=', 404, f"nobody aboard has the id ''; {NO_ID}"),
            ('/move?heading=n&id=k7p2m3qx', 404, f"nobody aboard has the id 'k7p2m3qx'; {NO_ID}"),
            ('/move?heading=n&id=%00', 404, f"nobody aboard has the id '\\x00'; {NO_ID}"),
            (f'/move?id={id}&heading=n&steps=41', 400, 'steps was 41; your boat goes at most 40 cells a second now'),
            (f'/dive?id={id}', 400, 'which way? ctrl is f (down) or r (up); direction is down or up'),
            (f'/get?id={id}&item=whale', 409, 'no free whale within 10 cells of you; look around'),
            (f'/use?id={id}&item=ROV', 409, 'you do not have the ROV; your inventory tells what you have'),
            (f'/teleport?id={id}&x=1&y=2', 409,
             'you do not have the teleport crystal; your inventory tells what you have'),
            (f'/sendchat?id={id}&name=bop&message=hi', 404, 'nobody here is called bop; did you mean bob?'),
            (f'/sendchat?id={id}&name=zoe&message=hi', 404, 'nobody here is called zoe; who tells the names'),
            (f'/move?id={id},ada,1,2,0&heading=n', 400, f"id was '{id},ada,1,2,0'; {only}"),
            (f'/move?id=%22{id}%22&heading=n', 400, f"id was '\"{id}\"'; {only}"),
            (f'/get?id={id}&item=crash alert', 400, "item was 'crash alert'; it is treasure or whale"),
            ('/score?name=nobody', 404, 'nobody here is called nobody; these are all'),
            ('/mvoe', 404, 'there is no /mvoe here; did you mean /move?'),
            ('/MOVE', 404, 'there is no /MOVE here; did you mean /move?'),
            ('/help', 404, 'there is no /help here; did you mean /mocean?'),
            ('/move/north', 404, 'there is no /move/north here; the usage page lists what there is'),
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
    offer = tried(say, say(path), 400, 'move has no parameter p0; it knows id, heading, steps, n, format')
    assert offer == f'/move?id={id}&heading=n'


def test_urls_of_sixteen_thousand_bytes_are_read(say):
    id = join(say)
    for size in (1800, 4000, 16_000):
        call = f'/move?id={id}&heading=n&hat='
        reply = say(call + 'x' * (size - len(call)))
        tried(say, reply, 400, 'move has no parameter hat; it knows id, heading, steps, n, format')


def test_a_longer_url_hurts_nobody_else(server):
    with contextlib.suppress(OSError):             # uWSGI's own limit: it may hang up
        assert server.say('/who?' + 'x' * 20_000).status >= 400
    assert server.say('/health').status == 200


def test_head_and_the_other_methods_change_nothing(say):
    id = join(say)
    before = say(f'/location?id={id}')
    for path in (f'/move?id={id}&heading=n', f'/quit?id={id}', '/join?name=bob', '/nowhere'):
        reply = say(path, method='HEAD')
        assert (reply.status, reply) == (404 if path == '/nowhere' else 200, '')
    for method in ('POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'):
        reply = say(f'/dive?id={id}&direction=dwon', method=method)
        assert reply.headers['Allow'] == 'GET, HEAD'
        assert (reply.status, reply.lines[0]) == (405, f'{method} is not spoken here, only GET')
        assert reply.lines[1].endswith(f'/dive?id={id}&direction=down')
    assert say(f'/location?id={id}') == before
    assert say('/who').startswith('ada,') and len(say('/who').lines) == 1


@pytest.mark.parametrize('header', [
    {'Sec-Purpose': 'prefetch;prerender'}, {'Purpose': 'prefetch'}, {'X-Moz': 'prefetch'}])
def test_a_browser_that_guesses_ahead_moves_nobody(say, header):
    id = join(say)
    before = say(f'/location?id={id}')
    reply = say(f'/move?id={id}&heading=n', headers=header)
    assert say(f'/location?id={id}') == before
    tried(say, reply, 503, 'this was your browser guessing ahead; type the call yourself and it counts')
    assert say('/join?name=bob', headers=header).status == 503
    assert say('/who', headers=header).status == 200


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
    say(f'/move?id={id}&heading=n&steps=40')
    reply = say(f'/move?id={id}&heading=s&steps=40&format=json')
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
    first = say(f'/move?id={id}&heading=n&steps=3&n=1')
    again = say(f'/move?id={id}&heading=n&steps=3&n=1')
    assert (first.status, again) == (200, first)
    assert say(f'/location?id={id}').startswith(first + ',')
    x, y, z = map(int, first.split(','))
    assert say(f'/move?id={id}&heading=s&n=1&format=json').json() == {'x': x, 'y': y, 'z': z}
    assert say(f'/move?id={id}&heading=s&n=2') != first
    assert say(f'/dive?id={id}&direction=down&n=1') != first            # another route
    other = join(say, 'bob')
    assert say(f'/move?id={other}&heading=n&n=1') != first              # another player


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
    place = say(f'/look?id={id}')
    assert say(f'/ping?id={id}&n=first') == first
    for number in range(19):
        say(f'/move?id={id}&heading=n&n={number}')
    assert say(f'/look?id={id}') == place


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
    assert 'ada' in told and "id was '********'; only 8 of these letters and digits are your id" in told
    assert ids['ada'] not in told.casefold()
    assert bob not in server.log().casefold()


def test_a_new_player_of_an_old_name_inherits_nothing(say):
    id = join(say)
    say(f'/move?id={id}&heading=nroth')
    say(f'/quit?id={id}')
    again = join(say)
    assert again != id
    assert say(f'/log?id={again}') == ''
    assert say(f'/move?id={id}&heading=n').status == 404


# --- the server's log ------------------------------------------------------------------------------------------------

def test_of_a_flood_of_mistakes_the_log_keeps_what_one_can_read(tmp_path, capsys):
    now = 1_000_000.0
    with contextlib.closing(Inside('mocean', tmp_path, clock=lambda: now)) as say:
        for seconds, calls, lines in ((0, 120, 100), (0.9, 20, 0), (1, 120, 100), (2, 3, 3)):
            now = 1_000_000.0 + seconds
            assert {say(f'/news?since={"x" * 40}').status for _ in range(calls)} == {400}
            assert capsys.readouterr().err.count('somebody /news') == lines


# --- bugs ------------------------------------------------------------------------------------------------------------

BUGS = {            # what a student wrote, and what it raises
    'a misspelt attribute': ("return {'name': turn.boat.nmae}", 'AttributeError'),
    'an endless recursion': ("return {'name': rule_name(turn)}", 'RecursionError'),
    'no memory': ("return {'name': bytearray(1 << 60)}", 'MemoryError'),
    'not JSON': ('return {1, 2}', 'AttributeError'),
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
