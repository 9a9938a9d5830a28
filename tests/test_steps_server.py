"""Steps as a program: on a laptop, under uWSGI, beside mocean.py; its file, its clients, its page in docs/."""
import ast
import concurrent.futures
import contextlib
import http.client
import importlib.util
import itertools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import bottle
import pytest
import webtest
from conftest import ROOT, Server, poll
from steps_solved import cross_the_pond, trade

import steps


@pytest.fixture
def program():
    return 'steps'


class Guest(Server):
    """Any program that serves the routes of Steps, also a changed copy of steps.py."""

    def up(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.say('/steps').status == 200


@pytest.fixture
def start(tmp_path):
    """start(): steps.py under a real uWSGI, in this test's folder; start('mocean') or start(a path) likewise."""
    servers = []

    def start(program='steps'):
        servers.append(Guest(program, tmp_path))
        return servers[-1].start()
    yield start
    for server in servers:
        server.kill()


class Laptop(Guest):
    """`python steps.py` in a folder of its own, as a student starts it."""

    def __init__(self, folder, port=None):
        super().__init__('steps', folder, port=port)
        self.env.update(PORT=str(self.port), TMPDIR=str(self.folder))
        del self.env['STATE_DIRECTORY']
        if not (self.folder / 'steps.py').exists():
            shutil.copy(ROOT / 'steps.py', self.folder)

    def start(self, wait=True, command=(sys.executable, 'steps.py'), **options):
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=log, stderr=log,
                                            start_new_session=True, **options)
        if wait:
            poll(self.up)
        return self


    def save(self, old, new):
        """Edit steps.py, as an editor does: a whole new file."""
        text = (self.folder / 'steps.py').read_text('utf-8')
        assert text.count(old) == 1
        (self.folder / 'new').write_text(text.replace(old, new), 'utf-8')
        os.replace(self.folder / 'new', self.folder / 'steps.py')

    def says(self, words):
        """Whether the answer to /steps has these words; False while nobody answers."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return words in self.say('/steps', timeout=5)
        return False


@pytest.fixture
def asleep(tmp_path):
    """A laptop that the test starts."""
    laptop = Laptop(tmp_path)
    yield laptop
    laptop.kill()


@pytest.fixture
def laptop(asleep):
    return asleep.start()


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) != 0


# ------------------------------------------------------------------------------ on a laptop

def test_on_a_laptop(laptop):
    assert laptop('/steps?message=hello wurlde') == 'welcome! You sent the steps game the message: hello wurlde'
    assert laptop('/steps?message=passport&name=ada').status == 200
    assert laptop('/progress') == 'ada,1'
    assert laptop('/nothing').lines[1] == f'try: {laptop.url}/steps'
    assert laptop('/steps?format=xml').status == 400
    first, *lines = laptop.log().splitlines()
    assert re.fullmatch(f'Steps: open http://localhost:{laptop.port}/steps in a browser'
                        rf'(, on other computers here http://[\d.]+:{laptop.port}/steps)?\. '
                        'Ctrl-C stops the game, and it is kept\\.', first)
    assert lines == [
        '          Server received message: hello wurlde',
        '          Server received message: passport',
        'ada solved steps',
        "steps: /steps 400 format was 'xml'; it is text or json"]


def test_a_taken_port_gets_one_sentence(laptop):
    second = Laptop(laptop.folder, laptop.port)
    second.log_file = laptop.folder / 'second.log'
    second.start(wait=False)
    assert second.process.wait(20) == 1
    assert second.log() == (f'Port {laptop.port} is taken: is Steps running already? '
                            'Stop it, or choose another: PORT=8081\n')
    assert laptop('/steps').status == 200


@pytest.mark.parametrize('sent', [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_when_the_reloader_dies_the_port_is_free(laptop, sent):
    laptop.process.send_signal(sent)
    ended = laptop.process.wait(10)
    poll(lambda: is_free(laptop.port))
    if sent != signal.SIGKILL:
        assert ended == 0 and list(laptop.folder.glob('bottle.*')) == []


def test_ctrl_c_ends_both_processes(laptop):
    os.killpg(laptop.process.pid, signal.SIGINT)
    assert laptop.process.wait(10) == 0 and is_free(laptop.port)
    assert 'Traceback' not in laptop.log() and list(laptop.folder.glob('bottle.*')) == []


def test_a_saved_file_is_loaded_again(laptop):
    laptop.save('rudimentary', 'improved')
    poll(lambda: laptop.says('improved steps game'))
    laptop.save('improved', 'very good')
    poll(lambda: laptop.says('very good steps game'))
    assert laptop.process.poll() is None


def test_a_mistake_that_was_saved_waits_for_the_next_save(laptop):
    laptop.save('class Hint(Exception):', 'def (')
    poll(lambda: 'Mend the file and save it; then it goes on.' in laptop.log())
    assert 'SyntaxError' in laptop.log() and is_free(laptop.port)
    laptop.save('def (', '1 / 0')
    poll(lambda: laptop.log().count('Mend the file') == 2)
    laptop.save('1 / 0', 'class Hint(Exception):')
    poll(lambda: laptop.says('rudimentary steps game'))


def test_a_file_that_is_away_for_a_moment_is_waited_for(laptop):
    (laptop.folder / 'steps.py').rename(laptop.folder / 'away')
    poll(lambda: 'Mend the file' in laptop.log())
    (laptop.folder / 'away').rename(laptop.folder / 'steps.py')
    poll(lambda: laptop.says('rudimentary steps game'))


def test_a_laptop_that_slept_plays_on(laptop):
    """Bottle's own reloader ends when the file that its parent touches is more than 6 seconds old."""
    child, = laptop.children()
    for process in (laptop.process.pid, child):
        os.kill(process, signal.SIGSTOP)
    time.sleep(7)
    os.kill(child, signal.SIGCONT)                 # it wakes first, and looks at the file
    time.sleep(1.2)
    os.kill(laptop.process.pid, signal.SIGCONT)
    poll(lambda: laptop.says('rudimentary steps game'))
    time.sleep(1.2)
    assert laptop.says('rudimentary steps game') and laptop.children() == [child]


