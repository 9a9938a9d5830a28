"""Where a student is: a notebook, IDLE, behind a proxy, an old terminal; and what Python then says."""
import contextlib
import http.server
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from browser import need
from conftest import ROOT, Server, begin_ocean, free_port, join, poll
from student import CLIENTS, client, edited, id_in, python_with_tkinter, run, started, type_in, until
from test_by_hand import Laptop

LADDER = ['first_client', 'keyboard', 'turtle_window', 'look_and_move', 'survey_robot', 'chat', 'scoreboard', 'fleet',
          'regatta_1', 'regatta_2', 'regatta_3']
STEPS = ['steps_1', 'steps_2', 'steps_3', 'steps_4']
DATA = ['data_1', 'data_2', 'data_3', 'data_4', 'data_5']
PACKAGES = str(pathlib.Path(requests.__file__).parent.parent)
WEB_PAGE = 'A web page came, not the game: does this network want a login?'
PAGE = (ROOT / 'docs' / 'wrong.md').read_text(encoding='utf-8')
KEY = 'a-captain-of-tests'


def environment(**changes):
    """Where a program runs: as here, but without a proxy, and with these changes."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith('_proxy')}
    return {**kept, **changes}


# --- the address -----------------------------------------------------------------------------------------------------

def address_lines(name):
    return ''.join(re.findall(r'^SERVER = .*\n', client(name).read_text(encoding='utf-8'), re.M))


@pytest.mark.parametrize('name', LADDER + STEPS + DATA)
def test_every_client_takes_the_address_in_the_same_two_lines(name):
    assert address_lines(name) == address_lines('first_client')


@pytest.mark.parametrize('given, server', [
    ([], 'http://localhost:8080'),
    (['-f', '/root/.local/share/jupyter/runtime/kernel-1.json'], 'http://localhost:8080'),        # a notebook
    (['--f=c:\\Users\\ada\\kernel-1.json'], 'http://localhost:8080'),                             # another one
    (['130.61.1.2:8080'], 'http://130.61.1.2:8080'),
    (['localhost:8080'], 'http://localhost:8080'),
    (['http://130.61.1.2:8080/'], 'http://130.61.1.2:8080/'),
    (['https://club.example/tuesday'], 'https://club.example/tuesday')])
def test_what_is_no_address_is_not_taken_for_one(given, server, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['client.py', *given])
    names = {'sys': sys}
    exec(address_lines('first_client'), names)
    assert names['SERVER'] == server


def test_an_address_without_http_and_one_with_a_slash_work(server, tmp_path):
    said = run(client('first_client'), f'127.0.0.1:{server.port}')
    assert 'moved to: ' in said
    assert 'moved to: ' in run(edited('first_client', tmp_path, ID=id_in(said)), f'{server.url}/')


def test_the_clients_of_steps_take_the_address_given_to_them(server):
    address = f'127.0.0.1:{server.port}'
    assert run(client('steps_1'), address) == 'welcome! You sent the steps game the message: hello wurlde\n'
    assert f'200 {server.url}/steps?message=Ahoy' in run(client('steps_2'), address, typed='Ahoy\n')
    assert len(run(client('steps_3'), address).splitlines()) == 11
    assert '(200 after ' in run(client('steps_4'), address, typed='passport\nquit\n')


# --- what is typed ---------------------------------------------------------------------------------------------------

def test_quit_is_no_heading_and_no_message(server, tmp_path):
    grace = join(server, 'grace')
    assert 'heading was' not in run(client('keyboard'), server.url, typed='quit\n')
    run(edited('chat', tmp_path, NAME='bob'), server.url, typed='quit\n')
    assert server(f'/popchat?id={grace}') == ''


def test_a_time_of_day_is_no_name(server):
    grace = join(server, 'grace')
    lines = ['10:30 meet', 'meet at 10:30', 'grace : only you', 'grcae: secret', 'q']
    said = run(client('chat'), server.url, typed='\n'.join(lines) + '\n')
    got = [server(f'/popchat?id={grace}') for _ in range(4)]
    assert got == ['ada,10:30 meet', 'ada,meet at 10:30', 'ada,only you', '']
    assert 'grcae' in said and 'did you mean grace?' in said


def test_a_survey_of_nothing_ends_well(server, tmp_path):
    assert run(edited('survey_robot', tmp_path, MEASURES=0), server.url).startswith('your id is ')


# --- what cannot be printed ------------------------------------------------------------------------------------------

@pytest.fixture
def captain(tmp_path):
    """A server whose captain we are: captain(order='freeze')."""
    server = Server('mocean', begin_ocean(tmp_path / 'state'), env={'MOCEAN_CAPTAIN': KEY}).start()

    def order(order, **words):
        words = ''.join(f'&{name}={word}' for name, word in words.items())
        reply = server(f'/captain?key={KEY}&order={order}{words}&n={time.monotonic()}')
        assert reply.status == 200, reply
        return reply
    order.server = server
    yield order
    server.kill()


def test_an_old_terminal_prints_what_it_can_and_no_message_is_lost(captain, monkeypatch):
    """Windows' own code page knows é, and no snowman."""
    monkeypatch.setenv('PYTHONIOENCODING', 'cp1252')
    sea = captain.server
    captain('announce', message='a snowman: ☃, né en été')
    with started('scoreboard', sea) as board:
        until(board, 'a snowman: ?, né en été', encoding='cp1252')
    grace = join(sea, 'grace')
    with started('chat', sea) as talk:
        until(talk, 'Type a message')
        for message in ('☃', 'łódź', 'the last one'):
            sea(f'/sendchat?id={grace}&name=ada&message={message}')
        type_in(talk, '')
        until(talk, 'the last one', encoding='cp1252')


