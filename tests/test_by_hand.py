"""`python mocean.py` on a laptop: it sleeps, it is started from odd places, and who edits it makes mistakes."""
import ast
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest
from conftest import ROOT, Server, join, place, poll


class Laptop(Server):
    """`python mocean.py` in a folder of its own, as a student starts it: a parent, and a child that plays."""

    def __init__(self, folder):
        super().__init__('mocean', folder)
        self.env.update(PORT=str(self.port), TMPDIR=str(self.folder))
        del self.env['STATE_DIRECTORY']
        shutil.copy(ROOT / 'mocean.py', self.folder)

    def start(self, wait=True, command=(sys.executable, 'mocean.py'), **options):
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=log, stderr=log,
                                            start_new_session=True, **options)
        if wait:
            poll(self.up, 20)
        return self

    def save(self, old, new, file='mocean.py'):
        """Edit a file, as an editor does: a whole new one."""
        text = (self.folder / file).read_text('utf-8')
        assert text.count(old) == 1
        (self.folder / 'new').write_text(text.replace(old, new), 'utf-8')
        os.replace(self.folder / 'new', self.folder / file)

    def ask(self, path):
        """The answer; nothing while nobody answers: one child goes, and the next has not come."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.say(path, timeout=5)

    def version(self):
        """What it says of itself."""
        return (answer := self.ask('/openapi.json')) and answer.json()['info']['version']


@pytest.fixture
def asleep(tmp_path):
    """A laptop that the test starts."""
    laptop = Laptop(tmp_path)
    yield laptop
    laptop.kill()


@pytest.fixture
def laptop(asleep):
    return asleep.start()


VERSION = "VERSION = '1.0'"


def test_a_laptop_that_slept_plays_on(laptop):
    """Bottle's own reloader ends when the file that its parent touches is more than 6 seconds old."""
    id = join(laptop)
    moved = laptop(f'/move?id={id}&heading=north')
    child, = laptop.children()
    for process in (laptop.process.pid, child):
        os.kill(process, signal.SIGSTOP)
    time.sleep(7)
    os.kill(child, signal.SIGCONT)                 # it wakes first, and looks at the file
    time.sleep(1.2)
    os.kill(laptop.process.pid, signal.SIGCONT)
    poll(laptop.up)
    time.sleep(1.2)
    assert place(laptop, id) == moved.split(',') and laptop.children() == [child]


CLOCK = """
import pathlib, time
now, ahead = time.time, pathlib.Path(__file__).with_name('ahead')
time.time = lambda: now() + float(ahead.read_text())
"""


@pytest.mark.parametrize('ahead_s', ['30', '-30', '40000000'])
def test_a_clock_that_jumps_ends_nothing(asleep, ahead_s):
    """Bottle's own reloader compares the date of a file with the clock; here every process sees the clock jump."""
    (asleep.folder / 'sitecustomize.py').write_text(CLOCK)
    (asleep.folder / 'ahead').write_text('0')
    asleep.env['PYTHONPATH'] = str(asleep.folder)
    laptop = asleep.start()
    id = join(laptop)
    moved = laptop(f'/move?id={id}&heading=north')
    children = laptop.children()
    (asleep.folder / 'new').write_text(ahead_s)
    os.replace(asleep.folder / 'new', asleep.folder / 'ahead')
    poll(lambda: 'the clock of this computer was put' in laptop.log())
    time.sleep(2.5)                                # the child looks at the file once a second
    assert place(laptop, id) == moved.split(',') and laptop.children() == children
    laptop.save(VERSION, "VERSION = 'edited'")
    poll(lambda: laptop.version() == 'edited', 20)
    assert place(laptop, id) == moved.split(',')


def test_https_typed_by_mistake_is_one_line_in_the_log(laptop):
    lines = len(laptop.log_file.read_text().splitlines())
    with pytest.raises(OSError):
        ssl.create_default_context().wrap_socket(socket.create_connection(('127.0.0.1', laptop.port), 10),
                                                 server_hostname='localhost')
    said = poll(lambda: laptop.log_file.read_text().splitlines()[lines:])
    assert len(said) == 1 and said[0].endswith(' sent something that is not HTTP: https:// for http://?')
    assert laptop.up()