def test_started_in_the_background_it_still_hears_edits(asleep):
    """A shell's `python steps.py &` in a script, and nohup in some: SIGINT is ignored."""
    laptop = asleep.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    laptop.save('rudimentary', 'improved')
    poll(lambda: laptop.says('improved steps game'))
    os.killpg(laptop.process.pid, signal.SIGINT)
    time.sleep(0.5)
    assert laptop.says('improved steps game')
    laptop.process.terminate()
    assert laptop.process.wait(10) == 0 and is_free(laptop.port)


RUN = "import io, runpy, sys; sys.argv = ['steps.py']; {}; runpy.run_path('steps.py', run_name='__main__')"


@pytest.mark.parametrize('command, speaks', [
    ((sys.executable, '-c', RUN.format('sys.stderr = None')), False),
    ((sys.executable, '-c', RUN.format('sys.stderr = io.StringIO()')), False),                # like IDLE's window
    ((sys.executable, '-c', RUN.format('sys.stderr = sys.stdout = None')), False),
    (('sh', '-c', f'exec {sys.executable} steps.py >&- 2>&-'), False),                       # like pythonw
    (('sh', '-c', f'exec {sys.executable} steps.py <&- >&- 2>&-'), False),
    ((sys.executable, '-c', RUN.format('sys.stdout = None')), True),
])
def test_without_a_terminal_it_starts(asleep, command, speaks):
    laptop = asleep.start(command=command)
    assert laptop('/problem?message=32&name=ada').status == 200 and laptop('/progress') == 'ada,1'
    assert b'400' in laptop.raw(b'what is this\r\n\r\n')
    assert ('Steps: open http://localhost:' in laptop.log()) == speaks
    laptop.save('rudimentary', 'improved')
    poll(lambda: laptop.says('improved steps game'))


@pytest.mark.parametrize('text', ['abc', '0', '70000'])
def test_a_port_that_is_none_gets_one_sentence(asleep, text):
    asleep.env['PORT'] = text
    assert asleep.start(wait=False).process.wait(20) == 1
    assert asleep.log() == f'PORT was {text!r}; it is a number from 1 to 65535, such as PORT=8081\n'


OLD_PYTHONS = sorted(pathlib.Path.home().glob('.pyenv/versions/3.[89].*/bin/python'))