# --- the captain says: freeze ----------------------------------------------------------------------------------------

def test_a_boat_that_looks_and_moves_waits_while_the_sea_is_frozen(captain):
    captain('freeze')
    with started('look_and_move', captain.server) as boat:
        until(boat, 'the sea is frozen, eyes on the teacher')
        captain('thaw')
        until(boat, 'move ')


# --- behind a proxy that answers HTML --------------------------------------------------------------------------------

class Portal(http.server.BaseHTTPRequestHandler):
    """What a Wi-Fi with a login page answers to everything."""
    def do_GET(self):
        page = b'\n<!DOCTYPE html>\n<html><title>Welcome</title><p>Please log in.</html>'
        self.send_response(200)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('Content-Length', str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy():
    """The environment of a computer whose proxy wants a login."""
    portal = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Portal)
    thread = threading.Thread(target=portal.serve_forever)
    thread.start()
    yield environment(http_proxy=f'http://127.0.0.1:{portal.server_port}', no_proxy='')
    portal.shutdown()
    thread.join()
    portal.server_close()


@pytest.mark.parametrize('name', [*LADDER, 'starter_2', 'starter_3', 'steps_4'])
def test_behind_a_login_page_a_client_says_so_in_one_sentence(name, proxy, tmp_path):
    python = sys.executable
    if name == 'turtle_window':
        python = python_with_tkinter()
        need('a Python with tkinter', python)
        proxy['PYTHONPATH'] = PACKAGES
    program = edited(name, tmp_path, SERVER='http://club.example:8080')
    said = run(program, typed='hello\nquit\n', python=python, env=proxy)
    assert WEB_PAGE in said and '<html' not in said, said


def test_the_two_lines_of_the_page_go_past_a_proxy(server, proxy, tmp_path):
    lines = re.search(r'```python\n(.*?)```', PAGE, re.S)[1]
    program = edited('first_client', tmp_path)
    assert WEB_PAGE in run(program, server.url, env=proxy)
    program.write_text(lines + program.read_text(encoding='utf-8'), encoding='utf-8')
    assert 'moved to: ' in run(program, server.url, env=proxy)


# --- in a notebook ---------------------------------------------------------------------------------------------------

