"""The Steps game as a conversation: each one runs inside this process and through a real uWSGI."""
import html
import re
import urllib.parse

import pytest
from steps_solved import ANSWERS, cross_the_pond, trade


@pytest.fixture
def program():
    return 'steps'


def path(url):
    """'/puzzle?name=ada' out of a whole URL, as a pasted one reaches the server."""
    parts = urllib.parse.urlsplit(url)
    return parts.path + (f'?{parts.query}' if parts.query else '')


# ------------------------------------------------------------------------------ the first message

def test_the_first_message(say):
    welcome = say('/steps')
    assert welcome.status == 200
    assert welcome.lines[0] == 'welcome to the rudimentary steps game'
    assert say('/steps?message=hello wurlde') == 'welcome! You sent the steps game the message: hello wurlde'
    assert say('/steps?solution=hello wurlde') == 'welcome! You sent the steps game the message: hello wurlde'


def test_the_welcome_ends_with_a_call_that_works(say):
    assert say(path(say('/steps').lines[-1].removeprefix('try: '))).startswith('welcome! You sent')


def test_the_server_prints_the_message(server):
    server('/steps?message=hello wurlde')
    assert '\n          Server received message: hello wurlde\n' in server.log()


def test_a_message_cannot_forge_a_line_in_the_log(server):
    assert server('/steps?message=one%0Atwo%0D%1b[2J').endswith('message: one two  [2J')
    assert '          Server received message: one two  [2J\n' in server.log()


def test_the_front_door_leads_to_the_first_step(say):
    assert path(say('/').lines[-1].removeprefix('try: ')) == '/steps'
    assert '<a href="/steps">' in say('/', headers={'Accept': 'text/html'})
    assert path(say('/?format=json').json()['try']) == '/steps'


def test_any_script_is_welcome(say):
    assert say('/steps?message=héllo 世界 🦆').endswith('héllo 世界 🦆')
    assert say('/steps?message=%FF%00').endswith('\ufffd ')


# ------------------------------------------------------------------------------ the whole trail

def test_the_whole_trail_from_the_first_message_to_the_duck(say):
    here, seen = '/steps', []
    while here:
        seen.append(here)
        question = say(f'{here}?name=ada')
        example = path(re.search(r'^try: (\S+)$', question, re.MULTILINE)[1])
        assert question.status == say(example).status == 200
        if here == '/exchange':
            prize = trade(say, name='ada')
        elif here == '/duck':
            seconds, prize = cross_the_pond(say, name='ada')
            assert seconds < 60
        else:
            prize = say(f'{here}?name=ada&message={ANSWERS[here]}')
        assert prize.status == 200
        way = re.search(r'^next: (\S+)$', prize, re.MULTILINE)
        here = way and path(way[1]).partition('?')[0]
    assert len(seen) == 10 and prize.lines[-1].endswith('Beyond the pond lies an ocean ...')
    assert say('/steps?name=ada').lines[-1].startswith('ada has solved 10 of 10: steps, puzzle, problem, ')
    assert say('/progress') == 'ada,10'


def test_a_prize_in_json_says_where_to_go(say):
    right, wrong = (say(f'/problem?message={number}&format=json').json() for number in (32, 33))
    assert right['solved'] is True and path(right['next']) == '/begin' and right['reply'].startswith('Thirty-two')
    assert wrong == {'step': 'problem', 'solved': False, 'reply': 'Hot: a little too big.'}
    assert say('/problem?message=32', headers={'Accept': 'application/json'}).json() == right


@pytest.mark.parametrize('accept, kind', [
    ('*/*', 'text/plain'), ('', 'text/plain'), ('text/html,application/xhtml+xml,*/*;q=0.8', 'text/html'),
    ('application/json', 'application/json'), ('application/json, text/plain, */*', 'application/json'),
    ('text/plain;q=0.5, application/json', 'application/json'), ('application/json;q=0.1, text/html', 'text/html'),
    ('q=nan;;;,,/', 'text/plain'),
])
def test_the_accept_header_decides(say, accept, kind):
    assert say('/progress', headers={'Accept': accept}).headers['Content-Type'] == f'{kind}; charset=utf-8'
    for form, kind in (('text', 'text/plain'), ('json', 'application/json')):
        answer = say(f'/progress?format={form}', headers={'Accept': accept})
        assert answer.headers['Content-Type'] == f'{kind}; charset=utf-8'