@pytest.mark.parametrize('version', ['3.9.18', '3.8.0'])
def test_an_old_python_gets_one_sentence(asleep, version):
    pretend = (f"sys.version = sys.version.replace(sys.version.split()[0], '{version}');"
               f"sys.version_info = {tuple(map(int, version.split('.')))}")
    asleep.start(wait=False, command=(sys.executable, '-c', RUN.format(pretend)))
    assert asleep.process.wait(20) == 1
    assert asleep.log() == f'Steps needs Python 3.10 or newer, and this is Python {version}\n'
    ast.parse((ROOT / 'steps.py').read_text('utf-8'), feature_version=(3, 8))       # or it would hear a SyntaxError
    for python in OLD_PYTHONS:
        done = subprocess.run([python, 'steps.py'], cwd=asleep.folder, env=asleep.env, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == ''
        assert re.fullmatch(r'Steps needs Python 3\.10 or newer, and this is Python 3\.[89]\.\d+\n', done.stderr)


@pytest.mark.parametrize('header', ['Accept', 'Purpose', 'Host', 'X-Forwarded-Proto'])
def test_a_header_that_is_no_text_gets_an_answer(server, header):
    reply = server.raw(f'GET /steps HTTP/1.1\r\n{header}: \xff\r\n\r\n'.encode('latin-1'))
    assert reply.startswith(b'HTTP/1.1 200 ') and b'welcome to the rudimentary steps game' in reply
    assert 'DAMN' not in server.log()


def test_localhost_is_reached_at_once_also_where_it_means_ipv6(laptop):
    for address in ('::1', '127.0.0.1'):
        with socket.create_connection((address, laptop.port), 5) as line:
            line.sendall(b'GET /steps HTTP/1.0\r\nHost: [::1]:8080\r\n\r\n')
            assert b'try: http://[::1]:8080/steps?' in b''.join(iter(lambda: line.recv(65536), b''))


def test_no_name_server_is_asked_at_the_start(tmp_path):
    asked = """if True:
        import sys, steps
        from wsgiref.simple_server import WSGIRequestHandler
        sys.addaudithook(lambda event, _: event.startswith(('socket.get', 'socket.sethost')) and print(event))
        with steps.ThreadedServer(('127.0.0.1', 0), WSGIRequestHandler) as server:
            print(server.base_environ['SERVER_NAME'])
    """
    done = subprocess.run([sys.executable, '-c', asked], cwd=ROOT, env={**os.environ, 'STATE_DIRECTORY': str(tmp_path)},
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['localhost']


def test_a_slow_visitor_keeps_nobody_waiting(laptop):
    with socket.create_connection(('127.0.0.1', laptop.port)) as slow:
        slow.sendall(b'GET /steps HTTP/1.1\r\n')
        assert laptop('/steps', timeout=5).status == 200


# ------------------------------------------------------------------------------ steps.json

def test_progress_and_signs_outlive_kill_9(start):
    server = start()
    server('/problem?message=32&name=ada')
    a, b, sign = server('/exchange?message=begin&name=ada').split(',')
    server.kill()
    server = start()
    assert server('/progress') == 'ada,1'
    assert server(f'/exchange?message={int(a) + int(b)}&sign={sign}&name=ada').count(',') == 2


def test_a_class_of_thirty_at_once(start):
    server = start()

    def play(number):
        for step, answer in [('steps', 'passport'), ('problem', '32'), ('begin', '101')]:
            assert 'next: ' in server(f'/{step}?message={answer}&name=pupil{number}')
    with concurrent.futures.ThreadPoolExecutor(30) as pupils:
        list(pupils.map(play, range(30)))
    assert [line.partition(',')[2] for line in server('/progress').lines] == ['3'] * 30
    kept = json.loads((server.folder / 'steps.json').read_text('utf-8'))['solved']
    assert kept == {f'pupil{number}': ['steps', 'problem', 'begin'] for number in range(30)}


def test_a_second_process_on_the_same_file_is_refused(start):
    first = start()
    first('/problem?message=32&name=ada')
    second = start()
    refused = second('/problem?message=32&name=bob')
    assert refused.status == 503
    assert refused == ('another program has the class board open (steps.json); stop one of the two, '
                       f'or play on without a name\ntry: {second.url}/problem?message=32')
    assert second('/problem?message=32').status == 200
    assert second('/progress').lines[1] == f'try: {second.url}/steps'
    assert trade(second).startswith('A hundred sums')           # without a name no board is needed
    assert second('/exchange?message=begin&name=bob').status == 503
    first.kill()
    poll(lambda: second('/problem?message=32&name=bob').status == 200)
    assert second('/progress') == 'ada,1\nbob,1'


@pytest.mark.parametrize('garbage', [
    b'', b'{"key": "k", "solv', b'\xff\xfe', b'[]', b'{"key": "k", "solved": []}', b'{"key": 1, "solved": {}}',
    b'{"key": "k", "solved": {"ada": 1}}', b'[' * 100_000, b'{"key": "k", "solved": {"ada": "steps"}}',
    b'{"key": "k", "solved": {"ada": [1]}}', b'{"key": "k", "solved": {"\\ud800": []}}', b'{"key": "k"}'],
    ids=range(12))
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path, garbage):
    board = steps.Board(tmp_path)
    board.solve('ada', 'steps')
    board.solve('ada', 'puzzle')
    board.close()
    (tmp_path / 'steps.json').write_bytes(garbage)
    board = steps.Board(tmp_path)
    assert board.steps('ada') == ('ada', ['steps'])         # the last good copy: the file before the last change
    board.solve('ada', 'problem')
    board.close()
    aside, = tmp_path.glob('steps.json-2*')
    assert aside.read_bytes() == garbage
    (tmp_path / 'steps.json').write_bytes(garbage)
    (tmp_path / 'steps.json.last').write_bytes(garbage)
    board = steps.Board(tmp_path)
    assert board.steps('ada') == ('ada', [])
    board.close()
    assert len(list(tmp_path.glob('steps.json*-2*'))) == 3


def test_a_new_class_begins_where_the_file_is_removed(tmp_path):
    board = steps.Board(tmp_path)
    board.solve('ada', 'steps')
    board.solve('ada', 'puzzle')
    board.close()
    (tmp_path / 'steps.json').unlink()
    board = steps.Board(tmp_path)
    assert board.open()['solved'] == {}
    board.close()


def test_a_folder_that_cannot_be_used_says_so(tmp_path):
    with pytest.raises(steps.Refusal) as refused:
        steps.Board(tmp_path / 'missing').open()
    assert str(refused.value) == ('the class board cannot be opened: No such file or directory; '
                                  'tell your teacher, or play on without a name')
    assert refused.value.status == 503


def test_a_full_board_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, 'MOST_NAMES', 2)
    board = steps.Board(tmp_path)
    for name in ('ada', 'bob'):
        board.solve(name, 'steps')
    with pytest.raises(steps.Refusal, match='the board is full, with 2 names'):
        board.solve('eve', 'steps')
    board.solve('BOB', 'puzzle')
    assert board.steps('bob') == ('bob', ['steps', 'puzzle'])
    board.close()