class Notebook:
    """A real kernel, as Jupyter starts it; `run` is a cell."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel
        self.manager, self.client = start_new_kernel(kernel_name='python3')
        self.pid = int(self.run('import os; print(os.getpid())'))

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def run(self, cell, typed=(), stop_at=None, seconds=60):
        """What stands below the cell when it has run; `stop_at`: press the stop button when this is there."""
        asked = self.client.execute(cell, allow_stdin=True)
        said, typed, end = '', list(typed), time.monotonic() + seconds
        while True:
            assert time.monotonic() < end, f'the cell did not end: {said}'
            if self.client.stdin_channel.msg_ready():
                said += self.client.get_stdin_msg()['content']['prompt']
                self.client.input(typed.pop(0))
            if not self.client.iopub_channel.msg_ready():
                time.sleep(0.01)
                continue
            message = self.client.get_iopub_msg()
            if message['parent_header'].get('msg_id') != asked:
                continue
            content = message['content']
            said += content.get('text', '') + '\n'.join(content.get('traceback', []))
            if content.get('execution_state') == 'idle':
                return re.sub('\x1b\\[[0-9;]*m', '', said)
            if stop_at and stop_at in said:
                os.kill(self.pid, signal.SIGINT)
                stop_at = None


@pytest.fixture(scope='module')
def notebook():
    notebook = Notebook()
    yield notebook
    notebook.close()


def cell(name, server, folder, **lines):
    """A client in a cell, with the address in its first lines: there is no command line."""
    if name.startswith('starter'):
        lines = {'ID': join(server, name.replace('_', '')), **lines}
    return edited(name, folder, SERVER=f'127.0.0.1:{server.port}' if name in LADDER + STEPS else server.url,
                  **lines).read_text(encoding='utf-8')


CELLS = {      # what is changed in it, what is typed, what stands below it
    'first_client': ({}, [], 'moved to: '),
    'keyboard': ({'NAME': 'bob'}, ['e', 'p', 'quit'], ' metres deep'),
    'look_and_move': ({'NAME': 'eve'}, [], 'get  -> '),
    'survey_robot': ({'NAME': 'ida', 'MEASURES': 2}, [], 'The shallowest place was at'),
    'chat': ({'NAME': 'joe'}, ['ahoy', 'q'], 'sent to '),
    'fleet': ({'MEASURES': 2}, [], '4 soundings together'),
    'starter_1': ({}, [], 'Your quest when you got this program'),
    'starter_2': ({}, [], '10 move -> '),
    'starter_3': ({'ROUNDS': 2}, [], '2: at '),
    'steps_1': ({}, [], 'hello wurlde'),
    'steps_2': ({}, ['passport'], '200 http'),
    'steps_3': ({}, [], '100 '),
    'steps_4': ({}, ['hello', 'quit'], '(200 after '),
}


def test_in_a_notebook_every_client_runs_in_a_cell(notebook, server, tmp_path):
    """All of them one after the other in one interpreter, as a student does it."""
    for name, (lines, typed, expected) in CELLS.items():
        said = notebook.run(cell(name, server, tmp_path, **lines), typed)
        assert expected in said and 'Traceback' not in said, f'{name}: {said}'


@pytest.mark.parametrize('name, words', [
    ('scoreboard', '1 boats at'), ('survey_robot', 'metres deep'), ('regatta_1', 'your id is'),
    ('regatta_2', 'your id is'), ('regatta_3', 'your id is')])
def test_in_a_notebook_the_stop_button_ends_a_client_and_it_can_be_run_again(notebook, server, tmp_path, name, words):
    join(server, 'grace')
    said = notebook.run(cell(name, server, tmp_path), stop_at=words)
    if name == 'scoreboard':
        assert 'Goodbye.' in said
    else:
        assert 'KeyboardInterrupt' in said
        assert 'moved to: ' in notebook.run(cell('first_client', server, tmp_path, ID=id_in(said)))


def test_what_a_notebook_says_when_a_program_ends_itself(notebook, server, tmp_path):
    """The words of the game, and a line of the notebook's own that our page explains."""
    join(server, 'ada')
    said = notebook.run(cell('survey_robot', server, tmp_path))
    assert 'the name ada is taken' in said
    assert '%tb' in said and '`An exception has occurred, use %tb to see the full traceback.`' in PAGE


# --- in Thonny and in IDLE -------------------------------------------------------------------------------------------

# A window's way of running: no terminal, IDLE's own streams (they cannot be reconfigured), one interpreter. Each line
# that comes in is a program to run; what the student types follows it, up to an empty line. SIGUSR1 is the button.
WINDOW = '''
import os, signal, sys, _thread
from idlelib.run import StdInputFile, StdOutputFile

class Shell:
    def write(self, text, tags=None):
        os.write(1, text.encode())
    def readline(self):
        return lines.pop(0) if lines else ''

lines = []
keys = sys.stdin
signal.signal(signal.SIGUSR1, lambda *_: _thread.interrupt_main())
sys.stdin, sys.stdout = StdInputFile(Shell(), 'stdin'), StdOutputFile(Shell(), 'stdout')
sys.stderr = StdOutputFile(Shell(), 'stderr')
for program in iter(keys.readline, ''):
    program = program.strip()
    lines[:] = iter(keys.readline, '\\n')
    sys.argv = [program]
    try:
        with open(program, encoding='utf-8') as file:
            exec(compile(file.read(), program, 'exec'), {'__name__': '__main__', '__file__': program})
    except SystemExit as end:
        print(end.code)
    except KeyboardInterrupt:
        print('KeyboardInterrupt')
    print('>>>')
'''