def test_the_puzzles_answer_a_browser_in_large_type_and_nothing_else(say):
    echo = say('/steps?message=<b>bold', headers={'Accept': 'text/html'})
    assert '<pre>' + html.escape(say('/steps?message=<b>bold')) + '</pre>' in echo and '<b>' not in echo
    assert echo.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert "default-src 'none'" in echo.headers['Content-Security-Policy']


# ------------------------------------------------------------------------------ the class board

def test_progress_is_kept_by_name(say):
    assert say('/progress') == ''
    say('/puzzle?message=leaf&name=Grace')
    say('/puzzle?message=leaf&name=ada')
    say('/puzzle?message=leaf&name=ADA')
    say('/steps?message=passport&name=ADA')
    say('/problem?message=33&name=nobody')
    assert say('/progress') == 'ada,2\nGrace,1'
    assert say('/progress?format=json').json()['players'][0] == {
        'name': 'ada', 'solved': 2, 'steps': [1, 2]}
    stands, way = say('/steps?name=Ada').lines[-2:]
    assert stands == 'ada has solved 2 of 10: steps, puzzle'
    assert path(way.removeprefix('next: ')) == '/problem?name=ada'
    assert say('/steps?name=newcomer').lines[-2] == 'newcomer has solved 0 of 10: none yet'
    assert say('/steps?name=Ada&format=json').json()['steps'] == ['steps', 'puzzle']


def test_the_board_in_a_browser(say):
    assert '<p>Nobody yet: ' in say('/progress', headers={'Accept': 'text/html'})
    say('/steps?message=passport&name=Zoë')
    page = say('/progress', headers={'Accept': 'text/html,application/xhtml+xml,*/*;q=0.8'})
    assert page.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert '<th scope="row">Zoë<td>&#10003;<td><td>' in page and 'Nobody' not in page


def test_look_alikes_are_one_name(say):
    say('/puzzle?message=leaf&name=ада')
    say('/steps?message=passport&name=АДА')
    say('/steps?message=passport&name=ccc')             # Latin
    say('/puzzle?message=leaf&name=ссс')                # Cyrillic
    assert say('/progress') == 'ccc,2\nада,2'


@pytest.mark.parametrize('asked', ['/steps', '/puzzle?message=leaf', '/puzzle?message=leaf&name=ada', '/nowhere',
                                   '/progress', '/puzzle?message=leaf&format=json', '/problem?number=7'])
def test_head_has_the_headers_of_get_and_changes_nothing(say, asked):
    head, board = say(asked, method='HEAD'), say('/progress')
    get = say(asked)
    assert head == board == '' and head.status == get.status
    assert {**head.headers, 'Date': ''} == {**get.headers, 'Date': ''}
    assert int(head.headers['Content-Length']) == len(get.encode())


def test_options_says_what_other_pages_may_send(say):
    reply = say('/puzzle?message=leaf&name=ada', method='OPTIONS')
    assert reply == '' and reply.status == 204 and say('/progress') == ''
    assert reply.headers['Access-Control-Allow-Methods'] == 'GET, HEAD, OPTIONS'
    assert reply.headers['Access-Control-Allow-Headers'] == reply.headers['Access-Control-Allow-Origin'] == '*'


@pytest.mark.parametrize('asked', ['/steps/', '//steps', '//steps//'])
def test_a_slash_too_many_does_no_harm(say, asked):
    assert say(asked).lines[0] == 'welcome to the rudimentary steps game'


def test_a_prefetch_changes_nothing(say):
    ahead = say('/puzzle?message=leaf&name=ada', headers={'Sec-Purpose': 'prefetch;prerender'})
    assert ahead.status == 503 and path(ahead.lines[1].removeprefix('try: ')) == '/puzzle?message=leaf&name=ada'
    robot = say('/puzzle?message=leaf&name=ada', headers={'User-Agent': 'WhatsApp/2.23.20.0'})
    assert robot.status == 503 and robot.lines[0].startswith('this was a robot that previews links')
    assert say('/progress', headers={'Purpose': 'prefetch'}).status == 503      # the same everywhere
    assert say('/progress') == ''


# ------------------------------------------------------------------------------ mistakes