def test_a_mistake_that_was_saved_waits_for_the_next_save(laptop):
    id = join(laptop)
    moved = laptop(f'/move?id={id}&heading=north')
    laptop.save(VERSION, 'def (')
    poll(lambda: 'Mend the file and save it; then it goes on.' in laptop.log(), 20)
    assert 'SyntaxError' in laptop.log()
    laptop.save('def (', "VERSION = 'mended'")
    poll(lambda: laptop.version() == 'mended', 20)
    assert place(laptop, id) == moved.split(',')


MY_ROUTES = """
def ride(game, sea):
    return game.Rider([game.Route('hello', lambda turn: {'said': 'hello'}, 'says hello', 'said')])
"""


def test_a_mistake_in_routes_of_ones_own_is_mended_while_the_game_goes_on(asleep):
    (asleep.folder / 'my_routes.py').write_text(MY_ROUTES)
    asleep.start()
    assert asleep('/hello') == 'hello'
    asleep.save('def ride', 'def (', file='my_routes.py')
    poll(lambda: 'my_routes.py cannot ride along' in asleep.log(), 20)
    poll(lambda: getattr(asleep.ask('/hello'), 'status', None) == 404, 20)
    asleep.save('def (', 'def ride', file='my_routes.py')
    poll(lambda: asleep.ask('/hello') == 'hello', 20)


def test_started_in_the_background_it_still_hears_edits(asleep):
    """A shell's `python mocean.py &` in a script, and nohup in some: SIGINT is ignored."""
    laptop = asleep.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    laptop.save(VERSION, "VERSION = 'edited'")
    poll(lambda: laptop.version() == 'edited', 20)
    laptop.process.terminate()
    assert laptop.process.wait(10) == 0
    assert 'run 2 ends in good order' in laptop.log() and 'Traceback' not in laptop.log()


RUN = "import io, runpy, sys; sys.argv = ['mocean.py']; {}; runpy.run_path('mocean.py', run_name='__main__')"


@pytest.mark.parametrize('command, speaks', [
    ((sys.executable, '-c', RUN.format('sys.stderr = None')), False),                        # like pythonw
    ((sys.executable, '-c', RUN.format('sys.stderr = sys.stdout = io.StringIO()')), False),  # like IDLE's window
    (('sh', '-c', f'exec {sys.executable} mocean.py <&- >&- 2>&-'), False),
    ((sys.executable, '-c', RUN.format('sys.stdout = None')), True)])
def test_without_a_terminal_it_starts(asleep, command, speaks):
    laptop = asleep.start(command=command)
    assert laptop(f'/move?id={join(laptop)}&heading=n').status == 200
    assert laptop('/move?heading=nroth').status == 400
    assert ('Mocean: open http://localhost:' in laptop.log()) == speaks


@pytest.mark.parametrize('text', ['abc', '0', '70000', '-1', '80.5'])
def test_a_port_that_is_none_gets_one_sentence(asleep, text):
    asleep.env['PORT'] = text
    assert asleep.start(wait=False).process.wait(20) == 1
    assert asleep.log() == f'PORT was {text!r}; it is a number from 1 to 65535, such as PORT=8081\n'


@pytest.mark.parametrize('version', ['3.9.18', '3.8.0'])
def test_an_old_python_gets_one_sentence(asleep, version):
    """Also from a real one, where there is one: but this one can be told that it is old."""
    pretend = (f"sys.version = sys.version.replace(sys.version.split()[0], '{version}');"
               f"sys.version_info = {tuple(map(int, version.split('.')))}")
    asleep.start(wait=False, command=(sys.executable, '-c', RUN.format(pretend)))
    assert asleep.process.wait(20) == 1
    assert asleep.log() == f'Mocean needs Python 3.10 or newer; this is Python {version}\n'
    ast.parse((ROOT / 'mocean.py').read_text('utf-8'), feature_version=(3, 8))      # or it would hear a SyntaxError
    for python in pathlib.Path.home().glob('.pyenv/versions/3.[89].*/bin/python'):
        packages = pathlib.Path(sys.executable).parent.parent.glob('lib/python3*/site-packages')
        env = {**asleep.env, 'PYTHONPATH': os.pathsep.join(map(str, packages))}
        done = subprocess.run([python, 'mocean.py'], cwd=asleep.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == ''
        assert re.fullmatch(r'Mocean needs Python 3\.10 or newer; this is Python 3\.[89]\.\d+\n', done.stderr)