@pytest.mark.skipif(not hasattr(resource, 'prlimit'), reason='only Linux can make one disk full for one process')
def test_a_full_disk_refuses_and_forgets_nothing(laptop):
    laptop('/problem?message=32&name=ada')
    child, = laptop.children()
    unlimited = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (10, unlimited[1]))
    before = (laptop.folder / 'steps.json').read_bytes()
    refused = laptop('/begin?message=101&name=ada')
    assert refused.status == 503
    assert refused == ('right! But it could not be written down: File too large; tell your teacher, '
                       f'or play on without a name\ntry: {laptop.url}/begin?message=101')
    assert laptop('/progress') == 'ada,1' and (laptop.folder / 'steps.json').read_bytes() == before
    assert laptop('/begin?message=101').status == 200
    resource.prlimit(child, resource.RLIMIT_FSIZE, unlimited)
    assert laptop('/begin?message=101&name=ada').status == 200
    assert laptop('/progress') == 'ada,2'


@pytest.mark.skipif(not hasattr(resource, 'prlimit'), reason='only Linux can make one disk full for one process')
def test_a_broken_file_on_a_full_disk_costs_nobody_anything(laptop):
    (laptop.folder / 'steps.json').write_text('{"key": "k", "solved": {"ada": ["steps", "puz')
    (laptop.folder / 'steps.json.last').write_text('{"key": "k", "solved": {"ada": ["steps"]}}')
    child, = laptop.children()
    unlimited = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (10, unlimited[1]))
    assert laptop('/progress').status == 503 and laptop('/puzzle?message=leaf&name=bob').status == 503
    assert not list(laptop.folder.glob('steps.json-*'))         # no half copies
    resource.prlimit(child, resource.RLIMIT_FSIZE, unlimited)
    assert laptop('/puzzle?message=leaf&name=bob').status == 200
    assert laptop('/progress') == 'ada,1\nbob,1'


