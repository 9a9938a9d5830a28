"""The section COMMON: the same in every file that has it, and each of its functions as a table."""
import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest
from conftest import CHEAP_ROUTE, ROOT, woken

import steps as common

# The programs that run alone.
TOGETHER = ['mocean.py', 'steps.py', 'data.py']


def section(name):
    """The text of COMMON in a file, banner included."""
    text = (ROOT / name).read_text('utf-8')
    found, = re.findall(r'^# --- COMMON -+\n.*?(?=^# --- [A-Z]+ -+$)', text, re.MULTILINE | re.DOTALL)
    return found


def test_common_is_the_same_to_the_letter():
    having = {path.name for path in ROOT.glob('*.py') if '\n# --- COMMON ' in path.read_text('utf-8')}
    assert having == set(TOGETHER)
    assert {name: section(name) for name in TOGETHER} == dict.fromkeys(TOGETHER, section('steps.py'))


def test_each_of_them_imports_what_common_needs():
    tree = ast.parse(section('steps.py'))
    needed = {node.value.id for node in ast.walk(tree)
              if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    needed -= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for name in TOGETHER:
        tree = ast.parse((ROOT / name).read_text('utf-8'))
        imports = [node for node in tree.body if isinstance(node, ast.Import)]
        modules = {alias.name.partition('.')[0] for node in imports for alias in node.names}
        assert needed & {*sys.stdlib_module_names, 'bottle'} <= modules


# ------------------------------------------------------------------------------ the wanted form

BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'


@pytest.mark.parametrize('accept, form', [
    ('', 'text'), ('*/*', 'text'), (BROWSER, 'html'), ('text/plain', 'text'), ('text/html', 'html'),
    ('application/json', 'json'), ('application/json, */*', 'json'), ('*/*, application/json', 'json'),
    ('application/json, text/plain, */*', 'json'), ('text/plain, application/json', 'text'),
    ('text/plain;q=0.5, application/json', 'json'), ('application/json;q=0.1, text/html', 'html'),
    ('application/json;q=0.5, */*', 'text'), ('application/json; charset=utf-8', 'json'),
    ('application/json;odata=verbose;q=0.9, text/html;q=0.8', 'json'), ('Application/JSON', 'json'),
    ('text/html;q=0', 'text'), ('application/json;q=0, */*;q=0.1', 'text'), ('text/html ; q=0.2', 'html'),
    ('image/png, application/pdf', 'text'), ('application/json;q=nan', 'text'), ('application/json;q=', 'text'),
    ('q=1;;;,,/', 'text'), ('\xff', 'text'), (',' * 5000, 'text'),
])
def test_the_accept_header_is_heard(accept, form):
    assert common.wanted_form({'HTTP_ACCEPT': accept}, {}) == form
    assert common.wanted_form({'HTTP_ACCEPT': accept}, {'format': 'xml'}) == form       # who asks for it is refused


@pytest.mark.parametrize('text, form', [('json', 'json'), ('JSON', 'json'), (' Json ', 'json'), ('text', 'text'),
                                        ('TEXT', 'text')])
def test_what_format_says_goes_before_the_header(text, form):
    for accept in ('', '*/*', BROWSER, 'application/json', 'text/plain'):
        assert common.wanted_form({'HTTP_ACCEPT': accept}, {'format': text}) == form
    assert common.wanted_form({}, {}) == 'text'


# ------------------------------------------------------------------------------ the address

SERVER = {'SERVER_NAME': 'here', 'SERVER_PORT': '8081', 'wsgi.url_scheme': 'http'}


@pytest.mark.parametrize('host, base', [
    ('localhost:8080', 'http://localhost:8080'), ('my_pc:8080', 'http://my_pc:8080'),
    ('130.61.7.8', 'http://130.61.7.8'), ('club.example', 'http://club.example'),
    ('[::1]:8080', 'http://[::1]:8080'), ('[fe80::1]', 'http://[fe80::1]'),
    ('[::ffff:127.0.0.1]:80', 'http://[::ffff:127.0.0.1]:80'), ('a' * 253, 'http://' + 'a' * 253),
    ('', 'http://here:8081'), ('a' * 254, 'http://here:8081'), ('<b>', 'http://here:8081'),
    ('a b', 'http://here:8081'), ('evil.example/x', 'http://here:8081'), ('ada@evil.example', 'http://here:8081'),
    ('here:http', 'http://here:8081'), ('here:٣', 'http://here:8081'), ('here:808080', 'http://here:8081'),
    ('[::1', 'http://here:8081'), ('::1', 'http://here:8081'), ('here\n', 'http://here:8081'),
    ('\xff', 'http://here:8081'), ('bücher.example', 'http://here:8081'),
])
def test_a_host_is_repeated_if_it_is_one(host, base):
    assert common.base_of({**SERVER, 'HTTP_HOST': host}) == base


@pytest.mark.parametrize('prefix, told', [
    ('/tuesday', '/tuesday'), ('/tuesday/', '/tuesday'), ('/a/b-2', '/a/b-2'), ('/', ''), ('', ''),
    ('//evil.example', ''), ('/Tuesday', ''), ('tuesday', ''), ('/<b>', ''), ('/a b', ''), ('/../x', ''),
    ('/' + 'a' * 64, ''), ('/a\n', ''), ('/a' * 10_000 + '!', ''),
])
def test_a_prefix_is_repeated_if_it_is_one(prefix, told):
    environ = {**SERVER, 'HTTP_HOST': 'here', 'HTTP_X_FORWARDED_PREFIX': prefix}
    assert common.base_of(environ) == 'http://here' + told


@pytest.mark.parametrize('sent, own, scheme', [
    (None, 'http', 'http'), (None, 'https', 'https'), ('https', 'http', 'https'), ('http', 'http', 'http'),
    ('javascript', 'http', 'http'), ('', 'http', 'http'),
])
def test_the_scheme_is_as_the_asker_reached_it(sent, own, scheme):
    environ = {**SERVER, 'wsgi.url_scheme': own}
    if sent is not None:
        environ['HTTP_X_FORWARDED_PROTO'] = sent
    assert common.base_of(environ) == f'{scheme}://here:8081'


@pytest.mark.parametrize('name, texts, call', [
    ('', {}, 'http://here/'), ('look', {}, 'http://here/look'),
    ('look', {'id': 'k7p2m3qx'}, 'http://here/look?id=k7p2m3qx'),
    ('duck', {'location': '0,0,180'}, 'http://here/duck?location=0,0,180'),
    ('steps', {'message': 'a b&c=d#e+f%é世'}, 'http://here/steps?message=a%20b%26c%3Dd%23e%2Bf%25%C3%A9%E4%B8%96'),
    ('join', {'name': 'ada', 'n': 7}, 'http://here/join?name=ada&n=7'),
    ('x', {'a&b': '"<'}, 'http://here/x?a%26b=%22%3C'),
])
def test_a_call_works_when_it_is_pasted(name, texts, call):
    assert common.call_of('http://here', name, texts) == call
    query = call.partition('?')[2]
    assert dict(common.pairs_of(query)) == {key: str(text) for key, text in texts.items()}


# ------------------------------------------------------------------------------ the query

@pytest.mark.parametrize('query, pairs', [
    ('', []), ('&&', []), ('a=1', [('a', '1')]), ('a', [('a', '')]), ('a=', [('a', '')]), ('=x', [('', 'x')]),
    ('a=1&b=2&a=3', [('a', '1'), ('b', '2'), ('a', '3')]), ('a=1=2', [('a', '1=2')]), ('a=1;b=2', [('a', '1;b=2')]),
    ('a=%ff', [('a', '\ufffd')]), ('a=x+y', [('a', 'x y')]), ('a=x%2By', [('a', 'x+y')]), ('a=%', [('a', '%')]),
    ('a=%zz', [('a', '%zz')]), ('name=%C3%A9', [('name', 'é')]), ('name=é'.encode().decode('latin-1'), [('name', 'é')]),
    ('a=\xff', [('a', '\ufffd')]), ('a=%00', [('a', '\0')]), ('%61=1&a', [('a', '1'), ('a', '')]),
    ('a=%ed%a0%80', [('a', '\ufffd' * 3)]),
])
def test_a_query_becomes_text(query, pairs):
    assert common.pairs_of(query) == pairs


@hypothesis.given(st.text(alphabet='ab=&%+;é\xff1', max_size=12))
def test_whatever_comes_becomes_text_that_can_be_written(query):
    for key, text in common.pairs_of(query):
        (key + text).encode()


# ------------------------------------------------------------------------------ sent by nobody

CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36'


@pytest.mark.parametrize('header, text', [
    ('SEC_PURPOSE', 'prefetch'), ('SEC_PURPOSE', 'prefetch;prerender'), ('PURPOSE', 'prefetch'), ('PURPOSE', 'Preview'),
    ('X_PURPOSE', 'preview'), ('X_MOZ', 'prefetch'), ('USER_AGENT', 'facebookexternalhit/1.1'),
    ('USER_AGENT', 'WhatsApp/2.23.20.0'), ('USER_AGENT', 'Mozilla/5.0 (compatible; Discordbot/2.0)'),
    ('USER_AGENT', 'Slackbot-LinkExpanding 1.0'), ('USER_AGENT', 'TelegramBot (like TwitterBot)'),
])
def test_browsers_that_guess_ahead_and_robots_are_known(header, text):
    assert common.sent_by_nobody({f'HTTP_{header}': text}).endswith('type the call yourself and it counts')


@pytest.mark.parametrize('environ', [
    {}, {'HTTP_USER_AGENT': CHROME}, {'HTTP_USER_AGENT': 'python-requests/2.34.2'}, {'HTTP_USER_AGENT': 'curl/8.1'},
    {'HTTP_USER_AGENT': 'my_robot.py'}, {'HTTP_PURPOSE': ''}, {'HTTP_PURPOSE': '\xff'}, {'HTTP_X_MOZ': 'no'},
])
def test_people_and_their_programs_are_none(environ):
    assert common.sent_by_nobody(environ) == ''


# ------------------------------------------------------------------------------ names

@pytest.mark.parametrize('text, name', [
    ('ada', 'ada'), (' Ada ', 'Ada'), ('ada lovelace', 'adalovelace'), ('Zoë', 'Zoë'), ('Zoe\u0308', 'Zoë'),
    ('', ''), ('!', ''), ('All', ''), ('a l.l', ''), ('alle', 'alle'), ('<b>', 'b'),
    ('a' * 30, 'a' * 20), ('ada7', 'ada7'), ('7', '7'), ('a_b-c.d', 'abcd'),
    ('ａｄａ', 'ada'), ('ﬁn', 'fin'), ('²', '2'), ('½', '12'), ('Ⅷ', 'VIII'),
    ('Аda', 'А'), ('aда', 'a'), ('7да', '7да'), ('Ада', 'Ада'), ('Ω', 'Ω'), ('aΩ', 'a'), ('٣ada', '٣ada'),
    ('佐々木', '佐々木'), ('マリー', 'マリー'), ('さくら太郎', 'さくら太郎'), ('ﾏﾘｰ', 'マリー'),
    ('김철수', '김철수'), ('李小龍', '李小龍'), ('李ada', '李'),
    ('क्षितिज', 'क्षितिज'), ('สมชาย', 'สมชาย'), ('שרה', 'שרה'), ('محمد', 'محمد'), ('Nguyễn', 'Nguyễn'),
    ('a\u0301', 'á'), ('x' + '\u0301' * 9, 'x' + '\u0301' * 3), ('\u0301' * 9, ''), ('\u0301a', 'a'),
    ('a\u200db', 'ab'), ('a\u034f\u0301', 'á'), ('ad\u3164a', 'ada'), ('a\ufe0f', 'a'), ('🦆', ''),
    ('xд\u0301\u0301\u0301\u0301', 'x\u0301\u0301\u0301'), ('x\u0301\u0301\u0301д\u0301', 'x\u0301\u0301\u0301'),
])
def test_the_name_that_a_text_can_be(text, name):
    assert common.tidy_name(text) == unicodedata.normalize('NFC', name)


LETTERS = st.sampled_from('aé\u0301\u0327дИ\u0483ωΩ٣7李々ーマ김\u1100\u1161\u3099カ\u200d\u034fक्ष _!🦆\u0345\ufb01Ⅷ')


@hypothesis.given(st.text(LETTERS, max_size=30) | st.text(max_size=30))
@hypothesis.settings(max_examples=2000, deadline=None)
def test_a_tidy_name_is_tidy(text):
    name = common.tidy_name(text)
    assert common.tidy_name(name) == name and len(name) <= 20
    assert not re.search(r'^\W|\W{4}', name)                         # marks only behind a letter, three at most
    assert len({common.script_of(letter) for letter in name} - {''}) <= 1
    assert name == '' or common.key_of(name)


@pytest.mark.parametrize('names', [
    ('ADA', 'ada', 'Ada', 'аdа', 'АDА'), ('ccc', 'ссс', 'CCC'), ('STRASSE', 'straße', 'Strasse'),
    ('Zoë', 'ZOË', 'zoe\u0308'), ('tom', 'тoм', 'ТОМ'), ('oxo', 'ΟΧΟ', 'ОХО'), ('ａｄａ', 'ada'),
    ('Ida', 'İda', 'i\u0307\u0307da', 'ıda', 'IDA', 'idɑ'), ('jan', 'j\u0307an'), ('gaga', 'ɡaɡa'),
])
def test_names_that_a_reader_could_take_for_each_other_have_one_key(names):
    assert len({common.key_of(name) for name in names}) == 1


def test_other_names_have_keys_of_their_own():
    names = ['ada', 'adda', 'bob', 'zoe', 'zoë', 'Ада', 'さくら', 'サクラ', '佐木', '佐々木', 'a1', 'al']
    assert len({common.key_of(name) for name in names}) == len(names)


# ------------------------------------------------------------------------------ what goes back

def test_the_one_form_of_every_error():
    refusal = common.Refusal('too early', common.EARLY, wait_s=0.25)
    text, facts, page = (common.error_form(refusal, 'http://here/look', form) for form in ('text', 'json', 'html'))
    assert text.body == 'too early\ntry: http://here/look' and f'<pre>{text.body}</pre>' in page.body
    assert json.loads(facts.body) == {'error': 'too early', 'try': 'http://here/look', 'status': 429, 'wait_s': 0.25}
    for reply, kind in ((text, common.TEXT), (facts, common.JSON), (page, common.HTML)):
        assert reply.status_code == 429 and reply.get_header('Content-Type') == kind
        assert reply.get_header('Retry-After') == '1'
    assert common.error_form(common.Refusal('no'), '', 'text').get_header('Retry-After') is None


def called(method, path, app=None):
    """What goes back to the server from COMMON's wrapper, and the path that came through."""
    went, came = [], []

    def inner(environ, start_response):
        came.append(environ['PATH_INFO'])
        start_response('200 OK', [('Content-Type', 'text/plain')], None)
        return [b'hello']
    body = common.wsgi(app or inner)({'REQUEST_METHOD': method, 'PATH_INFO': path}, lambda *what: went.append(what))
    return body, went[0][0], dict(went[0][1]), came


def test_every_answer_has_the_same_headers():
    body, status, headers, came = called('GET', '/look')
    assert (body, status, came) == ([b'hello'], '200 OK', ['/look'])
    assert headers == {'Content-Type': 'text/plain', **dict(common.ALWAYS)}
    body, status, headers, came = called('OPTIONS', '/look')
    assert (body, status, came) == ([], '204 No Content', [])
    assert headers == dict(common.ALWAYS + common.MAY)


@pytest.fixture(scope='module')
def three(tmp_path_factory):
    """The three programs side by side, each with a path that it has."""
    with contextlib.ExitStack() as stack:
        programs = [name.removesuffix('.py') for name in TOGETHER]
        yield [(stack.enter_context(woken(tmp_path_factory.mktemp(program), program)), CHEAP_ROUTE[program])
               for program in programs]


MAY = ['Allow', *(name for name, _ in common.MAY)]


@pytest.mark.parametrize('method, status, told', [
    ('GET', 200, [None] * 4), ('HEAD', 200, [None] * 4), ('OPTIONS', 204, [None, common.METHODS, '*', '86400']),
    ('POST', 405, [common.METHODS, None, None, None]), ('DELETE', 405, [common.METHODS, None, None, None])])
def test_all_three_take_the_same_methods_and_say_so(three, method, status, told):
    for say, path in three:
        reply = say(path, method)
        assert (reply.status, [reply.headers.get(name) for name in MAY]) == (status, told), say.program
        assert dict(common.ALWAYS).items() <= reply.headers.items(), say.program


@pytest.mark.parametrize('header, text', [('Sec-Purpose', 'prefetch'), ('User-Agent', 'WhatsApp/2.23.20.0')])
def test_all_three_refuse_what_nobody_sent_in_the_same_words(three, header, text):
    words = common.sent_by_nobody({'HTTP_' + header.upper().replace('-', '_'): text})
    for say, path in three:
        reply = say(path, headers={header: text})
        assert (reply.status, words in reply) == (common.AWAY, True), say.program
        assert dict(common.ALWAYS).items() <= reply.headers.items(), say.program


@pytest.mark.parametrize('path, through', [
    ('/health/', '/health'), ('//health', '/health'), ('/erddap/tabledap/', '/erddap/tabledap'),
    ('', '/'), ('/', '/'), ('//', '/')])
def test_a_slash_too_many_is_overlooked(path, through):
    assert called('GET', path)[3] == [through]


@pytest.mark.parametrize('text, words', [
    ('ada', "'ada'"), ("it's", '"it\'s"'), ('a\nb\x1b[2J', r"'a\nb\x1b[2J'"), ('x' * 41, f"'{'x' * 40}...'"),
    ('\u202e', r"'\u202e'")])
def test_what_was_sent_is_shown_safely(text, words):
    assert common.shown(text) == words


# ------------------------------------------------------------------------------ files

def test_two_files_set_aside_in_one_second_are_both_kept(tmp_path, one_second):
    for text in ('one', 'two', 'three'):
        (tmp_path / 'sea.json').write_text(text)
        assert common.set_aside(tmp_path / 'sea.json').read_text() == text
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'sea.json-20261126-120000': 'one', 'sea.json-20261126-120000+': 'two', 'sea.json-20261126-120000++': 'three'}


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 64 kB, full but for some pages."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], capture_output=True, text=True)
    if mount.returncode:
        assert 'CI' not in os.environ, mount.stderr
        pytest.skip(f'needs the right to mount: {mount.stderr.strip()}')
    yield folder
    subprocess.run(['umount', '-l', folder], check=True)