@pytest.fixture
def window(tmp_path):
    """window(program, typed=[...], stop_at='...'): what is printed until the prompt comes back."""
    python = python_with_tkinter()
    need('IDLE', python and subprocess.run([python, '-c', 'import idlelib.run'], capture_output=True).returncode == 0)
    desk = tmp_path / 'window.py'
    desk.write_text(WINDOW, encoding='utf-8')
    process = subprocess.Popen([python, '-u', str(desk)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, env=environment(
                                   PYTHONPATH=PACKAGES, DISPLAY=''))

    def show(program, typed=(), stop_at=None):
        for line in (program, *typed, ''):
            type_in(process, line)
        said = ''
        if stop_at:
            said = until(process, stop_at)
            process.send_signal(signal.SIGUSR1)
        return said + until(process, '>>>', 60)
    yield show
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_in_a_window_every_client_runs_twice_in_one_interpreter(window, server, tmp_path):
    """Address and name are written into the program; the second time it has its id."""
    for name in ('first_client', 'keyboard', 'chat', 'survey_robot'):
        lines = {'SERVER': f'127.0.0.1:{server.port}', 'NAME': name.replace('_', '')}
        if name == 'survey_robot':
            lines['MEASURES'] = 2
        said = window(edited(name, tmp_path, **lines), ['e', 'q'])
        again = window(edited(name, tmp_path, **lines, ID=id_in(said)), ['e', 'q'])
        assert id_in(again) == id_in(said) and 'Traceback' not in said + again


def test_in_a_window_the_button_stops_a_client(window, server, tmp_path):
    id = join(server, 'grace')
    address = f'127.0.0.1:{server.port}'
    for _ in range(2):
        assert 'Goodbye.' in window(edited('scoreboard', tmp_path, SERVER=address), stop_at='1 boats at')
    robot = edited('survey_robot', tmp_path, SERVER=address, NAME='grace', ID=id)
    said = window(robot, stop_at='metres deep')
    assert 'KeyboardInterrupt' in said
    assert 'metres deep' in window(robot, stop_at='metres deep')


@pytest.mark.screen
def test_in_idle_itself_a_client_moves_the_boat(screen, server, tmp_path):
    """IDLE in a window of its own; its shell runs the program, as F5 does."""
    python = python_with_tkinter()
    need('IDLE', python and subprocess.run([python, '-c', 'import idlelib'], capture_output=True).returncode == 0)
    program = edited('first_client', tmp_path, SERVER=f'127.0.0.1:{server.port}', NAME='idle')
    env = environment(DISPLAY=screen, HOME=str(tmp_path),
                      PYTHONPATH=PACKAGES)
    idle = subprocess.Popen([python, '-m', 'idlelib', '-r', str(program)], env=env, start_new_session=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        poll(lambda: server('/who').startswith('idle,'), 60)
        poll(lambda: server('/score?format=json').json()['players'][0]['score'] > 0, 30)
    finally:
        os.killpg(idle.pid, signal.SIGKILL)
        idle.wait()


TWICE = '''
import runpy, sys, turtle
program, ids = sys.argv[1], sys.argv[2:]
for id in ids:
    sys.argv[:] = [program]
    def bye():
        screen = turtle.Screen()
        print('window', screen.window_width(), screen.window_height(),
              screen.xscale / screen.yscale, len(screen.turtles()))
        screen.bye()
    whole = turtle._Screen.mainloop
    def mainloop(screen):
        screen.ontimer(bye, 500)
        whole(screen)
    turtle._Screen.mainloop = mainloop
    runpy.run_path(program, run_name='__main__')
    turtle._Screen.mainloop = whole
'''


@pytest.mark.screen
def test_the_turtle_swims_twice_in_one_interpreter_in_a_window_of_the_oceans_shape(screen, server, tmp_path):
    python = python_with_tkinter()
    need('a Python with tkinter', python)
    id = join(server)
    program = edited('turtle_window', tmp_path, SERVER=server.url, ID=id)
    driver = tmp_path / 'twice.py'
    driver.write_text(TWICE, encoding='utf-8')
    said = run(driver, str(program), id, id, python=python, env=environment(
        DISPLAY=screen, PYTHONPATH=PACKAGES))
    assert said.count(f'your id is {id}') == 2
    assert re.findall('^window .*$', said, re.M) == ['window 920 620 1.0 1'] * 2


# --- what Python says ------------------------------------------------------------------------------------------------

ASK = "import requests\nprint(requests.get('{}', timeout={}){})"
PROGRAMS = {   # what a student runs that gets this row; {server} is a game, {laptop} one's port, {empty} nobody's
    "ModuleNotFoundError: No module named 'requests'":
        "import sys\nsys.path[:] = [path for path in sys.path if 'packages' not in path]\nimport requests",
    'SyntaxError: invalid syntax': 'pip install requests',
    "SyntaxError: invalid character '“'": 'print(“ahoy”)',
    'Connection refused': ASK.format('http://127.0.0.1:{empty}/join', 5, ''),
    'Failed to resolve': ASK.format('http://nobody.invalid:8080/join', 5, ''),
    'requests.exceptions.ConnectTimeout:': ASK.format('http://127.0.0.1:{full}/join', 1, ''),
    'requests.exceptions.ReadTimeout:': ASK.format('http://127.0.0.1:{silent}/join', 0.5, ''),
    'requests.exceptions.SSLError:': ASK.format('https://127.0.0.1:{laptop}/join', 5, ''),
    "requests.exceptions.MissingSchema: Invalid URL '{SERVER}": ASK.format('{SERVER}/join', 5, ''),
    'requests.exceptions.MissingSchema: Invalid URL': ASK.format('127.0.0.1/join', 5, ''),
    "requests.exceptions.InvalidSchema: No connection adapters were found for 'localhost:8080":
        ASK.format('localhost:8080/join', 5, ''),
    "requests.exceptions.InvalidURL: Failed to parse: 'localhost:8080:8080'":
        ASK.format('http://localhost:8080:8080/join', 5, ''),
    'requests.exceptions.ProxyError:':
        "import os\nos.environ['http_proxy'] = 'http://127.0.0.1:{empty}'\n" + ASK.format('http://club.example', 5, ''),
    'requests.exceptions.JSONDecodeError: Expecting value: line 1 column 1': ASK.format('{server}/who', 5, '.json()'),
    "KeyError: 'x'": ASK.format('{server}/move?heading=east&format=json', 5, ".json()['x']"),
    'IndexError: list index out of range': ASK.format('{server}/news', 5, ".text.split(',')[5]"),
    'ValueError: not enough values to unpack':
        "import requests\nmy_id, name, x, y, z = requests.get('{server}/health', timeout=5).text.split(',')[:3]",
    'ValueError: too many values to unpack':
        "import requests\nx, y = requests.get('{server}/location?id={id}', timeout=5).text.split(',')",
    'ValueError: could not convert string to float:': ASK.format('{server}/ping?id=nobody', 5, '.text') + '\n' +
        "float(requests.get('{server}/ping?id=nobody', timeout=5).text)",
    "ValueError: invalid literal for int() with base 10: '130.61'": "x = '130.61'\nprint(int(x) + 1)",
    'TypeError: can only concatenate str (not "int") to str':
        "import requests\nx = requests.get('{server}/location?id={id}', timeout=5).text.split(',')[0]\nprint(x + 1)",
    "AttributeError: 'Response' object has no attribute 'split'": ASK.format('{server}/who', 5, ".split(',')"),
    "module 'requests' has no attribute 'get'": "import requests\nprint(requests.get('{server}/who', timeout=5))",
    "NameError: name 'SERVER' is not defined": "import requests\nprint(requests.get(SERVER + '/who', timeout=5))",
    'EOFError: EOF when reading a line': "input('> ')",
    "UnicodeEncodeError: 'charmap' codec can't encode character":
        "import sys\nsys.stdout.reconfigure(encoding='cp1252')\nprint('\u2603')",
    '_tkinter.TclError: no display name and no $DISPLAY environment variable': 'import turtle\nturtle.forward(10)',
    'KeyboardInterrupt': 'import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)',
}
# Their tests are in this file, too.
ELSEWHERE = {'error: externally-managed-environment', 'A web page came, not the game',
             'An exception has occurred, use %tb to see the full traceback.'}


def key_of(words):
    """The words of a row that tell it from all others."""
    return words[1] if words[0] in ('requests.exceptions.ConnectionError:', 'AttributeError:') else words[0]


def table():
    rows = {}
    for line in re.findall(r'^\| (`.*) \|$', PAGE.partition('## Packages')[0], re.M):
        words = re.findall('`(.+?)`', line.split(' | ')[0])
        rows[key_of(words)] = words
    return rows


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    """A game, and addresses where none is."""
    server = Server('mocean', tmp_path_factory.mktemp('sea')).start()
    laptop = Laptop(tmp_path_factory.mktemp('laptop')).start()
    with contextlib.ExitStack() as stack:
        silent, full = stack.enter_context(socket.socket()), stack.enter_context(socket.socket())
        for line in (silent, full):
            line.bind(('127.0.0.1', 0))
            line.listen(0)
        for _ in range(3):                                      # whoever rings now is not even refused
            guest = stack.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(full.getsockname())
        yield {'server': server.url, 'laptop': laptop.port, 'id': join(server), 'empty': free_port(),
               'silent': silent.getsockname()[1], 'full': full.getsockname()[1]}
    laptop.kill()
    server.kill()


def test_every_row_of_the_page_has_a_program_that_gets_it():
    assert set(table()) == set(PROGRAMS) | ELSEWHERE


@pytest.mark.parametrize('row', PROGRAMS)
def test_python_says_what_the_page_says(row, places, tmp_path):
    program = tmp_path / 'mine.py'
    text = PROGRAMS[row]
    for name, value in places.items():
        text = text.replace(f'{{{name}}}', str(value))
    program.write_text(text, encoding='utf-8')
    if 'has no attribute' in row and row.startswith('module'):
        program = program.rename(tmp_path / 'requests.py')
    python = python_with_tkinter() if 'turtle' in text else sys.executable
    need('a Python with tkinter', python)
    env = environment()
    env.pop('DISPLAY', None)
    done = subprocess.run([python, str(program)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          encoding='utf-8', cwd=tmp_path, env=env)
    assert done.returncode
    last = done.stderr.splitlines()[-1]
    for words in table()[row]:
        assert words in last or words in ('install', 'actively refused', 'Connection refused'), done.stderr[-2000:]


def test_a_python_of_the_system_refuses_pip(tmp_path):
    """pip itself, run by Debian's Python, which has a note in it. Here nothing could be installed anyway."""
    import pip
    system = '/usr/bin/python3'
    note = 'import os, sysconfig; print(os.path.exists(sysconfig.get_path("stdlib") + "/EXTERNALLY-MANAGED"))'
    need(f'a {system} that belongs to the system', os.path.exists(system) and subprocess.run(
        [system, '-c', note], capture_output=True, text=True).stdout == 'True\n')
    env = environment(PYTHONPATH=str(pathlib.Path(pip.__file__).parent.parent), HOME=str(tmp_path))
    done = subprocess.run([system, '-m', 'pip', 'install', '--dry-run', '--no-index', 'requests'], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode and 'error: externally-managed-environment' in done.stderr


# --- the words -------------------------------------------------------------------------------------------------------

def test_every_page_that_says_pip_install_leads_to_the_paragraph_about_it():
    pages = [*(ROOT / 'docs').glob('*.md'), ROOT / 'README.md', CLIENTS / 'README.md']
    told = [page for page in pages if re.search(r'(?<!/)(?<!Scripts.)\bpip install', page.read_text(encoding='utf-8'))]
    assert {page.name for page in told} >= {'steps.md', 'data.md', 'code.md', 'wrong.md'}
    for page in told:
        assert page.name == 'wrong.md' or 'wrong.md#packages' in page.read_text(encoding='utf-8'), page


def test_every_heading_that_a_page_links_to_is_there():
    for page in [*(ROOT / 'docs').glob('*.md'), ROOT / 'README.md', CLIENTS / 'README.md']:
        for link, anchor in re.findall(r'\]\(([^)#\s:]*)#([^)\s]+)\)', page.read_text(encoding='utf-8')):
            there = (page.parent / link if link else page).read_text(encoding='utf-8')
            headings = [re.sub('[^a-z0-9 -]', '', line.lower().replace('`', '')).strip().replace(' ', '-')
                        for line in re.findall('^#+ (.*)$', there, re.M)]
            assert anchor in headings, f'{page.name} links to {link}#{anchor}'


def test_the_lines_for_windows_are_understood_by_powershell_5_and_by_cmd():
    """One command a line, and no sign that only one of the two knows, such as && or ; or %."""
    block = re.search(r'```bat\n(.*?)```', (ROOT / 'README.md').read_text(encoding='utf-8'), re.S)[1]
    lines = block.splitlines()
    assert len(lines) == 3 and all(re.fullmatch(r'[\w.\\]+( [\w.-]+)*', line) for line in lines), lines