def test_a_name_is_forgotten_in_every_file(tmp_path):
    board = steps.Board(tmp_path)
    for name in ('ada', 'bob', 'ada'):
        board.solve(name, 'steps')
    board.forget('ADA')
    board.forget('nobody')
    board.close()
    files = b''.join(path.read_bytes() for path in tmp_path.iterdir())
    assert b'"bob"' in files and b'"ada"' not in files                    # with its quotes: the key is random letters
    board = steps.Board(tmp_path)
    assert board.steps('bob') == ('bob', ['steps']) and board.steps('ada') == ('ada', [])
    board.close()


def test_a_new_name_that_is_on_the_board_already_keeps_what_both_have_solved(tmp_path):
    board = steps.Board(tmp_path)
    for name, step in (('ada', 'steps'), ('ada', 'puzzle'), ('Bob', 'problem'), ('eve', 'steps')):
        board.solve(name, step)
    board.forget('ada', 'bob')
    assert board.open()['solved'] == {'eve': ['steps'], 'bob': ['steps', 'puzzle', 'problem']}
    board.forget('eve', 'Eve')
    assert board.open()['solved'] == {'bob': ['steps', 'puzzle', 'problem'], 'Eve': ['steps']}
    board.close()


def test_what_was_solved_on_a_ladder_with_other_steps_is_kept(tmp_path):
    (tmp_path / 'steps.json').write_text('{"key": "k", "solved": {"ada": ["steps", "week"]}}')
    board = steps.Board(tmp_path)
    board.solve('ada', 'puzzle')
    assert board.steps('ada') == ('ada', ['steps', 'puzzle'])
    assert json.loads((tmp_path / 'steps.json').read_text('utf-8'))['solved'] == {'ada': ['steps', 'week', 'puzzle']}
    board.close()


# ------------------------------------------------------------------------------ kill -9 in the middle

def test_kill_9_while_a_class_is_writing_costs_nothing_that_was_answered(start):
    answered, dice, stop = {}, random.Random(5), threading.Event()

    def play(pupil):
        """One name after another climbs three steps; what was answered is noted."""
        for turn in itertools.count():
            for step, answer in [('steps', 'passport'), ('problem', '32'), ('begin', '101')]:
                name = f'p{pupil}x{turn}'
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if 'next: ' in server(f'/{step}?message={answer}&name={name}', timeout=5):
                        answered.setdefault(name, set()).add(step)
                if stop.is_set():
                    return
    def board():
        reply = server('/progress?format=json')      # a killed worker holds the file until its disk has answered
        return reply.status == 200 and reply.json()

    server = start()
    for life in range(20):
        stop.clear()
        before = len(answered)
        with concurrent.futures.ThreadPoolExecutor(3) as pupils:
            for pupil in range(3):
                pupils.submit(play, f'{life}y{pupil}')
            poll(lambda before=before: len(answered) > before)
            time.sleep(dice.uniform(0, 0.03))       # nothing is awaited: the moment of the kill is left to chance
            server.kill()
            stop.set()
        server = start()
        kept = {one['name']: one['solved'] for one in poll(board)['players']}
        assert {name: len(steps) for name, steps in answered.items() if kept.get(name, 0) < len(steps)} == {}
        assert not list(server.folder.glob('steps.json-2*'))        # no file that could not be read
    assert len(answered) >= 20


# ------------------------------------------------------------------------------ when something breaks

def test_a_broken_step_is_answered_in_the_one_form_and_logged(start, tmp_path):
    broken = tmp_path / 'broken.py'
    text = (ROOT / 'steps.py').read_text('utf-8')
    text = text.replace("    near(number, 32)\n", "    near(number, 1 / 0)\n").replace('near(number, 987)', 'exit()')
    broken.write_text(text, 'utf-8')
    server = start(str(broken.with_suffix('')))
    answer = server('/problem?message=20')
    assert answer.status == 500
    assert answer == ('the server has a bug here; its log says where, tell your teacher\n'
                      f'try: {server.url}/steps')
    assert 'ZeroDivisionError' in server.log() and 'near(number, 1 / 0)' in server.log()
    assert server('/problem?message=20&format=json').json()['status'] == 500
    assert server('/beguine?message=8').status == 500 and 'SystemExit' in server.log()
    assert server('/beguine?message=8&format=json').json()['status'] == 500
    assert server('/puzzle?message=leaf').status == 200