def test_a_full_disk_keeps_no_half_of_a_file(small_disk):
    common.write_new(small_disk / 'new', 'é' * 10_000)
    assert (small_disk / 'new').read_bytes() == 'é'.encode() * 10_000
    with pytest.raises(OSError, match='No space left'):
        common.write_new(small_disk / 'more', 'x' * 60_000)
    assert [path.name for path in small_disk.iterdir()] == ['new']
    common.sync_folder(small_disk)


def test_what_cannot_be_written_leaves_no_file(tmp_path):
    with pytest.raises(ValueError):
        common.write_new(tmp_path / 'new', '\ud800')
    with pytest.raises(OSError):
        common.write_new(tmp_path / 'missing' / 'new', 'x')
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_held_once(tmp_path):
    first = common.hold(tmp_path / 'lock', 'another one has it')
    with pytest.raises(common.Refusal) as refused:
        common.hold(tmp_path / 'lock', 'another one has it', fix={'name': None})
    assert (refused.value.words, refused.value.status, refused.value.fix) == ('another one has it', 503, {'name': None})
    first.close()
    common.hold(tmp_path / 'lock', 'another one has it').close()


def test_an_editors_lock_is_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(common, 'HERE', tmp_path)
    (tmp_path / 'steps.py').write_text('')
    (tmp_path / '.#steps.py').symlink_to('ada@here.7')           # Emacs, while the file has unsaved changes
    assert list(common.file_times()) == [tmp_path / 'steps.py']