A_NAME = 'a name is 1 to 20 letters or digits of one script, and not "all"'
THE_SIGN = 'the sign behind /puzzle is ?; the & comes between parameters'
MISTAKES = [
    ('/steps?mesage=passport', 400, 'steps has no parameter mesage; did you mean message?',
     '/steps?message=passport'),
    ('/problem?number=7', 400, 'problem has no parameter number; did you mean message?', '/problem?message=7'),
    ('/puzzle?leaf', 400, 'puzzle has no parameter leaf; did you mean message?', '/puzzle?message=leaf'),
    ('/steps?message:leaf', 400, 'steps has no parameter message:leaf; did you mean message?', '/steps?message=leaf'),
    ('/duck?message=0,0,180', 400, 'duck has no parameter message; did you mean location?', '/duck?location=0,0,180'),
    ('/puzzle?message=leaf&colour=blue', 400, 'puzzle has no parameter colour; it knows message, name, format',
     '/puzzle?message=leaf'),
    ('/progress?name=ada', 400, 'progress has no parameter name; it knows format', '/progress'),
    ('/?colour=blue', 400, 'the front page has no parameter colour; it knows format', '/'),
    ('/puzle?message=leaf', 404, 'there is no /puzle here; did you mean /puzzle?', '/puzzle?message=leaf'),
    ('/puzzle&message=a leaf&name=ada', 404, THE_SIGN, '/puzzle?message=a%20leaf&name=ada'),
    ('/puzle message=leaf', 404, THE_SIGN.replace('zz', 'z'), '/puzzle?message=leaf'),
    ('/zzz', 404, 'there is no /zzz here; begin at /steps', '/steps'),
    ('/steps/x', 404, 'there is no /steps/x here; did you mean /steps?', '/steps'),
    ('/a%0Ab<i>', 404, 'there is no /a b<i> here; begin at /steps', '/steps'),
    ('/steps?format=xml', 400, "format was 'xml'; it is text or json", '/steps?format=json'),
    ('/steps?name=a b', 400, f"name was 'a b'; {A_NAME}", '/steps?name=ab'),
    ('/steps?name=<b>', 400, f"name was '<b>'; {A_NAME}", '/steps?name=b'),
    ('/steps?name=Аda', 400, f"name was 'Аda'; {A_NAME}", '/steps?name=%D0%90'),      # a Cyrillic A
    ('/steps?name=!', 400, f"name was '!'; {A_NAME}", '/steps?name=ada'),
    ('/steps?name=All', 400, f"name was 'All'; {A_NAME}", '/steps?name=ada'),
]


@pytest.mark.parametrize('asked, status, words, right', MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistakes_get_the_call_corrected(say, asked, status, words, right):
    text = say(asked)
    assert text.status == status
    assert text.lines[0] == words
    url = text.lines[1].removeprefix('try: ')
    assert path(url) == right and len(text.lines) == 2
    assert say(path(url)).status == 200
    json = say(asked, headers={'Accept': 'application/json'})
    assert json.json() == {'error': words, 'try': url, 'status': status} and json.status == status


def test_a_correction_keeps_the_form_that_was_asked_for(say):
    assert say('/steps?mesage=passport&format=text').lines[1].endswith('/steps?message=passport&format=text')
    assert say('/steps?mesage=passport&format=json').json()['try'].endswith('/steps?message=passport&format=json')


def test_other_methods_are_refused_in_the_same_form(say):
    answer = say('/puzzle?message=leaf', method='POST')
    assert answer.status == 405 and answer.headers['Allow'] == 'GET, HEAD, OPTIONS'
    assert answer.lines[0] == 'POST is not spoken here, only GET: requests.get(url, params={...})'
    assert path(answer.lines[1].removeprefix('try: ')) == '/puzzle?message=leaf'


def test_every_answer_carries_the_three_headers(server):
    for asked in ('/', '/steps', '/zzz', '/progress', '/duck'):
        headers = server(asked).headers
        assert headers['Cache-Control'] == 'no-store'
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert headers['Access-Control-Allow-Origin'] == '*'


@pytest.mark.parametrize('host', ['<b>', 'a b', 'evil.example/x'])
def test_a_made_up_host_is_not_repeated(say, host):
    call = urllib.parse.urlsplit(say('/steps', headers={'Host': host}).lines[-1].removeprefix('try: '))
    assert call.scheme == 'http' and call.path == '/steps' and host not in call.netloc and call.port


@pytest.mark.parametrize('sent, scheme', [('https', 'https'), ('http', 'http'), ('javascript', 'http'), ('', 'http')])
def test_behind_a_proxy_the_urls_are_as_the_asker_reached_it(say, sent, scheme):
    assert say('/steps', headers={'X-Forwarded-Proto': sent}).lines[-1].startswith(f'try: {scheme}://')