def test_long_and_odd_requests_do_not_hurt(server):
    for text in ('9' * 15_000, 'x' * 15_000, '%FF' * 5_000, '%00', '%0D%0A', '%F0%9F%A6%86' * 1000, '%', '&&==&'):
        for step in steps.LADDER:
            first = steps.LADDER[step].takes[0]
            assert server(f'/{step}?{first}={text}').status in (200, 400), (step, text[:10])
    assert server('/duck?location=' + '1,' * 5_000).status == 200
    assert server('/steps?' + 'a=1&' * 3_000).status == 400


# ------------------------------------------------------------------------------ riding along

def test_steps_rides_along_with_mocean(start):
    server = start('mocean')
    assert server('/steps?message=hello wurlde') == 'welcome! You sent the steps game the message: hello wurlde'
    assert server('/problem?message=32&name=ada&format=json').json()['next'] == f'{server.url}/begin?name=ada'
    assert server('/progress') == 'ada,1'
    assert trade(server).startswith('A hundred sums')
    _, landed = cross_the_pond(server)
    assert landed.lines[-2:] == ['That was the last step of the ladder. Beyond the pond lies an ocean ...',
                                 f'next: {server.url}/mocean']
    assert server('/steps?mesage=hello').lines == ['steps has no parameter mesage; did you mean message?',
                                                   f'try: {server.url}/steps?message=hello']
    assert server('/puzle').lines[0] == 'there is no /puzle here; did you mean /puzzle?'
    assert server('/puzzle?message=leaf', method='POST').lines == [
        'POST is not spoken here, only GET: requests.get(url, params={...})',
        f'try: {server.url}/puzzle?message=leaf']
    assert server('/mocean').status == 200 and 'Steps' not in server('/')


def test_a_rider_hands_over_its_routes_and_its_end(tmp_path):
    game = types.SimpleNamespace(Rider=lambda routes, **other: (routes, other))
    routes, other = steps.ride(game, types.SimpleNamespace(folder=tmp_path))
    assert {route.rule for route in routes} == {'/', '/progress', *(f'/{step}' for step in steps.LADDER)}
    app = bottle.Bottle()
    app.merge(routes)
    reply = webtest.TestApp(steps.wsgi(app)).get('/puzzle?message=leaf&name=ada')
    assert reply.text.endswith('/problem?name=ada') and (tmp_path / 'steps.json').exists()
    other['end']()
    steps.hold(tmp_path / 'steps.lock', 'still held').close()


# ------------------------------------------------------------------------------ the clients