# ------------------------------------------------------------------------------ the log, the port, the addresses

class Deaf:
    """A terminal that went away."""

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize('stderr', [None, Deaf(OSError(5, 'gone')), Deaf(ValueError('closed')), object()],
                         ids=range(4))
def test_where_nobody_can_read_the_log_the_game_goes_on(monkeypatch, stderr):
    monkeypatch.setattr(common.sys, 'stderr', stderr)
    common.log('hello')


@pytest.mark.parametrize('text', ['abc', '0', '65536', '-1', '', '8o80', '٣', '8080 ', '1e3', '000001'])
def test_a_port_that_is_none_gets_one_sentence(monkeypatch, text):
    monkeypatch.setenv('PORT', text)
    with pytest.raises(SystemExit) as ended:
        common.port()
    assert ended.value.code == f'PORT was {text!r}; it is a number from 1 to 65535, such as PORT=8081'


def test_the_port_is_8080_unless_another_is_set(monkeypatch):
    monkeypatch.delenv('PORT', raising=False)
    assert common.port() == 8080
    monkeypatch.setenv('PORT', '8081')
    assert common.port() == 8081


def test_a_port_may_be_taken_on_one_kind_of_address_only(monkeypatch):
    for family, address in ((common.socket.AF_INET, '0.0.0.0'), (common.socket.AF_INET6, '::')):
        with contextlib.ExitStack() as stack:
            other = stack.enter_context(common.socket.socket(family))
            if family == common.socket.AF_INET6:
                other.setsockopt(common.socket.IPPROTO_IPV6, common.socket.IPV6_V6ONLY, True)
            other.bind((address, 0))
            other.listen()
            monkeypatch.setenv('PORT', str(other.getsockname()[1]))
            with pytest.raises(SystemExit, match='is taken: is Steps running already\\?'):
                common.try_port('Steps')


def test_the_addresses_are_numbers_that_others_could_use():
    for address in common.own_addresses():
        assert re.fullmatch(r'\d+(\.\d+){3}', address) and not address.startswith('127.')


def test_in_a_network_without_a_way_out_the_interfaces_are_asked(monkeypatch):
    class Island(common.socket.socket):
        def connect(self, address):
            raise OSError(101, 'Network is unreachable')
    known = common.own_addresses()
    monkeypatch.setattr(common.socket, 'socket', Island)
    assert set(known) <= set(common.own_addresses())