def run_client(name, server, tmp_path, typed=''):
    """What a client prints, with its server set as a student would."""
    copy = tmp_path / name
    text = (ROOT / 'clients' / name).read_text('utf-8')
    assert 'http://localhost:8080' in text
    copy.write_text(text.replace('http://localhost:8080', server.url), 'utf-8')
    done = subprocess.run([sys.executable, copy], input=typed, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_three_clients(server, tmp_path):
    assert run_client('steps_1.py', server, tmp_path) == 'welcome! You sent the steps game the message: hello wurlde\n'
    second = run_client('steps_2.py', server, tmp_path, 'Ahoy!\n')
    assert second == (f'Your message: 200 {server.url}/steps?message=Ahoy%21\n'
                      'welcome! You sent the steps game the message: Ahoy!\n')
    third = run_client('steps_3.py', server, tmp_path).splitlines()
    assert third[:3] == [
        '0 Cold: far too small. With one friend there are two parties; with two friends?',
        '10 Warm: each friend comes or stays away: two ways. Five friends: do not add, multiply.',
        '20 Warm: too small.']
    assert len(third) == 11 and third[-1] == '100 Cold: far too big.'


def test_the_dialog_changes_route_and_key_and_tells_the_time(server, tmp_path):
    said = run_client('steps_4.py', server, tmp_path, '\n'.join([
        'name=ada', 'passport', server.url + '/puzzle?name=ada', 'solution=', 'leaf', '/duck', 'location=',
        'destination=50,0', '0,0,180', '/nowhere', 'quit']))
    assert '/steps?name=ada&message=' in said and '/duck?name=ada&destination=50,0&location=' in said
    assert said.rstrip().endswith('/nowhere?name=ada&message=')
    assert 'next: ' + server.url + '/puzzle?name=ada' in said
    assert 'Leaf! It sounds like leaving' in said
    assert re.search(r'&location=1,0,-175\.416338,1\.[0-9a-f]{16}\n\(200 after 0\.\d{3} seconds\)', said)
    assert '(404 after 0.' in said
    assert server('/progress') == 'ada,2'


# ------------------------------------------------------------------------------ docs/steps.md

def test_the_step_in_the_docs_can_be_added(start, tmp_path):
    example, = re.findall(r'```python\n(@step.*?)```', (ROOT / 'docs' / 'steps.md').read_text('utf-8'), re.DOTALL)
    text = (ROOT / 'steps.py').read_text('utf-8')
    before = "@step('message=1,4,6,4,1')\n"
    assert text.count(before) == 1 and len(example.rstrip().split('\n')) <= 6
    (tmp_path / 'more.py').write_text(text.replace(before, f'{example.rstrip()}\n\n\n{before}'), 'utf-8')
    server = start(str(tmp_path / 'more'))
    assert server('/euler?message=50005000').lines[-1] == f'next: {server.url}/week'
    assert server('/week').lines == ['How many days has a week?', f'try: {server.url}/week?message=5']
    assert server('/week?message=5') == 'Warm: too small.'
    assert server('/week?message=7').lines == ['Seven, and each as long as the others.',
                                               f'next: {server.url}/meruprastarah']
    assert server('/steps?name=ada').lines[-2] == 'ada has solved 0 of 11: none yet'


@pytest.fixture
def with_week(tmp_path):
    """with_week(old, new): steps.py with the puzzle of its title page in it, changed."""
    apps = []

    def load(old, new):
        puzzle = re.sub(r'^    ', '', steps.__doc__[steps.__doc__.index('    @step'):], flags=re.MULTILINE)
        text = (ROOT / 'steps.py').read_text('utf-8')
        before = "@step('message=1,4,6,4,1')\n"
        (tmp_path / 'week.py').write_text(text.replace(before, puzzle.replace(old, new) + before), 'utf-8')
        spec = importlib.util.spec_from_file_location('week', tmp_path / 'week.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        apps.append(module.make_app(tmp_path))
        return webtest.TestApp(module.wsgi(apps[-1]))
    yield load
    for app in apps:
        app.board.close()


@pytest.mark.parametrize('name', ['word', 'sum', 'time', 'euler'])
def test_a_step_cannot_take_a_name_from_the_others(with_week, name):
    with pytest.raises(NameError, match=f'{name} means something else in Python or in this file'):
        with_week('def week', f'def {name}')


def test_a_step_may_need_two_answers(with_week):
    app = with_week('week(message)', 'week(message, months)')
    for call in ('/week', '/week?message=7', '/week?months=12'):
        assert app.get(call).text.startswith('How many days has a week?'), call
    assert app.get('/week?message=7&months=12').text.startswith('Seven')


def test_a_step_that_forgets_its_prize_is_not_solved_for_everybody(with_week, capfd):
    app = with_week('return', 'pass;')
    assert app.get('/week?message=7&name=ada', expect_errors=True).status_int == 500
    assert 'week returned nothing; a puzzle returns its prize' in capfd.readouterr().err
    assert app.get('/progress').text == ''


def test_the_step_in_the_file_is_the_step_in_the_docs():
    example, = re.findall(r'```python\n(@step.*?)```', (ROOT / 'docs' / 'steps.md').read_text('utf-8'), re.DOTALL)
    shown = re.sub(r'^    ', '', steps.__doc__[steps.__doc__.index('    @step'):], flags=re.MULTILINE)
    assert shown.strip().replace("'''", '"""') == example.strip()


def test_the_page_names_every_client():
    named = re.findall(r'steps_\d\.py', (ROOT / 'docs' / 'steps.md').read_text('utf-8'))
    assert sorted(set(named)) == sorted(path.name for path in (ROOT / 'clients').glob('steps_*.py'))


